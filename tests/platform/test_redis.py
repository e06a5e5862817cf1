"""Redis' users may do what each needs and no more, whether a secret store or Sealed Secrets brings their passwords."""

from __future__ import annotations

import dataclasses
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import redis
import yaml

from deployments.policies import Manifests, policies
from deployments.renderers.base import RENDERERS, RenderError
from script.development.overlays import requests
from script.development.schemas import problems
from tests.chaos.broker import Broker
from tests.platform.test_manifests import ROOT, Object, of_kind, rendered

CHART = ROOT / "kubernetes/platform/redis"
PASSWORDS = ("REDIS_PASSWORD", "REDIS_PANEL_PASSWORD", "REDIS_REPLICATION_PASSWORD", "REDIS_SENTINEL_PASSWORD", "REDIS_HEALTH_PASSWORD")  # fmt: skip
TOKEN, EVENTS = "chat365:onlychannel:token", "chat365:hub:events"


def sealed() -> str:
    return "Ag" + "By7c+/" * 60


def chart(directory: Path, **values: Any) -> dict[str, Object]:
    """What the chart gives in staging where its values are these; raises RenderError."""
    shutil.copytree(CHART, directory / "kubernetes/platform/redis")
    file = directory / "kubernetes/platform/redis/values-staging.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text("utf-8")) | values), "utf-8")
    asked = next(one for one in requests(ROOT) if (one.component.name, one.environment) == ("redis", "staging"))
    found = RENDERERS["helm"].render(dataclasses.replace(asked, source=directory)).files
    return {path: yaml.safe_load(content) for path, content in found.items()}


def test_sealed_passwords_stand_in_the_place_of_a_secret_store(tmp_path: Path) -> None:
    objects = chart(tmp_path, secretStore={"enabled": False}, sealed=dict.fromkeys(PASSWORDS, sealed()))

    assert "ExternalSecret" not in {item["kind"] for item in objects.values()}
    (secret,) = [item for item in objects.values() if item["kind"] == "SealedSecret"]
    assert secret["spec"]["encryptedData"].keys() == set(PASSWORDS)
    assert [text for item in objects.values() for text in problems(item)] == []
    held = Manifests(objects)
    for name in ("variables", "literal-secrets", "workloads"):
        assert list(policies[name].judge(held)) == [], name


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"secretStore": {"enabled": False}}, "REDIS_PASSWORD"),
        ({"secretStore": {"enabled": False}, "sealed": {"REDIS_PASSWORD": "open"}}, "sealed"),
        ({"secretStore": {"enabled": True}, "sealed": {"REDIS_PASSWORD": sealed()}}, "sealed"),
        ({"secretStore": {"enabled": True, "name": ""}}, "secretStore"),
    ],
)
def test_passwords_come_from_one_place_and_are_all_there(tmp_path: Path, values: Object, said: str) -> None:
    with pytest.raises(RenderError, match=said):
        chart(tmp_path, **values)


def test_the_schema_says_what_is_sealed_and_the_chart_asks_for_no_other_password() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text("utf-8"))
    jsonschema_rs.meta.validate(schema)
    assert tuple(schema["properties"]["sealed"]["properties"]) == PASSWORDS
    (external,) = [
        item for item in of_kind("staging", "ExternalSecret") if item["metadata"]["name"] == "redis-environment"
    ]
    assert tuple(entry["secretKey"] for entry in external["spec"]["data"]) == PASSWORDS


def users(directory: Path) -> list[list[str]]:
    """The lines of the file of users that a node starts with, in words."""
    config = next(item for item in rendered("staging").values() if item["metadata"]["name"] == "redis-config")
    for name in ("access", "run", "bin", "redis"):
        (directory / name).mkdir()
    for name in PASSWORDS:
        (directory / "access" / name).write_text(secrets.token_hex(16))
    (directory / "redis/redis.conf").touch()
    script = directory / "start.sh"
    text = config["data"]["start-redis.sh"]
    for there, here in (("/etc/access", "access"), ("/run/redis", "run"), ("/etc/redis", "redis")):
        text = text.replace(there, str(directory / here))
    script.write_text(text)
    for program, says in (("redis-cli", "exit 1"), ("redis-server", "exit 0")):
        (directory / "bin" / program).write_text(f"#!/bin/sh\n{says}\n")
        (directory / "bin" / program).chmod(0o755)
    environment = {"PATH": f"{directory}/bin:{os.environ['PATH']}", "NODES": "3", "DOMAIN": "nodes", "HOSTNAME": "redis-1", "MAXMEMORY": "1mb"}  # fmt: skip
    subprocess.run(["sh", str(script)], check=True, env=environment)
    assert (directory / "run/users.acl").stat().st_mode & 0o077 == 0
    assert "replicaof redis-0.nodes 6380" in (directory / "run/redis.conf").read_text()
    return [line.split() for line in (directory / "run/users.acl").read_text().splitlines()]


@pytest.fixture(scope="module")
def asked(valkey: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real server that knows these users."""
    with redis.Redis.from_url(valkey.url) as client:
        first, *others = users(tmp_path_factory.mktemp("redis"))
        assert first == ["user", "default", "off"]
        for _, *words in others:
            assert words[2].startswith(">")
            assert len(words[2]) == 33
            client.execute_command("ACL", "SETUSER", *words)
        yield client


@pytest.mark.parametrize(
    ("user", "command", "may"),
    [
        ("hub", f"XADD {EVENTS} * type x", True),
        ("hub", f"SET {TOKEN} x EX 3300", True),
        ("hub", "SET chat365:other x", False),
        ("hub", "CONFIG GET save", False),
        ("hub", "FLUSHALL", False),
        ("panel", f"TTL {TOKEN}", True),
        ("panel", f"GET {TOKEN}", False),
        ("panel", f"GETRANGE {TOKEN} 0 9", False),
        ("panel", f"XREVRANGE {EVENTS} + - COUNT 1", True),
        ("panel", f"XADD {EVENTS} * type x", False),
        ("panel", f"DEL {EVENTS}", False),
        ("replication", "PSYNC ? -1", True),
        ("replication", f"GET {TOKEN}", False),
        ("sentinel", "ROLE", True),
        ("sentinel", f"GET {TOKEN}", False),
        ("health", "INFO replication", True),
        ("health", "PING", True),
        ("health", f"GET {TOKEN}", False),
    ],
)
def test_a_user_of_redis_may_do_what_it_needs_and_no_more(asked: Any, user: str, command: str, may: bool) -> None:
    answer = asked.execute_command("ACL", "DRYRUN", user, *command.split())
    assert (answer in (b"OK", "OK", True)) is may, answer
