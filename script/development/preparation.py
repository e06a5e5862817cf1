"""Run several management commands one after the other in one process: loading Django is most of what each costs.

python -m script.development.preparation migrate "load_platform --or-keep" bootstrap
"""

from __future__ import annotations

import os
import sys

import django
from django.core.management import CommandError, call_command


def main() -> int:
    """Run the commands that are named; the first that fails ends it with its own sentence."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")
    django.setup()
    for command in sys.argv[1:]:
        try:
            call_command(*command.split())
        except CommandError as error:
            print(f"{command}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
