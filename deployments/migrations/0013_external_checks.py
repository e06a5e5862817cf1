"""What external checks said."""

import django.db.models.deletion
from django.db import migrations, models

import controlpanel.core.models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0003_automatic_promotion"),
        ("deployments", "0012_plans"),
    ]

    operations = [
        migrations.CreateModel(
            name="ExternalCheck",
            fields=[
                ("next_run_at", models.DateTimeField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                ("fencing", models.BigIntegerField(default=0)),
                ("attempts", models.IntegerField(default=0)),
                ("id", models.UUIDField(default=controlpanel.core.models.uuid7, primary_key=True, serialize=False)),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("pass", "Pass"),
                            ("wait", "Wait"),
                            ("block", "Block"),
                            ("unknown", "Unknown"),
                            ("overridden", "Overridden"),
                        ],
                        max_length=12,
                    ),
                ),
                ("reason", models.TextField(blank=True)),
                ("opens_at", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
                ("wanted_until", models.DateTimeField(null=True)),
                (
                    "environment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="checks", to="catalog.environment"
                    ),
                ),
                (
                    "release",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="checks", to="deployments.release"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_run_at__isnull", False)), fields=["next_run_at"], name="check_due"
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("environment", "release"), name="one_check_each")],
            },
        ),
    ]
