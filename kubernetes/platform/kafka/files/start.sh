set -eu
node=${HOSTNAME##*-}
voters=
other=0
while [ "$other" -lt "$NODES" ]; do
  voters="$voters${voters:+,}$other@kafka-$other.$DOMAIN:9094"
  other=$((other + 1))
done
{
  cat /etc/kafka-config/server.properties
  echo "node.id=$node"
  echo "controller.quorum.voters=$voters"
  echo "advertised.listeners=BROKERS://kafka-$node.$DOMAIN:9092,CLIENTS://kafka-$node.$DOMAIN:9093"
} >/tmp/server.properties
/opt/kafka/bin/kafka-storage.sh format --ignore-formatted --cluster-id "$CLUSTER_ID" --config /tmp/server.properties
exec /opt/kafka/bin/kafka-server-start.sh /tmp/server.properties
