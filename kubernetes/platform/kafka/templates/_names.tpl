{{/* Labels of every object; the first two select pods and never change. */}}
{{- define "kafka.labels" -}}
app.kubernetes.io/name: kafka
app.kubernetes.io/component: kafka
app.kubernetes.io/part-of: {{ .Values.partOf }}
{{- end }}

{{- define "kafka.domain" -}}
kafka-nodes.{{ .Release.Namespace }}.svc.cluster.local
{{- end }}
