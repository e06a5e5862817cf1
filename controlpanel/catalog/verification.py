"""What an environment asks to be verified after a rollout. Knows no database and no Django."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

OnFailure = Literal["pause", "rollback"]


@dataclass(frozen=True)
class CheckSpec:
    """One check of an environment; `type` is a registered verification, `line` where the catalog says so."""

    name: str
    type: str
    title: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    line: int = 1


@dataclass(frozen=True)
class VerificationSpec:
    """The checks and how they are sampled: every `interval_seconds` for `observe_seconds`. More than `failure_limit`
    failed samples of the same subject fail it, and `on_failure` says who decides then."""

    observe_seconds: float = 60.0
    interval_seconds: float = 15.0
    failure_limit: int = 1
    on_failure: OnFailure = "pause"
    checks: tuple[CheckSpec, ...] = ()


def verification_spec(spec: Mapping[str, Any] | None, lines: Sequence[int]) -> VerificationSpec:
    """Of an environment as the catalog writes it; nothing is verified where it says nothing."""
    if spec is None:
        return VerificationSpec()
    known = VerificationSpec()
    return VerificationSpec(
        observe_seconds=float(spec.get("observeSeconds", known.observe_seconds)),
        interval_seconds=float(spec.get("intervalSeconds", known.interval_seconds)),
        failure_limit=spec.get("failureLimit", known.failure_limit),
        on_failure=spec.get("onFailure", known.on_failure),
        checks=tuple(_check(check, line) for check, line in zip(spec["checks"], lines, strict=True)),
    )


def _check(spec: Mapping[str, Any], line: int) -> CheckSpec:
    title = spec.get("title", spec["name"].replace("-", " ").capitalize())
    return CheckSpec(spec["name"], spec["type"], title, spec.get("parameters", {}), line)
