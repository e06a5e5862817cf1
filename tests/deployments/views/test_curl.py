""" "Copy as curl": every command of a template asks for what the API has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.template import Context, Engine
from django.utils.text import smart_split

from controlpanel.api import api

TEMPLATES = Path(__file__).parents[3] / "templates"
TAG = re.compile(r"{% as_curl (.*?) %}")
FOUND = sorted(
    {
        (str(path.relative_to(TEMPLATES)), tag)
        for path in TEMPLATES.rglob("*.html")
        for tag in TAG.findall(path.read_text())
    }
)
OPTIONS = ("method", "small")


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The API by its own description."""
    return api.get_openapi_schema(path_prefix="/api/v1/")


def asked(tag: str) -> tuple[str, str, str, set[str]]:
    """Method, path, query and members of the body, with an x for each variable but the act of an item."""
    words = list(smart_split(tag))
    path = "".join(word[1:-1] if word[0] in "\"'" else "x" for word in words if not re.match(r"\w+=", word))
    named = dict(word.split("=", 1) for word in words if re.match(r"\w+=", word))
    url = urlsplit(path)
    return named.get("method", '"post"').strip('"').lower(), url.path, url.query, set(named) - set(OPTIONS)


@pytest.mark.parametrize(("template", "tag"), FOUND)
def test_a_command_asks_for_what_the_api_has(described: dict[str, Any], template: str, tag: str) -> None:
    method, path, query, members = asked(tag)
    fits = [one for one in described["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", one), path)]
    operations = [described["paths"][one][method] for one in fits if method in described["paths"][one]]
    assert operations, f"{template}: {method} {path}"
    schemas = [_schema(described, one) for one in operations]
    assert any(members <= set(one.get("properties", {})) and set(one.get("required", ())) <= members for one in schemas)
    parameters = {one["name"] for operation in operations for one in operation.get("parameters", ())}
    assert set(parse_qs(query)) <= parameters


def _schema(described: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = next((one["$ref"] for one in (body, *body.get("anyOf", ()), *body.get("allOf", ())) if "$ref" in one), "")
    found: dict[str, Any] = described["components"]["schemas"][name.rpartition("/")[2]] if name else {}
    return found


def test_every_kind_of_form_that_the_api_has_offers_its_command() -> None:
    pages = {template for template, _ in FOUND}
    assert pages >= {
        "deployments/promote.html", "deployments/freezes.html", "deployments/release.html", "deployments/promotion.html",
        "tenants/tenant.html", "tenants/edit.html", "tenants/onboarding.html", "tenants/reference_fields.html",
    }  # fmt: skip


def test_a_command_holds_the_place_of_the_token_and_quotes_what_it_names() -> None:
    text = '{% as_curl "/api/v1/tenants/" slug "/check?environment=" environment %}'
    engine = Engine(
        dirs=[str(TEMPLATES)],
        builtins=["controlpanel.core.templatetags.panel"],
        libraries={"static": "django.templatetags.static"},
    )
    html = engine.from_string(text).render(Context({"slug": "a b'c", "environment": "staging"}))
    assert "/api/v1/tenants/a%20b%27c/check?environment=staging" in html
    assert "$CONTROL_PANEL_TOKEN" in html
