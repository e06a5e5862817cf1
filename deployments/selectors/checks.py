"""Which external checks are asked for, and what they said last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlpanel.catalog.models import Environment
from deployments.models import ExternalCheck, Release

NAME = "external-check"
MAX_AGE, LONGEST = 300, 24 * 3600


def parameters_of(environment: Environment) -> Mapping[str, Any] | None:
    """What the catalog says of the gate; None where the environment does not ask."""
    return environment.parameters_of(NAME)


def check_of(environment: Environment, release: Release | None) -> ExternalCheck | None:
    """The last answer; no query where the environment does not ask."""
    if release is None or parameters_of(environment) is None:
        return None
    return ExternalCheck.objects.filter(environment=environment, release=release).first()
