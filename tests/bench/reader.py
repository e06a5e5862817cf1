"""A browser without a screen: listens to a stream, and reads its part of the page again when it is told of a change."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field

HOST = "127.0.0.1"
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Reader:
    """One person's tab. Speaks HTTP by hand: two hundred of them must cost less than what they measure."""

    port: int
    cookie: str
    address: str
    part: str
    topic: str
    marks: dict[str, asyncio.Future[float]] = field(default_factory=dict)
    stream: Connection | None = None
    asking: Connection | None = None
    listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the stream and a connection to ask through."""
        self.stream = await asyncio.open_connection(HOST, self.port)
        self.asking = await asyncio.open_connection(HOST, self.port)
        await self._send(self.stream, f"/events?topics={self.topic}", "Accept: text/event-stream\r\n")
        await self.stream[0].readuntil(b"\r\n\r\n")
        self.listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """End both."""
        if self.listening is not None:
            self.listening.cancel()
        for connection in (self.stream, self.asking):
            if connection is not None:
                connection[1].close()

    async def shows(self, mark: str) -> float:
        """When (monotonic seconds) the part of the page holds this text."""
        self.marks[mark] = asyncio.get_running_loop().create_future()
        return await self.marks[mark]

    async def _listen(self) -> None:
        assert self.stream is not None
        while line := await self.stream[0].readline():
            if line.startswith(b"data: "):
                await self._read(json.loads(line[6:]).get("sequence", 0))

    async def _read(self, sequence: int) -> None:
        told = f"Live-Sequence: {sequence}\r\n" if sequence else ""
        headers = f"HX-Request: true\r\nHX-Target: {self.part}\r\n{told}"
        try:
            body = await self._asked(headers)
        except (asyncio.IncompleteReadError, ConnectionError):  # the server closed it while nothing was asked for
            self.asking = await asyncio.open_connection(HOST, self.port)
            body = await self._asked(headers)
        for mark, shown in self.marks.items():
            if not shown.done() and mark.encode() in body:
                shown.set_result(time.monotonic())

    async def _asked(self, headers: str) -> bytes:
        assert self.asking is not None
        await self._send(self.asking, self.address, headers)
        head = await self.asking[0].readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await self.asking[0].readexactly(length)

    async def _send(self, connection: Connection, address: str, headers: str) -> None:
        request = f"GET {address} HTTP/1.1\r\nHost: localhost\r\nCookie: {self.cookie}\r\n{headers}\r\n"
        connection[1].write(request.encode())
        await connection[1].drain()
