"""The catalog may name only gates that exist, with parameters that they know."""

from __future__ import annotations

from collections.abc import Iterator

from controlpanel.catalog.current import FILENAME
from controlpanel.catalog.document import CatalogDocument
from controlpanel.catalog.errors import Problem
from controlpanel.catalog.schema import nearest
from deployments.gates.base import gates


def unknown_gates(document: CatalogDocument) -> Iterator[Problem]:
    """A problem for each gate that no file of this folder registers."""
    for environment in document.environments:
        for gate in environment.gates:
            if gate.name not in gates:
                cause = f"The environment “{environment.name}” asks for the gate “{gate.name}”, which does not exist."
                yield Problem(FILENAME, gate.line, cause, _remedy(gate.name))
                continue
            for wrong in gates[gate.name].check(gate.parameters):
                cause = f"The gate “{gate.name}” of “{environment.name}” cannot be asked so. {wrong}"
                yield Problem(FILENAME, gate.line, cause, "Correct its parameters; docs/guide.md lists them.")


def _remedy(name: str) -> str:
    return nearest(name, list(gates), otherwise=f"Choose from {', '.join(sorted(gates))}.")
