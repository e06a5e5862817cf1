"""Tenants' references go to Git by promotions of their own: what changes, what stays, what a rollback brings back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from controlpanel.catalog.models import Environment
from controlpanel.catalog.shards import shard_of
from controlpanel.core.errors import ConflictError
from deployments import gates
from deployments.choices import Kind, State
from deployments.models import Application, Preflight, Promotion, Release
from deployments.services.promotions import promotion_request
from deployments.services.rollbacks import promotion_rollback, rollback_preview
from tenants.choices import Stage, TenantState
from tenants.models import CredentialReference, Departure, Tenant
from tenants.services.references import Edit, references_put
from tenants.services.tenants import tenant_create, tenant_move, tenant_offboard
from tests.chaos import fleet
from tests.world import World, running_world, until

SHARDS = 4
pytestmark = pytest.mark.timeout(300)  # other work may keep the machine busy while the world starts


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, committed_database: str) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("tenants")
    platform = fleet.Fleet(1, is_plain=True, shards=SHARDS, gates=("lane-free", "applications-healthy")).write
    with running_world(directory, committed_database, platform=platform) as world:
        fleet.releases(fleet.head(world.directory / "platform"))
        world.watch()
        yield world


@pytest.fixture(scope="module")
def place(world: World) -> Environment:
    return Environment.objects.get(name="e00")


def tenant(slug: str, *, remote_key: str = "") -> Tenant:
    """An active tenant with a reference and a value."""
    made = tenant_move(actor=fleet.CI, tenant=tenant_create(actor=fleet.CI, slug=slug), state=TenantState.ACTIVE)
    put(made, remote_key or f"{slug}/api")
    value = Edit(environment="e00", key="BASE_URL", place={"value": f"https://{slug}.example.com"})
    references_put(actor=fleet.CI, tenant=made, edits=[value])
    return made


def put(of: Tenant, remote_key: str) -> None:
    place = {"kind": "ExternalSecret", "store": "vault", "remoteKey": remote_key}
    references_put(actor=fleet.CI, tenant=of, edits=[Edit(environment="e00", key="API_SECRET", place=place)])


def ends(promotion: Promotion, state: State = State.SUCCEEDED) -> Promotion:
    def has_ended() -> bool:
        promotion.refresh_from_db()
        return promotion.is_terminal or promotion.state == State.PAUSED

    until(has_ended, f"promotion {promotion.number} ends")
    assert promotion.state == state, (promotion.state, promotion.note, promotion.issue)
    return promotion


def configured() -> Promotion:
    return ends(promotion_request(actor=fleet.CI, environment="e00", release=None, kind=Kind.TENANT_CONFIG))


def released(version: str) -> Promotion:
    return ends(promotion_request(actor=fleet.CI, environment="e00", release=version))


def files(world: World, commit: str) -> dict[str, str]:
    """Path → id of what it holds."""
    listed = world.git("ls-tree", "-r", "--format=%(path) %(objectname)", commit).splitlines()
    return dict(line.split(" ") for line in listed)


def changed(world: World, of: Promotion) -> list[str]:
    return world.git("diff", "--name-only", f"{of.commit}~", of.commit).splitlines()


def digest(world: World, commit: str, *directories: str) -> str:
    """As the README says: `sha256sum` over the files of an archive, sorted, and once more over its lines."""
    script = (
        f'git --git-dir="{world.deploy}" archive {commit} {" ".join(directories)} | (d=$(mktemp -d); cd $d; tar -x; '
        "find * -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)"
    )
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True)
    return done.stdout.split()[0]


def trailer(world: World, of: Promotion, name: str) -> str:
    return world.git("log", "-1", f"--format=%(trailers:key={name},valueonly)", of.commit).strip()


def synced(world: World, of: Promotion) -> list[str]:
    mine = [one for one in world.operations() if str(of.pk) in str(one.get("infos")) and one["type"] == "sync"]
    return sorted(one["application"] for one in mine)


def promoted_place(slug: str) -> str:
    row = CredentialReference.objects.select_related("promoted").get(tenant__slug=slug, key="API_SECRET")
    return row.promoted.remote_key if row.promoted and not row.promoted.is_removed else ""


class TestChangeSets:
    def test_several_edits_travel_as_one_commit_that_touches_nothing_of_the_release(self, world: World) -> None:
        first = released("1.0.0")
        tenant("nova")
        tenant("lumen")

        done = configured()

        assert done.release is None
        assert {path.split("/")[0] for path in changed(world, done)} == {"tenant-credentials"}
        assert done.render_digest == digest(world, done.commit, "tenant-credentials")
        assert trailer(world, done, "Render-Digest") == done.render_digest
        assert trailer(world, done, "Release") == ""
        assert first.render_digest == digest(world, done.commit, "alpha", "beta")
        assert [promoted_place("nova"), promoted_place("lumen")] == ["nova/api", "lumen/api"]
        assert not done.findings

    def test_one_tenant_more_changes_its_own_lines_and_syncs_its_own_shard(self, world: World) -> None:
        tenant("mira")

        done = configured()

        shard = shard_of("mira", SHARDS)
        assert changed(world, done) == [
            f"tenant-credentials/{shard}/e00/ConfigMap-tenant-credentials-{shard}.yaml",
            f"tenant-credentials/{shard}/e00/ExternalSecret-tenant-mira.yaml",
        ]
        added = world.git("diff", "--unified=0", f"{done.commit}~", done.commit, "--", "*ConfigMap*").splitlines()
        own = [line for line in added if line.startswith(("+ ", "- "))]
        assert own == ["+  mira.BASE_URL: https://mira.example.com"]
        assert synced(world, done) == [f"tenant-credentials-{shard}-e00"]

    def test_a_release_carries_the_tenants_part_over(self, world: World) -> None:
        before = world.git("rev-parse", "env/e00:tenant-credentials")

        done = released("2.0.0")

        assert world.git("rev-parse", "env/e00:tenant-credentials") == before
        assert done.render_digest == digest(world, done.commit, "alpha", "beta")

    def test_a_missing_remote_key_is_a_finding_and_stops_neither_neighbours_nor_releases(
        self, world: World, place: Environment
    ) -> None:
        tenant("broken", remote_key="does-not-exist")
        put(Tenant.objects.get(slug="nova"), "nova/api-v2")

        done = configured()

        assert [(one["tenant"], one["kind"]) for one in done.findings] == [("broken", "ExternalSecret")]
        assert "could not get secret data" in done.findings[0]["message"]
        assert promoted_place("nova") == "nova/api-v2"
        name = f"tenant-credentials-{shard_of('broken', SHARDS)}-e00"
        until(lambda: Application.objects.get(name=name).health == "Degraded", f"{name} is Degraded")
        answers = gates.for_target(release=Release.objects.get(version="1.0.0"), environment=place)
        healthy = next(one for one in answers if one.gate == "applications-healthy")
        assert (healthy.verdict, healthy.reason) == ("pass", "All 2 Applications are Healthy.")
        put(Tenant.objects.get(slug="broken"), "broken/api")
        assert not configured().findings


class TestGoingBack:
    def test_git_equals_what_it_was_and_later_edits_stay_pending(self, world: World) -> None:
        released("1.0.0")
        put(Tenant.objects.get(slug="nova"), "nova/a")
        a = configured()
        released("2.0.0")
        put(Tenant.objects.get(slug="nova"), "nova/b")
        configured()

        back = ends(promotion_rollback(actor=fleet.CI, target=a, reason="b breaks nova"))

        assert files(world, back.commit) == files(world, a.commit)
        assert back.render_digest == digest(world, back.commit, "alpha", "beta", "tenant-credentials")
        assert back.release is not None and back.release.version == "1.0.0"
        assert promoted_place("nova") == "nova/a"
        row = CredentialReference.objects.get(tenant__slug="nova", key="API_SECRET")
        assert row.is_pending and row.newest.remote_key == "nova/b"

    def test_it_asks_before_it_takes_a_reference_and_keeps_todays_if_told_so(self, world: World) -> None:
        a = Promotion.objects.filter(kind=Kind.TENANT_CONFIG, state=State.SUCCEEDED).latest("number")
        released("3.0.0")
        tenant("onboarded")
        with_it = configured()

        with pytest.raises(ConflictError) as asked:
            promotion_rollback(actor=fleet.CI, target=a)
        preview = rollback_preview(actor=fleet.CI, target=a)
        until(lambda: preview_of(preview).state == "ready", "the preview is rendered")

        assert [one["slug"] for one in asked.value.extra["losses"]] == ["onboarded"]
        assert preview_of(preview).losses == [{"slug": "onboarded", "keys": ["API_SECRET", "BASE_URL"]}]
        back = ends(promotion_rollback(actor=fleet.CI, target=a, tenants="keep"))
        assert tree(world, back, "tenant-credentials") == tree(world, with_it, "tenant-credentials")
        assert tree(world, back, "alpha") == tree(world, a, "alpha") != tree(world, with_it, "alpha")
        assert back.render_digest == digest(world, back.commit, "alpha", "beta", "tenant-credentials")
        assert promoted_place("onboarded") == "onboarded/api"
        taken = ends(promotion_rollback(actor=fleet.CI, target=a, tenants="restore"))
        assert tree(world, taken, "tenant-credentials") == tree(world, a, "tenant-credentials")
        assert promoted_place("onboarded") == ""


class TestLeaving:
    def test_keys_leave_the_secret_before_the_object_leaves_git(self, world: World) -> None:
        configured()
        tenant_offboard(actor=fleet.CI, tenant=Tenant.objects.get(slug="mira"), reason="They closed.")
        path = f"tenant-credentials/{shard_of('mira', SHARDS)}/e00/ExternalSecret-tenant-mira.yaml"

        first = configured()

        assert "deletionPolicy: Merge" in world.git("show", f"{first.commit}:{path}")
        assert Departure.objects.get(tenant__slug="mira").stage == Stage.OBJECT
        second = configured()
        assert path not in files(world, second.commit)
        assert not Departure.objects.filter(tenant__slug="mira").exists()
        assert not second.findings


def preview_of(preview: Preflight) -> Preflight:
    return Preflight.objects.get(pk=preview.pk)


def tree(world: World, of: Promotion, directory: str) -> str:
    return world.git("rev-parse", f"{of.commit}:{directory}").strip()
