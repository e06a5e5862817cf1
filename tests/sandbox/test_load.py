"""Many Applications at once: none is forgotten, and each costs little."""

from __future__ import annotations

import time

from tests.sandbox.conftest import Argo, DeployRepository, manifest, settled

COUNT = 60
CPU_SECONDS_EACH = 0.25
"""Client, server and Git parsing of one creation, one rollout and its part of the lists; about 0.04 on an idle laptop."""


def test_sixty_applications_roll_out_at_once(admin: Argo, deployer: Argo, repository: DeployRepository) -> None:
    started = time.process_time()
    names = [f"app-{number:02}" for number in range(COUNT)]
    for name in names:
        made = deployer.post("/api/v1/applications", manifest(name, repository), validate="false")
        assert made.status_code == 200, made.text
    for name in names:
        assert deployer.sync(name).status_code == 200
    deadline = time.monotonic() + 60
    while waiting := [item["metadata"]["name"] for item in _listed(deployer) if not settled(item)]:
        assert time.monotonic() < deadline, f"never done: {waiting[:5]}"
        time.sleep(0.1)
    assert len(_listed(deployer)) == COUNT
    assert len(deployer.get("/sandbox/operations").json()["items"]) == COUNT
    assert (time.process_time() - started) / COUNT < CPU_SECONDS_EACH


def _listed(argo: Argo) -> list[dict[str, object]]:
    return list(argo.get("/api/v1/applications", projects="hub").json()["items"])
