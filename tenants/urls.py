"""Addresses of the pages about tenants. Words that could be a slug never stand where a slug does."""

from __future__ import annotations

from django.urls import path

from tenants.views import acts, configuration, editing, importing, lists, onboarding, references, reviews, tenant

urlpatterns = [
    path("tenants", lists.tenants, name="tenants"),
    path("tenants.csv", lists.export, name="tenants_export"),
    path("onboarding", onboarding.begin, name="onboarding"),
    path("onboarding/import", importing.tenants_load, name="tenants_import"),
    path("reviews", reviews.reviews, name="reviews"),
    path("reviews/<uuid:review>/close", reviews.close, name="review_close"),
    path("environments/<slug:name>/configuration", configuration.configuration, name="configuration"),
    path("tenants/<slug:slug>", tenant.tenant, name="tenant"),
    path("tenants/<slug:slug>/onboarding", onboarding.onboarding, name="tenant_onboarding"),
    path("tenants/<slug:slug>/references", references.references, name="tenant_references"),
    path("tenants/<slug:slug>/edit", editing.edit, name="tenant_edit"),
    path("tenants/<slug:slug>/move", editing.move, name="tenant_move"),
    path("tenants/<slug:slug>/offboard", editing.offboard, name="tenant_offboard"),
    path("tenants/<slug:slug>/check", acts.check, name="tenant_check"),
    path("tenants/<slug:slug>/test-event", acts.send_event, name="tenant_test_event"),
    path("tenants/<slug:slug>/sign-off", acts.sign_off_all, name="tenant_sign_off"),
    path("tenants/<slug:slug>/item/sign-off", acts.sign_off, name="item_sign_off"),
    path("tenants/<slug:slug>/item/withdraw", acts.withdraw, name="item_withdraw"),
    path("tenants/<slug:slug>/item/waive", acts.waive, name="item_waive"),
    path("tenants/<slug:slug>/item/unwaive", acts.unwaive, name="item_unwaive"),
    path("tenants/<slug:slug>/review", acts.review_ask, name="review_ask"),
]
