"""Addresses of pages outside of the panel: an Application in Argo CD, a commit on the Git server. "" where none is known."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings

from controlpanel.catalog.models import Environment
from controlpanel.configuration import named_variable


def argocd_page(environment: Environment, application: str) -> str:
    """Where Argo CD shows the Application."""
    server = named_variable(environment.server_from).rstrip("/")
    return f"{server}/applications/{quote(application, safe='')}" if server.startswith(("https://", "http://")) else ""


def deployed_commit_page(commit: str) -> str:
    """Where the Git server shows a commit of the deploy repository (`DEPLOY_REPO_COMMIT_URL`)."""
    return _commit_page(settings.CONFIGURATION.deploy_repo_commit_url, commit)


def platform_commit_page(commit: str) -> str:
    """Where the Git server shows a commit of the platform repository (`PLATFORM_REPO_COMMIT_URL`)."""
    return _commit_page(settings.CONFIGURATION.platform_repo_commit_url, commit)


def _commit_page(pattern: str, commit: str) -> str:
    return pattern.replace("{commit}", commit) if pattern and commit else ""
