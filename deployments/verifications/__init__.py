"""What proves that a rollout serves: questions to the hub and to Prometheus, asked by the step `verify`."""

from deployments.verifications import hub_event, prometheus_query, tenant_health
from deployments.verifications.base import Asked, Sample, VerificationType, types
from deployments.verifications.naming import unknown_verifications

__all__ = [
    "Asked",
    "Sample",
    "VerificationType",
    "hub_event",
    "prometheus_query",
    "tenant_health",
    "types",
    "unknown_verifications",
]
