"""What a schema cannot say of a catalog: names that must exist, orders without a circle, places used once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from controlpanel.catalog.errors import Problem
from controlpanel.catalog.notifications import routes_name_what_exists
from controlpanel.catalog.schema import nearest
from controlpanel.catalog.shards import COMPONENT, shard_names
from controlpanel.catalog.yaml_source import Source

Rule = Callable[[Source], Iterator[Problem]]


def rule_problems(source: Source) -> list[Problem]:
    """Everything that the rules find in a document that the schema allows."""
    return [problem for rule in RULES for problem in rule(source)]


def _needs_exist(source: Source) -> Iterator[Problem]:
    components = source.data["components"]
    for name, spec in components.items():
        for index, needed in enumerate(spec.get("needs", ())):
            if needed not in components:
                cause = f"The component “{name}” needs “{needed}”, which is not in the catalog."
                yield source.problem(("components", name, "needs", index), cause, nearest(needed, list(components)))


def _needs_have_no_circle(source: Source) -> Iterator[Problem]:
    needs = {name: tuple(spec.get("needs", ())) for name, spec in source.data["components"].items()}
    circle = _circle(needs)
    if circle:
        cause = f"Components need each other in a circle: {' → '.join(circle)}."
        yield source.problem(("components", circle[0], "needs"), cause, "Remove one of these needs.")


def _after_exists(source: Source) -> Iterator[Problem]:
    environments = source.data["environments"]
    for name, spec in environments.items():
        after = spec.get("after")
        if after is not None and after not in environments:
            cause = f"The environment “{name}” comes after “{after}”, which is not in the catalog."
            yield source.problem(("environments", name, "after"), cause, nearest(after, list(environments)))


def _after_has_no_circle(source: Source) -> Iterator[Problem]:
    environments = source.data["environments"]
    circle = _circle({name: tuple(filter(None, [spec.get("after")])) for name, spec in environments.items()})
    if circle:
        cause = f"Environments come after each other in a circle: {' → '.join(circle)}."
        yield source.problem(
            ("environments", circle[0], "after"), cause, "Let one of them be the first, without “after”."
        )


def _checklist_environments_exist(source: Source) -> Iterator[Problem]:
    environments = source.data["environments"]
    for key, spec in source.data.get("checklist", {}).items():
        for index, name in enumerate(spec.get("environments", ())):
            if name not in environments:
                cause = f"The item “{key}” is asked for in “{name}”, which is not in the catalog."
                yield source.problem(
                    ("checklist", key, "environments", index), cause, nearest(name, list(environments))
                )


def _paths_are_apart(source: Source) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, spec in source.data["components"].items():
        path, place = spec["path"], ("components", name, "path")
        if ".." in path.split("/"):
            yield source.problem(place, f"The path “{path}” leaves the repository.", "Write it without “..”.")
        if path in seen:
            cause = f"The components “{seen[path]}” and “{name}” have the same path “{path}”."
            yield source.problem(place, cause, "Give each component a folder of its own.")
        seen.setdefault(path, name)


def _charts_have_what_they_need(source: Source) -> Iterator[Problem]:
    components = source.data["components"]
    for name, spec in components.items():
        if spec.get("renderer") != "helm" and "helm" in spec:
            cause = f"The component “{name}” is not rendered by helm, but says how."
            yield source.problem(("components", name, "helm"), cause, "Write renderer: helm, or remove it.")
    charts = [name for name, spec in components.items() if spec.get("renderer") == "helm"]
    for environment, spec in source.data["environments"].items() if charts else ():
        if "kubernetesVersion" not in spec["destination"]:
            cause = f"The environment “{environment}” names no version of Kubernetes, which the chart of “{charts[0]}” asks for."
            remedy = 'Write kubernetesVersion, such as "1.33.0", into its destination.'
            yield source.problem(("environments", environment, "destination"), cause, remedy)


def _branches_are_apart(source: Source) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, spec in source.data["environments"].items():
        branch = spec.get("branch", f"env/{name}")
        if branch in seen:
            cause = f"The environments “{seen[branch]}” and “{name}” share the branch “{branch}”."
            yield source.problem(("environments", name, "branch"), cause, "Give each environment a branch of its own.")
        seen.setdefault(branch, name)


def _destinations_are_apart(source: Source) -> Iterator[Problem]:
    seen: dict[tuple[str, str], str] = {}
    for name, spec in source.data["environments"].items():
        destination = (spec["destination"]["server"], spec["destination"]["namespace"])
        if destination in seen:
            cause = (
                f"The environments “{seen[destination]}” and “{name}” share cluster and namespace “{destination[1]}”."
            )
            yield source.problem(("environments", name, "destination"), cause, "Give each a namespace of its own.")
        seen.setdefault(destination, name)


def _gates_stand_once(source: Source) -> Iterator[Problem]:
    for name, spec in source.data["environments"].items():
        seen: set[str] = set()
        for index, gate in enumerate(spec.get("gates", ())):
            if gate["name"] in seen:
                cause = f"The gate “{gate['name']}” stands twice in the environment “{name}”."
                yield source.problem(("environments", name, "gates", index), cause, "Remove one of them.")
            seen.add(gate["name"])


def _checks_stand_once(source: Source) -> Iterator[Problem]:
    for name, spec in source.data["environments"].items():
        seen: set[str] = set()
        for index, check in enumerate(spec.get("verification", {}).get("checks", ())):
            if check["name"] in seen:
                cause = f"The check “{check['name']}” stands twice in the verification of “{name}”."
                place = ("environments", name, "verification", "checks", index)
                yield source.problem(place, cause, "Give each check a name of its own.")
            seen.add(check["name"])


def _secrets_have_no_password(source: Source) -> Iterator[Problem]:
    for key, spec in source.data.get("variables", {}).items():
        if spec.get("secret") and "@" in spec.get("default", ""):
            cause = f"The default of the secret variable {key} holds what looks like a password."
            yield source.problem(("variables", key, "default"), cause, "Write the address without user and password.")


def _references_fit_their_variables(source: Source) -> Iterator[Problem]:
    for key, spec in source.data.get("variables", {}).items():
        given = set(spec.get("reference", {}))
        place = ("variables", key, "reference")
        if given and spec["scope"] != "tenant":
            yield source.problem(place, f"{key} is the same for all tenants, so it has no reference.", "Remove it.")
        elif given and spec.get("secret") and ("value" in given or not {"store", "remoteKey"} <= given):
            cause = f"The reference of the secret {key} is no place."
            yield source.problem(place, cause, "Write store and remoteKey, and property if need be; never a value.")
        elif given and not spec.get("secret") and given != {"value"}:
            yield source.problem(place, f"{key} is no secret, so it lies in no store.", "Write value and nothing else.")


def _application_names_are_apart(source: Source) -> Iterator[Problem]:
    """`a-b` in `c` and `a` in `b-c` would be one Application."""
    seen: dict[str, tuple[str, str]] = {}
    for environment in source.data["environments"]:
        for component in (*source.data["components"], *_shards(source)):
            other = seen.setdefault(f"{component}-{environment}", (component, environment))
            if other != (component, environment):
                cause = f"“{component}” in “{environment}” and “{other[0]}” in “{other[1]}” give one Application name."
                yield source.problem(("environments", environment), cause, "Rename one component or environment.")


def _shards(source: Source) -> list[str]:
    """What the shards' Applications are named by, as if each were a component."""
    spec = source.data.get("tenantCredentials")
    return [] if spec is None else [f"{COMPONENT}-{shard}" for shard in shard_names(spec.get("shards", 16))]


def _the_tenants_component_is_no_other(source: Source) -> Iterator[Problem]:
    if COMPONENT in source.data["components"]:
        cause = f"The name “{COMPONENT}” is that of the component which holds tenants' references."
        yield source.problem(("components", COMPONENT), cause, "Rename this component.")


def _circle(edges: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The first circle that following the edges leads into, its start repeated at the end; empty if there is none."""
    done: set[str] = set()
    for start in edges:
        trail: list[str] = []
        pending: list[tuple[str, Iterator[str]]] = [(start, iter(edges[start]))]
        while pending:
            name, following = pending[-1]
            if name not in trail:
                trail.append(name)
            step = next((target for target in following if target in edges and target not in done), None)
            if step is None:
                done.add(name)
                trail.remove(name)
                pending.pop()
            elif step in trail:
                return [*trail[trail.index(step) :], step]
            else:
                pending.append((step, iter(edges[step])))
    return []


RULES: tuple[Rule, ...] = (
    routes_name_what_exists,
    _needs_exist,
    _needs_have_no_circle,
    _after_exists,
    _after_has_no_circle,
    _checklist_environments_exist,
    _paths_are_apart,
    _charts_have_what_they_need,
    _branches_are_apart,
    _destinations_are_apart,
    _gates_stand_once,
    _checks_stand_once,
    _secrets_have_no_password,
    _references_fit_their_variables,
    _application_names_are_apart,
    _the_tenants_component_is_no_other,
)
