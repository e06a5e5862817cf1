"""How the panel proves who it is to a Git server, how the server proves itself, and which of the two was not believed.

Git and ssh say little and differ by version. So what they refused for is asked once more, of the file or the server
alone, after they failed: `ssh-keygen` whether the key can be used at all, a handshake what is wrong with the certificate.
"""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from controlpanel.clients.errors import (
    GitCertificateExpired,
    GitCertificateMisnamed,
    GitCertificateUnknown,
    GitCredentialsRefused,
    GitHostChanged,
    GitHostUnknown,
    GitKeyUnusable,
)
from controlpanel.clients.git_address import Address

ASKING_SECONDS = 5.0
_EXPIRED = {9, 10}
"""OpenSSL's numbers: not valid yet, not valid any more."""
_MISNAMED = {62, 64}
"""OpenSSL's numbers: another host name, another IP address."""


@dataclass(frozen=True)
class GitCredentials:
    """`username` and `password` (or a token) for http(s), the files for ssh and TLS.

    `variables` is how the names of the variables begin that hold them (`DEPLOY_REPO`), for the remedies.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    ssh_key_file: str = ""
    known_hosts_file: str = ""
    ca_file: str = ""
    variables: str = ""

    def named(self, name: str) -> str:
        """The variable that ends so, for a sentence."""
        return f"{self.variables}_{name}" if self.variables else name


def refusal(said: str, words: str, address: Address, credentials: GitCredentials) -> GitCredentialsRefused | None:
    """What was not believed, from git's and ssh's words (`said` in small letters); None where it was something else."""
    if "remote host identification has changed" in said:
        return _host_changed(address, credentials)
    if "host key verification failed" in said:
        return _host_unknown(address, credentials)
    if "permission denied (" in said and address.protocol == "ssh":
        return _key(address, credentials)
    if any(phrase in said for phrase in _CERTIFICATE):
        return _certificate(words, address, credentials)
    return _password(said, words, address, credentials)


# ---- ssh


def _host_changed(address: Address, credentials: GitCredentials) -> GitCredentialsRefused:
    return GitHostChanged(
        f"The server of {address} shows another host key than the one that is known for it, so nothing was sent.",
        "Ask whoever runs the server. If the key was really changed, replace it in the file that "
        f"{credentials.named('KNOWN_HOSTS_FILE')} names; otherwise something stands between.",
    )


def _host_unknown(address: Address, credentials: GitCredentials) -> GitCredentialsRefused:
    variable, file = credentials.named("KNOWN_HOSTS_FILE"), credentials.known_hosts_file
    where = f"{file} holds no host key for it" if file else f"{variable} is not set"
    if file and not os.access(file, os.R_OK):
        where = f"{file} cannot be read"
    return GitHostUnknown(
        f"The server of {address} is not known: {where}.",
        f"Put its host key, as whoever runs it gives it to you, into the file that {variable} names.",
    )


def _key(address: Address, credentials: GitCredentials) -> GitCredentialsRefused:
    variable, file = credentials.named("SSH_KEY_FILE"), credentials.ssh_key_file
    if not file:
        return GitCredentialsRefused(
            f"{address} asks for a key and {variable} is not set.", f"Set {variable} to the path of a private key."
        )
    if (fault := _fault_of_key(file)) is not None:
        sentence, remedy = fault
        return GitKeyUnusable(sentence.format(file=file), remedy.format(variable=variable, file=file))
    return GitCredentialsRefused(
        f"{address} refused the key {file}.",
        f"Let the server accept its public half ({file}.pub) for reading and writing, or set {variable} to another key.",
    )


_KEY_FAULTS = (
    ("incorrect passphrase", "The key {file} asks for a passphrase, which nobody can type here.",
     "Give the panel a key of its own without one: `ssh-keygen -t ed25519 -N '' -f …`, readable by the panel only."),
    ("no such file", "The key {file} does not exist.", "Set {variable} to the path of a private key."),
    ("too open", "The key {file} can be read by others, so ssh does not use it.", "Run `chmod 600 {file}`."),
    ("permission denied", "The key {file} cannot be read by the panel.", "Let the panel's user own {file}."),
    ("", "{file} is not a private key that ssh understands.", "Set {variable} to the private half, not to `.pub`."),
)  # fmt: skip


def _fault_of_key(file: str) -> tuple[str, str] | None:
    """Why no signature can be made with it, as ssh-keygen says; None where it can, or where nobody can say."""
    command = ["ssh-keygen", "-y", "-P", "", "-f", file]
    try:
        asked = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ASKING_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if asked.returncode == 0:
        return None
    said = asked.stderr.decode(errors="replace").lower()
    return next((sentence, remedy) for phrase, sentence, remedy in _KEY_FAULTS if phrase in said)


# ---- https

_CERTIFICATE = (
    "certificate verification failed",
    "ssl certificate problem",
    "certificate subject name",
    "ssl: no alternative certificate",
    "ssl ca cert",
    "error setting certificate",
)


def _certificate(words: str, address: Address, credentials: GitCredentials) -> GitCredentialsRefused:
    parts = urlsplit(address.url)
    host, port, file = parts.hostname or "", parts.port or 443, credentials.ca_file
    try:
        number = _verdict(host, port, file)
    except (OSError, ssl.SSLError) as error:  # the file, or the server is away by now
        return GitCertificateUnknown(
            f"The certificate of {host} could not be checked: {_why(error, file) or words}.",
            f"Set {credentials.named('CA_FILE')} to a file with the certificates of the authorities (PEM).",
        )
    if number in _EXPIRED:
        return GitCertificateExpired(
            f"The certificate of {host} has expired or is not valid yet.",
            "Renew it on the Git server; look also whether this machine's clock is right.",
        )
    if number in _MISNAMED:
        return GitCertificateMisnamed(
            f"The certificate of {host} is made for another name.",
            f"Use that name in {credentials.named('URL')}, or give the server a certificate for {host}.",
        )
    signer = f"none of the authorities in {file}" if file else "no authority that this machine knows"
    return GitCertificateUnknown(
        f"The certificate of {host} is signed by {signer}.",
        f"Set {credentials.named('CA_FILE')} to a file with the certificate of the authority that signed it (PEM).",
    )


def _verdict(host: str, port: int, ca_file: str) -> int:
    """OpenSSL's number for what is wrong with the certificate; 0 where nothing is."""
    context = ssl.create_default_context(cafile=ca_file or None)
    try:
        with (
            socket.create_connection((host, port), timeout=ASKING_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return 0
    except ssl.SSLCertVerificationError as error:
        return int(error.verify_code)


def _why(error: OSError, ca_file: str) -> str:
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
        return f"{ca_file} cannot be read"
    return f"{ca_file} holds no certificate" if isinstance(error, ssl.SSLError) and ca_file else ""


_ASKS = ("could not read username", "could not read password")
_REFUSES = ("authentication failed", "returned error: 401")


def _password(said: str, words: str, address: Address, credentials: GitCredentials) -> GitCredentialsRefused | None:
    user, password = credentials.named("USERNAME"), credentials.named("PASSWORD")
    if any(phrase in said for phrase in (*_ASKS, *_REFUSES)):
        if credentials.password:
            return GitCredentialsRefused(
                f"{address} refused the user name, password or token: {words}",
                f"Set {user} and {password} to valid ones; a token may have expired.",
            )
        return GitCredentialsRefused(
            f"{address} asks for a user name and password or token, and {password} is not set.",
            f"Set {user} and {password}.",
        )
    if "returned error: 403" in said:
        return GitCredentialsRefused(
            f"{address} refused the panel: {words}", "Give the account the right to read and write the repository."
        )
    return None
