"""What Argo CD says of its sync windows, for environments that ask: one question for each of their Applications."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog

from controlpanel.catalog import connections
from controlpanel.clients.errors import ClientError
from controlpanel.core.lease import StatementTime
from deployments.gates.sync_windows import NAME
from deployments.models import Application
from deployments.watching.observations import Directory

log = structlog.get_logger(__name__)
Fence = Callable[[], AbstractContextManager[object]]
KEPT = ("activeWindows", "assignedWindows")


def read(directory: Directory, fence: Fence) -> int:
    """Ask and store; an Application that cannot be asked keeps its old answer, which grows too old. Returns how many were read."""
    answers = {}
    for name, (place, _, shard) in directory.places.items():
        if shard or place.parameters_of(NAME) is None:
            continue
        try:
            said = connections.argocd_for(place).sync_windows(name, place.project)
        except ClientError as error:
            log.warning("windows_not_read", application=name, error=str(error))
            continue
        windows = {key: said[key] for key in KEPT if isinstance(said.get(key), list)}
        answers[name] = {"canSync": said.get("canSync") is True, **windows}
    with fence():
        for name, answer in sorted(answers.items()):
            Application.objects.filter(name=name).update(sync_windows=answer, windows_read_at=StatementTime())
    return len(answers)
