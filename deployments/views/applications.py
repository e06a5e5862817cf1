"""Applications: the list, and one of them with its resources, what differs from Git, events, logs and manifests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.catalog.models import Environment
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.keyset import portion
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from controlpanel.core.views.paging import clears, pages
from deployments.choices import Act, Carried
from deployments.models import Instruction
from deployments.selectors import applications as reading
from deployments.selectors.applications import ApplicationPage, Node
from deployments.selectors.inquiries import Answer, Question
from deployments.services.inquiries import ask
from deployments.services.instructions import RESTARTABLE, instruct, why_no_restart

LIST, TEMPLATE = "deployments/applications.html", "deployments/application.html"
LISTED = 50
TABS = (("diff", "Live and desired"), ("manifest", "Manifest"), ("events", "Events"), ("log", "Log"))
LOG_FRESH, LOG_EVERY, EVERY = timedelta(seconds=2), 3, 10
"""How old a log may be before it is read again, and seconds between reads of the page while it is looked at."""
NEEDS = "It needs the role operator or release manager here."
ENDS = {Carried.DONE: "ok", Carried.REFUSED: "bad", Carried.UNSURE: "odd"}


@declares(Right.VIEW)
@require_GET
def applications(request: HttpRequest) -> HttpResponse:
    """Every Application that the person may see, as last observed."""
    actor = of_request(request)
    actor.require(Right.VIEW)
    environment, show, text = (request.GET.get(name, "")[:100] for name in ("environment", "show", "q"))
    rows = reading.applications_listed(actor, environment=environment, show=show, text=text)
    found, following = portion(rows, by="trouble_first", cursor=request.GET.get("cursor", ""), limit=LISTED)
    names = actor.environments(list(Environment.objects.filter(is_retired=False).values_list("name", flat=True)))
    versions = reading.versions_of(found)
    context = {
        "applications": [(one, versions.get((one.environment_id, one.component), "")) for one in found],
        **pages(request, following), "clears": clears(request, {"environment": "environment", "q": "name", "show": "show"}),
        "search": {"name": "q", "value": text, "placeholder": "Search by name"},
        "selects": [
            {"name": "environment", "label": "Environment", "value": environment, "choices": [("", "all"), *((name, name) for name in names)]},
            {"name": "show", "label": "Show", "value": show, "choices": reading.SHOWN},
        ],
        "topics": " ".join(f"environment.{name}" for name in names),
    }  # fmt: skip
    return page(request, LIST, context, fragments=("list",))


@declares(Right.VIEW)
@require_GET
def application(request: HttpRequest, application: str) -> HttpResponse:
    """One Application; what is only in Argo CD is asked for by a worker, and the newest answer is shown with its time."""
    actor = of_request(request)
    actor.require(Right.VIEW)
    shown = reading.application_of_page(application, actor=actor)
    context = _resources(request, actor, shown) | _acts(actor, shown)
    return page(request, TEMPLATE, context, fragments=("application", "dialogs"))


@declares(Right.APPLICATION_REFRESH)
@require_POST
def refresh(request: HttpRequest, application: str) -> HttpResponse:
    """Have Argo CD compare it with Git again."""
    actor = of_request(request)
    row = reading.application_seen_by(actor, application)
    instruct(actor=actor, application=row, act=Act.REFRESH)
    messages.info(request, f"Argo CD is asked to compare {row.name} with Git again.")
    return SeeOther(reverse("application", args=[row.name]))


@declares(Right.APPLICATION_RESTART)
@require_POST
def restart(request: HttpRequest, application: str) -> HttpResponse:
    """Restart one workload of it; what cannot be done is said on the page."""
    actor = of_request(request)
    row = reading.application_seen_by(actor, application)
    actor.require(Right.APPLICATION_RESTART, row.environment.name)
    [tree] = ask(Question("tree", row.name))
    wanted, reason = request.POST.get("resource", "")[:600], request.POST.get("reason", "")[:2000]
    node = reading.node_named(_nodes(tree), wanted)
    place = {part: str(node[part]) for part in ("group", "version", "kind", "namespace", "name")} if node else {}
    try:
        instruct(actor=actor, application=row, act=Act.RESTART, reason=reason, resource=place)
        messages.info(request, f"Argo CD is asked to restart {wanted}.")
    except (ConflictError, InvalidError) as refusal:
        messages.error(request, str(refusal))
    return SeeOther(reverse("application", args=[row.name]) + (f"?{urlencode({'resource': wanted})}" if node else ""))


def _nodes(tree: Answer) -> list[dict[str, Any]]:
    return list((tree.body or {}).get("nodes", ()))


def _resources(request: HttpRequest, actor: Actor, shown: ApplicationPage) -> dict[str, Any]:
    """The tree, and beside it what is selected: one resource, or all that differs."""
    row = shown.application
    [tree] = ask(Question("tree", row.name))
    nodes = _nodes(tree)
    show, wanted = request.GET.get("show", ""), request.GET.get("resource", "")[:600]
    node = reading.node_named(nodes, wanted)
    tab = request.GET.get("tab", "")
    tab = tab if tab in dict(TABS) else TABS[0][0]
    selected = _selected(request, actor, shown, node, tab) if node else _unselected(row.name)
    kept = [_row(one, wanted, tab) for one in nodes if _is_shown(one, show)]
    return {
        "shown": shown, "application": row, "environment": row.environment, "tree": tree, "facts": tree.body or {}, "rows": kept,
        "wanted": wanted, "node": node, "tab": tab, **selected,
        "clears": clears(request, {"show": "show"}), "filters": _filters(nodes, show, wanted), "topics": f"application.{row.name} environment.{row.environment.name}",
        "workloads": [(one["key"], one["key"]) for one in (_row(each, wanted, "") for each in nodes) if one["kind"] in RESTARTABLE],
        "every": LOG_EVERY if node and tab == "log" else EVERY,
    }  # fmt: skip


def _unselected(name: str) -> dict[str, Any]:
    differences, events = ask(Question("differences", name), Question("events", name))
    return {
        "differences": differences,
        "events": events,
        "hand": _last_hand((differences.body or {}).get("changes", [])),
    }


def _last_hand(changes: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Who wrote last to what differs, as far as the cluster tells."""
    hands = [one["hand"] for one in changes if one.get("hand")]
    return max(hands, key=lambda hand: str(hand["at"]), default=None)


def _selected(request: HttpRequest, actor: Actor, shown: ApplicationPage, node: Node, tab: str) -> dict[str, Any]:
    """What the tab shows of one resource."""
    name, place = shown.application.name, shown.application.environment.name
    may_log = actor.may(Right.APPLICATION_LOGS, place)
    [resource] = ask(reading.question_of("resource", name, node))
    body = resource.body or {}
    found: dict[str, Any] = {
        "resource": resource, "containers": body.get("containers", []), "may_log": may_log,
        "change_list": [body["change"]] if body.get("change") else [],
    }  # fmt: skip
    found["hand"] = _last_hand(found["change_list"])
    if tab == "events":
        [found["events"]] = ask(reading.question_of("events", name, node))
    if tab == "log" and node["kind"] == "Pod" and may_log:
        found |= _log(request, name, node, {one["name"]: one.get("restarts", 0) for one in found["containers"]})
    query = {"resource": request.GET.get("resource", ""), "show": request.GET.get("show", "")}
    tabs = [one for one in TABS if one[0] != "log" or node["kind"] == "Pod"]
    return found | {
        "tabs": [
            {"label": label, "href": _address(query | {"tab": key}), "current": key == tab} for key, label in tabs
        ],
    }


def _log(request: HttpRequest, name: str, node: Node, restarts: dict[str, int]) -> dict[str, Any]:
    """The log of one container; what it said before its last restart is offered where it has restarted."""
    wanted = request.GET.get("container", "")
    container = wanted if wanted in restarts else next(iter(restarts), "")
    if not container:
        return {"log": Answer(), "container": ""}
    previous = bool(restarts[container]) and request.GET.get("previous") == "1"
    more = {"container": container} | ({"previous": True} if previous else {})
    [log] = ask(reading.question_of("log", name, node, **more), fresh=LOG_FRESH)
    query = {"resource": request.GET.get("resource", ""), "tab": "log"}
    links = [
        {"label": one, "href": _address(query | {"container": one}), "current": one == container} for one in restarts
    ]
    ages = [
        {"label": label, "href": _address(query | {"container": container, "previous": key}), "current": previous == bool(key)}
        for key, label in (("", "Running"), ("1", "Before the restart"))
    ]  # fmt: skip
    return {
        "log": log, "container": container, "container_links": links if len(links) > 1 else [],
        "previous": previous, "previous_links": ages if restarts[container] else [],
    }  # fmt: skip


def _address(query: dict[str, str]) -> str:
    return f"?{urlencode({name: value for name, value in query.items() if value})}"


def _is_shown(node: Node, show: str) -> bool:
    if show == "differs":
        return bool(node["sync"] == "OutOfSync")
    return show != "unhealthy" or _is_unhealthy(node)


def _is_unhealthy(node: Node) -> bool:
    return bool(node["health"]) and node["health"] != "Healthy"


def _row(node: Node, wanted: str, tab: str) -> dict[str, Any]:
    key = (
        f"{node['kind']}/{node['namespace']}/{node['name']}" if node["namespace"] else f"{node['kind']}/{node['name']}"
    )
    is_selected = wanted in (key, f"{node['kind']}/{node['name']}")
    keep = "" if tab == TABS[0][0] or (tab == "log" and node["kind"] != "Pod") else tab
    return {**node, "key": key, "href": _address({"resource": key, "tab": keep}), "is_selected": is_selected}


def _filters(nodes: list[dict[str, Any]], show: str, wanted: str) -> list[dict[str, Any]]:
    counts = {
        "": len(nodes), "differs": sum(one["sync"] == "OutOfSync" for one in nodes), "unhealthy": sum(map(_is_unhealthy, nodes)),
    }  # fmt: skip
    labels = {"": "All", "differs": "OutOfSync", "unhealthy": "Not healthy"}
    return [
        {"label": label, "count": counts[key], "href": _address({"show": key, "resource": wanted}) , "current": key == show}
        for key, label in labels.items()
    ]  # fmt: skip


def _acts(actor: Actor, shown: ApplicationPage) -> dict[str, Any]:
    """What the person may do here, each with why not where it is not possible."""
    row, place = shown.application, shown.application.environment.name
    may_restart = actor.may(Right.APPLICATION_RESTART, place)
    restore, no_restore = _restore(shown)
    return {
        "refresh_reason": "" if actor.may(Right.APPLICATION_REFRESH, place) else NEEDS,
        "restart_reason": why_no_restart(row) if may_restart and shown.active else "" if may_restart else NEEDS,
        "restore": restore, "restore_reason": no_restore,
        "instructions": [_told(one) for one in shown.instructions],
    }  # fmt: skip


def _restore(shown: ApplicationPage) -> tuple[str, str]:
    """Where what was changed by hand is restored, or why that is not possible from here."""
    row, live = shown.application, shown.live.release if shown.live else None
    if row.shard:
        return reverse("configuration", args=[row.environment.name]), ""
    if live is None:
        return "", "Nothing was promoted here yet."
    if shown.version != live.version:
        runs = f"{row.component} runs {shown.version or 'nothing'} and {row.environment.name} was given {live.version}"
        return "", f"{runs} in part: promote {row.component} of {shown.version} alone over the API, with `components`."
    return f"{reverse('promote', args=[row.environment.name])}?{urlencode({'release': live.version})}", ""


def _told(one: Instruction) -> dict[str, Any]:
    """An instruction in one line."""
    what = f"{one.resource['kind']} {one.resource['name']}" if one.resource else "Compared with Git"
    return {
        "at": one.created_at, "tone": ENDS.get(Carried(one.state), "run"), "key": f"instruction-{one.pk}",
        "text": f"{one.get_act_display()} by {one.requested_by}: {one.message or what}" + (f" ({one.reason})" if one.reason else ""),
    }  # fmt: skip
