"""Addresses of the pages about releases, environments and promotions."""

from __future__ import annotations

from django.urls import path

from deployments.views import (
    account,
    applications,
    audit,
    catalog,
    compare,
    environments,
    history,
    insights,
    pipeline,
    promote,
    promotions,
    releases,
    rollback,
    search,
    status,
    tokens,
)

urlpatterns = [
    path("", pipeline.home, name="pipeline"),
    path("environments/<slug:name>", environments.environment, name="environment"),
    path("environments/<slug:name>/promote", promote.promote, name="promote"),
    path("environments/<slug:name>/rollback", rollback.rollback, name="rollback"),
    path("promotions", history.promotions, name="promotions"),
    path("promotions/<str:identifier>", promotions.promotion, name="promotion"),
    path("promotions/<str:identifier>/abort", promotions.abort, name="promotion_abort"),
    path("promotions/<str:identifier>/retry", promotions.retry, name="promotion_retry"),
    path("promotions/<str:identifier>/claim", promotions.claim, name="promotion_claim"),
    path("promotions/<str:identifier>/ignore", promotions.ignore, name="promotion_ignore"),
    path("releases", releases.releases, name="releases"),
    path("releases/new", releases.release_new, name="release_new"),
    path("releases/<str:version>", releases.release, name="release"),
    path("insights", insights.insights, name="insights"),
    path("compare", compare.compare, name="compare"),
    path("search", search.find, name="search"),
    path("applications", applications.applications, name="applications"),
    path("applications/<str:application>", applications.application, name="application"),
    path("applications/<str:application>/refresh", applications.refresh, name="application_refresh"),
    path("applications/<str:application>/restart", applications.restart, name="application_restart"),
    path("settings/account", account.account, name="account"),
    path("settings/account/sessions", account.sessions_end, name="sessions_end"),
    path("settings/catalog", catalog.catalog, name="catalog"),
    path("settings/status", status.status, name="status"),
    path("settings/tokens", tokens.tokens, name="tokens"),
    path("settings/tokens/<uuid:token>/revoke", tokens.token_end, name="token_end"),
    path("audit", audit.audit, name="audit"),
    path("audit/export", audit.audit_export, name="audit_export"),
    path("audit/<int:sequence>", audit.audit_entry, name="audit_entry"),
]
