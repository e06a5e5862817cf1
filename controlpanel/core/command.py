"""What every management command of the panel begins with."""

from __future__ import annotations

from django.core.management.base import BaseCommand


class PanelCommand(BaseCommand):
    """Starts in half of the time: Django's checks are of the code, import every view, and `script/lint` runs them."""

    requires_system_checks = ()
