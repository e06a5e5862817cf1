"""Ask a program that was just started whether it answers."""

from __future__ import annotations

import asyncio
import json
from urllib.request import Request, urlopen


async def answers_http(port: int, path: str) -> bool:
    """Whether a GET of this path on the loopback address answers 200."""
    first = await _first_line(port, f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")
    return first.split(" ")[1:2] == ["200"]


async def answers_valkey(port: int) -> bool:
    """Whether a Valkey answers on this port; its refusal of a client without a password is an answer."""
    return (await _first_line(port, "PING\r\n")).startswith(("-NOAUTH", "+PONG"))


async def set_sandbox_speed(address: str, speed: float) -> None:
    """Tell the sandbox how much faster than real time its cluster moves."""
    body = json.dumps({"speed": speed}).encode()
    headers = {"Content-Type": "application/json"}
    request = Request(f"{address}/sandbox/settings", body, headers, method="PUT")  # noqa: S310  # our own http address
    await asyncio.to_thread(lambda: urlopen(request, timeout=10).close())  # noqa: S310


async def _first_line(port: int, text: str) -> str:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return ""
    try:
        writer.write(text.encode())
        return (await asyncio.wait_for(reader.readline(), 5)).decode("latin-1")
    except (OSError, TimeoutError):
        return ""
    finally:
        writer.close()
