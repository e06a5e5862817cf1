"""Rules that the manifests of an environment hold to. `judge` asks them all; hook, gate and pages all come here."""

from deployments.policies import (
    addresses,
    autoscaling,
    database_tls,
    disruption,
    image_digests,
    literal_secrets,
    network,
    restricted_pods,
    scrape_targets,
    tenant_names,
    tls,
    variables,
    workloads,
)
from deployments.policies.base import Finding, Manifests, Policy, judge, policies

__all__ = [
    "Finding", "Manifests", "Policy", "addresses", "autoscaling", "database_tls", "disruption", "image_digests", "judge", "literal_secrets", "network",
    "policies", "restricted_pods", "scrape_targets", "tenant_names", "tls", "variables", "workloads",
]  # fmt: skip
