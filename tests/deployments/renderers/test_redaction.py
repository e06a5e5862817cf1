"""Lines of logs: what looks like a secret is hidden, in a time that grows with the line alone."""

from __future__ import annotations

import time

import pytest

from controlpanel.catalog.yaml_text import canonical
from deployments.renderers.redaction import readable, without_secrets
from tests.credentials import drawn

LENGTH = 60_000
JWT = "eyJhbGciOiJI.eyJzdWIiOiIx.abc"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"got {JWT}", "got (hidden)"),
        (f"x-{JWT}", "x-(hidden)"),
        ("my.db-password: hunter22", "my.db-password: (hidden)"),
        ("API_TOKEN='abcdef'", "API_TOKEN='(hidden)'"),
        ('{"secret":"abcdef","a":1}', '{"secret":"(hidden)","a":1}'),
        ("to https://user:word@host/x", "to https://(hidden)@host/x"),
        ("Authorization: Bearer abcdefgh.i", "Authorization: Bearer (hidden)"),
        ("SMTP_PASS=abcdef", "SMTP_PASS=(hidden)"),
        ("hmac: abcdef, pepper=ghijkl", "hmac: (hidden), pepper=(hidden)"),
        ("secret=token=abcdef", "secret=(hidden)"),
        ("listening on 8080", "listening on 8080"),
        ("token_count=12345 password-policy: strict", "token_count=12345 password-policy: strict"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(line: str, shown: str) -> None:
    assert without_secrets(line) == shown


@pytest.mark.parametrize(
    "unit",
    ["a", "token", "token.", "eyJ-", "eyJaaaaaaaa.", "-----BEGIN ", "://a:", "://token:", "token ", "bearer "],
)
def test_a_line_without_end_takes_no_longer_than_its_length(unit: str) -> None:
    # Four times the line: about four times as long where it is read once, sixteen times where it is read again and again.
    assert seconds(unit, LENGTH) < 10 * max(seconds(unit, LENGTH // 4), 0.01)


def seconds(unit: str, length: int) -> float:
    """Processor time, the least of three, of a line of so many characters."""
    line, times = unit * (length // len(unit)), []
    for _ in range(3):
        began = time.process_time()
        without_secrets(line)
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize(
    ("name", "is_shown"),
    [
        ("SMTP_PASS", False), ("WEBHOOK_HMAC", False), ("DB_PWD", False), ("credentials.json", False), ("tls.key", False),
        ("TOKEN_URL", True), ("PASSWORD_FILE", True), ("max_tokens", True), ("GREETING", True),
    ],
)  # fmt: skip
def test_a_difference_hides_what_the_detector_of_credentials_would_refuse_by_its_name(
    name: str, is_shown: bool
) -> None:
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {name: "hunter22"}}
    before, after = readable(None, canonical(item))
    assert before == ""
    assert ("hunter22" in after) == is_shown
    assert ("(hidden, after)" in after) != is_shown


def drawn_of(kind: str, seed: int) -> str:
    return next(one.value for one in drawn(seed) if one.kind == kind)


def _planted(secret: str) -> list[dict[str, object]]:
    """Objects as they may live, where nobody's detector stood in the way."""
    pod = {"containers": [{"name": "a", "args": ["--requirepass", secret, f"--token={secret}", "--port", "6379"]}]}
    return [
        {"kind": "Deployment", "metadata": {"name": "a"}, "spec": {"template": {"spec": pod}}},
        {"kind": "Redis", "metadata": {"name": "a"}, "spec": {"auth": {"password": secret}, "port": 6379}},
        {"kind": "Service", "metadata": {"name": "a", "annotations": {"note": f"password={secret}", "port": "6379"}}},
        {"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"redis.conf": f"port 6379\nrequirepass {secret}\n"}},
        {
            "kind": "ConfigMap",
            "metadata": {"name": "a"},
            "data": {"app.yaml": f"port: 6379\ndb:\n  password: {secret}\n"},
        },
        {"kind": "ManifestWork", "spec": {"manifests": [{"kind": "Secret", "data": {"k": secret}}], "port": 6379}},
        {"kind": "List", "items": [{"kind": "Redis", "spec": {"password": secret, "port": 6379}}]},
    ]


@pytest.mark.parametrize("place", range(7))
def test_what_git_would_refuse_is_hidden_where_it_lives_and_the_rest_stays_readable(place: int) -> None:
    then, now = drawn_of("password", 1), drawn_of("password", 2)
    live, other = (canonical(_planted(secret)[place]) for secret in (then, now))
    before, after = readable(live, other)
    for secret, side in ((then, before), (now, after)):
        assert secret not in side
        assert "6379" in side
    assert "(hidden, before)" in before
    assert "(hidden, after)" in after
    assert "(hidden, " not in readable(live, live)[0]


def test_values_of_a_secret_inside_of_another_object_are_hidden_whatever_they_look_like() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "b"}, "data": {"k": "aGVsbG8="}, "stringData": {"pin": "482911"}}
    _, shown = readable(None, canonical({"kind": "ManifestWork", "spec": {"manifests": [secret]}}))
    assert "aGVsbG8" not in shown and "482911" not in shown and "name: b" in shown


def test_of_a_private_key_nothing_is_left() -> None:
    key = drawn_of("private key", 1)
    shown = readable(None, canonical({"kind": "ConfigMap", "data": {"note": f"before\n{key}\nafter"}}))[1]
    assert not any(line in shown for line in key.splitlines())
    assert "(hidden" in shown
