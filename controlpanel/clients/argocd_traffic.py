"""How much a process asks of one Argo CD: so many requests a second, so many at once, and none while it keeps failing."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

from controlpanel.clients import errors
from controlpanel.clients.argocd_envelope import SYSTEM

REQUESTS_PER_SECOND = 20.0
AT_ONCE = 8
FAILURES = 5
"""In a row; then nothing is sent for a while but one probe."""
LONGEST = 6
"""Times the first pause: 5 s become 30 s."""


class Traffic:
    """Of one server, shared by the threads of a process. `pause` is how long it is left alone at first, in seconds."""

    def __init__(
        self,
        *,
        rate: float = REQUESTS_PER_SECOND,
        at_once: int = AT_ONCE,
        pause: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._at_once, self._pause, self._clock = rate, at_once, pause, clock
        self._changed = threading.Condition()
        self._tokens, self._filled_at = rate, clock()
        self._running = 0
        self._failures = self._pauses = 0
        self._closed_until = 0.0
        self._probing = False

    @contextlib.contextmanager
    def passage(self, seconds: float, what: str, *, counts: bool = True, only_if_quiet: bool = False) -> Iterator[None]:
        """Wait at most so many seconds for a place. Raises `TooBusy` where there is none, `NotSent` while the server is left alone.

        What is raised inside tells how the server is; with `counts` False a failure says nothing of it. With
        `only_if_quiet` it does not wait and leaves half of the places to what matters more.
        """
        is_probe = self._enter(seconds, what, only_if_quiet=only_if_quiet)
        failed: bool | None = None
        try:
            yield
            failed = False
        except (errors.Ambiguous, errors.NotSent):
            failed = True if counts or is_probe else None
            raise
        except errors.ClientError:
            failed = False  # it answered
            raise
        finally:
            self._leave(failed, is_probe=is_probe)

    def require_open(self, what: str) -> None:
        """Raise `NotSent` while the server is left alone; for a stream, which takes no place."""
        with self._changed:
            self._refuse_while_closed(what)

    def closed_for(self) -> float:
        """Seconds for which the server is still left alone; 0 while it is asked as usual."""
        with self._changed:
            return max(0.0, self._closed_until - self._clock()) if self._failures >= FAILURES else 0.0

    def _enter(self, seconds: float, what: str, *, only_if_quiet: bool) -> bool:
        deadline = self._clock() + seconds
        with self._changed:
            while True:
                self._refuse_while_closed(what)
                pause = self._until_a_token()
                if only_if_quiet and not self._is_quiet():
                    raise errors.TooBusy(f"{SYSTEM} is asked for much else right now, so it was not asked to {what}.")
                if pause <= 0 and self._running < self._at_once:
                    break
                left = deadline - self._clock()
                if left <= 0:
                    raise errors.TooBusy(
                        f"Too many requests wait for {SYSTEM}; the one to {what} was not sent.", "It is tried again."
                    )
                self._changed.wait(min(left, pause) if pause > 0 else left)
            self._tokens -= 1
            self._running += 1
            is_probe = self._failures >= FAILURES
            self._probing = self._probing or is_probe
        return is_probe

    def _leave(self, failed: bool | None, *, is_probe: bool) -> None:
        with self._changed:
            self._running -= 1
            self._probing = self._probing and not is_probe
            if failed is False:
                self._failures = self._pauses = 0
            elif failed and (is_probe or self._failures < FAILURES):
                self._failures = min(self._failures + 1, FAILURES)
                if self._failures >= FAILURES:
                    self._closed_until = self._clock() + self._pause * min(2**self._pauses, LONGEST)
                    self._pauses += 1
            self._changed.notify_all()

    def _refuse_while_closed(self, what: str) -> None:
        left = self._closed_until - self._clock()
        if self._failures < FAILURES or (left <= 0 and not self._probing):
            return
        when = f"in {max(1.0, left):.0f} s" if left > 0 else "right now"
        raise errors.NotSent(
            f"{SYSTEM} has failed {FAILURES} times in a row, so it was not asked to {what}; it is tried {when}.",
            f"See that {SYSTEM} runs and can be reached; `manage.py doctor` tells more.",
        )

    def _is_quiet(self) -> bool:
        return self._tokens > self._rate / 2 and self._running < self._at_once / 2

    def _until_a_token(self) -> float:
        now = self._clock()
        self._tokens = min(self._rate, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return (1 - self._tokens) / self._rate
