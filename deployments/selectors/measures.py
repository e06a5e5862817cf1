"""How the panel itself is doing, in two queries: what `/metrics` shows and what alarms look at."""

from __future__ import annotations

from django.db import connection

from controlpanel.core.metrics import Gauge
from deployments.choices import State

FIGURES = """
SELECT 'due', 'promotion', extract(epoch FROM max(clock_timestamp() - next_run_at)) FROM deployments_promotion
  WHERE next_run_at < clock_timestamp() AND lease_until IS NULL
UNION ALL SELECT 'due', 'preflight', extract(epoch FROM max(clock_timestamp() - next_run_at)) FROM deployments_preflight
  WHERE next_run_at < clock_timestamp() AND lease_until IS NULL
UNION ALL SELECT 'due', 'message', extract(epoch FROM max(clock_timestamp() - next_run_at)) FROM core_outboxmessage
  WHERE next_run_at < clock_timestamp() AND lease_until IS NULL
UNION ALL SELECT 'due', 'inquiry', extract(epoch FROM max(clock_timestamp() - next_run_at)) FROM deployments_inquiry
  WHERE next_run_at < clock_timestamp() AND lease_until IS NULL
UNION ALL SELECT 'due', 'instruction', extract(epoch FROM max(clock_timestamp() - next_run_at)) FROM deployments_instruction
  WHERE next_run_at < clock_timestamp() AND lease_until IS NULL
UNION ALL SELECT 'due', 'round', extract(epoch FROM max(clock_timestamp() - next_run_at)) FROM tenants_round
  WHERE next_run_at < clock_timestamp() AND lease_until IS NULL
UNION ALL SELECT 'due', 'test-event', extract(epoch FROM max(clock_timestamp() - next_run_at)) FROM tenants_hubevent
  WHERE next_run_at < clock_timestamp() AND lease_until IS NULL
UNION ALL SELECT 'silence', server_from, extract(epoch FROM clock_timestamp() - heard_at) FROM deployments_observer
UNION ALL SELECT 'stream', server_from, stream_is_open::int FROM deployments_observer
UNION ALL SELECT 'outbox', CASE WHEN dead_at IS NULL THEN 'waiting' ELSE 'dead' END, count(*) FROM core_outboxmessage
  WHERE delivered_at IS NULL GROUP BY 2
UNION ALL SELECT 'audit', '', sequence FROM core_auditchain
"""
STATES = "SELECT state, count(*) FROM deployments_promotion GROUP BY state"
ABOUT = {
    "due": ("control_panel_due_lag_seconds", "Age of the oldest row that is due and that nobody works on", "kind"),
    "silence": ("control_panel_observer_silence_seconds", "Time since Argo CD was last heard", "server"),
    "stream": ("control_panel_observer_stream_open", "Whether the stream of Argo CD is open", "server"),
    "outbox": ("control_panel_outbox_messages", "Messages that are not delivered", "state"),
    "audit": ("control_panel_audit_events", "Events in the audit", ""),
}
ALWAYS = {
    "due": ("promotion", "preflight", "message", "inquiry", "instruction", "round", "test-event"),
    "outbox": ("waiting", "dead"),
}


def measures() -> list[Gauge]:
    """Promotions by state, lag of due rows, silence of Argo CD, undelivered messages, length of the audit."""
    with connection.cursor() as cursor:
        cursor.execute(STATES)
        states = dict.fromkeys(State.values, 0.0) | {state: float(count) for state, count in cursor.fetchall()}
        cursor.execute(FIGURES)
        figures = cursor.fetchall()
    promotions = Gauge(name="control_panel_promotions", about="Promotions by state", label="state", samples=states)
    return [promotions, *(_gauge(kind, figures) for kind in ABOUT)]


def _gauge(kind: str, figures: list[tuple[str, str, float | None]]) -> Gauge:
    name, about, label = ABOUT[kind]
    samples = dict.fromkeys(ALWAYS.get(kind, ()), 0.0)
    samples |= {value: float(figure) for of, value, figure in figures if of == kind and figure is not None}
    return Gauge(name=name, about=about, label=label, samples=samples)
