"""Approvals, bound to a digest; and rollbacks that are an emergency."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import controlpanel.core.models
from deployments.sql import APPROVALS


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_sessions"),
        ("catalog", "0002_tenant_shards"),
        ("deployments", "0009_commits_by_wave"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Approval",
            fields=[
                ("id", models.UUIDField(default=controlpanel.core.models.uuid7, primary_key=True, serialize=False)),
                ("decision", models.CharField(choices=[("approve", "Approve"), ("reject", "Reject")], max_length=10)),
                ("digest", models.CharField(max_length=64)),
                ("comment", models.TextField(blank=True)),
                ("door", models.CharField(max_length=20)),
                ("at", models.DateTimeField(auto_now_add=True)),
                ("voided_at", models.DateTimeField(null=True)),
                ("voided_because", models.TextField(blank=True)),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.AddField(
            model_name="promotion",
            name="is_emergency",
            field=models.BooleanField(default=False),
        ),
        migrations.AddConstraint(
            model_name="promotion",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_emergency", False), ("kind", "rollback"), _connector="OR"),
                name="only_a_rollback_is_an_emergency",
            ),
        ),
        migrations.AddField(
            model_name="approval",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="approvals", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="approval",
            name="promotion",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="approvals", to="deployments.promotion"
            ),
        ),
        migrations.AddField(
            model_name="approval",
            name="token",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="approvals", to="accounts.apitoken"
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.UniqueConstraint(
                condition=models.Q(("voided_at__isnull", True)),
                fields=("promotion", "person"),
                name="one_word_of_each_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(("decision__in", ["approve", "reject"])), name="decision_is_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("voided_at__isnull", True), models.Q(("voided_because", ""), _negated=True), _connector="XOR"
                ),
                name="void_says_why",
            ),
        ),
        migrations.RunSQL(APPROVALS, migrations.RunSQL.noop),
    ]
