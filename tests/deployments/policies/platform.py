"""A small platform that every policy passes, made anew for each test, which then breaks it in one place."""

from __future__ import annotations

from typing import Any

import yaml

from deployments.policies import Finding, Manifests, judge

Object = dict[str, Any]
DIGEST = "sha256:" + "0" * 64

TEXT = f"""
kind: Deployment
metadata: {{namespace: shop, name: api}}
spec:
  replicas: 2
  template:
    metadata: {{labels: {{app: api}}}}
    spec:
      serviceAccountName: api
      automountServiceAccountToken: false
      securityContext: {{runAsNonRoot: true, runAsUser: 10001, seccompProfile: {{type: RuntimeDefault}}}}
      topologySpreadConstraints: [{{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway}}]
      containers:
      - name: api
        image: registry.example.com/api@{DIGEST}
        ports: [{{name: http, containerPort: 4000}}]
        env: [{{name: PGSSLMODE, value: verify-full}}, {{name: PGSSLROOTCERT, value: /etc/database/ca.crt}}]
        envFrom: [{{configMapRef: {{name: api}}}}, {{secretRef: {{name: api}}}}]
        readinessProbe: {{httpGet: {{path: /health, port: http}}}}
        livenessProbe: {{httpGet: {{path: /health, port: http}}}}
        resources: {{requests: {{cpu: 100m, memory: 64Mi}}, limits: {{memory: 128Mi}}}}
        securityContext: {{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {{drop: [ALL]}}}}
        volumeMounts: [{{name: authority, mountPath: /etc/database}}]
      volumes: [{{name: authority, secret: {{secretName: api, items: [{{key: DATABASE_CA, path: ca.crt}}]}}}}]
---
kind: Deployment
metadata: {{namespace: shop, name: prometheus}}
spec:
  replicas: 1
  template:
    metadata: {{labels: {{app: prometheus}}}}
    spec:
      serviceAccountName: api
      automountServiceAccountToken: false
      securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
      - name: prometheus
        image: registry.example.com/prometheus@{DIGEST}
        ports: [{{name: web, containerPort: 9090}}]
        readinessProbe: {{httpGet: {{path: /, port: 9090}}}}
        livenessProbe: {{httpGet: {{path: /, port: 9090}}}}
        resources: {{requests: {{cpu: 100m, memory: 64Mi}}, limits: {{memory: 128Mi}}}}
        securityContext: {{allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {{drop: [ALL]}}}}
---
kind: ServiceAccount
metadata: {{namespace: shop, name: api}}
automountServiceAccountToken: false
---
kind: ConfigMap
metadata: {{namespace: shop, name: api}}
data: {{PUBLIC_URL: https://shop.example.com, REDIS_HOST: "rediss://redis.cache.svc:6379", METRICS: "http://short-prometheus:9091"}}
---
kind: ConfigMap
metadata: {{namespace: shop, name: prometheus}}
data:
  prometheus.yaml: |
    scrape_configs:
    - job_name: api
      static_configs: [{{targets: ["api:4000", "short:4000", "api.shop.svc:4000", "elsewhere.other.svc:80"]}}]
    - job_name: pods
      dns_sd_configs: [{{names: [api.shop.svc.cluster.local], type: A, port: 4000}}]
---
kind: ExternalSecret
metadata: {{namespace: shop, name: api}}
spec: {{target: {{name: api}}, data: [{{secretKey: DATABASE_URL, remoteRef: {{key: api}}}}, {{secretKey: DATABASE_CA, remoteRef: {{key: api}}}}]}}
---
kind: Service
metadata: {{namespace: shop, name: api, labels: {{app: api}}}}
spec: {{selector: {{app: api}}, ports: [{{name: http, port: 4000, targetPort: http}}]}}
---
kind: Service
metadata: {{namespace: shop, name: short}}
spec: {{type: ExternalName, externalName: api.shop.svc.cluster.local}}
---
kind: Service
metadata: {{namespace: shop, name: prometheus}}
spec: {{selector: {{app: prometheus}}, ports: [{{name: push, port: 9091, targetPort: web}}]}}
---
kind: Service
metadata: {{namespace: shop, name: short-prometheus}}
spec: {{type: ExternalName, externalName: prometheus.shop.svc.cluster.local}}
---
kind: PodDisruptionBudget
metadata: {{namespace: shop, name: prometheus}}
spec: {{maxUnavailable: 1, selector: {{matchLabels: {{app: prometheus}}}}}}
---
kind: ServiceMonitor
metadata: {{namespace: shop, name: api}}
spec: {{selector: {{matchLabels: {{app: api}}}}, endpoints: [{{port: http}}]}}
---
kind: Ingress
metadata: {{namespace: shop, name: api, annotations: {{cert-manager.io/cluster-issuer: public}}}}
spec:
  tls: [{{hosts: [shop.example.com], secretName: shop-tls}}]
  rules: [{{host: shop.example.com, http: {{paths: [{{path: /, backend: {{service: {{name: api}}}}}}]}}}}]
---
kind: Ingress
metadata: {{namespace: shop, name: pages}}
spec: {{tls: [{{hosts: [pages.example.com], secretName: pages-tls}}], rules: [{{host: pages.example.com}}]}}
---
kind: Certificate
metadata: {{namespace: shop, name: pages}}
spec: {{secretName: pages-tls, dnsNames: [pages.example.com], issuerRef: {{name: public}}}}
---
kind: HorizontalPodAutoscaler
metadata: {{namespace: shop, name: api}}
spec: {{scaleTargetRef: {{kind: Deployment, name: api}}, minReplicas: 2, maxReplicas: 4, metrics: [{{type: Resource}}]}}
---
kind: PodDisruptionBudget
metadata: {{namespace: shop, name: api}}
spec: {{maxUnavailable: 1, selector: {{matchLabels: {{app: api}}}}}}
---
kind: NetworkPolicy
metadata: {{namespace: shop, name: default-deny}}
spec: {{podSelector: {{}}, policyTypes: [Ingress, Egress]}}
---
kind: NetworkPolicy
metadata: {{namespace: shop, name: names}}
spec: {{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: kube-system}}}}}}], ports: [{{protocol: UDP, port: 53}}, {{protocol: TCP, port: 53}}]}}]}}
---
kind: NetworkPolicy
metadata: {{namespace: shop, name: api-ingress}}
spec:
  podSelector: {{matchLabels: {{app: api}}}}
  policyTypes: [Ingress]
  ingress:
  - from: [{{podSelector: {{matchLabels: {{app: prometheus}}}}}}, {{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: ingress}}}}}}]
    ports: [{{protocol: TCP, port: 4000}}]
---
kind: NetworkPolicy
metadata: {{namespace: shop, name: prometheus-egress}}
spec:
  podSelector: {{matchExpressions: [{{key: app, operator: In, values: [prometheus]}}]}}
  policyTypes: [Egress]
  egress:
  - to: [{{podSelector: {{matchLabels: {{app: api}}}}}}]
    ports: [{{protocol: TCP, port: 4000}}]
---
kind: NetworkPolicy
metadata: {{namespace: shop, name: prometheus-pushed}}
spec:
  podSelector: {{matchLabels: {{app: prometheus}}}}
  policyTypes: [Ingress]
  ingress:
  - from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: shop}}}}}}]
    ports: [{{protocol: TCP, port: 9090}}]
---
kind: NetworkPolicy
metadata: {{namespace: shop, name: solver}}
spec:
  podSelector: {{matchLabels: {{acme.cert-manager.io/http01-solver: "true"}}}}
  policyTypes: [Ingress]
  ingress:
  - from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: ingress}}}}}}]
    ports: [{{protocol: TCP, port: 8089}}]
---
kind: NetworkPolicy
metadata: {{namespace: shop, name: pushing}}
spec:
  podSelector: {{}}
  policyTypes: [Egress]
  egress:
  - to: [{{podSelector: {{matchLabels: {{app: prometheus}}}}}}]
    ports: [{{protocol: TCP, port: 9090}}]
"""


def objects() -> dict[str, Object]:
    """Path -> object."""
    found = {}
    for item in yaml.load_all(TEXT, Loader=yaml.CSafeLoader):
        found[f"shop/{item['metadata']['namespace']}/{item['kind']}-{item['metadata']['name']}.yaml"] = item
    return found


def judged(held: dict[str, Object], *, tenants: tuple[str, ...] = ("clinic7",)) -> list[Finding]:
    """What the policies find."""
    return judge(Manifests(held, variables=("DATABASE_URL", "PUBLIC_URL"), tenants=tenants))
