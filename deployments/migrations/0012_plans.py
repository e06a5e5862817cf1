"""Plans for later, releases that are held back, and what Argo CD says of its sync windows."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import controlpanel.core.models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_sessions"),
        ("catalog", "0003_automatic_promotion"),
        ("deployments", "0011_freezes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="application",
            name="sync_windows",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="application",
            name="windows_read_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="PlannedPromotion",
            fields=[
                ("next_run_at", models.DateTimeField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("fencing", models.BigIntegerField(default=0)),
                ("attempts", models.IntegerField(default=0)),
                ("id", models.UUIDField(default=controlpanel.core.models.uuid7, primary_key=True, serialize=False)),
                ("components", models.JSONField(default=list)),
                ("reason", models.TextField(blank=True)),
                ("requested_by", models.CharField(max_length=150)),
                ("due_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("planned", "Planned"),
                            ("asked", "Asked"),
                            ("refused", "Refused"),
                            ("canceled", "Canceled"),
                        ],
                        default="planned",
                        max_length=10,
                    ),
                ),
                ("outcome", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="plans", to="catalog.environment"
                    ),
                ),
                (
                    "promotion",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="plans",
                        to="deployments.promotion",
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="plans",
                        to="deployments.release",
                    ),
                ),
                (
                    "requester",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="plans",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "token",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="plans",
                        to="accounts.apitoken",
                    ),
                ),
            ],
            options={
                "ordering": ["due_at", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_run_at__isnull", False)), fields=["next_run_at"], name="plan_due"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["planned", "asked", "refused", "canceled"])),
                        name="plan_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state", "asked"), ("promotion__isnull", True), _connector="XOR"),
                        name="asked_names_its_promotion",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("requester__isnull", False), ("token__isnull", False), _connector="OR"),
                        name="plan_is_somebodys",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReleaseHold",
            fields=[
                ("id", models.UUIDField(default=controlpanel.core.models.uuid7, primary_key=True, serialize=False)),
                ("environment", models.CharField(blank=True, max_length=63)),
                ("reason", models.TextField()),
                ("created_by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("lifted_by", models.CharField(blank=True, max_length=150)),
                ("lifted_at", models.DateTimeField(null=True)),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="holds", to="deployments.release"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("lifted_at__isnull", True)),
                        fields=("release", "environment"),
                        name="held_once",
                    ),
                    models.CheckConstraint(condition=models.Q(("reason", ""), _negated=True), name="hold_says_why"),
                ],
            },
        ),
    ]
