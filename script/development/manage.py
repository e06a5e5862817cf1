"""`script/manage`: `manage.py` with the environment of the running `script/server`."""

from __future__ import annotations

import os
import sys

from script.development import environment
from script.development.paths import ROOT, RUN
from script.development.rundirectory import holder_of, is_live


def main() -> int:
    """Become manage.py; return 1 with a sentence when no server of ours runs and no database is named."""
    if is_live(RUN) and (RUN / "environment").exists():
        # Servers and secrets that the server was started with are kept nowhere: they are read from the process itself.
        started_with = environment.of_process(holder_of(RUN) or 0)
        os.environ.update({name: value for name, value in started_with.items() if name not in os.environ})
        os.environ.update(environment.read(RUN / "environment"))
    elif not os.environ.get("DATABASE_URL"):
        print("script/manage: script/server is not running. Start it first, or set DATABASE_URL.", file=sys.stderr)
        return 1
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "manage.py", *sys.argv[1:]])  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
