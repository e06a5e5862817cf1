# Follows the primary that the Sentinels know, or that this node's own Sentinel knew last, or else the first node.
set -eu
self="$HOSTNAME.$DOMAIN"
primary=
node=0
while [ "$node" -lt "$NODES" ] && [ -z "$primary" ]; do
  primary=$(timeout 3 redis-cli -h "redis-$node.$DOMAIN" -p 26379 --tls --cacert /etc/tls/ca.crt --cert /etc/tls/tls.crt \
    --key /etc/tls/tls.key sentinel get-master-addr-by-name hub 2>/dev/null | head -n 1) || primary=
  node=$((node + 1))
done
known=/data/sentinel/sentinel.conf
if [ -z "$primary" ] && [ -f "$known" ]; then
  primary=$(sed -n 's/^sentinel monitor hub \([^ ]*\) .*/\1/p' "$known")
fi
primary=${primary:-redis-0.$DOMAIN}
umask 077
{
  cat /etc/redis/redis.conf
  echo "maxmemory $MAXMEMORY"
  echo "replica-announce-ip $self"
  echo "masteruser replication"
  echo "masterauth $REDIS_REPLICATION_PASSWORD"
  [ "$primary" = "$self" ] || echo "replicaof $primary 6380"
} >/run/redis/redis.conf
exec redis-server /run/redis/redis.conf
