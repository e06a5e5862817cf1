"""`python -m tests.chaos.without GUARD COMMAND…` runs a management command with one guard taken out, or with `nothing`.

The command `steps` does what is due, as a worker does. With CHAOS_FREEZES set, the process freezes at its crash point instead of ending there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import django
from django.core.management import call_command
from django.db.models import Q

from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.git import GitRepository
from controlpanel.core import crashpoints


def nothing() -> None:
    """Every guard stays."""


def lease() -> None:
    """What somebody holds may be taken all the same."""
    from controlpanel.core import lease

    def due(model: Any) -> Any:
        is_due = Q(lease_until__isnull=False) | Q(next_run_at__lte=lease.StatementTime())
        return model._default_manager.filter(is_due).order_by("next_run_at")

    lease.due = due


def self_fencing() -> None:
    """Nobody asks whether the lease still holds before calling out."""
    from controlpanel.core.lease import Lease

    Lease.guard = lambda self, seconds: None  # type: ignore[method-assign]


def fencing() -> None:
    """Whoever held the row once may write it: the newest number is taken for one's own."""
    from controlpanel.core import lease
    from deployments import lifecycle

    held, locked = lease.held, lifecycle._lock_as_seen

    def newest(row: Any, lease: Any) -> Any:
        numbers = type(row)._default_manager.values_list("fencing", flat=True)
        return lease and replace(lease, fencing=numbers.get(pk=row.pk))

    @contextlib.contextmanager
    def unfenced(row: Any, lease: Any, **expected: Any) -> Iterator[None]:
        with held(row, newest(row, lease), **expected):
            yield

    lease.held = unfenced
    lifecycle._lock_as_seen = lambda promotion, came_from, lease: locked(promotion, came_from, newest(promotion, lease))


def claim() -> None:
    """Pushes are no longer claimed: the branch alone decides."""
    pushed = GitRepository.push

    def push(self: GitRepository, **arguments: Any) -> Any:
        return pushed(self, **{**arguments, "claim": f"{arguments['claim']}-{uuid.uuid4()}"})

    GitRepository.push = push  # type: ignore[method-assign]
    GitRepository.claim = lambda self, ref: None  # type: ignore[method-assign]


def marker() -> None:
    """Our operations are no longer recognised, neither by what they carry nor by the history."""
    Application.carries = lambda self, marker: False  # type: ignore[method-assign]
    Application.deployed = lambda self, commit: None  # type: ignore[method-assign]


def freshness() -> None:
    """A comparison from before the operation's end is believed, and no new one is asked for."""
    Application.fresh = property(lambda self: True)  # type: ignore[assignment,method-assign]
    read = ArgoCD.get_application
    ArgoCD.get_application = lambda self, name, project, refresh=None: read(self, name, project)  # type: ignore[method-assign]


GUARDS: dict[str, Callable[[], None]] = {
    guard.__name__: guard for guard in (nothing, lease, self_fencing, fencing, claim, marker, freshness)
}


def steps() -> None:
    """What `watch` does where no worker is, without reading Argo CD; until SIGTERM."""
    from django.db import connection

    from deployments.watching.reconciler import Reconciler

    stopping, reconciler = threading.Event(), Reconciler()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    while not stopping.wait(0.1):
        reconciler.once()
        connection.close()
    reconciler.close()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")
    django.setup()
    GUARDS[sys.argv[1]]()
    if "CHAOS_FREEZES" in os.environ:
        # sent to the process, another thread may take it, and this one would go on meanwhile
        crashpoints.end = lambda: signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
    steps() if sys.argv[2] == "steps" else call_command(*sys.argv[2:])
