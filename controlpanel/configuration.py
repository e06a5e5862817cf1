"""What the process environment says, read once and typed.

Every name is the same in development, CI and production. A missing or wrong one stops the start with one sentence
that names it (`ConfigurationError`); nothing else of the project reads `os.environ` for these.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

COMMIT_URL = r"^(https?://[^\s{}@]+\{commit\}[^\s{}@]*)?$"
"""The address of a commit on the pages of a Git server."""


Switch = Annotated[bool, BeforeValidator(lambda value: value or False)]
"""On or off; Compose and manifests hand an unset one on as an empty text, which is off."""


class ConfigurationError(SystemExit):
    """A variable is missing or wrong; the message is one sentence with the remedy."""


class Timings(BaseSettings):
    """Times in seconds. Tests shorten them; nobody else needs to."""

    model_config = SettingsConfigDict(env_prefix="CONTROL_PANEL_", frozen=True, allow_inf_nan=False)

    lease_seconds: float = Field(30, gt=0)
    step_seconds: float = Field(20, gt=0)
    quarantine_seconds: float = Field(60, gt=0)
    settle_seconds: float = Field(10, ge=0)
    relist_seconds: float = Field(30, gt=0)
    silence_seconds: float = Field(75, gt=0)
    stuck_pod_seconds: float = Field(60, ge=0)
    reconcile_seconds: float = Field(2, gt=0)
    leader_seconds: float = Field(15, gt=0)
    degraded_grace_seconds: float = Field(60, ge=0)
    accept_seconds: float = Field(600, gt=0)
    busy_seconds: float = Field(2, gt=0)
    outage_seconds: float = Field(5, gt=0)
    observe_seconds: float = Field(3600, ge=0)


class Configuration(BaseSettings):
    """The variables of the panel; see docs/configuration.md for what each is for."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    database_url: str
    celery_broker_url: str = "redis://127.0.0.1:6379/0"
    django_secret_key: str = Field(min_length=32)
    allowed_hosts: str = "localhost,127.0.0.1,[::1]"
    public_url: str = Field(
        "http://localhost:8000", pattern=r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$"
    )
    email_url: str = "console:"
    log_format: str = Field("json", pattern="^(json|console)$")
    debug: Switch = False

    platform_repo_url: str = ""
    platform_repo_ref: str = "main"
    platform_repo_username: str = ""
    platform_repo_password: str = ""
    platform_repo_ssh_key_file: str = ""
    platform_repo_known_hosts_file: str = ""
    platform_repo_ca_file: str = ""
    platform_repo_commit_url: str = Field("", pattern=COMMIT_URL)

    deploy_repo_url: str = ""
    deploy_repo_username: str = ""
    deploy_repo_password: str = ""
    deploy_repo_ssh_key_file: str = ""
    deploy_repo_known_hosts_file: str = ""
    deploy_repo_ca_file: str = ""
    deploy_repo_commit_url: str = Field("", pattern=COMMIT_URL)
    argocd_deploy_repo_url: str = ""

    argocd_bootstrap_token: str = ""
    argocd_ca_file: str = ""
    argocd_insecure: Switch = False
    kubeconfig: str = ""
    cache_directory: Path = Path(".run/cache")


REMEDIES: Mapping[str, str] = {
    "database_url": "Set it to postgresql://user:password@host:5432/name.",
    "django_secret_key": "Set it to at least 32 random characters.",
    "log_format": "Use json or console.",
    "platform_repo_commit_url": "Set it to an address such as https://git.example.com/platform/commit/{commit}.",
    "deploy_repo_commit_url": "Set it to an address such as https://git.example.com/deploy/commit/{commit}.",
    "public_url": "Set it to the address at which people open the panel, such as https://panel.example.com.",
}
EMAIL_REMEDY = "EMAIL_URL is not understood. Use smtp://user:password@host:587?tls=1, file:///directory or console:."


def load() -> Configuration:
    """Return the configuration. Raises `ConfigurationError` naming the first variable that is missing or wrong."""
    try:
        return Configuration()  # type: ignore[call-arg]  # pydantic-settings fills the fields from the environment
    except ValidationError as error:
        raise ConfigurationError(_sentence(error)) from None


def load_timings() -> Timings:
    """Return the times. Raises `ConfigurationError` naming a variable that is no positive number."""
    try:
        return Timings()  # type: ignore[call-arg]  # every field has a default
    except ValidationError as error:
        raise ConfigurationError(_sentence(error, prefix="CONTROL_PANEL_")) from None


def named_variable(name: str) -> str:
    """Return the variable that the catalog names (`tokenFrom: {env: NAME}`), or "" where it is not set."""
    return os.environ.get(name, "")


def email_settings(url: str) -> dict[str, object]:
    """Django's e-mail settings for `smtp://user:password@host:587?tls=1`, `file:///directory` or `console:`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # the text may hold a password: it is not repeated
        raise ConfigurationError(EMAIL_REMEDY) from None
    if parts.scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if parts.scheme == "file":
        return {"EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend", "EMAIL_FILE_PATH": parts.path}
    if parts.scheme in ("smtp", "smtps") and parts.hostname:
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": parts.hostname,
            "EMAIL_PORT": port or (465 if parts.scheme == "smtps" else 587),
            "EMAIL_HOST_USER": unquote(parts.username or ""),
            "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
            "EMAIL_USE_SSL": parts.scheme == "smtps",
            "EMAIL_USE_TLS": parse_qs(parts.query).get("tls") == ["1"],
            "EMAIL_TIMEOUT": 10,
        }
    raise ConfigurationError(EMAIL_REMEDY)


def _sentence(error: ValidationError, prefix: str = "") -> str:
    problem = error.errors()[0]
    field = str(problem["loc"][0])
    what = "is not set" if problem["type"] == "missing" else f"is wrong: {problem['msg']}"
    return f"{prefix}{field.upper()} {what}. {REMEDIES.get(field, 'See docs/configuration.md.')}"
