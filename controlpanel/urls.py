"""Every address of the panel."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from controlpanel import api
from controlpanel.accounts.signing_in import SignIn
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.components import components
from controlpanel.core.views.events import events
from controlpanel.core.views.theme import theme
from deployments.views import health

handler500 = "controlpanel.core.faults.page_of_fault"

login = declares(Right.ANYONE)(SignIn.as_view())
logout = declares(Right.SIGNED_IN)(LogoutView.as_view())

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("login", login, name="login"),
    path("logout", logout, name="logout"),
    path("theme", theme, name="theme"),
    path("events", events, name="events"),
    path("settings/components", components, name="components"),
    path("", include("tenants.urls")),
    path("", include("deployments.urls")),
    *api.urlpatterns,
]
