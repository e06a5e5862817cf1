"""A process to be killed: pushes one commit for each number, in order, asking the claim first, as a promotion does.

python -m tests.clients.git_writer URL CACHE COUNT
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from controlpanel.clients.git import Author, GitRepository, Moved

BRANCH = "env/staging"


def main(url: str, cache: str, count: str) -> None:
    repository = GitRepository(url, Path(cache))
    for number in range(int(count)):
        claim = f"refs/panel/promotions/{number}/1"
        while repository.claim(claim) is None:
            tip = repository.tip(BRANCH)
            commit = repository.commit(
                parent=tip,
                replace={"backend": {"backend/number.yaml": f"{number}\n".encode()}},
                message=f"Promotion {number}",
                at=datetime(2026, 1, 1, tzinfo=UTC),
                author=Author("Control Panel", "panel@example.test"),
            )
            outcome = repository.push(branch=BRANCH, expected=tip, commit=commit, claim=claim)
            if not isinstance(outcome, Moved):
                break
        print(number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
