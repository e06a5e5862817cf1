"""What a policy is: a pure function over everything that an environment would hold, which yields what breaks its rule.

To add one: a file in this folder with one function and `@policy(…)`, an import in `policies/__init__.py`, a row in
`docs/policies.md`, a case that passes and one that fails. The hook, the gate and the release's page ask the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from controlpanel.core.registry import Registry

Object = Mapping[str, Any]
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
JOBS = ("Job", "CronJob")


@dataclass(frozen=True)
class Finding:
    """`object` is kind, namespace and name; `rule` what it breaks; `fix` what to change in its manifest."""

    policy: str
    object: str
    rule: str
    fix: str
    component: str = ""

    def __str__(self) -> str:
        return f"{self.object}: {self.rule} {self.fix}"


@dataclass(frozen=True)
class Workload:
    """An object that makes pods: `pod` is the pod's spec, `labels` what its pods carry."""

    object: Object
    pod: Object
    labels: Mapping[str, str]

    @property
    def kind(self) -> str:
        return str(self.object["kind"])

    @property
    def namespace(self) -> str:
        return namespace_of(self.object)

    @property
    def name(self) -> str:
        return name_of(self.object)

    @property
    def replicas(self) -> int:
        """As the manifest says; an autoscaler may change it."""
        return number(look(self.object, "spec", "replicas"), 1)

    @property
    def containers(self) -> list[Object]:
        """Those that run as long as the pod does."""
        return entries(self.pod.get("containers"))

    @property
    def every_container(self) -> list[Object]:
        """With those that prepare it."""
        return [*entries(self.pod.get("initContainers")), *self.containers]


@dataclass(frozen=True)
class Manifests:
    """What an environment would hold: path in the deploy repository -> object. The first folder is the component.

    `variables` are the keys that it cannot run without; `tenants` names that no manifest may hold.
    """

    objects: Mapping[str, Object]
    variables: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()

    def of_kind(self, *kinds: str) -> Iterator[Object]:
        """Objects of these kinds, in the order of their paths."""
        return (item for item in self.objects.values() if item.get("kind") in kinds)

    @cached_property
    def workloads(self) -> list[Workload]:
        """Everything that makes pods."""
        return [found for item in self.objects.values() if (found := _workload(item)) is not None]

    @cached_property
    def namespaces(self) -> set[str]:
        """Where pods run."""
        return {workload.namespace for workload in self.workloads}

    @cached_property
    def services(self) -> dict[tuple[str, str], Object]:
        """Namespace and name -> Service."""
        return {(namespace_of(item), name_of(item)): item for item in self.of_kind("Service")}

    def component_of(self, item: Object) -> str:
        """The component whose file holds it."""
        return next((path.split("/")[0] for path, other in self.objects.items() if other is item), "")


Judge = Callable[[Manifests], Iterable[tuple[Object, str, str]]]
"""Yields an object, the rule that it breaks and the fix."""


@dataclass(frozen=True)
class Policy:
    """A registered rule; `about` says it in one sentence."""

    name: str
    about: str
    judge: Judge


policies: Registry[Policy] = Registry("policy")


def policy(name: str, *, about: str) -> Callable[[Judge], Judge]:
    """Register a rule."""

    def add(judge: Judge) -> Judge:
        policies.register(name)(Policy(name, about, judge))
        return judge

    return add


def judge(manifests: Manifests, *, without: Collection[str] = ()) -> list[Finding]:
    """All findings of all policies but those that are left out."""
    return [
        Finding(one.name, title(item), rule, fix, manifests.component_of(item))
        for one in (policies[name] for name in policies if name not in without)
        for item, rule, fix in one.judge(manifests)
    ]


def look(value: Any, *steps: str, default: Any = None) -> Any:
    """What stands at the end of the steps, or `default` where one is missing."""
    for step in steps:
        if not isinstance(value, Mapping) or step not in value:
            return default
        value = value[step]
    return default if value is None else value


def entries(value: Any) -> list[Object]:
    """The mappings of a list; nothing for what is no list."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping as it is; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def texts(value: Any) -> list[str]:
    """The texts of a list; nothing for what is no list."""
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def number(value: Any, otherwise: int) -> int:
    """A whole number as it is."""
    return value if isinstance(value, int) and not isinstance(value, bool) else otherwise


def port_of(value: Any) -> str | int | None:
    """A port by its name or number."""
    return value if isinstance(value, str | int) else None


def name_of(item: Object) -> str:
    return str(look(item, "metadata", "name", default=""))


def namespace_of(item: Object) -> str:
    return str(look(item, "metadata", "namespace", default=""))


def title(item: Object) -> str:
    """Kind, namespace and name for people."""
    place = f"{namespace_of(item)}/" if namespace_of(item) else ""
    return f"{item.get('kind')} {place}{name_of(item)}"


def selects(selector: Any, labels: Mapping[str, str]) -> bool:
    """Whether a selector of labels (`matchLabels`, `matchExpressions`) takes these; an empty one takes all."""
    wanted = mapping(selector)
    if any(labels.get(key) != value for key, value in mapping(wanted.get("matchLabels")).items()):
        return False
    return all(_holds(entry, labels) for entry in entries(wanted.get("matchExpressions")))


def _holds(expression: Object, labels: Mapping[str, str]) -> bool:
    key, values = str(expression.get("key")), texts(expression.get("values"))
    answers = {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }
    return answers.get(str(expression.get("operator")), False)


def _workload(item: Object) -> Workload | None:
    steps = {"CronJob": ("spec", "jobTemplate", "spec", "template"), "Pod": ()}.get(
        str(item.get("kind")), ("spec", "template")
    )
    if item.get("kind") not in (*WORKLOADS, *JOBS, "Pod"):
        return None
    template = mapping(look(item, *steps) if steps else item)
    labels = {
        key: value for key, value in mapping(look(template, "metadata", "labels")).items() if isinstance(value, str)
    }
    return Workload(item, mapping(template.get("spec")), labels)
