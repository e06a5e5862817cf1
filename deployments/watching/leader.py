"""One leader for a duty, by a lease row: renewed a few times within its time, fenced, a standby beside it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction

from controlpanel.core.lease import StatementTime
from controlpanel.core.models import Leader


class LeadershipLost(Exception):
    """Another process leads by now: what this one read is not written."""


class Leadership:
    """Ask `is_ours` often; it takes, renews or notices the loss of the duty."""

    def __init__(self, duty: str) -> None:
        self.duty = duty
        self.holder = f"{socket.gethostname()}:{os.getpid()}"
        self.fencing = 0

    def is_ours(self) -> bool:
        """Take the duty if it is free, renew it if it is ours; False while another one has it."""
        until = StatementTime() + timedelta(seconds=settings.TIMINGS.leader_seconds)
        with transaction.atomic():
            Leader.objects.get_or_create(
                duty=self.duty, defaults={"holder": "", "lease_until": StatementTime(), "fencing": 0}
            )
            row = Leader.objects.select_for_update().get(duty=self.duty)
            if row.holder == self.holder and row.fencing == self.fencing:
                Leader.objects.filter(duty=self.duty).update(lease_until=until)
                return True
            if not Leader.objects.filter(duty=self.duty, lease_until__lt=StatementTime()).exists():
                return False
            self.fencing = row.fencing + 1
            Leader.objects.filter(duty=self.duty).update(holder=self.holder, lease_until=until, fencing=self.fencing)
        return True

    @contextlib.contextmanager
    def fence(self) -> Iterator[None]:
        """A transaction in which the duty is still ours: nobody takes it before the end. Raises `LeadershipLost`."""
        with transaction.atomic():
            rows = Leader.objects.select_for_update(no_key=True).filter(duty=self.duty)
            if rows.filter(holder=self.holder, fencing=self.fencing).first() is None:
                raise LeadershipLost(f"{self.holder} does not lead “{self.duty}” any more.")
            yield

    def give_up(self) -> None:
        """Let a standby take over at once."""
        Leader.objects.filter(duty=self.duty, holder=self.holder, fencing=self.fencing).update(
            lease_until=StatementTime()
        )
        connection.close()
