"""The tenants' part of an environment: references rendered into shards, kept by their content, told to be in Git."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from controlpanel.catalog.current import current_document, current_version
from controlpanel.catalog.document import namespace_of
from controlpanel.catalog.models import Environment
from controlpanel.catalog.shards import COMPONENT, TenantCredentialsSpec, directory_of
from deployments.models import RenderedComponent
from deployments.renderers.base import RenderError, render_digest
from deployments.renderers.tenant_credentials import Place, render
from deployments.rendering import NotRenderable, Rendering
from tenants.choices import SERVED, ReferenceKind
from tenants.models import ReferenceVersion, Tenant
from tenants.parts import Reference, TenantPart
from tenants.selectors.parts import parts as tenant_parts
from tenants.selectors.parts import snapshot, version_rows


def is_kept_in(environment: Environment) -> bool:
    """Whether the catalog has tenants' references committed for this environment."""
    return bool(environment.tenant_shards)


def render_tenants(environment: Environment) -> Rendering:
    """The newest references of every tenant as files; shards that stay equal are not stored again.

    Raises `NotRenderable` where the catalog keeps none, or an object would grow too large.
    """
    spec, place = _place(environment)
    newest = snapshot(environment)
    try:
        shards = render(_with_their_stores(environment, newest.parts), place)
    except RenderError as error:
        raise NotRenderable(error.message, error.remedy) from error
    return Rendering(
        parts=_keep(shards),
        files={path: content for files in shards.values() for path, content in files.items()},
        waves=((COMPONENT,),),
        deadlines={COMPONENT: spec.deadline_seconds},
        versions=newest.versions,
    )


def manifests_of(environment: Environment, part: TenantPart) -> list[tuple[str, str]]:
    """(path, text) of what Git would hold of one tenant, rendered without its neighbours; empty where that is nothing.

    Raises `NotRenderable` where the catalog keeps no references, `RenderError` where they cannot be rendered.
    """
    _, place = _place(environment)
    empty, files = render([], place), render([part] if part.references else [], place)
    own = (
        (path, content)
        for shard in files
        for path, content in files[shard].items()
        if empty[shard].get(path) != content
    )
    return sorted((path, content.decode()) for path, content in own)


def losses(environment: Environment, versions: Mapping[str, int] | None) -> list[dict[str, Any]]:
    """What these versions would take from tenants that are served: [{"slug", "keys"}], by slug. None takes nothing."""
    if versions is None:
        return []
    removed = {pk for pk, row in version_rows(list(versions.values())).items() if row.is_removed}
    back = {target for target, version in versions.items() if version not in removed}
    served = set(Tenant.objects.filter(state__in=SERVED).values_list("slug", flat=True))
    found = [
        {"slug": part.slug, "keys": [one.key for one in part.references if f"{part.slug}.{one.key}" not in back]}
        for part in tenant_parts(environment, "promoted")
        if part.slug in served
    ]
    return [one for one in found if one["keys"]]


def deadline_seconds() -> int:
    """How long the operators may take to answer."""
    spec = current_document().tenant_credentials if current_version() else None
    return (spec or TenantCredentialsSpec()).deadline_seconds


def _place(environment: Environment) -> tuple[TenantCredentialsSpec, Place]:
    document = current_document()
    spec = document.tenant_credentials
    if spec is None or not is_kept_in(environment):
        raise NotRenderable(
            "The catalog keeps no references of tenants.", "Add tenantCredentials to platform.yaml and load it."
        )
    place = namespace_of(spec, document.environment(environment.name))
    return spec, Place(namespace=place, shards=spec.shards)


def _with_their_stores(environment: Environment, parts: Sequence[TenantPart]) -> list[TenantPart]:
    """A tenant that leaves has nothing in a store any more; what it had says in which one its object looks."""
    leaving = [part.slug for part in parts if part.is_leaving]
    if not leaving:
        return list(parts)
    rows = ReferenceVersion.objects.filter(
        reference__environment=environment,
        reference__tenant__slug__in=leaving,
        is_removed=False,
        kind=ReferenceKind.EXTERNAL_SECRET,
    )
    newest = rows.order_by("reference_id", "-number").distinct("reference_id").select_related("reference__tenant")
    had: dict[str, list[Reference]] = {slug: [] for slug in leaving}
    for row in newest:
        had[row.reference.tenant.slug].append(row.as_reference(row.reference.key))
    return [dataclasses.replace(part, references=(*part.references, *had.get(part.slug, ()))) for part in parts]


def _keep(shards: Mapping[str, Mapping[str, bytes]]) -> dict[str, str]:
    """Directory → digest of what it holds, each stored under that digest for committing."""
    digests = {shard: _content_digest(files) for shard, files in shards.items()}
    known = set(RenderedComponent.objects.filter(pk__in=digests.values()).values_list("pk", flat=True))
    RenderedComponent.objects.bulk_create(
        [
            RenderedComponent(input_digest=digest, component=COMPONENT, files=_texts(shards[shard]))
            for shard, digest in digests.items()
            if digest not in known
        ],
        ignore_conflicts=True,
        batch_size=1,  # several rows travel as arrays, and their megabytes of text are escaped once more, slowly
    )
    return {directory_of(shard): digest for shard, digest in digests.items()}


def _content_digest(files: Mapping[str, bytes]) -> str:
    return hashlib.sha256(json.dumps(["tenants", render_digest(files)]).encode()).hexdigest()


def _texts(files: Mapping[str, bytes]) -> dict[str, str]:
    return {path: content.decode() for path, content in files.items()}
