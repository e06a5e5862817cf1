"""Situations for gates, built without a database."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

from controlpanel.catalog.models import Environment
from deployments.choices import Kind, State
from deployments.gates.base import GateAnswer, Situation, gates
from deployments.models import Application, Promotion, Release

NOW = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
STAGING = Environment(pk=1, name="staging", title="Staging", position=0, after="")
PRODUCTION = Environment(pk=2, name="production", title="Production", position=1, after="staging")
RELEASE = Release(pk=3, version="2026.11.3")


def application(component: str, health: str = "Healthy", environment: Environment = PRODUCTION) -> Application:
    return Application(
        name=f"{component}-{environment.name}", component=component, environment=environment, health=health
    )


def promotion(number: int, state: State = State.ROLLING_OUT, environment: Environment = PRODUCTION) -> Promotion:
    return Promotion(number=number, state=state, environment=environment, release=RELEASE, kind=Kind.RELEASE)


CALM = Situation(
    asked="request",
    kind=Kind.RELEASE,
    release=RELEASE,
    environment=PRODUCTION,
    applications=(application("backend"), application("ai")),
    open={},
    succeeded={("staging", 3): NOW - timedelta(hours=8)},
    committed_at=None,
    heard_at=NOW - timedelta(seconds=2),
    now=NOW,
    silence_seconds=75,
    component_count=2,
)


def ask(name: str, **changes: Any) -> GateAnswer:
    """One gate's answer in a calm situation with these changes."""
    return gates[name].evaluate(dataclasses.replace(CALM, **changes))
