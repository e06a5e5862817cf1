"""`platform.yaml` as values: environments, components and required variables. Knows no database and no Django."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from controlpanel.catalog.errors import CatalogError, Problem
from controlpanel.catalog.notifications import NOBODY, NotificationsSpec, notifications_of
from controlpanel.catalog.rules import rule_problems
from controlpanel.catalog.schema import schema_problems
from controlpanel.catalog.shards import TenantCredentialsSpec
from controlpanel.catalog.verification import VerificationSpec, verification_spec
from controlpanel.catalog.yaml_source import Source, read

__all__ = [
    "ArgoCDSpec",
    "CatalogDocument",
    "CatalogError",
    "ComponentSpec",
    "DestinationSpec",
    "EnvironmentSpec",
    "GateSpec",
    "HelmSpec",
    "PlatformSpec",
    "Problem",
    "TenantCredentialsSpec",
    "VariableSpec",
    "application_name",
    "namespace_of",
    "parse",
    "waves",
]


@dataclass(frozen=True)
class PlatformSpec:
    """The platform itself: its name in labels and its title on pages."""

    name: str
    title: str


@dataclass(frozen=True)
class HelmSpec:
    """How a chart is rendered: its release's name ("" for the component's) and files of values, the last one wins."""

    release_name: str = ""
    values: tuple[str, ...] = ("values/{environment}.yaml",)


@dataclass(frozen=True)
class ComponentSpec:
    """One deployable part. `images` are keys of a release and the placeholder image names in its manifests."""

    name: str
    path: str
    renderer: str = "kustomize"
    needs: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    namespace: str = ""
    deadline_seconds: int = 900
    title: str = ""
    helm: HelmSpec = HelmSpec()

    @property
    def release_name(self) -> str:
        """The name that a chart knows itself by."""
        return self.helm.release_name or self.name

    def values_for(self, environment: str) -> tuple[str, ...]:
        """Files of values for an environment, as paths in the chart's folder."""
        return tuple(place.replace("{environment}", environment) for place in self.helm.values)


@dataclass(frozen=True)
class ArgoCDSpec:
    """An Argo CD project, and the names of the process environment's variables that hold server and token."""

    project: str
    server_from: str
    token_from: str
    ca_file_from: str = "ARGOCD_CA_FILE"
    insecure_from: str = "ARGOCD_INSECURE"


@dataclass(frozen=True)
class DestinationSpec:
    """A cluster as Argo CD knows it, and the namespace (or its first part, see `namespace_of`).

    Charts are rendered for `kubernetes_version`; "" where the catalog does not say, which charts then ask for.
    """

    server: str
    namespace: str
    kubernetes_version: str = ""


@dataclass(frozen=True)
class GateSpec:
    """A gate that an environment asks for; `line` is where the catalog says so."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    line: int = 1


@dataclass(frozen=True)
class EnvironmentSpec:
    """A place in the pipeline; `position` counts from 0 along `after`."""

    name: str
    title: str
    branch: str
    after: str | None
    argocd: ArgoCDSpec
    destination: DestinationSpec
    confirm_by_name: bool
    require_ancestor: bool
    gates: tuple[GateSpec, ...]
    position: int
    promotes_automatically: bool = False
    hub_url_from: str | None = None
    prometheus_url_from: str | None = None
    redis_url_from: str | None = None
    verification: VerificationSpec = field(default_factory=VerificationSpec)


@dataclass(frozen=True)
class VariableSpec:
    """A variable that the platform cannot run without; `default` is its value inside the cluster.

    `reference` is where a tenant's usually lies: store, remoteKey and property, or value where it is no secret.
    """

    key: str
    scope: Literal["environment", "tenant"]
    secret: bool
    checklist: bool
    default: str | None
    reference: Mapping[str, str] = field(default_factory=dict)

    def reference_for(self, tenant: str, environment: str) -> dict[str, str]:
        """The usual place of that tenant in that environment; empty where the catalog says none."""
        names = {"{tenant}": tenant, "{environment}": environment}
        return {member: _filled(text, names) for member, text in self.reference.items()}


@dataclass(frozen=True)
class ChecklistSpec:
    """An item of the tenants' checklist that no variable stands for; in all environments unless some are named."""

    key: str
    type: str
    title: str
    owner: str
    required: bool
    environments: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CatalogDocument:
    """The whole catalog; environments stand in the order of the pipeline, the rest as written."""

    platform: PlatformSpec
    environments: tuple[EnvironmentSpec, ...]
    components: tuple[ComponentSpec, ...]
    variables: tuple[VariableSpec, ...]
    raw: dict[str, Any]
    checklist: tuple[ChecklistSpec, ...] = ()
    tenant_credentials: TenantCredentialsSpec | None = None
    notifications: NotificationsSpec = NOBODY

    def environment(self, name: str) -> EnvironmentSpec:
        """The environment of that name; KeyError if there is none."""
        return {environment.name: environment for environment in self.environments}[name]

    def component(self, name: str) -> ComponentSpec:
        """The component of that name; KeyError if there is none."""
        return {component.name: component for component in self.components}[name]

    @property
    def image_keys(self) -> tuple[str, ...]:
        """Every key that a complete release has an image for, sorted."""
        return tuple(sorted({key for component in self.components for key in component.images}))


def parse(text: str, *, filename: str) -> CatalogDocument:
    """Read a catalog; raises CatalogError whose `problems` name file, line, cause and remedy."""
    source = read(text, filename=filename)
    problems = schema_problems(source) or rule_problems(source)
    if problems:
        raise CatalogError(problems)
    raw: dict[str, Any] = source.data
    order = _pipeline(raw["environments"])
    lines = {name: _lines(source, name, spec) for name, spec in raw["environments"].items()}
    return CatalogDocument(
        platform=PlatformSpec(raw["platform"]["name"], raw["platform"].get("title", raw["platform"]["name"])),
        environments=tuple(
            _environment(name, raw["environments"][name], position, *lines[name]) for position, name in enumerate(order)
        ),
        components=tuple(_component(name, spec) for name, spec in raw["components"].items()),
        variables=tuple(_variable(key, spec) for key, spec in raw.get("variables", {}).items()),
        raw=raw,
        checklist=tuple(_checklist_entry(key, spec) for key, spec in raw.get("checklist", {}).items()),
        tenant_credentials=_tenant_credentials(raw.get("tenantCredentials")),
        notifications=notifications_of(source),
    )


def waves(components: Iterable[ComponentSpec], names: Collection[str] | None = None) -> tuple[tuple[str, ...], ...]:
    """Components that may roll out together, in the order of `needs`; `names` keeps some, still in that order.

    Within a wave they stand as in the catalog. Raises CatalogError for a circle.
    """
    return waves_of({component.name: component.needs for component in components}, names)


def waves_of(needs: Mapping[str, Iterable[str]], names: Collection[str] | None = None) -> tuple[tuple[str, ...], ...]:
    """The same for names with the names that each needs; one that is not among them is taken as there."""
    remaining = {name: {other for other in others if other in needs} for name, others in needs.items()}
    result: list[tuple[str, ...]] = []
    while remaining:
        wave = tuple(name for name, others in remaining.items() if not others & remaining.keys())
        if not wave:
            cause = f"The components {', '.join(sorted(remaining))} need each other in a circle."
            raise CatalogError([Problem("platform.yaml", 1, cause, "Remove one of these needs.")])
        for name in wave:
            del remaining[name]
        result.append(wave)
    chosen = (tuple(name for name in wave if names is None or name in names) for wave in result)
    return tuple(wave for wave in chosen if wave)


def application_name(component: str, environment: str) -> str:
    """The name of the Argo CD Application of a component in an environment."""
    return f"{component}-{environment}"


def namespace_of(component: ComponentSpec | TenantCredentialsSpec, environment: EnvironmentSpec) -> str:
    """The namespace of a component in an environment: the environment's, with the component's own part behind it."""
    return "-".join(part for part in (environment.destination.namespace, component.namespace) if part)


def _lines(source: Source, name: str, spec: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """Where the environment's gates and checks stand."""
    place = ("environments", name)
    gates, checks = len(spec.get("gates", ())), len(spec.get("verification", {}).get("checks", ()))
    return (
        [source.line((*place, "gates", index)) for index in range(gates)],
        [source.line((*place, "verification", "checks", index)) for index in range(checks)],
    )


def _pipeline(environments: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names so that each stands behind the one it comes after; otherwise as written."""
    order: list[str] = []
    while len(order) < len(environments):
        order += [
            name
            for name, spec in environments.items()
            if name not in order and (spec.get("after") is None or spec["after"] in order)
        ][:1]
    return order


def _environment(
    name: str, spec: Mapping[str, Any], position: int, gate_lines: list[int], check_lines: list[int]
) -> EnvironmentSpec:
    return EnvironmentSpec(
        name=name,
        title=spec.get("title", name.capitalize()),
        branch=spec.get("branch", f"env/{name}"),
        after=spec.get("after"),
        argocd=_argocd(spec["argocd"]),
        destination=_destination(spec["destination"]),
        confirm_by_name=spec.get("confirmByName", False),
        require_ancestor=spec.get("requireAncestor", False),
        gates=tuple(
            GateSpec(gate["name"], gate.get("parameters", {}), line)
            for gate, line in zip(spec.get("gates", ()), gate_lines, strict=True)
        ),
        position=position,
        promotes_automatically=spec.get("automaticPromotion", False),
        hub_url_from=_url_from(spec, "hub"),
        prometheus_url_from=_url_from(spec, "prometheus"),
        redis_url_from=_url_from(spec, "redis"),
        verification=verification_spec(spec.get("verification"), check_lines),
    )


def _argocd(spec: Mapping[str, Any]) -> ArgoCDSpec:
    return ArgoCDSpec(
        project=spec["project"],
        server_from=spec["serverFrom"]["env"],
        token_from=spec["tokenFrom"]["env"],
        ca_file_from=spec.get("caFileFrom", {}).get("env", "ARGOCD_CA_FILE"),
        insecure_from=spec.get("insecureFrom", {}).get("env", "ARGOCD_INSECURE"),
    )


def _destination(spec: Mapping[str, Any]) -> DestinationSpec:
    return DestinationSpec(spec["server"], spec["namespace"], spec.get("kubernetesVersion", ""))


def _url_from(spec: Mapping[str, Any], key: str) -> str | None:
    return spec[key]["urlFrom"]["env"] if key in spec else None


def _component(name: str, spec: Mapping[str, Any]) -> ComponentSpec:
    return ComponentSpec(
        name=name,
        path=spec["path"],
        renderer=spec.get("renderer", "kustomize"),
        needs=tuple(spec.get("needs", ())),
        images=tuple(spec["images"]),
        namespace=spec.get("namespace", ""),
        deadline_seconds=spec.get("deadlineSeconds", 900),
        title=spec.get("title", name.capitalize()),
        helm=_helm(spec.get("helm", {})),
    )


def _helm(spec: Mapping[str, Any]) -> HelmSpec:
    return HelmSpec(spec.get("releaseName", ""), tuple(spec.get("values", HelmSpec.values)))


def _tenant_credentials(spec: Mapping[str, Any] | None) -> TenantCredentialsSpec | None:
    if spec is None:
        return None
    known = TenantCredentialsSpec()
    return TenantCredentialsSpec(
        shards=spec.get("shards", known.shards),
        namespace=spec.get("namespace", known.namespace),
        volume=spec.get("volume", known.volume),
        deadline_seconds=spec.get("deadlineSeconds", known.deadline_seconds),
    )


def _variable(key: str, spec: Mapping[str, Any]) -> VariableSpec:
    return VariableSpec(
        key, spec["scope"], spec.get("secret", False), spec.get("checklist", False), spec.get("default"), spec.get("reference", {})
    )  # fmt: skip


def _filled(text: str, names: Mapping[str, str]) -> str:
    for placeholder, name in names.items():
        text = text.replace(placeholder, name)
    return text


def _checklist_entry(key: str, spec: Mapping[str, Any]) -> ChecklistSpec:
    return ChecklistSpec(
        key, spec["type"], spec.get("title", key), spec.get("owner", "tenant owner"), spec.get("required", True),
        tuple(spec.get("environments", ())), spec.get("parameters", {}),
    )  # fmt: skip
