"""Git's smart HTTP for tests: `git http-backend` behind a small threaded server on a free port of this machine.

    with GitHTTPServer(root, username="panel", password="…") as server:
        server.url("deploy.git")

Every bare repository below `root` is served, reading and pushing. `interrupt` may change or cut an answer.
With `certificate` (see `certificates.py`) it speaks https.
"""

from __future__ import annotations

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.clients.certificates import Certificate

Interrupt = Callable[[str, str], str]
"""From method and path to what shall happen: "" (answer), "drop" (do the work, close without an answer), "503", "redirect <URL>"."""


class GitHTTPServer:
    def __init__(
        self, root: Path, *, username: str = "", password: str = "", certificate: Certificate | None = None
    ) -> None:
        self.root = root
        self.credentials = f"{username}:{password}" if password else ""
        self.interrupt: Interrupt = lambda method, path: ""
        self.speaks_version_2 = True
        self.requests: list[tuple[str, str]] = []
        self.authorizations: list[str] = []
        self._scheme = "https" if certificate else "http"
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.file, certificate.key)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def url(self, name: str) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/{name}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> bytes:
        """What `git http-backend` says: CGI headers, an empty line, the body."""
        parts = urlsplit(target)
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.receivepack",
            "GIT_CONFIG_VALUE_0": "true",
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": method,
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": headers.get("Git-Protocol", "") if self.speaks_version_2 else "",
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "test",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
        return done.stdout


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that do not like the certificate hang up; that is what they are tested for."""


def _handler(owner: GitHTTPServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve(b"")

        def do_POST(self) -> None:
            self._serve(self._body())

        def log_message(self, *_: object) -> None:
            pass

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _serve(self, body: bytes) -> None:
            owner.requests.append((self.command, self.path))
            owner.authorizations.append(self.headers.get("Authorization", ""))
            if not self._is_known():
                self._send(401, [("WWW-Authenticate", 'Basic realm="git"')], b"no\n")
                return
            fault = owner.interrupt(self.command, self.path)
            if fault == "503" or fault.startswith("redirect"):
                self._send(503 if fault == "503" else 302, [("Location", fault.removeprefix("redirect "))], b"")
                return
            head, _, content = owner.answer(self.command, self.path, self.headers, body).partition(b"\r\n\r\n")
            if fault == "drop":
                self.close_connection = True
                return
            fields = [tuple(line.split(": ", 1)) for line in head.decode().splitlines() if ": " in line]
            status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
            self._send(status, [(name, value) for name, value in fields if name != "Status"], content)

        def _is_known(self) -> bool:
            wanted = f"Basic {base64.b64encode(owner.credentials.encode()).decode()}"
            return not owner.credentials or self.headers.get("Authorization") == wanted

        def _send(self, status: int, fields: list[tuple[str, str]], content: bytes) -> None:
            self.send_response(status)
            for name, value in fields:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
