"""Releases: the list, one of them, a new one."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from controlpanel.accounts.actors import Actor, of_request
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.keyset import portion
from controlpanel.core.permissions import Right, declares
from controlpanel.core.views.answering import SeeOther, page
from controlpanel.core.views.paging import clears, pages
from deployments import gates
from deployments.forms import ReleaseForm
from deployments.policies import policies
from deployments.selectors import releases as reading
from deployments.selectors.interface import environments_seen_by
from deployments.selectors.outside import platform_commit_page
from deployments.services.releases import release_create
from deployments.views.outlook import offers

LIST, ONE, NEW = "deployments/releases.html", "deployments/release.html", "deployments/release_new.html"
LISTED = 50
SNIPPET = """\
curl --fail-with-body %(url)s/api/v1/releases \\
  -H "Authorization: Bearer $CONTROL_PANEL_TOKEN" \\
  -H "Idempotency-Key: $VERSION" \\
  -H "Content-Type: application/json" \\
  -d '{"version": "'"$VERSION"'", "source": {"commit": "'"$COMMIT"'"},
       "images": {"%(key)s": "'"$IMAGE@$DIGEST"'"}}'
"""
"""`COMMIT` is the full SHA, `DIGEST` begins with sha256:."""


@declares(Right.VIEW)
@require_GET
def releases(request: HttpRequest) -> HttpResponse:
    """All releases, newest first, with where each is."""
    actor = of_request(request)
    actor.require(Right.VIEW)
    text = request.GET.get("q", "")
    rows = reading.releases_matching(text)
    found, following = portion(rows, by="pk", cursor=request.GET.get("cursor", ""), limit=LISTED)
    places = reading.places_of(found, actor)
    context = {
        "releases": [(release, places[release.pk]) for release in found], **pages(request, following), "clears": clears(request, {"q": "search"}),
        "search": {"name": "q", "value": text, "placeholder": "Search version, title or commit"},
        "may_create": actor.may(Right.RELEASE_CREATE),
    }  # fmt: skip
    return page(request, LIST, context, fragments=("list",))


@declares(Right.VIEW)
@require_GET
def release(request: HttpRequest, version: str) -> HttpResponse:
    """One release: where it is, what became of it, what it changes, its images and its source."""
    actor = of_request(request)
    actor.require(Right.VIEW)
    row, before = reading.release_of_page(version)
    story = reading.story_of(row, actor)
    environments = environments_seen_by(actor)
    facts = gates.facts_of(environments, [row])
    context = {
        "release": row, "images": [(key, image, image.partition("@")[0]) for key, image in sorted(row.images.items())],
        "commit_url": platform_commit_page(row.commit), "step": reading.step_to(row, before), "promotions": story.promotions,
        "places": list(zip(
            reading.whereabouts(row, environments, story, facts.open),
            offers([(row, place) for place in environments], actor=actor, facts=facts), strict=True,
        )),
        "judged": reading.judged(row, environments), "policy_count": len(list(policies)),
        "topics": " ".join(f"environment.{place.name}" for place in environments),
        "holds": [one for one in facts.holds if one.environment == "" or actor.may(Right.VIEW, one.environment)],
        "may_hold": actor.may(Right.FREEZE, ""),
    }  # fmt: skip
    return page(request, ONE, context, fragments=("places", "promotions"))


@declares(Right.RELEASE_CREATE)
@require_http_methods(["GET", "HEAD", "POST"])
def release_new(request: HttpRequest) -> HttpResponse:
    """The form; a good one leads to the release."""
    actor = of_request(request)
    actor.require(Right.RELEASE_CREATE)
    form = ReleaseForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        version = _create(form, actor)
        if version:
            messages.success(request, f"Release {version} is stored.")
            return SeeOther(reverse("release", args=[version]))
    status = 422 if form.errors else 200
    keys = reading.image_keys()
    return page(request, NEW, {"form": form, "image_keys": keys, "snippet": _snippet(keys)}, status=status)


def _snippet(keys: Sequence[str]) -> str:
    """What a pipeline runs after a build, with the first image as the example."""
    key = next(iter(keys), "backend")
    return SNIPPET % {"url": settings.CONFIGURATION.public_url.rstrip("/"), "key": key}


def _create(form: ReleaseForm, actor: Actor) -> str:
    """The new release's version, or nothing where the form now says why not."""
    try:
        return str(release_create(actor=actor, **form.cleaned_data).version)
    except (InvalidError, ConflictError) as refusal:
        form.refuse(str(refusal.extra.get("field", "version")), str(refusal))
        return ""
