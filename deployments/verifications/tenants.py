"""Asking the hub about many tenants at once: a few connections, and an end before the lease does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from deployments.verifications.base import Sample

AT_ONCE = 8
SECONDS = 8.0
"""After so long no further tenant is asked in this step; the rest has its turn in the next."""


def asked_of(slugs: Sequence[str], ask: Callable[[str], Sample]) -> Iterator[Sample]:
    """The samples in the order of the slugs; fewer where time ran out."""
    until = time.monotonic() + SECONDS
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for start in range(0, len(slugs), AT_ONCE):
            yield from pool.map(ask, slugs[start : start + AT_ONCE])
            if time.monotonic() > until:
                return
