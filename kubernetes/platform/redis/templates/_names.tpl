{{/* Labels of every object; the first two select pods and never change. */}}
{{- define "redis.labels" -}}
app.kubernetes.io/name: redis
app.kubernetes.io/component: redis
app.kubernetes.io/part-of: {{ .Values.partOf }}
{{- end }}

{{- define "redis.domain" -}}
redis-nodes.{{ .Release.Namespace }}.svc.cluster.local
{{- end }}

{{/* One password for each user of Redis. */}}
{{- define "redis.passwords" -}}
REDIS_PASSWORD REDIS_PANEL_PASSWORD REDIS_REPLICATION_PASSWORD REDIS_SENTINEL_PASSWORD REDIS_HEALTH_PASSWORD
{{- end }}
