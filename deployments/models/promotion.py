"""A promotion: one change of an environment's desired state."""

from __future__ import annotations

from django.db import models
from django.db.models.expressions import RawSQL

from controlpanel.catalog.models import Environment
from controlpanel.core.models import Leased, uuid7
from deployments.choices import COMMITTED, IN_LANE, TERMINAL, Confidence, Kind, Rollout, State, Verdict
from deployments.models.preflight import Preflight
from deployments.models.release import Release


class Promotion(Leased):
    """Moved by `lifecycle` alone; PostgreSQL refuses illegal moves, a second one in the lane and changed identities.

    `number` comes from a sequence. `plan` is what rendering found: {"base", "parts", "changed", "unchanged", "waves", "by_wave"};
    with `by_wave` each wave is a commit of its own, and `commit` is the newest of them.
    A rollback `restores` the files that an earlier promotion of the same environment committed; its release is what was
    live with that one. `keeps_tenants`: but not the tenants' part. `overrides` are {"gate", "reason", "by", "until"};
    `findings` are objects that do not do what they should and yet failed no rollout: {"tenant", "kind", "namespace",
    "name", "message"}.
    `is_emergency`: a rollback that waits for no approval and no freeze; a second person looks at it afterwards.
    `claim` numbers the claim ref `refs/panel/promotions/<id>/<n>`. `issue` is why it is paused, as a dictionary.
    `outages` counts the tries in a row that met an outside system that did not answer.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    number = models.BigIntegerField(
        unique=True, editable=False, db_default=RawSQL("nextval('deployments_promotion_number')", ())
    )
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.RELEASE)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="promotions")
    release = models.ForeignKey(Release, on_delete=models.PROTECT, null=True, related_name="promotions")
    restores = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="rollbacks")
    keeps_tenants = models.BooleanField(default=False)
    is_emergency = models.BooleanField(default=False)
    preflight = models.ForeignKey(Preflight, on_delete=models.PROTECT, null=True, related_name="promotions")
    components = models.JSONField(default=list)
    state = models.CharField(max_length=20, choices=State, default=State.REQUESTED)
    requested_by = models.CharField(max_length=150)
    requested_door = models.CharField(max_length=20)
    requester = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="promotions")
    token_maker = models.ForeignKey("accounts.User", on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.TextField(blank=True)
    render_digest = models.CharField(max_length=64, blank=True)
    plan = models.JSONField(null=True)
    overrides = models.JSONField(default=list)
    findings = models.JSONField(default=list)
    wave = models.IntegerField(default=0)
    note = models.TextField(blank=True)
    paused_from = models.CharField(max_length=20, blank=True)
    issue = models.JSONField(null=True)
    claimed_by = models.CharField(max_length=150, blank=True)
    claimed_at = models.DateTimeField(null=True)
    audit_head = models.CharField(max_length=64, blank=True)
    commit_parent = models.CharField(max_length=40, blank=True)
    intended_commit = models.CharField(max_length=40, blank=True)
    commit = models.CharField(max_length=40, blank=True)
    committed_at = models.DateTimeField(null=True)
    accepted_base = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    state_since = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    live_revision = models.CharField(max_length=40, blank=True)
    git_revision = models.CharField(max_length=40, blank=True)
    confidence = models.CharField(max_length=10, choices=Confidence, blank=True)
    is_after_commit = models.BooleanField(default=False)
    outages = models.IntegerField(default=0)

    class Meta:
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["next_run_at"], condition=models.Q(next_run_at__isnull=False), name="promotion_due"),
            models.Index(fields=["environment", "-number"], name="promotion_history"),
            models.Index(fields=["state"], name="promotion_open", condition=~models.Q(state__in=TERMINAL)),
        ]
        constraints = [
            models.UniqueConstraint(fields=["environment"], condition=models.Q(state__in=IN_LANE), name="one_active_promotion"),
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="state_is_known"),
            models.CheckConstraint(condition=~models.Q(state__in=COMMITTED) | ~models.Q(commit=""), name="no_sync_without_commit"),
            models.CheckConstraint(condition=~models.Q(state__in=TERMINAL) | ~models.Q(confidence=""), name="an_end_says_how_sure"),
            models.CheckConstraint(condition=~models.Q(state="paused") | ~models.Q(paused_from=""), name="a_pause_knows_its_step"),
            models.CheckConstraint(condition=~models.Q(kind="release") | models.Q(release__isnull=False), name="a_release_is_named"),
            models.CheckConstraint(condition=~models.Q(kind="tenant_config") | models.Q(release__isnull=True), name="configuration_names_no_release"),
            models.CheckConstraint(condition=models.Q(is_emergency=False) | models.Q(kind="rollback"), name="only_a_rollback_is_an_emergency"),
            models.CheckConstraint(condition=models.Q(kind="rollback") ^ models.Q(restores__isnull=True), name="a_rollback_restores"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"promotion {self.number}"

    @property
    def title(self) -> str:
        """What it brings, in words: the release, or tenants' configuration."""
        return str(self.release) if self.release else "Tenants' configuration"

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended."""
        return self.state in TERMINAL

    @property
    def is_committed(self) -> bool:
        """Whether Git holds it."""
        return bool(self.commit)

    @property
    def is_by_wave(self) -> bool:
        """Whether each wave is committed by itself, as automated sync takes a commit at once for every component."""
        return bool((self.plan or {}).get("by_wave"))


class PromotionComponent(models.Model):
    """One component's way through a promotion: what was intended, sent and seen. Tenants' references have one for each
    `shard` that changes; `waits_for` are the objects there whose operator has to answer, as "<Kind>/<name>".

    `accepted_operation` and `spent_operation` are when an operation with our marker began, as Argo CD says it: the one
    that counts, and the one before it that a person chose to repeat. `late_operation` is one that is neither: a request
    that was held somewhere and landed after all.
    """

    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="rollouts")
    component = models.CharField(max_length=63)
    shard = models.CharField(max_length=2, blank=True)
    waits_for = models.JSONField(default=list)
    application = models.CharField(max_length=253)
    commit = models.CharField(max_length=40, blank=True)
    wave = models.IntegerField()
    is_changed = models.BooleanField()
    deadline_seconds = models.IntegerField(default=900)
    state = models.CharField(max_length=20, choices=Rollout, default=Rollout.WAITING)
    message = models.TextField(blank=True)
    sync_intended_at = models.DateTimeField(null=True)
    sync_sent = models.IntegerField(default=0)
    quarantine_until = models.DateTimeField(null=True)
    needs_operation = models.BooleanField(default=True)
    spent_operation = models.CharField(max_length=40, blank=True)
    accepted_operation = models.CharField(max_length=40, blank=True)
    late_operation = models.CharField(max_length=40, blank=True)
    late_at = models.DateTimeField(null=True)
    busy_looks = models.IntegerField(default=0)
    is_ignored = models.BooleanField(default=False)
    started_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    good_since = models.DateTimeField(null=True)
    tree_reads = models.IntegerField(default=0)
    bad_since = models.DateTimeField(null=True)
    stuck_since = models.DateTimeField(null=True)
    next_tree_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["wave", "pk"]  # in a wave, the order of the catalog
        constraints = [
            models.UniqueConstraint(fields=["promotion", "component", "shard"], name="one_rollout_for_each_component")
        ]

    def __str__(self) -> str:
        return f"{self.title} of {self.promotion}"

    @property
    def title(self) -> str:
        """The component, with the shard where it has some."""
        return f"{self.component} {self.shard}".rstrip()

    @property
    def directory(self) -> str:
        """Where its files are in the deploy repository."""
        return f"{self.component}/{self.shard}".rstrip("/")


class GateResult(models.Model):
    """What a gate said of a promotion; `asked` tells when: at the request or at the start."""

    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="gates")
    asked = models.CharField(max_length=10, choices=[("request", "request"), ("start", "start")])
    gate = models.CharField(max_length=60)
    title = models.CharField(max_length=100)
    verdict = models.CharField(max_length=12, choices=Verdict)
    reason = models.TextField()
    owner = models.CharField(max_length=100, blank=True)
    remedy = models.TextField(blank=True)
    opens_at = models.DateTimeField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["promotion", "asked", "gate"], name="one_answer_of_each_gate")]

    def __str__(self) -> str:
        return f"{self.gate}: {self.verdict}"
