# Every client may do anything with what begins with the prefix; to say it again changes nothing.
set -eu
cat >/tmp/client.properties <<END
security.protocol=SSL
ssl.keystore.type=PEM
ssl.keystore.location=/etc/tls/tls-combined.pem
ssl.truststore.type=PEM
ssl.truststore.location=/etc/tls/ca.crt
END
for client in $CLIENTS; do
  /opt/kafka/bin/kafka-acls.sh --bootstrap-server kafka:9093 --command-config /tmp/client.properties \
    --add --allow-principal "User:$client" --operation All \
    --topic "$PREFIX" --group "$PREFIX" --transactional-id "$PREFIX" --resource-pattern-type prefixed
done
