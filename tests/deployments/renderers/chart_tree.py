"""A small chart, and the same component as plain manifests and as an overlay with the chart inside."""

from __future__ import annotations

from controlpanel.catalog.document import ComponentSpec, HelmSpec

CHART = ComponentSpec("cache", "kubernetes/cache/chart", renderer="helm", images=("cache",))
RENAMED = ComponentSpec(
    "cache", "kubernetes/cache/chart", "helm", images=("cache",), helm=HelmSpec("store", ("values/{environment}.yaml",))
)
PLAIN = ComponentSpec("cache", "kubernetes/cache/plain", renderer="directory", images=("cache",))
OVERLAY = ComponentSpec("cache", "kubernetes/cache", images=("cache",))

DESCRIPTION = "kubernetes/cache/chart/Chart.yaml"
VALUES = "kubernetes/cache/chart/values.yaml"
STAGING = "kubernetes/cache/chart/values/staging.yaml"
SCHEMA = "kubernetes/cache/chart/values.schema.json"
TEMPLATE = "kubernetes/cache/chart/templates/workload.yaml"
PARTS = "kubernetes/cache/chart/templates/_parts.tpl"
IGNORED = "kubernetes/cache/chart/.helmignore"
DEFINITION = "kubernetes/cache/chart/crds/shelf.yaml"
MANIFEST = "kubernetes/cache/plain/staging/workload.yaml"
KUSTOMIZATION = "kubernetes/cache/overlays/staging/kustomization.yaml"

TREE: dict[str, str] = {
    DESCRIPTION: "apiVersion: v2\nname: cache\nversion: 1.0.0\nappVersion: '8.1'\n",
    VALUES: "replicas: 1\nimage: {repository: cache, tag: ''}\nannotations: {}\n",
    STAGING: "replicas: 2\n",
    SCHEMA: '{"$schema": "http://json-schema.org/draft-07/schema#", "properties": {"replicas": {"type": "integer"}}}',
    IGNORED: "# what editors leave\n.git/\n*.bak\n*~\n",
    PARTS: '{{- define "cache.name" -}}{{ .Release.Name }}{{- end }}\n',
    TEMPLATE: """\
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ include "cache.name" . }}
  annotations: {for: {{ .Capabilities.KubeVersion.Version | quote }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: cache}}
  template:
    metadata: {labels: {app: cache}}
    spec:
      containers:
        - name: cache
          image: {{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: {{ include "cache.name" . }}-reader}
rules: []
---
apiVersion: example.com/v1
kind: Shelf
metadata: {name: top}
""",
    DEFINITION: """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shelves.example.com}
spec: {group: example.com, scope: Cluster, names: {kind: Shelf, plural: shelves}, versions: []}
""",
    MANIFEST: """\
apiVersion: v1
kind: Pod
metadata: {name: cache}
spec: {containers: [{name: cache, image: cache}]}
---
{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cache", "namespace": "elsewhere"}, "spec": {"ports": [{"port": 6379}]}}
""",
    "kubernetes/cache/plain/common/settings.yml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {MODE: 'on', RATIO: '1e3'}
""",
    "kubernetes/cache/plain/common/README.md": "Not a manifest: [",
    KUSTOMIZATION: """\
namespace: shop-staging
helmGlobals: {chartHome: ../..}
helmCharts: [{name: chart, releaseName: cache, includeCRDs: true, valuesFile: values.yaml}]
""",
    "kubernetes/cache/overlays/staging/values.yaml": "replicas: 3\n",
}
