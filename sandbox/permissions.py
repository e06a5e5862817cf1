"""Argo CD's RBAC: policy lines, globs, and the words of a refusal."""

from __future__ import annotations

from fnmatch import fnmatchcase

from sandbox.clock import stamp
from sandbox.envelope import DENIED, ApiError
from sandbox.tokens import Subject


def allows(subject: Subject, resource: str, action: str, target: str) -> bool:
    """Whether the subject's policies allow it; a deny line beats every allow line."""
    if subject.project and (resource, action, target) == ("projects", "get", subject.project):
        return True
    effects = {_effect(line, resource, action, target) for line in subject.policies}
    return "allow" in effects and "deny" not in effects


def _effect(line: str, resource: str, action: str, target: str) -> str | None:
    parts = [part.strip() for part in line.split(",")]
    if len(parts) != 6 or parts[0] != "p":
        return None
    pairs = zip(parts[2:5], (resource, action, target), strict=True)
    return parts[5] if all(fnmatchcase(value, pattern) for pattern, value in pairs) else None


def enforce(subject: Subject, resource: str, action: str, target: str) -> None:
    """Refuse in the words of a direct check (the project and application are named)."""
    if allows(subject, resource, action, target):
        return
    detail = f"{resource}, {action}, {target}, sub: {subject.username}, iat: {stamp(subject.issued_at)}"
    raise ApiError(DENIED, f"permission denied: {detail}")
