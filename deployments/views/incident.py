"""What people need who look after a promotion that stopped: where its cause is seen, and a few lines for their channel."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import NoReverseMatch, reverse

from controlpanel.core.presentation.wording import exact, short_digest
from deployments.models import Promotion
from deployments.selectors.outside import argocd_page
from deployments.selectors.promotions import Followed

SIGNS = {"done": "✓", "running": "◐", "failed": "✕"}


def issue_links(promotion: Promotion) -> dict[str, str]:
    """Pages of what stopped it: the Pod or the resource in its Application, and Argo CD."""
    issue = {name: str(value) for name, value in (promotion.issue or {}).items()}
    try:
        page = reverse("application", args=[issue.get("application", "")])
    except NoReverseMatch:  # no Application stopped it
        return {}
    found = {"issue_page": page, "issue_argocd": argocd_page(promotion.environment, issue["application"])}
    kind, name = ("Pod", issue["pod"]) if issue.get("pod") else (issue.get("kind", ""), issue.get("name", ""))
    if kind and name:
        place = "/".join(filter(None, (kind, issue.get("namespace", ""), name)))
        found["issue_resource"] = f"{page}?{urlencode({'resource': place})}"
    return found


def markdown(followed: Followed, *, state: str, result: str) -> str:
    """Head, what happens or what to decide, every step, and what identifies it. `state` and `result` are the page's words."""
    return "\n".join(_lines(followed, state, result))


def _lines(followed: Followed, state: str, result: str) -> Iterator[str]:
    row = followed.promotion
    address = settings.CONFIGURATION.public_url.rstrip("/") + reverse("promotion", args=[row.number])
    what = f"{row.title} to {row.environment.name}"
    yield f"**{what}: {state}** ([promotion {row.number}]({address}))"
    yield f"Asked for by {plain(str(row.requester or row.requested_by))}, {_times(row)}."
    if row.reason:
        yield f"> {plain(row.reason)}"
    if row.issue:
        yield f"**{plain(row.issue['sentence'])}** {plain(str(row.issue.get('effect', '')))}".rstrip()
    elif row.is_terminal:
        yield plain(result)
    yield ""
    for step in followed.steps:
        took = f" ({step.took})" if step.took else ""
        detail = f": {plain(step.detail)}" if step.detail else ""
        yield f"- {SIGNS.get(step.state, '·')} {plain(step.name)}{detail}{took}"
    yield ""
    yield _facts(row)


def _times(row: Promotion) -> str:
    began = f"started {_exact(row.started_at)}" if row.started_at else f"on {_exact(row.created_at)}"
    return f"{began}, ended {_exact(row.finished_at)}" if row.finished_at else began


def _facts(row: Promotion) -> str:
    commit = f"Commit `{row.commit}` on `{row.environment.branch}`" if row.commit else "Nothing is committed"
    digest = f", render digest `{short_digest(row.render_digest)}`" if row.render_digest else ""
    return f"{commit}{digest}."


def _exact(moment: datetime) -> str:
    return exact(moment.astimezone(UTC), ZoneInfo("UTC"))


def plain(text: str) -> str:
    """One line whose signs mean nothing in Markdown and call nobody."""
    line = " ".join(text.split())
    for sign in "\\`*_[]<>#":
        line = line.replace(sign, f"\\{sign}")
    return line.replace("@", "@\u200b")
