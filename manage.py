#!/usr/bin/env python
"""Run a management command of the control panel."""

from __future__ import annotations

import gc
import os
import sys

SELDOM = 50_000
"""Objects between two rounds of the garbage collector; at the usual 700 they take a tenth of a start, in which all stays."""


def main() -> None:
    """Hand the command line to Django; what the database refuses is one sentence."""
    gc.set_threshold(SELDOM)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")
    from django.core.management import execute_from_command_line
    from django.db import OperationalError, ProgrammingError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        sys.exit(f"PostgreSQL does not answer ({first_line(error)}). Check DATABASE_URL and that the server runs.")
    except ProgrammingError as error:
        sys.exit(f"The database is not as it should be ({first_line(error)}). Run `manage.py migrate`.")


def first_line(error: Exception) -> str:
    """What the database said, without its hints."""
    return str(error).partition("\n")[0]


if __name__ == "__main__":
    main()
