"""Creating releases."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.db import IntegrityError, transaction

from controlpanel.accounts.actors import Actor
from controlpanel.catalog.models import Component
from controlpanel.core import audit, live
from controlpanel.core.errors import ConflictError, InvalidError
from controlpanel.core.permissions import Right
from deployments.models import Release

VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,99}")
COMMIT = re.compile(r"[0-9a-f]{40}")
IMAGE = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,400}@sha256:[0-9a-f]{64}")


def release_create(
    *,
    actor: Actor,
    version: str,
    commit: str,
    images: Mapping[str, str] | None = None,
    notes: str = "",
    title: str = "",
) -> Release:
    """Store a complete release; images that are not given are copied from the newest one.

    Raises `InvalidError` naming the field, `ConflictError` where the version exists with other content. The same
    release once more answers the one that is there.
    """
    actor.require(Right.RELEASE_CREATE)
    _check(version, commit, images or {})
    newest = Release.objects.first()
    complete = {**(newest.images if newest else {}), **(images or {})}
    needed = _image_keys()
    complete = {key: image for key, image in complete.items() if key in needed}
    _check_keys(set(images or {}), set(complete), needed)
    existing = Release.objects.filter(version=version).first()
    if existing is not None:
        return _same(existing, commit, images or {})
    heading = title.strip() or next(iter(notes.strip().splitlines()), "")
    try:
        with transaction.atomic():
            release = Release.objects.create(
                version=version, commit=commit, images=complete, notes=notes.strip(), title=heading[:200],
                changed_components=_changed(newest, commit, complete), created_by=actor.name,
            )  # fmt: skip
            audit.record(
                actor=actor,
                action="release.create",
                target=version,
                message=f"Release {version} of commit {commit[:12]}.",
            )
            live.publish("releases")
    except IntegrityError:
        return _same(Release.objects.get(version=version), commit, images or {})
    return release


def _check(version: str, commit: str, images: Mapping[str, str]) -> None:
    if not VERSION.fullmatch(version):
        raise InvalidError(
            f"{version or 'An empty text'} is no version.",
            "Use letters, digits, dots and dashes, such as 2026.11.3.",
            field="version",
        )
    if not COMMIT.fullmatch(commit):
        raise InvalidError(
            "The commit must be its full SHA of 40 hexadecimal characters.", "See `git rev-parse HEAD`.", field="commit"
        )
    for key, image in images.items():
        if not IMAGE.fullmatch(image):
            raise InvalidError(
                f"The image {key} is not named by its digest.",
                "Name it as registry/name@sha256:<64 hexadecimal characters>.",
                field=f"images.{key}",
            )


def _image_keys() -> set[str]:
    lists = Component.objects.filter(is_retired=False).values_list("images", flat=True)
    return {key for images in lists for key in images}


def _check_keys(given: set[str], complete: set[str], needed: set[str]) -> None:
    if not needed:
        raise InvalidError(
            "No catalog is loaded, so no image is known.", "Run `manage.py load_platform` first.", field="images"
        )
    if unknown := sorted(given - needed):
        raise InvalidError(
            f"No component uses an image {', '.join(unknown)}.", f"Known: {', '.join(sorted(needed))}.", field="images"
        )
    if missing := sorted(needed - complete):
        raise InvalidError(
            f"The images {', '.join(missing)} are missing, and no earlier release has them.",
            "Give every image the first time.",
            field="images",
        )


def _same(existing: Release, commit: str, images: Mapping[str, str]) -> Release:
    if existing.commit != commit or any(existing.images.get(key) != image for key, image in images.items()):
        raise ConflictError(
            f"Release {existing.version} exists with other content.", "A release never changes: choose a new version."
        )
    return existing


def _changed(before: Release | None, commit: str, images: dict[str, str]) -> list[str]:
    """Components whose images differ from the release before; all of them where the configuration's commit does."""
    components = Component.objects.filter(is_retired=False)
    if before is None or before.commit != commit:
        return [component.name for component in components]
    return [one.name for one in components if any(images.get(key) != before.images.get(key) for key in one.images)]
