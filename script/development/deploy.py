"""`script/deploy ENVIRONMENT RELEASE`: takes a release to an environment through the panel's API and waits for the verdict.

With --commit it makes the release first; images that are not given are those of the newest release. It then asks for a
preflight, shows what would change and what the gates say, asks for exactly that, and prints each event until the end.

PANEL_URL is the panel's address. PANEL_TOKEN is a token with the scope `promote` (and `release`, to make releases):
  manage.py create_token deploy-staging --scope promote --scope release --environment staging --expires 30

Exit status: 0 it is there and proved, 1 refused or ended otherwise, 2 wrong call, 3 it waits for a person.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from script.development.panel_api import Away, NotNamed, Panel, Refused

SUCCEEDED, NOT_SUCCEEDED, WRONG_CALL, NEEDS_A_PERSON = 0, 1, 2, 3
ENDED = {"succeeded", "failed", "canceled", "rejected", "expired", "superseded"}
LOOK_SECONDS = 2.0
COMMIT = re.compile(r"[0-9a-f]{40}")
IMAGE = re.compile(r"(?P<key>[a-z0-9-]+)=(?P<reference>\S+@sha256:[0-9a-f]{64})")


class NotDeployed(Exception):
    """It ends here; the message says why."""

    def __init__(self, message: str, status: int = NOT_SUCCEEDED) -> None:
        super().__init__(message)
        self.status = status


def release(panel: Panel, version: str, commit: str, images: Mapping[str, str], notes: str) -> None:
    """Make the release, or find the same one."""
    body = {"version": version, "source": {"commit": commit}, "images": dict(images), "notes": notes}
    panel.post("releases", body, key=f"release-{version}-{uuid.uuid4()}")
    print(f"Release {version} configures {commit[:12]}.", flush=True)


def preflight(panel: Panel, environment: str, version: str, deadline: float) -> str:
    """Show what would change and what the gates say; returns the digest of it. Raises `NotDeployed` where a gate blocks."""
    asked = panel.post("preflight", {"environment": environment, "release": version}, key=str(uuid.uuid4()))
    while asked["state"] == "rendering":
        _wait(deadline, "The preflight is not ready.")
        asked = panel.get(f"preflight/{asked['id']}")
    if asked["state"] != "ready":
        raise NotDeployed(f"{asked['error']} {asked['remedy']}".strip())
    print(f"{len(asked['changes'])} objects change in {environment}.", flush=True)
    if blocking := [gate for gate in asked["gates"] if gate["verdict"] in ("block", "unknown")]:
        raise NotDeployed("\n".join(map(_gate, blocking)))
    return str(asked["render_digest"])


def promote(panel: Panel, environment: str, version: str, digest: str, reason: str) -> dict[str, Any]:
    """Ask for exactly what was shown; returns the promotion."""
    body = {"environment": environment, "release": version, "render_digest": digest, "reason": reason}
    promotion = panel.post("promotions", body, key=str(uuid.uuid4()))
    print(f"Promotion {promotion['number']}: {promotion['url']}", flush=True)
    return promotion


def follow(panel: Panel, promotion: dict[str, Any], deadline: float) -> dict[str, Any]:
    """Print each event until the promotion ends or waits for a person; returns how it is then."""
    told = 0
    while True:
        for event in promotion["events"]:
            if event["sequence"] > told:
                told = event["sequence"]
                print(
                    f"{event['at'][11:19]} {event['type'].removeprefix('promotion.')}: {event['message']}", flush=True
                )
        if promotion["state"] in ENDED or promotion["state"] == "paused":
            return promotion
        _wait(deadline, f"Promotion {promotion['number']} is {promotion['state']}, and goes on without this command.")
        promotion = panel.get(f"promotions/{promotion['id']}")


def verdict(promotion: dict[str, Any]) -> None:
    """Return where it succeeded. Raises `NotDeployed` with the reason otherwise."""
    if promotion["state"] == "succeeded":
        print(f"{promotion['release']} is live in {promotion['environment']} at {promotion['commit'][:12]}.")
        return
    issue = promotion.get("issue") or {}
    lines = [f"Promotion {promotion['number']} is {promotion['state']}. {promotion['note']}".strip()]
    lines += [issue[name] for name in ("sentence", "advice") if issue.get(name)]
    lines += [_gate(gate) for gate in promotion["gates"] if gate["verdict"] in ("block", "unknown")]
    lines += [f"{one['kind']} {one['namespace']}/{one['name']}: {one['message']}" for one in promotion["blocking"]]
    raise NotDeployed("\n".join(lines), NEEDS_A_PERSON if promotion["state"] == "paused" else NOT_SUCCEEDED)


def _gate(gate: dict[str, Any]) -> str:
    return f"{gate['verdict']} {gate['gate']}: {gate['reason']} {gate['remedy']}".strip()


def _wait(deadline: float, otherwise: str) -> None:
    if time.monotonic() > deadline:
        raise NotDeployed(f"{otherwise} The time of --timeout is over.", NEEDS_A_PERSON)
    time.sleep(LOOK_SECONDS)


def summarise(promotion: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Leave a line on the page of a GitHub workflow's run, where this is one."""
    if path := environment.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as page:
            page.write(f"[Promotion {promotion['number']}]({promotion['url']}) of {promotion['release']} ")
            page.write(f"to {promotion['environment']}: **{promotion['state']}**\n")


def deploy(panel: Panel, options: argparse.Namespace) -> None:
    """The whole way. Raises `NotDeployed`, `Refused` and `Away`."""
    deadline = time.monotonic() + options.timeout
    if options.commit:
        release(panel, options.release, options.commit, options.images, options.notes)
    digest = preflight(panel, options.environment, options.release, deadline)
    promotion = promote(panel, options.environment, options.release, digest, options.reason)
    promotion = follow(panel, promotion, deadline)
    summarise(promotion, os.environ)
    verdict(promotion)


def parsed(arguments: list[str]) -> argparse.Namespace:
    """The command line; a wrong one ends the process with status 2 and a sentence."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="script/deploy", description=__doc__, formatter_class=form)
    parser.add_argument("environment", metavar="ENVIRONMENT")
    parser.add_argument("release", metavar="RELEASE", help="the version of a release")
    parser.add_argument("--commit", default="", help="make the release from this commit, the full SHA")
    parser.add_argument("--image", action="append", default=[], metavar="KEY=NAME@sha256:…", help="an image of it")
    parser.add_argument("--notes", default="", help="notes of the release")
    parser.add_argument("--reason", default="", help="why it is promoted")
    parser.add_argument("--timeout", type=float, default=3600, metavar="SECONDS", help="how long to wait (3600)")
    options = parser.parse_args(arguments)
    if options.commit and not COMMIT.fullmatch(options.commit):
        parser.error(f"--commit {options.commit} is no full SHA of 40 hexadecimal digits.")
    if options.image and not options.commit:
        parser.error("--image belongs to a new release: say --commit, too.")
    found = [IMAGE.fullmatch(image) for image in options.image]
    if wrong := [image for image, match in zip(options.image, found, strict=True) if not match]:
        parser.error(f"--image {wrong[0]} is not KEY=NAME@sha256:DIGEST; images travel by digest.")
    options.images = {match["key"]: match["reference"] for match in found if match}
    return options


def main() -> int:
    """Deploy and return the exit status; what is wrong is said on standard error."""
    options = parsed(sys.argv[1:])
    try:
        deploy(Panel.of_environment(), options)
    except NotNamed as error:
        print(f"script/deploy: {error}", file=sys.stderr)
        return WRONG_CALL
    except NotDeployed as error:
        print(f"script/deploy: {error}", file=sys.stderr)
        return error.status
    except (Refused, Away) as error:
        gates = error.problem.get("gates", []) if isinstance(error, Refused) else []
        print("script/deploy:", error, *map(_gate, gates), sep="\n", file=sys.stderr)
        return NOT_SUCCEEDED
    return SUCCEEDED


if __name__ == "__main__":
    sys.exit(main())
