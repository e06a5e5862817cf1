"""Which requests go to Django in threads, and that both ways answer alike."""

from __future__ import annotations

from typing import Any

import pytest

from controlpanel.core.bridge import Bridge, is_plain_read


def scope(method: str = "GET", path: str = "/", query: bytes = b"", *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "query_string": query, "headers": [*headers]}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (scope(), True),
        (scope("HEAD", "/promotions/12"), True),
        (scope("GET", "/tenants", b"q=%C3%A7", (b"hx-request", b"true")), True),
        (scope("GET", "/tenants", "q=ç".encode()), False),
        (scope("POST", "/logout"), False),
        (scope("GET", "/api/v1/promotions"), False),
        (scope("GET", "/events", b"topics=releases"), False),
        (scope("GET", "/audit/export", b"format=csv"), False),
        (scope("GET", "/audit", b"action=promotion"), True),
        (scope("GET", "/static/panel/live.js"), False),
        (scope("GET", "/readyz"), False),
        (scope("GET", "/", b"", (b"content-length", b"12")), False),
        (scope("GET", "/", b"", (b"transfer-encoding", b"chunked")), False),
        (scope("GET", "/", b"", (b"x_forwarded_for", b"10.0.0.1")), False),
        ({"type": "lifespan"}, False),
    ],
    ids=lambda value: (
        f"{value.get('method', '')} {value.get('path', value['type'])}" if isinstance(value, dict) else ""
    ),
)
async def test_only_a_plain_read_of_a_page_goes_to_a_thread(asked: dict[str, Any], expected: bool) -> None:
    taken: list[str] = []

    def note(name: str) -> Any:
        async def application(_: Any, receive: Any, send: Any) -> None:
            taken.append(name)

        return application

    assert is_plain_read(asked) is expected
    await Bridge(note("threads"), note("asynchronous"))(asked, None, None)  # type: ignore[arg-type]
    assert taken == ["threads" if expected else "asynchronous"]
