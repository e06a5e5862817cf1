"""AppProjects: kept, checked against, and the tokens of their roles."""

from __future__ import annotations

import uuid
from fnmatch import fnmatchcase

from sandbox.clock import Clock
from sandbox.documents import Document, copied, look, without_empty
from sandbox.envelope import ABORTED, ALREADY_EXISTS, INVALID, NOT_FOUND, ApiError
from sandbox.store import Store
from sandbox.tokens import Tokens


def _specification(spec: Document) -> Document:
    plain = {key: value for key, value in spec.items() if value not in (None, "", [], {}, False)}
    if windows := plain.get("syncWindows"):
        plain["syncWindows"] = [without_empty({"timeZone": "UTC", **window}) for window in windows]
    return plain


def _without_tokens(spec: Document) -> Document:
    plain = _specification(copied(spec))
    for role in plain.get("roles", []):
        role.pop("jwtTokens", None)
    return plain


class Projects:
    """All AppProjects of the control plane."""

    def __init__(self, store: Store, clock: Clock, tokens: Tokens) -> None:
        self.store = store
        self.clock = clock
        self.tokens = tokens
        if store.get("project", "default") is None:
            everything = [{"group": "*", "kind": "*"}]
            spec = {"sourceRepos": ["*"], "destinations": [{"namespace": "*", "server": "*"}],
                    "clusterResourceWhitelist": everything}  # fmt: skip
            self._save(self._new("default", spec))

    def _new(self, name: str, spec: Document) -> Document:
        metadata = {"name": name, "namespace": "argocd", "uid": str(uuid.uuid4()), "resourceVersion": "", "generation": 0,
                    "creationTimestamp": self.clock.stamp()}  # fmt: skip
        return {"metadata": metadata, "spec": _specification(spec), "status": {}}

    def _save(self, project: Document) -> Document:
        metadata = project["metadata"]
        metadata |= {"resourceVersion": self.store.next_version(), "generation": metadata["generation"] + 1}
        self.store.put("project", metadata["name"], project)
        return project

    def all(self) -> list[Document]:
        """Every project, sorted by name."""
        found = self.store.all("project")
        return [found[name] for name in sorted(found)]

    def find(self, name: str) -> Document | None:
        """A project, or None."""
        return self.store.get("project", name)

    def get(self, name: str) -> Document:
        """A project; ApiError 404."""
        found = self.find(name)
        if found is None:
            raise ApiError(NOT_FOUND, f'appprojects.argoproj.io "{name}" not found')
        return found

    def shown(self, name: str) -> Document:
        """A project as a read shows it: every role has its entry in `status.jwtTokensByRole`."""
        found: Document = copied(self.get(name))
        roles = [role["name"] for role in look(found, "spec", "roles", default=[])]
        if roles:
            held = look(found, "status", "jwtTokensByRole", default={})
            found["status"]["jwtTokensByRole"] = {role: held.get(role, {}) for role in roles}
        return found

    def create(self, wanted: Document, upsert: bool) -> Document:
        """Create; an existing one is returned if equal, replaced if `upsert`, else refused."""
        name = look(wanted, "metadata", "name", default="")
        if not name:
            raise ApiError(INVALID, "project name is required")
        found = self.find(name)
        spec = _specification(copied(wanted.get("spec") or {}))
        if found is None:
            return self._save(self._new(name, spec))
        if _without_tokens(found["spec"]) == _without_tokens(spec):
            return found
        if not upsert:
            raise ApiError(INVALID, _difference(found["spec"], spec))
        self._keep_tokens(found["spec"], spec)
        found["spec"] = spec
        return self._save(found)

    @staticmethod
    def _keep_tokens(before: Document, spec: Document) -> None:
        held = {role["name"]: role["jwtTokens"] for role in before.get("roles", []) if role.get("jwtTokens")}
        for role in spec.get("roles", []):
            if role["name"] in held:
                role["jwtTokens"] = held[role["name"]]

    def update(self, name: str, wanted: Document) -> Document:
        """Replace spec and status as the Kubernetes API does: only with the current resourceVersion."""
        found = self.get(name)
        version = look(wanted, "metadata", "resourceVersion", default="")
        subject = f'appprojects.argoproj.io "{name}"'
        if not version:
            raise ApiError(
                INVALID,
                f"{subject} is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified for an update",
            )
        if version != found["metadata"]["resourceVersion"]:
            raise ApiError(ABORTED, f"Operation cannot be fulfilled on {subject}: the object has been modified; please "
                           "apply your changes to the latest version and try again")  # fmt: skip
        found["spec"] = _specification(copied(wanted.get("spec") or {}))
        found["status"] = copied(wanted.get("status") or {})
        return self._save(found)

    def delete(self, name: str) -> None:
        """Remove a project that no Application refers to."""
        self.get(name)
        users = [item for item in self.store.all("application").values() if item["spec"]["project"] == name]
        if users:
            raise ApiError(INVALID, f"project is referenced by {len(users)} applications")
        self.store.delete("project", name)

    def _role(self, project: Document, name: str) -> Document:
        for role in look(project, "spec", "roles", default=[]):
            if role["name"] == name:
                return dict_of(role)
        raise ApiError(NOT_FOUND, f"role '{name}' does not exist in project '{project['metadata']['name']}'")

    def create_token(self, name: str, role_name: str, seconds: int, identifier: str) -> str:
        """A token of a role; recorded in the project, so that it can be revoked."""
        project = self.get(name)
        role = self._role(project, role_name)
        held = project["status"].setdefault("jwtTokensByRole", {}).setdefault(role_name, {})
        if identifier and any(item["id"] == identifier for item in held.get("items", [])):
            raise ApiError(ALREADY_EXISTS, f"Token id '{identifier}' has been used. ")
        token, record = self.tokens.issue(f"proj:{name}:{role_name}", seconds, identifier)
        role.setdefault("jwtTokens", []).append(record)
        held.setdefault("items", []).append(record)
        self._save(project)
        return token

    def revoke_token(self, name: str, role_name: str, issued_at: int) -> None:
        """Forget the tokens of a role that were issued at this second."""
        project = self.get(name)
        role = self._role(project, role_name)
        held = look(project, "status", "jwtTokensByRole", role_name, default={})
        for place, key in ((role, "jwtTokens"), (held, "items")):
            place[key] = [record for record in place.get(key, []) if record["iat"] != issued_at]
        self._save(project)

    def permits_source(self, project: Document, url: str) -> bool:
        """Whether the project allows this repository."""
        patterns = look(project, "spec", "sourceRepos", default=[])
        refused = any(item.startswith("!") and fnmatchcase(url, item[1:]) for item in patterns)
        return not refused and any(fnmatchcase(url, item) for item in patterns if not item.startswith("!"))

    def permits_destination(self, project: Document, server: str, namespace: str) -> bool:
        """Whether the project allows this cluster and namespace."""
        for item in look(project, "spec", "destinations", default=[]):
            fits = fnmatchcase(server, item.get("server") or "*") and item.get("name", "*") in ("*", "in-cluster")
            if fits and fnmatchcase(namespace, item.get("namespace", "*")):
                return True
        return False


def dict_of(role: Document) -> Document:
    """The role itself (typed), to be changed in place."""
    return role


def _difference(before: Document, after: Document) -> str:
    keys = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    names = ",".join(sorted(key[0].upper() + key[1:] for key in keys))
    return f'existing project spec is different; use upsert flag to force update; difference in keys "{names}"'
