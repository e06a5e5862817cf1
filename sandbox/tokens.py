"""JSON Web Tokens (HS256) and the three kinds of subjects: login sessions, accounts' API keys, project roles."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass

from sandbox.clock import Clock
from sandbox.documents import Document, look
from sandbox.envelope import UNAUTHENTICATED, ApiError
from sandbox.store import Store

SESSION_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Subject:
    """Who asks: `username` as Argo CD reports it, `issued_at` in epoch seconds, the policies that bind it."""

    username: str
    issued_at: int
    policies: tuple[str, ...]
    project: str | None = None
    """The project of a project role, None for accounts."""


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sign(claims: Document, key: bytes) -> str:
    """The token that carries these claims."""
    head = _encode(b'{"alg":"HS256","typ":"JWT"}')
    body = _encode(json.dumps(claims, separators=(",", ":")).encode())
    mac = hmac.new(key, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{_encode(mac)}"


def invalid(reason: str) -> ApiError:
    """The refusal of a token that was given and is no good."""
    return ApiError(UNAUTHENTICATED, f"invalid session: {reason}")


def read_claims(token: str, key: bytes, now: float) -> Document:
    """The claims of a token whose signature and expiry hold; else ApiError 401."""
    head, body, mac = token.split(".")
    try:
        claims = json.loads(_decode(body))
        given = _decode(mac)
    except ValueError as error:
        raise invalid(f"token is malformed: {error}") from error
    expected = hmac.new(key, f"{head}.{body}".encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(given, expected):
        raise invalid("token signature is invalid: signature is invalid")
    if not isinstance(claims, dict) or (claims.get("exp") and claims["exp"] <= now):
        raise invalid("token has invalid claims: token is expired")
    return claims


class Tokens:
    """Gives out tokens and tells whose token one is."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self._key = store.signing_key()

    def issue(self, subject: str, seconds: int, identifier: str = "") -> tuple[str, Document]:
        """A token and the record {iat, exp?, id} to keep of it; 0 seconds never expire."""
        now = int(self.clock.epoch())
        record: Document = {"iat": now, "id": identifier or str(uuid.uuid4())}
        if seconds:
            record["exp"] = now + seconds
        claims = {"iss": "argocd", "sub": subject, "nbf": now, "iat": now, "jti": record["id"]}
        if seconds:
            claims["exp"] = now + seconds
        return sign(claims, self._key), record

    def subject(self, token: str) -> Subject:
        """Whose token it is; ApiError 401 for one that is bad, expired or revoked."""
        claims = read_claims(token, self._key, self.clock.epoch())
        sub = str(claims.get("sub", ""))
        if sub.startswith("proj:"):
            return self._project_role(sub, claims)
        name, _, capability = sub.partition(":")
        if (name, capability) == ("admin", "login"):
            if self.store.get("setting", f"revoked/{claims.get('jti')}"):
                raise invalid("token is revoked, please re-login")
            return Subject("admin", claims["iat"], ("p, admin, *, *, *, allow",))
        return self._account(name, claims)

    def identifier(self, token: str) -> str:
        """The id (`jti`) of a good token."""
        return str(read_claims(token, self._key, self.clock.epoch()).get("jti", ""))

    def _project_role(self, sub: str, claims: Document) -> Subject:
        _, project, role = sub.split(":", 2)
        found = self.store.get("project", project)
        records = look(found, "status", "jwtTokensByRole", role, "items", default=[])
        known = any(record.get("id") == claims.get("jti") for record in records)
        if not known:
            raise invalid(
                f"JWT token for role '{role}' issued at '{claims.get('iat')}' does not exist in project '{project}'"
            )
        roles = look(found, "spec", "roles", default=[])
        policies: list[str] = next((item.get("policies", []) for item in roles if item.get("name") == role), [])
        return Subject(sub, claims["iat"], tuple(policies), project)

    def _account(self, name: str, claims: Document) -> Subject:
        # Read from the file: the command line makes accounts and tokens while the server runs.
        account = self.store.read_all("account").get(name)
        if account is None:
            raise invalid(f"account '{name}' does not exist")
        if not account.get("enabled", True):
            raise invalid(f"account {name} is disabled")
        if all(record["id"] != claims.get("jti") for record in account.get("tokens", [])):
            raise invalid(f"account {name} does not have token with id {claims.get('jti')}")
        return Subject(name, claims["iat"], tuple(account.get("policies", [])))

    def account_token(self, name: str, seconds: int = 0, identifier: str = "") -> str:
        """A new API key of an existing account; recorded, so that it can be revoked."""
        account = self.store.read_all("account")[name]
        token, record = self.issue(f"{name}:apiKey", seconds, identifier)
        account.setdefault("tokens", []).append(record)
        self.store.write_now("account", name, account)
        return token

    def create_account(self, name: str, policies: list[str]) -> None:
        """Create an account with the apiKey capability, or give an existing one these policies."""
        account = self.store.read_all("account").get(name, {"name": name, "enabled": True, "tokens": []})
        account |= {"capabilities": ["apiKey"], "policies": policies}
        self.store.write_now("account", name, account)
