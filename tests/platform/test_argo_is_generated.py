"""`argo/` is what the catalog says, and what Argo CD accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from controlpanel.catalog.argo import (
    app_project,
    applications,
    main,
    render_overlays,
    stale_files,
    write_overlays,
)
from controlpanel.catalog.document import CatalogDocument, parse
from script.development.overlays import built

ROOT = Path(__file__).parents[2]
CRDS = ROOT / "tests/contract/crds"
REPO = "https://git.example.com/deploy.git"


@pytest.fixture(scope="module")
def document() -> CatalogDocument:
    return parse((ROOT / "platform.yaml").read_text("utf-8"), filename="platform.yaml")


def validator(name: str) -> jsonschema_rs.Draft202012Validator:
    """The resource's own schema, made strict: a key that Argo CD does not know is a mistake."""
    definition = yaml.load((CRDS / name).read_text("utf-8"), Loader=yaml.CSafeLoader)
    return jsonschema_rs.Draft202012Validator(strict(definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))


def strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items() if key != "format"}
    if schema.get("type") == "object" and "properties" in schema and "additionalProperties" not in schema:
        result["additionalProperties"] = False
    return result


def test_the_committed_overlays_are_what_the_catalog_says(document: CatalogDocument) -> None:
    assert stale_files(document, ROOT) == []


def test_each_environment_has_one_application_for_each_component(document: CatalogDocument) -> None:
    for environment in document.environments:
        names = [item["metadata"]["name"] for item in applications(document, environment, REPO)]
        assert sorted(names) == [
            f"{name}-{environment.name}"
            for name in (
                *("ai", "backend", "frontend", "kafka", "monitoring", "redis"),
                *(f"tenant-credentials-{number:02d}" for number in range(16)),
            )
        ]


def test_a_shard_of_tenants_references_is_an_application_of_its_own(document: CatalogDocument) -> None:
    staging = document.environment("staging")

    shard = applications(document, staging, REPO)[-1]

    assert shard["metadata"]["name"] == "tenant-credentials-15-staging"
    assert shard["metadata"]["labels"]["control-panel/component"] == "tenant-credentials"
    assert shard["metadata"]["labels"]["control-panel/shard"] == "15"
    assert shard["spec"]["source"]["path"] == "tenant-credentials/15"
    assert shard["spec"]["destination"]["namespace"] == "hub-staging"


def test_the_volume_that_mounts_the_shards_is_generated_and_kept_up_to_date(
    document: CatalogDocument, tmp_path: Path
) -> None:
    write_overlays(document, tmp_path)
    volume = tmp_path / "kubernetes/backend/base/tenant-credentials.yaml"
    volume.write_text(volume.read_text("utf-8").replace("tenant-credentials-15", "tenant-credentials-16"), "utf-8")

    assert stale_files(document, tmp_path) == ["kubernetes/backend/base/tenant-credentials.yaml"]
    write_overlays(document, tmp_path)
    assert "tenant-credentials-15" in volume.read_text("utf-8")


def test_an_application_follows_the_environments_branch_and_its_own_folder(document: CatalogDocument) -> None:
    production = document.environment("production")
    backend = next(
        item for item in applications(document, production, REPO) if item["metadata"]["name"] == "backend-production"
    )

    assert backend["spec"]["source"] == {
        "repoURL": REPO,
        "path": "backend",
        "targetRevision": "env/production",
        "directory": {"recurse": True},
    }
    assert backend["spec"]["destination"] == {"server": "https://kubernetes.default.svc", "namespace": "hub-production"}
    assert backend["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "control-panel"
    assert backend["metadata"]["labels"]["control-panel/environment"] == "production"
    assert backend["metadata"]["labels"]["control-panel/component"] == "backend"


def test_environments_that_share_a_project_write_the_same_project(document: CatalogDocument) -> None:
    staging, production = (app_project(document, environment, REPO) for environment in document.environments)

    assert staging == production
    namespaces = [destination["namespace"] for destination in staging["spec"]["destinations"]]
    assert namespaces == [
        "hub-production",
        "hub-production-monitoring",
        "hub-production-platform",
        "hub-staging",
        "hub-staging-monitoring",
        "hub-staging-platform",
    ]


def test_argo_cd_knows_every_field_that_is_generated(document: CatalogDocument) -> None:
    application_schema, project_schema = validator("argocd-application.yaml"), validator("argocd-appproject.yaml")
    for environment in document.environments:
        project = app_project(document, environment, REPO)
        assert [error.message for error in project_schema.iter_errors({**project, "metadata": {}})] == []
        for item in applications(document, environment, REPO):
            assert [error.message for error in application_schema.iter_errors({**item, "metadata": {}})] == []


def test_the_strict_schema_refuses_a_misspelt_field(document: CatalogDocument) -> None:
    item = applications(document, document.environments[0], REPO)[0]
    item["metadata"] = {}
    item["spec"]["source"]["targetRevison"] = "main"

    assert not validator("argocd-application.yaml").is_valid(item)


def test_no_real_address_and_no_token_is_committed(document: CatalogDocument) -> None:
    for text in render_overlays(document).values():
        assert "example.com" in text or "repoURL" not in text
        assert "argocd_token" not in text.lower()


def test_stale_missing_and_left_over_files_are_named_and_repaired(document: CatalogDocument, tmp_path: Path) -> None:
    write_overlays(document, tmp_path)
    overlay = tmp_path / "argo/overlays/staging"
    (overlay / "ai.yaml").unlink()
    (overlay / "redis.yaml").write_text("kind: Application\n", "utf-8")
    (overlay / "retired.yaml").write_text("", "utf-8")
    expected = [f"argo/overlays/staging/{name}.yaml" for name in ("ai", "redis", "retired")]

    assert stale_files(document, tmp_path) == expected
    assert write_overlays(document, tmp_path) == expected
    assert stale_files(document, tmp_path) == []


def test_the_command_fails_on_a_stale_overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "platform.yaml").write_text((ROOT / "platform.yaml").read_text("utf-8"), "utf-8")
    monkeypatch.chdir(tmp_path)

    assert main(["--check"]) == 1
    assert main([]) == 0
    assert main(["--check"]) == 0


def test_each_application_leads_back_to_its_page_in_the_panel(document: CatalogDocument) -> None:
    for item in applications(document, document.environments[0], REPO, "https://panel.example.com"):
        link = item["metadata"]["annotations"]["link.argocd.argoproj.io/control-panel"]
        assert link == f"https://panel.example.com/applications/{item['metadata']['name']}"


def test_the_automated_variant_differs_in_nothing_but_who_syncs(document: CatalogDocument) -> None:
    for environment in document.environments:
        manual = by_name(ROOT / f"argo/overlays/{environment.name}")
        automated = by_name(ROOT / f"argo/automated/overlays/{environment.name}")
        assert automated.keys() == manual.keys()
        for name, item in automated.items():
            if item["kind"] == "Application":
                policy = item["spec"]["syncPolicy"].pop("automated")
                assert policy == {"allowEmpty": False, "prune": True, "selfHeal": True}
            assert item == manual[name]


def by_name(overlay: Path) -> dict[str, Any]:
    items = yaml.load_all(built(overlay), Loader=yaml.CSafeLoader)
    return {f"{item['kind']} {item['metadata']['name']}": item for item in items}
