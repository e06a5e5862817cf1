"""The catalog may ask only for verifications that exist, with parameters that they know."""

from __future__ import annotations

from collections.abc import Iterator

from controlpanel.catalog.current import FILENAME
from controlpanel.catalog.document import CatalogDocument
from controlpanel.catalog.errors import Problem
from controlpanel.catalog.schema import nearest
from deployments.verifications.base import types


def unknown_verifications(document: CatalogDocument) -> Iterator[Problem]:
    """A problem for each check whose type no file of this folder registers, or that cannot be asked so."""
    for environment in document.environments:
        for check in environment.verification.checks:
            place = f"The check “{check.name}” of “{environment.name}”"
            if check.type not in types:
                yield Problem(
                    FILENAME, check.line, f"{place} is a {check.type}, which does not exist.", _remedy(check.type)
                )
                continue
            for wrong in types[check.type].check(check.parameters):
                cause = f"{place} cannot be asked so. {wrong}"
                yield Problem(FILENAME, check.line, cause, "Correct its parameters; docs/verification.md lists them.")


def _remedy(name: str) -> str:
    return nearest(name, list(types), otherwise=f"Choose from {', '.join(sorted(types))}.")
