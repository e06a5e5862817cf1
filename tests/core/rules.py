"""Addresses and a rule for tests of pages that need no app above core."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import engines
from django.urls import path
from django.utils import timezone

from controlpanel.core.permissions import Right
from controlpanel.core.views.components import components
from controlpanel.core.views.events import events
from controlpanel.core.views.theme import theme


def everyone(user: Any, topic: str) -> bool:
    """Whoever is active may hear everything but what is forbidden."""
    return bool(user.is_active) and not topic.startswith("forbidden")


class WithoutTheAuditLog:
    """Somebody who may do anything but read the audit log."""

    def may(self, right: Right, environment: str | None = None) -> bool:
        """Whether the right is there."""
        return right != Right.AUDIT_VIEW


def someone_without_the_audit_log(request: HttpRequest) -> WithoutTheAuditLog:
    """A hook: who asks."""
    return WithoutTheAuditLog()


def three(request: HttpRequest) -> int:
    """A hook: a count."""
    return 3


def page(request: HttpRequest) -> HttpResponse:
    """A page with the frame alone."""
    return render(request, "base.html")


def with_messages(request: HttpRequest) -> HttpResponse:
    """A page with one message that leaves and one that stays."""
    messages.success(request, "Promotion 7 was requested.")
    messages.error(request, "<b>It was not.</b>")
    return render(request, "base.html")


def broken(request: HttpRequest) -> HttpResponse:
    """A page that breaks."""
    raise ZeroDivisionError


LIVE = """{% extends "base.html" %}
{% block heading %}Live{% endblock %}
{% block content %}
<section class="panel" id="one" {% live "promotion.12" request.path poll=3 %} data-title="◐ 1/9 backend" data-icon="run" data-announce="{{ words }}">
<h2 tabindex="-1">One</h2><p id="stamp" data-flash>{{ stamp }}</p><p>Began {% elapsed began %} at {% clock began %}</p>
<details id="fold"><summary>Fold</summary><p id="inside">{{ stamp }}</p></details>
<section><h3 tabindex="-1">Inner</h3>{% if not gone %}<button class="button" type="button" id="vanishes">Vanishes</button>{% endif %}</section>
<button class="button" type="button" id="stays">Stays</button>
<ol>{% for row in rows %}<li data-key="row-{{ row }}">{{ row }}</li>{% endfor %}</ol></section>
<section class="panel" id="two" {% live "releases" request.path %}><h2 tabindex="-1">Two</h2><input class="input" id="typed"><p id="second">{{ stamp }}</p>
{% include "components/copy.html" with value="whole value" name="digest" only %}</section>
<form method="post" action="/slow">{% csrf_token %}
{% include "components/field.html" with name="confirm" label="Type" expected="production" only %}
{% include "components/button.html" with id="go" label="Promote" confirms="confirm" confirm_reason="Type the name." only %}</form>
{% include "components/button.html" with label="Abort…" href="#abort" dialog="abort" only %}
{% diff changes %}
{% endblock %}
{% block dialogs %}{% dialog id="abort" title="Abort?" %}<div class="dialog-foot"><a class="button" id="keep" href="#" data-close autofocus>Keep going</a></div>{% enddialog %}{% endblock %}
"""
ROWS: dict[str, Any] = {"rows": [1, 2, 3], "gone": False, "words": ""}
CHANGE = {"component": "backend", "kind": "ConfigMap", "name": "backend", "change": "added", "diff": "+a: b\n+c: d\n"}


def live_page(request: HttpRequest) -> HttpResponse:
    """Two live fragments whose content tests set."""
    now = timezone.now()
    context = {"stamp": now.isoformat(), "began": now, "changes": [CHANGE], **ROWS}
    return HttpResponse(engines["django"].from_string(LIVE).render(context, request))


handler500 = "controlpanel.core.faults.page_of_fault"
urlpatterns = [
    path("broken", broken),
    path("messages", with_messages),
    path("live", live_page),
    path("slow", page),
    path("", page, name="pipeline"),
    path("promotions", page, name="promotions"),
    path("audit", page, name="audit"),
    path("login", LoginView.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("theme", theme, name="theme"),
    path("events", events, name="events"),
    path("settings/components", components, name="components"),
]
