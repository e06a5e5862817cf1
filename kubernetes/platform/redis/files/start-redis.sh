# Follows the primary that the Sentinels know, or that this node's own Sentinel knew last, or else the first node. The users get the
# passwords that are mounted, whoever wrote them: the hub works with the tenants' keys and administers nothing; the control panel sees
# that the tenants' keys are there and how old they are, and never what a token is.
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
hub=$(cat /etc/access/REDIS_PASSWORD)
panel=$(cat /etc/access/REDIS_PANEL_PASSWORD)
replication=$(cat /etc/access/REDIS_REPLICATION_PASSWORD)
sentinel=$(cat /etc/access/REDIS_SENTINEL_PASSWORD)
health=$(cat /etc/access/REDIS_HEALTH_PASSWORD)
cat >/run/redis/users.acl <<END
user default off
user hub on >$hub ~*:hub:* ~*:onlychannel:* &* +@all -@admin -@dangerous +info
user panel on >$panel ~*:hub:* -@all +@connection -@admin -@dangerous +info +type +ttl +exists +xlen +memory|usage +llen +scard +zcard +hlen +getrange +xrevrange (~*:onlychannel:token -@all +ttl +type +exists)
user replication on >$replication +psync +replconf +ping
user sentinel on >$sentinel allchannels +multi +slaveof +replicaof +ping +exec +subscribe +config|rewrite +role +publish +info +client|setname +client|kill +script|kill
user health on >$health -@all +auth +ping +info +quit
END
{
  cat /etc/redis/redis.conf
  echo "maxmemory $MAXMEMORY"
  echo "replica-announce-ip $self"
  echo "masteruser replication"
  echo "masterauth $replication"
  [ "$primary" = "$self" ] || echo "replicaof $primary 6380"
} >/run/redis/redis.conf
exec redis-server /run/redis/redis.conf
