"""What a page does, as a command: "Copy as curl" on every form that the API has."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from django.conf import settings


def curl(path: str, body: Mapping[str, object], *, key: str = "", method: str = "POST") -> str:
    """A command that asks the API for the same. The token is a place, never a value; `key` makes it safe to repeat."""
    asks = f"--request {method} " if method != "POST" else ""
    lines = [f"curl --fail-with-body {asks}{shlex.quote(settings.CONFIGURATION.public_url.rstrip('/') + path)}"]
    lines += ['--header "Authorization: Bearer $CONTROL_PANEL_TOKEN"', '--header "Content-Type: application/json"']
    lines += [f"--header {shlex.quote(f'Idempotency-Key: {key}')}"] if key else []
    lines.append(f"--data {shlex.quote(json.dumps(dict(body), ensure_ascii=False))}")
    return " \\\n  ".join(lines)
