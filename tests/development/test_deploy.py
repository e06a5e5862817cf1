"""`script/deploy` reads its command line strictly and speaks to one panel only; the whole way is in tests/docs/."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from script.development import deploy, panel_api
from script.development.panel_api import Away, NotNamed, Panel, Refused

DIGEST = "sha256:" + "0" * 64


class Scripted(http.server.BaseHTTPRequestHandler):
    """Answers what `answers` says next: a status and a body; notes each request's path and key."""

    answers: list[tuple[int, str]]
    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Idempotency-Key")))
        status, body = self.answers.pop(0)
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Panel]:
    monkeypatch.setattr(panel_api, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(panel_api, "PATIENCE_SECONDS", 0.5)
    Scripted.answers, Scripted.asked = [], []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Panel(f"http://127.0.0.1:{server.server_port}/", "not-a-real-one")
        server.shutdown()


def test_a_panel_that_is_away_for_a_moment_is_asked_again_with_the_same_key(panel: Panel) -> None:
    Scripted.answers = [(503, "<html>"), (200, '{"number": 7}')]

    assert panel.post("promotions", {}, key="once") == {"number": 7}
    assert Scripted.asked == [("/api/v1/promotions", "once")] * 2


def test_one_that_stays_away_is_given_up(panel: Panel) -> None:
    Scripted.answers = [(502, "")] * 200

    with pytest.raises(Away, match="did not answer for 0 s: it answered 502"):
        panel.get("releases")


def test_a_refusal_is_the_panels_own_sentence_and_remedy(panel: Panel) -> None:
    Scripted.answers = [(409, json.dumps({"detail": "A gate blocks.", "remedy": "Wait.", "gates": []}))]

    with pytest.raises(Refused, match=r"A gate blocks\. Wait\."):
        panel.get("promotions/1")


@pytest.mark.parametrize(("status", "body"), [(302, ""), (404, "<html>not here</html>")])
def test_who_is_no_panel_gets_the_token_once_and_is_not_followed(panel: Panel, status: int, body: str) -> None:
    Scripted.answers = [(status, body)]

    with pytest.raises(Refused, match=f"The panel answered {status}"):
        panel.get("releases")
    assert len(Scripted.asked) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["staging"], "RELEASE"),
        (["staging", "1", "--commit", "abc"], "no full SHA"),
        (["staging", "1", "--image", f"ai=x@{DIGEST}"], "say --commit"),
        (["staging", "1", "--commit", "0" * 40, "--image", "ai=x:latest"], "by digest"),
    ],
)
def test_a_wrong_call_is_refused(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        deploy.parsed(arguments)

    assert ended.value.code == deploy.WRONG_CALL
    assert said in capsys.readouterr().err


def test_images_are_read_by_their_key() -> None:
    options = deploy.parsed(["staging", "1", "--commit", "0" * 40, "--image", f"ai=ghcr.io/x/ai@{DIGEST}"])

    assert options.images == {"ai": f"ghcr.io/x/ai@{DIGEST}"}


@pytest.mark.parametrize(("url", "token"), [("", "t"), ("panel.example.com", "t"), ("https://panel.example.com", "")])
def test_without_a_panel_or_a_token_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, url: str, token: str) -> None:
    monkeypatch.setenv("PANEL_URL", url)
    monkeypatch.setenv("PANEL_TOKEN", token)

    with pytest.raises(NotNamed):
        Panel.of_environment()
