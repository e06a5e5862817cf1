"""Credentials of many kinds, drawn anew in each run, so that the repository holds none that looks real."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass

ALPHANUMERIC = string.ascii_letters + string.digits
HEXADECIMAL = "0123456789abcdef"
URL_SAFE = f"{ALPHANUMERIC}-_"


@dataclass(frozen=True)
class Credential:
    """`value` is a credential of a `kind`; `field` is the variable that would hold it."""

    kind: str
    field: str
    value: str


Draw = Callable[[random.Random], str]


def _of(characters: str, length: int) -> Draw:
    return lambda chance: "".join(chance.choices(characters, k=length))


def _after(prefix: str, draw: Draw) -> Draw:
    return lambda chance: prefix + draw(chance)


def _joined(separator: str, *draws: Draw) -> Draw:
    return lambda chance: separator.join(draw(chance) for draw in draws)


def _mixed(length: int) -> Draw:
    """Letters and digits of which a machine drew every one; a draw without either kind is drawn again."""

    def draw(chance: random.Random) -> str:
        while True:
            drawn = "".join(chance.choices(ALPHANUMERIC, k=length))
            if sum(map(str.isdigit, drawn)) > 2 and any(map(str.isupper, drawn)) and any(map(str.islower, drawn)):
                return drawn

    return draw


def _web_token(chance: random.Random) -> str:
    head, claims = ({"alg": "HS256", "typ": "JWT"}, {"sub": "panel:apiKey", "jti": _of(HEXADECIMAL, 12)(chance)})
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (head, claims))
    return f"{'.'.join(parts)}.{_of(URL_SAFE, 43)(chance)}"


def _private_key(chance: random.Random) -> str:
    lines = "\n".join(_of(f"{ALPHANUMERIC}+/", 64)(chance) for _ in range(3))
    name = chance.choice(["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY"])
    return f"-----BEGIN {name}-----\n{lines}\n-----END {name}-----"


KINDS: dict[str, tuple[str, Draw]] = {
    "OnlyChannel": (
        "ONLYCHANNEL_ACCOUNT_TOKEN",
        _after("ak_", _joined("_", _of(HEXADECIMAL, 32), _of(HEXADECIMAL, 8))),
    ),
    "HMAC secret": ("DOKTOR365_SECRET", _of(HEXADECIMAL, 64)),
    "password": ("DATABASE_PASSWORD", _mixed(24)),
    "database address": ("DATABASE_URL", _after("postgresql://hub:", lambda c: f"{_mixed(20)(c)}@db.example.com:5432/hub")),
    "Redis address": ("REDIS_URL", _after("rediss://default:", lambda c: f"{_mixed(20)(c)}@redis:6379/0")),
    "AWS access key": ("AWS_ACCESS_KEY_ID", _after("AKIA", _of(string.ascii_uppercase + string.digits, 16))),
    "AWS secret key": ("AWS_SECRET_ACCESS_KEY", _mixed(40)),
    "GitHub": ("GITHUB_TOKEN", _after("ghp_", _of(ALPHANUMERIC, 36))),
    "fine-grained GitHub": ("GH_TOKEN", _after("github_pat_", _of(ALPHANUMERIC, 82))),
    "GitLab": ("GITLAB_TOKEN", _after("glpat-", _of(ALPHANUMERIC, 20))),
    "Slack": ("SLACK_TOKEN", _after("xoxb-", _joined("-", _of(string.digits, 12), _of(ALPHANUMERIC, 24)))),
    "Stripe": ("STRIPE_SECRET_KEY", _after("sk_live_", _of(ALPHANUMERIC, 24))),
    "Google": ("GOOGLE_API_KEY", _after("AIza", _of(URL_SAFE, 35))),
    "npm": ("NPM_TOKEN", _after("npm_", _of(ALPHANUMERIC, 36))),
    "JSON Web Token": ("ARGOCD_TOKEN", _web_token),
    "private key": ("SIGNING_KEY", _private_key),
    "control panel": ("PANEL_TOKEN", _after("cp_", _of(URL_SAFE, 43))),
}  # fmt: skip


def drawn(seed: int, count: int = 50) -> list[Credential]:
    """That many credentials, every kind in turn; the same ones for the same seed."""
    chance = random.Random(seed)
    kinds = list(KINDS.items())
    return [
        Credential(kind, field, draw(chance))
        for kind, (field, draw) in (kinds[index % len(kinds)] for index in range(count))
    ]
