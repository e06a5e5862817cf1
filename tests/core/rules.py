"""Addresses and a rule for tests of pages that need no app above core."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from controlpanel.core.views.components import components
from controlpanel.core.views.events import events
from controlpanel.core.views.theme import theme


def everyone(user: Any, topic: str) -> bool:
    """Whoever is active may hear everything but what is forbidden."""
    return bool(user.is_active) and not topic.startswith("forbidden")


def page(request: HttpRequest) -> HttpResponse:
    """A page with the frame alone."""
    return render(request, "base.html")


urlpatterns = [
    path("", page, name="pipeline"),
    path("promotions", page, name="promotions"),
    path("audit", page, name="audit"),
    path("login", LoginView.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("theme", theme, name="theme"),
    path("events", events, name="events"),
    path("settings/components", components, name="components"),
]
