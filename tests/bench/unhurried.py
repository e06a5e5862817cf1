"""`python -m tests.bench.unhurried COMMAND…` runs a management command that asks Argo CD as fast as it answers.

For preparations that are not measured: making a thousand Applications would take minutes at the usual pace.
"""

from __future__ import annotations

import os
import sys

import django
from django.core.management import call_command

from controlpanel.clients.argocd_traffic import Traffic

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")
    django.setup()
    (Traffic.__init__.__kwdefaults__ or {})["rate"] = 10_000.0
    call_command(*sys.argv[1:])
