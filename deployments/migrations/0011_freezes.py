"""Freezes: of everything, or of one environment, component or tenant."""

from django.db import migrations, models

import controlpanel.core.models


class Migration(migrations.Migration):
    dependencies = [
        ("deployments", "0010_approvals"),
    ]

    operations = [
        migrations.CreateModel(
            name="Freeze",
            fields=[
                ("id", models.UUIDField(default=controlpanel.core.models.uuid7, primary_key=True, serialize=False)),
                ("reason", models.TextField()),
                ("environment", models.CharField(blank=True, max_length=63)),
                ("component", models.CharField(blank=True, max_length=63)),
                ("tenant", models.CharField(blank=True, max_length=63)),
                ("starts_at", models.DateTimeField(null=True)),
                ("ends_at", models.DateTimeField(null=True)),
                ("cron", models.CharField(blank=True, max_length=100)),
                ("lasts_minutes", models.IntegerField(null=True)),
                ("time_zone", models.CharField(blank=True, max_length=64)),
                ("created_by", models.CharField(max_length=150)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("lifted_by", models.CharField(blank=True, max_length=150)),
                ("lifted_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ["-pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("lifted_at__isnull", True)), fields=["ends_at"], name="freeze_standing"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("reason", ""), _negated=True), name="freeze_says_why"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cron", ""), ("lasts_minutes__isnull", True), ("starts_at__isnull", False)),
                            models.Q(
                                ("ends_at__isnull", True),
                                ("lasts_minutes__gt", 0),
                                ("starts_at__isnull", True),
                                models.Q(("cron", ""), _negated=True),
                                models.Q(("time_zone", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="freeze_is_once_or_recurring",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ends_at__isnull", True), ("ends_at__gt", models.F("starts_at")), _connector="OR"
                        ),
                        name="freeze_ends_later",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("lifted_at__isnull", True), models.Q(("lifted_by", ""), _negated=True), _connector="XOR"
                        ),
                        name="lifted_by_somebody",
                    ),
                ],
            },
        ),
    ]
