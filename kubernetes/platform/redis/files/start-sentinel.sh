# Starts from what this Sentinel learned before; passwords and certificates are always today's.
set -eu
umask 077
mkdir -p /data/sentinel
file=/data/sentinel/sentinel.conf
touch "$file"
monitor=$(grep '^sentinel monitor hub ' "$file" || echo "sentinel monitor hub redis-0.$DOMAIN 6380 $((NODES / 2 + 1))")
learned=$(grep -E '^sentinel (myid|config-epoch|leader-epoch|current-epoch|known-replica|known-sentinel) ' "$file" || true)
{
  cat /etc/redis/sentinel.conf
  echo "sentinel announce-ip $HOSTNAME.$DOMAIN"
  echo "$monitor"
  echo "sentinel auth-user hub sentinel"
  echo "sentinel auth-pass hub $REDIS_SENTINEL_PASSWORD"
  echo "sentinel down-after-milliseconds hub 5000"
  echo "sentinel failover-timeout hub 30000"
  echo "sentinel parallel-syncs hub 1"
  echo "$learned"
} >"$file.new"
mv "$file.new" "$file"
exec redis-sentinel "$file"
