"""Prometheus scrapes what is there: each target is a Service that exists, by a port that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from deployments.policies.base import (
    Manifests,
    Object,
    entries,
    look,
    mapping,
    namespace_of,
    number,
    policy,
    selects,
    texts,
)

_ENDS = (".svc.cluster.local", ".svc")


@policy(
    "scrape-targets",
    about="Each target of Prometheus names a Service and a port that exist, or lies outside of the platform.",
)
def scrape_targets(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """Short names are followed through ExternalName Services, as the cluster's DNS does."""
    for item in manifests.of_kind("ConfigMap"):
        for job, host, port in _targets(item):
            if problem := _problem(host, port, namespace_of(item), manifests):
                yield item, f"Job {job}: {problem}", "Correct the target, or add the Service and its port."
    for item in manifests.of_kind("ServiceMonitor"):
        yield from ((item, rule, fix) for rule, fix in _of_monitor(item, manifests))
    for name, service in manifests.services.items():
        yield from ((service, rule, fix) for rule, fix in _of_service(name, service, manifests))


def _targets(item: Object) -> Iterator[tuple[str, str, int]]:
    """Job, host and port of every static or DNS target in the files of a ConfigMap."""
    for text in mapping(item.get("data")).values():
        if not isinstance(text, str) or "scrape_configs:" not in text:
            continue
        try:
            document = yaml.load(text, Loader=yaml.CSafeLoader)
        except yaml.YAMLError:
            continue
        for job in entries(look(document, "scrape_configs")):
            yield from ((str(job.get("job_name")), host, port) for host, port in _of_job(job))


def _of_job(job: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    for group in entries(job.get("static_configs")):
        for target in texts(group.get("targets")):
            host, _, port = str(target).rpartition(":")
            yield (host, int(port)) if host and port.isdigit() else (str(target), 80)
    for group in entries(job.get("dns_sd_configs")):
        yield from ((name, number(group.get("port"), 0)) for name in texts(group.get("names")))


def _problem(host: str, port: int, home: str, manifests: Manifests) -> str:
    (name, namespace), service = service_behind(place_of(host, home), manifests)
    if service is None:
        return "" if namespace not in manifests.namespaces else f"There is no Service {namespace}/{name}."
    ports = [entry.get("port") for entry in entries(look(service, "spec", "ports"))]
    return "" if port in ports else f"The Service {namespace}/{name} has no port {port}."


def service_behind(place: tuple[str, str], manifests: Manifests) -> tuple[tuple[str, str], Object | None]:
    """Name and namespace of the Service that answers for these, and the Service; a short name is followed."""
    name, namespace = place
    service = manifests.services.get((namespace, name))
    if service is not None and look(service, "spec", "type") == "ExternalName":
        name, namespace = place_of(str(look(service, "spec", "externalName")), namespace)
        service = manifests.services.get((namespace, name))
    return (name, namespace), service


def place_of(host: str, home: str) -> tuple[str, str]:
    """Name and namespace that a host means to a pod in the namespace `home`."""
    for end in _ENDS:
        host = host.removesuffix(end)
    name, _, namespace = host.partition(".")
    return name, namespace or home


def _of_monitor(item: Object, manifests: Manifests) -> Iterator[tuple[str, str]]:
    selector = look(item, "spec", "selector", default={})
    found = [
        service
        for (namespace, _), service in manifests.services.items()
        if namespace == namespace_of(item) and selects(selector, mapping(look(service, "metadata", "labels")))
    ]
    if not found:
        yield "It selects no Service of ours.", "Correct its selector."
    ports = [entry.get("name") for service in found for entry in entries(look(service, "spec", "ports"))]
    for endpoint in entries(look(item, "spec", "endpoints")):
        if found and endpoint.get("port") not in ports:
            yield f"No Service that it selects has a port {endpoint.get('port')}.", "Name one by its name."


def _of_service(place: tuple[str, str], service: Object, manifests: Manifests) -> Iterator[tuple[str, str]]:
    """A Service itself leads to pods and to ports that they have, or to a Service in a namespace of ours."""
    if look(service, "spec", "type") == "ExternalName":
        name, namespace = place_of(str(look(service, "spec", "externalName")), place[0])
        if namespace in manifests.namespaces and (namespace, name) not in manifests.services:
            yield f"It leads to {namespace}/{name}, which is not there.", "Correct its externalName."
        return
    selector = mapping(look(service, "spec", "selector"))
    found = [
        workload
        for workload in manifests.workloads
        if workload.namespace == place[0] and selector and selects({"matchLabels": selector}, workload.labels)
    ]
    if not found:
        yield "It leads to no pods of ours.", "Correct its selector."
        return
    ports = [
        port for workload in found for container in workload.containers for port in entries(container.get("ports"))
    ]
    known = [*(entry.get("name") for entry in ports), *(entry.get("containerPort") for entry in ports)]
    for entry in entries(look(service, "spec", "ports")):
        if entry.get("targetPort", entry.get("port")) not in known:
            yield f"Its pods have no port {entry.get('targetPort', entry.get('port'))}.", "Correct its targetPort."
