"""`python -m tests.chaos.without GUARD COMMAND…` runs a management command with one guard taken out."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable
from typing import Any

import django
from django.core.management import call_command

from controlpanel.clients.argocd import ArgoCD
from controlpanel.clients.argocd_models import Application
from controlpanel.clients.git import GitRepository


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


GUARDS: dict[str, Callable[[], None]] = {"claim": claim, "marker": marker, "freshness": freshness}

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")
    django.setup()
    GUARDS[sys.argv[1]]()
    call_command(*sys.argv[2:])
