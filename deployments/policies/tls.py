"""What leaves the cluster or comes in is encrypted, and so is every connection to Redis, Kafka and databases."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deployments.policies.base import Manifests, Object, entries, look, mapping, namespace_of, policy, texts

_ISSUED = ("cert-manager.io/cluster-issuer", "cert-manager.io/issuer")
_PLAIN = re.compile(r"(redis|amqp|mqtt|ldap|smtp|ftp|http|ws)://(?:[^\s/@]*@)?([^\s:/]+)")
_INSIDE = re.compile(r"(localhost|[a-z0-9-]+|[0-9.]+|.*\.svc(\.cluster\.local)?|.*\.local)\Z")
_ENCRYPTED = {"redis": "rediss", "http": "https", "amqp": "amqps", "ws": "wss", "mqtt": "mqtts", "ldap": "ldaps",
              "smtp": "smtps", "ftp": "sftp"}  # fmt: skip


@policy(
    "tls",
    about="Each host of an Ingress has a certificate; addresses outside of the cluster, and Redis, are encrypted.",
)
def tls(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """Certificates come from an issuer that is named and never created."""
    kept = {
        (namespace_of(item), str(look(item, "spec", "secretName"))): item for item in manifests.of_kind("Certificate")
    }
    for item in manifests.of_kind("Ingress"):
        yield from ((item, rule, fix) for rule, fix in _of_ingress(item, kept))
    for item in manifests.of_kind("Certificate"):
        if not look(item, "spec", "issuerRef", "name"):
            yield item, "It names no issuer.", "Name one under issuerRef."
        if not (look(item, "spec", "dnsNames") or look(item, "spec", "commonName")):
            yield item, "It is for no name.", "Set dnsNames or commonName."
    for item in manifests.of_kind("Issuer", "ClusterIssuer", "SecretStore", "ClusterSecretStore"):
        yield item, "It belongs to the cluster's administrators.", "Refer to it by name instead."
    yield from _plain_addresses(manifests)


def _of_ingress(item: Object, kept: dict[tuple[str, str], Object]) -> Iterator[tuple[str, str]]:
    annotations = mapping(look(item, "metadata", "annotations"))
    hosts = {str(rule.get("host")) for rule in entries(look(item, "spec", "rules"))}
    secured: dict[str, str] = {}
    for entry in entries(look(item, "spec", "tls")):
        secured |= {str(host): str(entry.get("secretName") or "") for host in texts(entry.get("hosts"))}
    for host in sorted(hosts):
        if not secured.get(host):
            yield f"{host} is served without a certificate.", "List it under tls with a secretName."
        elif not any(annotations.get(key) for key in _ISSUED):
            certificate = kept.get((namespace_of(item), secured[host]))
            names = texts(look(certificate, "spec", "dnsNames"))
            if host not in names:
                yield (
                    f"No Certificate for {host} is kept in {secured[host]}.",
                    "Add one, or name an issuer in an annotation.",
                )
    if not hosts:
        yield "It is for every host.", "Name the host."
    if annotations.get("nginx.ingress.kubernetes.io/force-ssl-redirect") == "false":
        yield "It answers without TLS.", "Remove force-ssl-redirect."


def _plain_addresses(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    for item, name, value in plain_values(manifests):
        for found in _PLAIN.finditer(value):
            scheme, host = found[1], found[2]
            if scheme == "redis" or not _INSIDE.match(host):
                yield item, f"{name} is an address without TLS ({scheme}://{host}).", f"Use {_ENCRYPTED[scheme]}://."


def plain_values(manifests: Manifests) -> Iterator[tuple[Object, str, str]]:
    """Object, name and value of everything that is set literally for containers; whole files are none."""
    for item in manifests.of_kind("ConfigMap"):
        for name, value in mapping(item.get("data")).items():
            if isinstance(value, str) and "\n" not in value:
                yield item, name, value
    for workload in manifests.workloads:
        for container in workload.every_container:
            for entry in entries(container.get("env")):
                if isinstance(entry.get("value"), str):
                    yield workload.object, str(entry.get("name")), entry["value"]
