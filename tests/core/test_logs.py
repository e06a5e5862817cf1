"""Logs: one line for each request, short on a terminal, complete as JSON."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SAYING = """
import logging, sys
from controlpanel.core.logs import logging_settings
logging_settings(sys.argv[1])
import structlog
web = structlog.get_logger("django_structlog.middlewares.request")
request = {"request": "GET /releases", "request_id": "4f8a", "user_id": 1, "ip": "127.0.0.1", "user_agent": "curl"}
web.info("request_started", **request)
web.warning("request_finished", code=404, **request)
web.warning("streaming_cancelled", request_id="4f8a")
logging.getLogger("django.request").warning("Not Found: /releases")
logging.getLogger("deployments.watching").warning("Argo CD did not answer.")
"""


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_request_is_one_line_and_leaving_a_page_is_none(log_format: str) -> None:
    lines = said(log_format)
    assert len(lines) == 2
    assert "Argo CD did not answer." in lines[1]


def test_a_terminal_shows_method_path_status_and_the_id() -> None:
    line = said("console")[0]
    assert "GET /releases 404 request_id=4f8a user_id=1" in line
    assert "curl" not in line


def test_json_keeps_every_field() -> None:
    entry = json.loads(said("json")[0])
    assert entry["event"] == "request_finished"
    assert (entry["request"], entry["code"], entry["ip"]) == ("GET /releases", 404, "127.0.0.1")


def said(log_format: str) -> list[str]:
    """What a program of its own writes, by line."""
    command = [sys.executable, "-c", SAYING, log_format]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stderr.splitlines()
