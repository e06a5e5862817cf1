"""Receivers that are really there: an HTTP server and an SMTP server on this machine, which keep what they were given."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Posted:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Inbox:
    """What came, and how the next ones are answered (200 unless said)."""

    address: str = ""
    port: int = 0
    posted: list[Posted] = field(default_factory=list)
    mails: list[Message] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The ids under which requests came."""
        return [one.headers["webhook-id"] for one in self.posted]


@contextmanager
def http_receiver() -> Iterator[Inbox]:
    """Takes every POST."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            inbox.posted.append(Posted(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status, headers = inbox.answers.pop(0) if inbox.answers else (200, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "9")
            self.end_headers()
            self.wfile.write(b"said: no.")

        def log_message(self, format: str, *values: Any) -> None:
            """Tests read what is kept."""

    with _served(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        inbox.address, inbox.port = f"http://127.0.0.1:{port}", port
        yield inbox


@contextmanager
def smtp_receiver() -> Iterator[Inbox]:
    """Takes every mail."""
    inbox = Inbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 here")
            while line := self.rfile.readline():
                word = line.strip().upper()[:4].decode()
                if word == "DATA":
                    self._say("354 go on")
                    inbox.mails.append(message_from_bytes(self._data()))
                self._say("221 bye" if word == "QUIT" else "250 ok")
                if word == "QUIT":
                    return

        def _data(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            return b"".join(lines)

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
        daemon_threads = True

    with _served(Server(("127.0.0.1", 0), Handler)) as port:
        inbox.address, inbox.port = f"127.0.0.1:{port}", port
        yield inbox


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[misc]
    finally:
        server.shutdown()
        server.server_close()
