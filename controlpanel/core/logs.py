"""Structured logs: one line for each event, with the request's or the promotion's id bound to it."""

from __future__ import annotations

import logging.config
from typing import Any

import structlog
from structlog.typing import EventDict

from controlpanel.core.literal_secrets import hidden

UNSAID = ("request_started", "streaming_started", "streaming_finished", "streaming_cancelled")
"""What the end of a request says too, and people who leave a page that listens."""
ALREADY_SAID = ("code", "ip", "logger", "request", "user_agent")
"""Of a request, what its line on a terminal says in words, or does not need to."""


def logging_settings(log_format: str) -> dict[str, Any]:
    """Configure structlog and the standard library alike, and return the dictConfig that was applied."""
    for_people = log_format == "console"
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if for_people else "iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]
    rendering: list[Any] = (
        [request_in_words, structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, pad_level=False)]
        if for_people
        else [structlog.processors.JSONRenderer(default=str)]
    )
    settings: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    without_secrets,
                    *rendering,
                ],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            **{
                name: {"level": "WARNING"}
                for name in ("httpx", "httpcore", "axes", "kombu", "celery.redirected", "django_structlog.celery")
            },
            "django.request": {"level": "ERROR"},  # a refusal is said once, with its id, by the request's own line
        },
    }
    logging.config.dictConfig(settings)
    structlog.configure(
        processors=[without_echoes, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return settings


def without_echoes(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Drop what another line says anyway (a structlog processor)."""
    if event["event"] in UNSAID:
        raise structlog.DropEvent
    return event


def without_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Take out what looks like a secret by its form, wherever it came from (a structlog processor)."""
    return {key: hidden(value) if isinstance(value, str) else value for key, value in event.items()}


def request_in_words(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Make the line of a request short enough for a terminal: "GET /releases 200" (a structlog processor)."""
    if event["event"] != "request_finished":
        return event
    said = f"{event.get('request', '')} {event.get('code', '')}"
    return {**{key: value for key, value in event.items() if key not in ALREADY_SAID}, "event": said}
