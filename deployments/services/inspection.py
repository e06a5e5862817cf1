"""What the status page and `/readyz` ask a worker: every finding of the checkup, who else works, and how Argo CD is spoken to."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

from celery import current_app

from controlpanel.catalog import connections
from deployments.renderers.child import protection
from deployments.services.checkup import checkup

PING_SECONDS = 1.0


def inspect_panel(_: str, __: Mapping[str, Any]) -> dict[str, Any]:
    """Findings as the command `doctor` prints them, and what only a process with the keys can tell."""
    findings = [
        {"level": one.level.value, "subject": one.subject, "sentence": one.sentence, "remedy": one.remedy}
        for one in checkup()
    ]
    return {
        "findings": findings, "by": f"{socket.gethostname()}, process {os.getpid()}", "workers": _workers(),
        "breakers": connections.breakers(),
    }  # fmt: skip


def inspect_protection(_: str, __: Mapping[str, Any]) -> dict[str, Any]:
    """Whether tools that a worker starts have no network."""
    return {"isolated": protection().isolated}


def _workers() -> list[str] | None:
    """The Celery workers that answer a ping; None where no broker carries it."""
    try:
        answers = current_app.control.ping(timeout=PING_SECONDS)
    except Exception:  # noqa: BLE001  # kombu raises many types; every one means that the broker is away
        return None
    return sorted(name for answer in answers for name in answer)
