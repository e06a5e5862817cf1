"""Kubernetes as the panel uses it: would the API server take this object? Nothing is ever stored, no value is read.

Server-side apply with `dryRun=All` and strict field validation. The official client is imported when first needed:
it takes as long to import as the rest of the panel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from controlpanel.clients.argocd_json import Json, mapping, mappings, message, storable
from controlpanel.clients.argocd_json import text as said
from controlpanel.clients.credentials_in_text import without_credentials
from controlpanel.clients.errors import Ambiguous, ClientError, CredentialsRefused, NotSent, PermissionRefused

FIELD_MANAGER = "control-panel"
QUERY = [("dryRun", "All"), ("fieldManager", FIELD_MANAGER), ("force", "true"), ("fieldValidation", "Strict")]
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
TIMEOUT_SECONDS = (3.0, 10.0)


@dataclass(frozen=True)
class DryRun:
    """What the API server says of one object. `problems` are its own words, each with the field where it names one.

    `skipped` says why it could not be asked: its namespace is made by the same promotion.
    """

    problems: tuple[str, ...] = ()
    skipped: str = ""


class Transport(Protocol):
    """Sends one request to the API server and gives back status and JSON text."""

    def path_of(self, api_version: str, kind: str) -> tuple[str, bool] | None:
        """The path of a kind's collection (with `{namespace}`) and whether it is namespaced; None if not installed."""

    def patch(self, path: str, query: list[tuple[str, str]], body: Mapping[str, Any]) -> tuple[int, str]:
        """PATCH as `application/apply-patch+yaml`. Raises ClientError where nothing answered."""

    def metadata(self, path: str) -> tuple[int, str]:
        """GET the metadata of one object and nothing else of it. Raises ClientError where nothing answered."""


class Kubernetes:
    """One cluster."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    def of_kubeconfig(cls, path: Path) -> Kubernetes:
        """The cluster of a kubeconfig's current context. Raises NotSent where the file is of no use."""
        return cls(OfficialTransport(path))

    def dry_run(self, manifest: Mapping[str, Any]) -> DryRun:
        """Ask for one object. Raises ClientError where the cluster does not answer or refuses the credentials."""
        kind, api_version = str(manifest["kind"]), str(manifest["apiVersion"])
        place = self._transport.path_of(api_version, kind)
        if place is None:
            return DryRun((f"The cluster has no kind {kind} of {api_version}. Install its definition first.",))
        metadata = manifest["metadata"]
        path = f"{place[0].format(namespace=metadata.get('namespace', 'default'))}/{metadata['name']}"
        status, text = self._transport.patch(path, QUERY, manifest)
        return _read(status, text)

    def secret_keys(self, namespace: str, name: str) -> frozenset[str] | None:
        """Names of the keys of a Secret, out of who manages what in its metadata; None where it is not there or nobody says.

        Only metadata is asked for: no value ever leaves the cluster. Raises ClientError.
        """
        status, text = self._transport.metadata(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        if status == 404:
            return None
        if status != 200:
            _read(status, text)
            raise Ambiguous(f"The cluster answered {status} to a read of metadata.", "It is asked again.")
        entries = mappings(mapping(_status(text), "metadata"), "managedFields")
        found = [part for entry in entries for field in ("f:data", "f:stringData") if (part := _fields(entry, field))]
        return (
            frozenset(key.removeprefix("f:") for part in found for key in part if key.startswith("f:"))
            if found
            else None
        )


def _fields(entry: Json, field: str) -> Json:
    return mapping(mapping(entry, "fieldsV1"), field)


def _read(status: int, text: str) -> DryRun:
    """200 and 201 are yes; a Status object says what is wrong; 500 carries what the schema does not know."""
    if status in (200, 201):
        return DryRun()
    answer = _status(text)
    details = answer.get("details") or {}
    if status == 401:
        raise CredentialsRefused("The cluster refused the kubeconfig's credentials.", "Renew them.", status=401)
    if status == 403:
        raise PermissionRefused(message(answer) or "Forbidden.", "Grant `patch` on the platform's kinds.", status=403)
    if status == 404 and details.get("kind") == "namespaces":
        return DryRun(skipped=f"The namespace {details.get('name')} does not exist yet; Argo CD makes it.")
    causes = [
        f"{said(cause, 'field')}: {message(cause)}" for cause in mappings(details, "causes") if cause.get("field")
    ]
    if status in (400, 404, 409, 422) or (status == 500 and answer.get("kind") == "Status"):
        return DryRun(tuple(causes) or (message(answer) or without_credentials(storable(text))[:300],))
    raise Ambiguous(f"The cluster answered {status} to a dry run.", "It is asked again.")


def _status(text: str) -> dict[str, Any]:
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


class OfficialTransport:
    """Through the official client, for its reading of kubeconfig files (certificates, tokens, exec plugins)."""

    def __init__(self, path: Path) -> None:
        # late, because these imports take a third of a second that no other process should pay
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config.config_exception import ConfigException
        from urllib3.exceptions import HTTPError
        from yaml import YAMLError

        from kubernetes import config

        self._errors = (ApiException, HTTPError, OSError)
        try:
            self._client = config.new_client_from_config(config_file=str(path))  # type: ignore[no-untyped-call]
        except (ConfigException, OSError, ValueError, TypeError, YAMLError) as error:
            raise NotSent(
                f"KUBECONFIG {path} is of no use: {' '.join(str(error).split())}",
                "Name a kubeconfig with a current context.",
            ) from error
        self._discovered: dict[str, dict[str, tuple[str, bool]]] = {}

    def path_of(self, api_version: str, kind: str) -> tuple[str, bool] | None:
        """Ask the API server which resources a version has; again where the kind is missing, for it may be installed by now."""
        if kind not in self._discovered.get(api_version, {}):
            root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
            status, text = self._send("GET", root, [], None)
            if status not in (200, 404):
                _read(status, text)  # raises for refused credentials and faults
            resources = _status(text).get("resources") or [] if status == 200 else []
            self._discovered[api_version] = {
                entry["kind"]: (
                    f"{root}/namespaces/{{namespace}}/{entry['name']}"
                    if entry["namespaced"]
                    else f"{root}/{entry['name']}",
                    entry["namespaced"],
                )
                for entry in resources
                if "/" not in entry["name"]
            }
        return self._discovered[api_version].get(kind)

    def patch(self, path: str, query: list[tuple[str, str]], body: Mapping[str, Any]) -> tuple[int, str]:
        """Send one server-side apply."""
        return self._send("PATCH", path, query, body)

    def metadata(self, path: str) -> tuple[int, str]:
        """Ask for a PartialObjectMetadata."""
        return self._send("GET", path, [], None, METADATA_ONLY)

    def _send(
        self,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        body: Mapping[str, Any] | None,
        accept: str = "application/json",
    ) -> tuple[int, str]:
        headers = {"Accept": accept} | ({"Content-Type": "application/apply-patch+yaml"} if body else {})
        request = self._client.param_serialize(
            method, path, query_params=list(query), header_params=headers, body=body, auth_settings=["BearerToken"]
        )
        try:
            answer = self._client.call_api(*request, _request_timeout=TIMEOUT_SECONDS)
            answer.read()
        except self._errors as error:
            raise _unreachable(error) from error
        return int(answer.status), _text(answer.data)


def _text(body: Any) -> str:
    return body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")


def _unreachable(error: Exception) -> ClientError:
    return NotSent(
        f"The cluster does not answer: {type(error).__name__}.",
        "See KUBECONFIG, and that the API server can be reached.",
    )
