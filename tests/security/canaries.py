"""Values that look like secrets, made up at test time so that none lies in the repository."""

from __future__ import annotations

import base64
import json
import random
import string
import urllib.parse
from collections.abc import Callable

HEXADECIMAL, WORDS = "0123456789abcdef", string.ascii_letters + string.digits


def _drawn(draw: random.Random, alphabet: str, count: int) -> str:
    return "".join(draw.choices(alphabet, k=count))


def _token(draw: random.Random) -> str:
    return f"ak_{_drawn(draw, HEXADECIMAL, 32)}_{_drawn(draw, HEXADECIMAL, 8)}"


def _jwt(draw: random.Random) -> str:
    def part(content: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    claims = {"sub": "tenant", "jti": _drawn(draw, WORDS, 20)}
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.{_drawn(draw, WORDS, 43)}"


def _key(draw: random.Random) -> str:
    name = "PRIVATE" + " KEY"
    return f"-----BEGIN {name}-----\n{_drawn(draw, WORDS, 64)}\n{_drawn(draw, WORDS, 40)}\n-----END {name}-----"


def _address(draw: random.Random) -> str:
    return f"https://hub:{_drawn(draw, WORDS, 20)}@doktor365.example.test/api"


def _forge(draw: random.Random) -> str:
    return "gh" + f"p_{_drawn(draw, WORDS, 36)}"


def _cloud(draw: random.Random) -> str:
    return "AK" + f"IA{_drawn(draw, string.ascii_uppercase + string.digits, 16)}"


SHAPES: tuple[Callable[[random.Random], str], ...] = (_token, _jwt, _key, _address, _forge, _cloud)


def canaries(count: int, seed: int = 20261130) -> list[str]:
    """So many, of every shape in turn; equal seeds give equal ones."""
    draw = random.Random(seed)
    return [SHAPES[number % len(SHAPES)](draw) for number in range(count)]


def traces(canary: str) -> list[str]:
    """What would give it away: its longest run, as it is, in base64, in an address. A private key is known by its lines."""
    core = max(canary.replace("-----", "\n").split("\n"), key=len)
    if "@" in core:
        core = core.split(":")[2].split("@")[0]
    return sorted({core, base64.b64encode(canary.encode()).decode()[:40], urllib.parse.quote(core)})
