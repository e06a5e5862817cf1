"""The catalog document: what it says, the waves that follow from it, and how each mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlpanel.catalog.document import (
    CatalogError,
    ComponentSpec,
    application_name,
    namespace_of,
    parse,
    waves,
)

PLATFORM = Path(__file__).parents[2] / "platform.yaml"

SMALL = """\
version: 1
platform: {name: shop}
environments:
  staging:
    argocd: {project: shop, serverFrom: {env: ARGOCD_SERVER}, tokenFrom: {env: ARGOCD_TOKEN}}
    destination: {server: "https://kubernetes.default.svc", namespace: shop-staging}
    gates: [{name: lane-free}]
  production:
    after: staging
    argocd: {project: shop, serverFrom: {env: ARGOCD_SERVER}, tokenFrom: {env: ARGOCD_TOKEN}}
    destination: {server: "https://kubernetes.default.svc", namespace: shop-production}
components:
  api:
    path: kubernetes/api
    images: [api]
  web:
    path: kubernetes/web
    needs: [api]
    images: [web]
variables:
  DATABASE_URL: {scope: environment, secret: true}
"""


def specs(**needs: list[str]) -> list[ComponentSpec]:
    return [ComponentSpec(name, f"kubernetes/{name}", needs=tuple(wanted)) for name, wanted in needs.items()]


def test_the_reference_platform_has_two_environments_and_six_components() -> None:
    document = parse(PLATFORM.read_text("utf-8"), filename="platform.yaml")

    assert [environment.name for environment in document.environments] == ["staging", "production"]
    assert sorted(component.name for component in document.components) == [
        "ai",
        "backend",
        "frontend",
        "kafka",
        "monitoring",
        "redis",
    ]
    assert {component.path for component in document.components} == {
        "kubernetes/backend",
        "kubernetes/ai",
        "kubernetes/frontend",
        "kubernetes/monitoring",
        "kubernetes/platform/redis",
        "kubernetes/platform/kafka",
    }


def test_production_follows_staging_and_asks_for_its_name() -> None:
    document = parse(PLATFORM.read_text("utf-8"), filename="platform.yaml")

    staging, production = document.environments
    assert (staging.after, production.after) == (None, "staging")
    assert (staging.confirm_by_name, production.confirm_by_name) == (False, True)
    assert (staging.position, production.position) == (0, 1)
    assert (staging.branch, production.branch) == ("env/staging", "env/production")


def test_the_tenant_checklist_of_the_reference_platform_has_five_keys() -> None:
    document = parse(PLATFORM.read_text("utf-8"), filename="platform.yaml")

    assert len(document.variables) == 12
    assert sorted(variable.key for variable in document.variables if variable.checklist) == [
        "DOKTOR365_SECRET",
        "HUB_REGISTRY_URL",
        "ONLYCHANNEL_ACCOUNT_TOKEN",
        "PROMETHEUS_PUSHGATEWAY_URL",
        "TEMPO_ENDPOINT",
    ]
    assert sorted(variable.key for variable in document.variables if variable.secret) == [
        "DATABASE_URL",
        "DOKTOR365_SECRET",
        "ONLYCHANNEL_ACCOUNT_TOKEN",
        "REDIS_URL",
    ]


def test_what_is_not_written_has_a_default() -> None:
    document = parse(SMALL, filename="platform.yaml")

    web = document.component("web")
    assert (web.renderer, web.deadline_seconds, web.namespace, web.title) == ("kustomize", 900, "", "Web")
    assert document.environment("staging").branch == "env/staging"
    assert document.environment("staging").argocd.ca_file_from == "ARGOCD_CA_FILE"
    assert document.environment("staging").gates[0].line == 7
    assert document.platform.title == "shop"


def test_environments_stand_in_the_order_of_the_pipeline_however_they_are_written() -> None:
    text = SMALL.replace("  staging:\n", "  first:\n    after: production\n", 1).replace(
        "after: staging\n", "title: P\n"
    )

    document = parse(text, filename="platform.yaml")

    assert [(item.name, item.position) for item in document.environments] == [("production", 0), ("first", 1)]


def test_an_application_is_named_after_component_and_environment() -> None:
    assert application_name("backend", "production") == "backend-production"


def test_a_namespace_is_the_environments_with_the_components_part_behind_it() -> None:
    document = parse(PLATFORM.read_text("utf-8"), filename="platform.yaml")

    staging = document.environment("staging")
    assert namespace_of(document.component("backend"), staging) == "hub-staging"
    assert namespace_of(document.component("redis"), staging) == "hub-staging-platform"


@pytest.mark.parametrize(
    ("needs", "names", "expected"),
    [
        ({"a": [], "b": []}, None, (("a", "b"),)),
        ({"b": ["a"], "a": []}, None, (("a",), ("b",))),
        ({"c": ["a", "b"], "b": ["a"], "a": []}, None, (("a",), ("b",), ("c",))),
        ({"z": [], "d": ["z", "a"], "a": [], "b": ["z"]}, None, (("z", "a"), ("d", "b"))),
        ({"c": ["b"], "b": ["a"], "a": []}, {"a", "c"}, (("a",), ("c",))),
        ({"c": ["b"], "b": ["a"], "a": []}, set(), ()),
        ({}, None, ()),
    ],
)
def test_waves_follow_needs_and_keep_the_written_order(
    needs: dict[str, list[str]], names: set[str] | None, expected: tuple[tuple[str, ...], ...]
) -> None:
    assert waves(specs(**needs), names) == expected


def test_waves_of_a_circle_are_refused() -> None:
    with pytest.raises(CatalogError, match="circle"):
        waves(specs(a=["b"], b=["a"]))


def test_the_reference_platform_rolls_out_in_four_waves() -> None:
    document = parse(PLATFORM.read_text("utf-8"), filename="platform.yaml")

    assert waves(document.components) == (("monitoring", "redis", "kafka"), ("ai",), ("backend",), ("frontend",))


MISTAKES = [
    # name, text replaced, replacement, line, part of the cause, part of the remedy
    ("unknown key", "    path: kubernetes/api", "    paht: kubernetes/api", 14, "“paht” is not known in components.api", "“path”"),
    ("missing key", "    path: kubernetes/api\n", "", 13, "“path” is missing in components.api", "Add path"),
    ("unknown need", "needs: [api]", "needs: [apl]", 18, "“web” needs “apl”", "“api”"),
    ("need of itself", "needs: [api]", "needs: [web]", 18, "web → web", "Remove one"),
    ("circle", "    path: kubernetes/api\n", "    path: kubernetes/api\n    needs: [web]\n", 15, "api → web → api", "Remove one"),
    ("one path twice", "kubernetes/web", "kubernetes/api", 17, "“api” and “web” have the same path", "of its own"),
    ("path that leaves", "kubernetes/web", "../web", 17, "“../web”, which is not allowed", "without “..”"),
    ("path with dots inside", "kubernetes/web", "kubernetes/../web", 17, "kubernetes/../web", "without “..”"),
    ("absolute path", "kubernetes/web", "/etc/web", 17, "/etc/web", "folder of the platform repository"),
    ("after what is not there", "after: staging", "after: stagin", 9, "after “stagin”", "“staging”"),
    ("after itself", "after: staging", "after: production", 9, "production → production", "first"),
    ("shared namespace", "shop-production", "shop-staging", 11, "share cluster and namespace", "of its own"),
    ("shared branch", "    after: staging\n", "    after: staging\n    branch: env/staging\n", 10, "share the branch", "of its own"),
    ("renderer not known", "    images: [web]", "    renderer: kustomise\n    images: [web]", 19, "kustomise", "“kustomize”"),
    ("a chart without the cluster's version", "    images: [web]", "    renderer: helm\n    images: [web]", 6, "“staging” names no version of Kubernetes", "kubernetesVersion"),
    ("a version that is a number", "namespace: shop-staging}", "namespace: shop-staging, kubernetesVersion: 1.33}", 6, "is not text", "Write text"),
    ("a version that is none", "namespace: shop-staging}", "namespace: shop-staging, kubernetesVersion: latest}", 6, "“latest”, which is not allowed", "1.33.0"),
    ("how to render a chart that is none", "    images: [web]", "    helm: {releaseName: web}\n    images: [web]", 19, "is not rendered by helm", "renderer: helm"),
    ("values outside of the chart", "    images: [web]", "    renderer: helm\n    helm: {values: [../x.yaml]}\n    images: [web]", 20, "../x.yaml", "without “..”"),
    ("a post-renderer", "    images: [web]", "    renderer: helm\n    helm: {postRenderer: /bin/sh}\n    images: [web]", 20, "“postRenderer” is not known in components.web.helm", "releaseName"),
    ("a number without end", "    images: [web]", f"    deadlineSeconds: {'9' * 5000}\n    images: [web]", 19, "too large", "quotes"),
    ("a number that is none", "    images: [web]", "    deadlineSeconds: .nan\n    images: [web]", 19, "too large", "quotes"),
    ("gate twice", "[{name: lane-free}]", "[{name: lane-free}, {name: lane-free}]", 7, "stands twice", "Remove one"),
    ("gate with a strange key", "[{name: lane-free}]", "[{name: lane-free, hours: 2}]", 7, "“hours” is not known", "Known here"),
    ("duplicate key", "    images: [api]\n", "    images: [api]\n    images: [b]\n", 16, "“images” stands twice; the first is on line 15", "Remove one"),
    ("duplicate component", "  web:\n", "  api:\n", 16, "“api” stands twice", "Remove one"),
    ("alias", "images: [web]", "images: *names", 19, "alias “names”", "Write the value out"),
    ("anchor", "images: [web]", "images: &names [web]", 19, "alias “names”", "Write the value out"),
    ("a date", "images: [web]", "images: [2026-01-01]", 19, "kind “timestamp”", "quotes"),
    ("a foreign tag", "images: [web]", "images: !!python/tuple [web]", 19, "is not allowed", "quotes"),
    ("a number as key", "  web:\n", "  7:\n", 16, "“7” is not text", "quotes"),
    ("wrong type", "images: [web]", "images: web", 19, "components.web.images is not a list", "Write a list"),
    ("wrong version", "version: 1", "version: 2", 1, "version is not 1", "Write 1"),
    ("bad component name", "  web:\n", "  Web_App:\n", 16, "“Web_App”", "small letters"),
    ("bad variable name", "  DATABASE_URL:", "  database-url:", 21, "“database-url”", "capitals"),
    ("scope not known", "scope: environment", "scope: environmnt", 21, "environmnt", "“environment”"),
    ("literal instead of a name", "tokenFrom: {env: ARGOCD_TOKEN}", "tokenFrom: abc", 5, "tokenFrom is not a mapping", "Write a mapping"),
    ("variable name that is none", "serverFrom: {env: ARGOCD_SERVER}", "serverFrom: {env: 'https://a'}", 5, "https://a", "ARGOCD_TOKEN"),
    ("password in an address", "https://kubernetes.default.svc", "https://u:p@cluster", 6, "not allowed", "without user or password"),
    ("password in a default", "secret: true}", "secret: true, default: 'redis://u:p@r'}", 21, "looks like a password", "without user"),
    ("deadline too short", "    images: [web]", "    deadlineSeconds: 1\n    images: [web]", 19, "deadlineSeconds", "schema"),
    ("broken indentation", "  web:\n", " web:\n", 16, "cannot be read", "Indent with spaces"),
    ("a second document", "variables:", "---\nvariables:", 20, "second YAML document", "one document"),
    ("a control character", "name: shop", "name: \x01shop", 1, "not YAML", "control characters"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "cause", "remedy"), [case[1:] for case in MISTAKES], ids=[case[0] for case in MISTAKES]
)
def test_a_mistake_is_told_with_line_cause_and_remedy(old: str, new: str, line: int, cause: str, remedy: str) -> None:
    assert old in SMALL
    with pytest.raises(CatalogError) as raised:
        parse(SMALL.replace(old, new, 1), filename="platform.yaml")

    problem = next((item for item in raised.value.problems if cause in item.cause), raised.value.problems[0])
    assert cause in problem.cause
    assert (problem.file, problem.line) == ("platform.yaml", line)
    assert remedy in problem.remedy


def test_all_mistakes_are_told_at_once_in_the_order_of_the_lines() -> None:
    text = SMALL.replace("path: kubernetes/api", "paht: x").replace("scope: environment", "scope: all")

    with pytest.raises(CatalogError) as raised:
        parse(text, filename="platform.yaml")

    assert [problem.line for problem in raised.value.problems] == [13, 14, 21]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("[]", "not a mapping"),
        ("[" * 60 + "]" * 60, "nested more than 50 deep"),
        ("{a: " * 100_000, "nested more than 50 deep"),
        ("a: " + "x" * 1_000_001, "1,000,000 is the most"),
        ("\ud800", "not YAML"),
    ],
    ids=["empty", "only a comment", "a list", "deep", "very deep", "large", "surrogate"],
)
def test_a_text_that_cannot_be_a_catalog_is_refused(text: str, cause: str) -> None:
    with pytest.raises(CatalogError) as raised:
        parse(text, filename="platform.yaml")

    assert cause in raised.value.problems[0].cause
    assert raised.value.problems[0].line == 1


def test_the_usual_place_of_a_tenants_secret_is_filled_in_by_its_names() -> None:
    reference = 'reference: {store: "{environment}", remoteKey: "{tenant}/{environment}/hmac"}'
    text = SMALL + f"  HMAC: {{scope: tenant, secret: true, {reference}}}\n"

    found = {one.key: one.reference_for("nova", "staging") for one in parse(text, filename="platform.yaml").variables}

    assert found == {"DATABASE_URL": {}, "HMAC": {"store": "staging", "remoteKey": "nova/staging/hmac"}}


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        ("scope: environment, reference: {value: x}", "the same for all tenants"),
        ("scope: tenant, secret: true, reference: {value: x}", "is no place"),
        ("scope: tenant, secret: true, reference: {store: vault}", "is no place"),
        ("scope: tenant, reference: {store: vault, remoteKey: x}", "lies in no store"),
        ('scope: tenant, reference: {value: "{slug}"}', "platform.yaml:22"),
    ],
)
def test_a_reference_that_does_not_fit_its_variable_is_told(spec: str, cause: str) -> None:
    with pytest.raises(CatalogError) as refused:
        parse(f"{SMALL}  KEY: {{{spec}}}\n", filename="platform.yaml")

    assert cause in str(refused.value)
