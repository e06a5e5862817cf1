"""`load_platform [--file PATH]`: reads the catalog and puts it into force, or says what is wrong with it."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from controlpanel.catalog import loading
from controlpanel.catalog.current import current_version
from controlpanel.catalog.errors import Problem
from controlpanel.clients.errors import ClientError
from controlpanel.core.audit import System
from controlpanel.core.command import PanelCommand
from controlpanel.core.errors import PanelError


class Command(PanelCommand):
    help = "Load platform.yaml from the platform repository at PLATFORM_REPO_REF, or from a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", type=Path, help="read this file instead of the platform repository")
        parser.add_argument(
            "--or-keep",
            action="store_true",
            help="go on with the catalog in force where the repository does not answer",
        )

    def handle(self, *, file: Path | None, or_keep: bool, **_: Any) -> None:
        """Print what is in force now; exit with 1 and the problems where the document is refused."""
        try:
            text, commit = _read_file(file) if file else loading.read_platform()
        except (ClientError, PanelError) as error:
            if not or_keep or isinstance(error, PanelError) or (kept := current_version()) is None:
                raise CommandError(str(error)) from None
            self.stderr.write(f"{error} The catalog {kept.commit[:12]} stays in force.")
            return
        version = loading.load_platform(actor=System(name="load_platform", door="command"), text=text, commit=commit)
        if version.problems:
            raise CommandError("\n".join(str(Problem(**problem)) for problem in version.problems))
        self.stdout.write(f"The catalog {version.commit[:12]} is in force.")


def _read_file(file: Path) -> tuple[str, str]:
    try:
        return file.read_text("utf-8"), "file"
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}. Give the path of a platform.yaml.") from None
