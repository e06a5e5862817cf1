"""The only place that starts git: an environment of its own, a time limit, and errors by class.

Nothing of the user's or the machine's configuration is read. Credentials reach git by environment only, never by
arguments or addresses; an ssh key is named, not read.
"""

from __future__ import annotations

import base64
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from controlpanel.clients.errors import (
    GitError,
    GitRefNotFound,
    GitRejected,
    GitUnreachable,
)
from controlpanel.clients.git_access import GitCredentials, refusal
from controlpanel.clients.git_address import Address

_PASSED_ON = ("PATH", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "TMPDIR")

_CONFIGURATION = """\
# Written by the control panel; git reads this instead of the user's and the machine's configuration.
[core]
\thooksPath = /dev/null
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\tfsmonitor = false
[init]
\tdefaultBranch = main
[safe]
\tbareRepository = explicit
{safe_directories}
[init]
\tdefaultBranch = main
[gc]
\tauto = 0
[maintenance]
\tauto = false
[fetch]
\trecurseSubmodules = false
\twriteCommitGraph = false
[submodule]
\trecurse = false
[transfer]
\tcredentialsInUrl = die
[http]
\tfollowRedirects = false
[credential]
\thelper =
[commit]
\tgpgSign = false
[push]
\tgpgSign = false
\tdefault = nothing
"""


@dataclass(frozen=True)
class Output:
    code: int
    stdout: bytes
    stderr: str


def write_configuration(file: Path, safe_directories: Collection[Path]) -> None:
    """Write git's configuration for one cache. A file, because git drops configuration from its environment when it
    starts upload-pack or receive-pack for a local path."""
    lines = "\n".join(f'\tdirectory = "{_escaped(directory)}"' for directory in safe_directories)
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}.{os.urandom(4).hex()}")
    draft.write_text(_CONFIGURATION.format(safe_directories=lines))
    draft.replace(file)


def _escaped(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


class GitCommand:
    """Runs git for one address."""

    def __init__(
        self, address: Address, configuration: Path, credentials: GitCredentials | None, timeout: float
    ) -> None:
        self._address = address
        self._timeout = timeout
        self._configuration = configuration
        self._credentials = credentials or GitCredentials()
        self._environment = self._make_environment(configuration)

    def run(
        self,
        arguments: Sequence[str],
        *,
        stdin: bytes = b"",
        allowed: Collection[int] = (0,),
        keep: Collection[int] = (),
    ) -> Output:
        """Run `git <arguments>` and return its output; any code outside `allowed` is raised by class.

        `keep` are file descriptors that the child inherits: a lock so stays held while git lives, even if we die.
        """
        child = self._start(arguments, keep)
        try:
            stdout, stderr = child.communicate(stdin, timeout=self._timeout)
        except subprocess.TimeoutExpired:
            raise GitUnreachable(
                f"Git did not finish `{_verb(arguments)}` for {self._address} within {self._timeout:g} s.",
                "Check that the repository's server answers.",
            ) from None
        finally:
            _end(child)
        output = Output(child.returncode, stdout, self._redacted(stderr.decode(errors="replace").replace("\0", "")))
        if output.code not in allowed:
            raise self.error(output, _verb(arguments))
        return output

    def error(self, output: Output, verb: str) -> GitError:
        """The failed command's error by class."""
        return classified(output, self._address, verb, self._credentials)

    def _start(self, arguments: Sequence[str], keep: Collection[int]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                ["git", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment,
                cwd=self._configuration.parent,
                start_new_session=True,
                pass_fds=tuple(keep),
            )
        except OSError as error:
            raise GitError(
                f"git cannot be started: {error}.", "Install git 2.39 or newer and keep it in PATH."
            ) from error

    def _make_environment(self, configuration: Path) -> dict[str, str]:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(configuration),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CEILING_DIRECTORIES": str(configuration.parent.parent),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "GIT_ALLOW_PROTOCOL": self._address.protocol,
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
        }
        if self._address.protocol == "ssh":
            environment |= {"GIT_SSH_COMMAND": self._ssh_command(), "GIT_SSH_VARIANT": "ssh"}
        return environment | self._private_settings()

    def _private_settings(self) -> dict[str, str]:
        """Settings that hold secrets, or depend on them, by environment only."""
        settings: list[tuple[str, str]] = []
        if self._address.protocol in {"http", "https"}:
            if self._credentials.ca_file:
                settings.append(("http.sslCAInfo", str(Path(self._credentials.ca_file).absolute())))
            if self._credentials.password:
                settings.append((f"http.{self._address.url}.extraHeader", f"Authorization: Basic {self._basic()}"))
        keys = {f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in enumerate(settings)}
        values = {f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in enumerate(settings)}
        return {"GIT_CONFIG_COUNT": str(len(settings)), **keys, **values} if settings else {}

    def _basic(self) -> str:
        pair = f"{self._credentials.username or 'git'}:{self._credentials.password}"
        return base64.b64encode(pair.encode()).decode()

    def _ssh_command(self) -> str:
        options = ["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
        options += ["-o", f"ConnectTimeout={max(1, int(self._timeout / 2))}"]
        if self._credentials.ssh_key_file:
            options += ["-o", "IdentitiesOnly=yes", "-o", f"IdentityFile={_ssh_path(self._credentials.ssh_key_file)}"]
        if self._credentials.known_hosts_file:
            options += ["-o", f"UserKnownHostsFile={_ssh_path(self._credentials.known_hosts_file)}"]
            options += ["-o", "GlobalKnownHostsFile=/dev/null"]
        return shlex.join(["ssh", *options])

    def _redacted(self, said: str) -> str:
        for secret in (self._credentials.password, self._basic() if self._credentials.password else ""):
            said = said.replace(secret, "[secret]") if secret else said
        return said


def _ssh_path(path: str) -> str:
    """As ssh reads it: `%` begins a token, blanks end a word, and git runs it in another directory than ours."""
    return f'"{Path(path).absolute()}"'.replace("%", "%%")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Nothing that git started (ssh, remote helpers) outlives the call."""
    if child.poll() is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # ended between the question and the kill
        child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def _verb(arguments: Sequence[str]) -> str:
    return next((argument for argument in arguments if not argument.startswith("-")), "git")


_UNREACHABLE = (
    "could not resolve host",
    "connection refused",
    "failed to connect",
    "couldn't connect",
    "timed out",
    "network is unreachable",
    "no route to host",
    "unable to access",
    "connection reset",
    "hung up",
    "early eof",
    "rpc failed",
    "could not read from remote repository",
    "does not appear to be a git repository",
    "not found",
    "unable to update url base from redirection",
    "unexpected disconnect",
    "invalid index-pack output",
    "protocol error",
)
_CORRUPT = (
    "is corrupt",
    "bad object",
    "unable to read tree",
    "unable to read sha1",
    "missing blob",
    "missing tree",
    "pack-objects died",
)
_ABSENT = ("not our ref", "unadvertised object", "couldn't find remote ref", "unable to find remote ref")
_LOCKED = re.compile(r"unable to create '([^']+\.lock)'|cannot lock ref", re.IGNORECASE)
_REFUSED = ("remote rejected", "hook declined", "protected branch", "unable to migrate objects", "unpacker error")


def classified(output: Output, address: Address, verb: str, credentials: GitCredentials) -> GitError:
    """Map git's words (always in English) to a class; a plain GitError is a fault of the local cache or of ours."""
    said, words = output.stderr.lower(), _words(output)
    if any(phrase in said for phrase in _CORRUPT):
        return GitError(
            f"`git {verb}` met a broken object for {address}: {words}", "It is tried again with a fresh cache."
        )
    if any(phrase in said for phrase in _ABSENT):
        return GitRefNotFound(f"{address} does not have it: {words}", "Push it, or choose another one.")
    if verb == "push" and _LOCKED.search(output.stderr):
        return GitUnreachable(
            f"{address} is locked: {words}", "It is tried again; if this stays, a killed git left its lock file there."
        )
    if "--atomic" in said:
        return GitRejected(
            f"{address} cannot move two refs in one step: {words}", "Use a Git server that supports atomic pushes."
        )
    if any(phrase in said or phrase.encode() in output.stdout.lower() for phrase in _REFUSED):
        return GitRejected(
            f"{address} refused the push: {words}", "Let the panel's account write these branches and refs."
        )
    if (refused := refusal(said, words, address, credentials)) is not None:
        return refused
    if "cannot run ssh" in said:
        return GitUnreachable(f"{address} cannot be asked: ssh was not found.", "Install openssh-client.")
    if any(phrase in said for phrase in _UNREACHABLE):
        return GitUnreachable(f"{address} cannot be used: {words}", "Check the address and that its server answers.")
    return GitError(f"`git {verb}` failed for {address}: {words}", "It is tried again with a fresh cache.")


def _words(output: Output) -> str:
    said = " ".join(output.stderr.split()) or " ".join(output.stdout.decode(errors="replace").split())
    return said[:600] or f"exit code {output.code}"
