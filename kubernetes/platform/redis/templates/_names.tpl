{{/* Labels of every object; the first two select pods and never change. */}}
{{- define "redis.labels" -}}
app.kubernetes.io/name: redis
app.kubernetes.io/component: redis
app.kubernetes.io/part-of: {{ .Values.partOf }}
{{- end }}

{{- define "redis.domain" -}}
redis-nodes.{{ .Release.Namespace }}.svc.cluster.local
{{- end }}
