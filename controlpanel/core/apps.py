"""The core app: audit, outbox, idempotency keys, leases."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """Leaf app; it imports no other app of ours."""

    name = "controlpanel.core"
    label = "core"
