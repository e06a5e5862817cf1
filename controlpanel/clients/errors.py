"""What can go wrong with an outside system, told apart by what the caller may do next.

    ClientError                       a sentence and a remedy for people
    ├── NotSent                       refused, DNS, TLS, connect timeout: certainly not applied, may be sent again
    ├── Rejected                      an answer said no: certainly not applied (status, code, text)
    │   ├── Invalid                   the request itself is wrong; sending it again changes nothing
    │   │   ├── AutomatedSync         automated sync refuses an explicit revision
    │   │   └── NothingRunning        nothing to terminate (or not yet picked up)
    │   ├── CredentialsRefused        401
    │   ├── PermissionRefused         403
    │   ├── SyncWindowBlocked         403 too, but a matter of time
    │   ├── NotFound                  404 by the API itself
    │   ├── Conflict                  409: exists already, or was changed by someone else meanwhile
    │   ├── RateLimited               429 (retry_after seconds)
    │   ├── OperationInProgress       another operation holds the Application
    │   └── Misdirected               whatever answered is not the API (redirect, foreign 404)
    ├── Ambiguous                     read timeout, reset, 5xx, broken answer: may have been applied, look before sending again
    │   └── StreamSilent              a stream said nothing for too long
    └── GitError
        ├── GitUnreachable            no connection, or the time ran out
        ├── GitCredentialsRefused     user, key or certificate refused: a person must mend it
        │   ├── GitKeyUnusable        our private key cannot be used: missing, open to others, with a passphrase
        │   ├── GitHostUnknown        the server's host key is not known
        │   ├── GitHostChanged        the server shows another host key than the known one
        │   ├── GitCertificateUnknown signed by nobody whom we know
        │   ├── GitCertificateExpired
        │   └── GitCertificateMisnamed
        ├── GitRefNotFound            no such branch, tag or commit
        ├── GitRejected               the server refused the push by a rule of its own
        └── GitUnsafe                 an address, name or tree that is refused before git sees it

`from_response` and `from_transport` map once; nothing else in the panel looks at status codes or at httpx.
Texts hold no secrets: neither token nor credentials are ever put into a sentence.
"""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from controlpanel.clients.credentials_in_text import without_credentials

MAX_TEXT = 2000


class ClientError(Exception):
    """An outside system could not do what was asked; `sentence` says what, `remedy` says what to do."""

    def __init__(self, sentence: str, remedy: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuilt, (type(self), dict(self.__dict__)))


def _rebuilt(kind: type[ClientError], state: dict[str, object]) -> ClientError:
    """Unpickling must not call subclasses' constructors, whose arguments differ."""
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (state["sentence"],)
    return error


class NotSent(ClientError):
    """The request did not reach the server: certainly not applied."""


class TooBusy(NotSent):
    """Not sent because others wait for the same server; it was not asked at all."""


class Rejected(ClientError):
    """The server refused: certainly not applied. `code` is the gRPC code, 0 where there is none."""

    def __init__(self, sentence: str, remedy: str = "", *, status: int = 0, code: int = 0, text: str = "") -> None:
        super().__init__(sentence, remedy)
        self.status = status
        self.code = code
        self.text = text


class Invalid(Rejected):
    """The request itself is wrong."""


class AutomatedSync(Invalid):
    """The Application syncs by itself and takes no explicit revision."""


class NothingRunning(Invalid):
    """There is no operation to terminate, or the controller has not picked it up yet."""


class CredentialsRefused(Rejected):
    """The token is missing, expired, revoked or foreign."""


class PermissionRefused(Rejected):
    """The token is good but lacks the right (or, without a project, the object is missing)."""


class SyncWindowBlocked(Rejected):
    """A sync window forbids the sync now."""


class NotFound(Rejected):
    """The API knows no such object."""


class Conflict(Rejected):
    """It exists already, or someone changed it since it was read."""


class RateLimited(Rejected):
    """Too many requests; `retry_after` seconds as the server asks, None if it does not say."""

    retry_after: float | None = None


class OperationInProgress(Rejected):
    """Another operation holds the Application."""


class Misdirected(Rejected):
    """What answered is not the API."""


class Ambiguous(ClientError):
    """The request may have been applied: look at the server's state before sending it again."""


class StreamSilent(Ambiguous):
    """Nothing came for too long. `opened` is False when not even the first event came, which is what a project
    without visible Applications looks like."""

    def __init__(self, sentence: str, remedy: str = "", *, opened: bool) -> None:
        super().__init__(sentence, remedy)
        self.opened = opened


class GitError(ClientError):
    """Git could not do what was asked."""


class GitUnreachable(GitError):
    """The repository could not be reached in time."""


class GitCredentialsRefused(GitError):
    """The repository refused the credentials, or we did not believe its key or certificate."""


class GitKeyUnusable(GitCredentialsRefused):
    """The private key is missing, no key, readable by others, or protected by a passphrase."""


class GitHostUnknown(GitCredentialsRefused):
    """No host key is known for the server."""


class GitHostChanged(GitCredentialsRefused):
    """The server shows another host key than the known one."""


class GitCertificateUnknown(GitCredentialsRefused):
    """No known authority signed the server's certificate, or the authorities cannot be read."""


class GitCertificateExpired(GitCredentialsRefused):
    """The server's certificate is not valid at this time."""


class GitCertificateMisnamed(GitCredentialsRefused):
    """The server's certificate is made for another name."""


class GitRefNotFound(GitError):
    """No such branch, tag or commit."""


class GitRejected(GitError):
    """The server refused the push by a rule of its own (protected branch, hook)."""


class GitUnsafe(GitError):
    """An address, name or tree that is refused before git sees it."""


_BY_STATUS: dict[int, tuple[type[Rejected], str]] = {
    401: (
        CredentialsRefused,
        "Make a new token and set it for the panel's processes; API tokens do not renew themselves. `manage.py doctor` names the variable.",
    ),
    403: (PermissionRefused, "Give the panel's account this right in the project's or the server's RBAC policy."),
    404: (NotFound, "Check the name, or run `script/manage bootstrap`."),
    409: (Conflict, "Read it again and repeat the change."),
    429: (RateLimited, "It is tried again when the server allows it."),
}
_BY_CODE = {3: 400, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 16: 401}
_BY_TEXT: tuple[tuple[str, type[Rejected], str], ...] = (
    ("another operation is already in progress", OperationInProgress, "It is tried again when that operation is over."),
    ("blocked by sync window", SyncWindowBlocked, "Wait for the window to open, or change the project's sync windows."),
    ("auto-sync currently set to", AutomatedSync, "Sync without a revision, or adopt the automated operation."),
    ("no operation is in progress", NothingRunning, "Nothing has to be stopped."),
)


def from_response(
    *, system: str, what: str, status: int, text: str, code: int = 0, retry_after: str = ""
) -> ClientError:
    """The one mapping of an answer that is not a success. `code` is 0 when the body was not the API's envelope."""
    said = without_credentials(" ".join(text.split()))[:MAX_TEXT]
    if 300 <= status < 400:
        return _misdirected(system, what, status, said)
    if status >= 500 or status == 408:
        return Ambiguous(
            f"{system} could not finish to {what} (HTTP {status}{_quoted(said)}).",
            f"Look whether it was applied; if this stays, look at the health and logs of {system}.",
        )
    if status == 404 and code != 5:
        return _misdirected(system, what, status, said)
    kind, remedy = _kind(status, code, said)
    error = kind(f"{system} refused to {what}{_quoted(said)}.", remedy, status=status, code=code, text=said)
    if isinstance(error, RateLimited):
        error.retry_after = seconds_of(retry_after)
    return error


def from_transport(error: Exception, *, system: str, what: str) -> ClientError:
    """Map a failure below HTTP. The original text is used only where it cannot hold a header."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError):
        return NotSent(f"{system} cannot be reached to {what}: {_cause(error)}.", _remedy_for_connecting(error, system))
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return NotSent(
            f"The request to {what} cannot be sent to {system}.", "Check the address and the token's characters."
        )
    if isinstance(error, httpx.TimeoutException):
        return Ambiguous(
            f"{system} did not answer in time to {what}.", "Look whether it was applied before sending it again."
        )
    return Ambiguous(
        f"The connection to {system} broke while it was asked to {what}.",
        "Look whether it was applied before sending it again.",
    )


def seconds_of(retry_after: str) -> float | None:
    """Seconds from a Retry-After header, given as seconds or as a date; None when it is neither."""
    value = retry_after.strip()
    if value.isdigit():
        return float(min(int(value[:9]), 86_400))
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), 86_400.0)


def _kind(status: int, code: int, text: str) -> tuple[type[Rejected], str]:
    lowered = text.lower()
    for phrase, kind, remedy in _BY_TEXT:
        if phrase in lowered:
            return kind, remedy
    return _BY_STATUS.get(
        _BY_CODE.get(code, status), (Invalid, "Correct the request; sending it again changes nothing.")
    )


def _misdirected(system: str, what: str, status: int, text: str) -> Misdirected:
    return Misdirected(
        f"Whatever answers at the address of {system} does not speak its API (HTTP {status}, asked to {what}).",
        f"Check the address of {system}: scheme, host and path.",
        status=status,
        text=text,
    )


def _quoted(text: str) -> str:
    return f": {text.rstrip('.')}" if text else ""


def _cause(error: BaseException) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no connection in time"
    return str(error)[:300] or type(error).__name__


def _remedy_for_connecting(error: BaseException, system: str) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return f"Give the CA certificate that signed {system}'s certificate (for Argo CD: ARGOCD_CA_FILE)."
        cause = cause.__cause__ or cause.__context__
    return f"Check that {system} runs and that its address is right."
