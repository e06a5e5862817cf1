"""Tenants' references: Applications and rollouts by shard, previews without a release, rollbacks that keep today's."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from deployments.sql import RESTORES_ANY


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_tenant_shards"),
        ("deployments", "0005_read_at"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="application",
            name="one_application_for_each_component",
        ),
        migrations.RemoveConstraint(
            model_name="promotioncomponent",
            name="one_rollout_for_each_component",
        ),
        migrations.AddField(
            model_name="application",
            name="shard",
            field=models.CharField(blank=True, max_length=2),
        ),
        migrations.AddField(
            model_name="preflight",
            name="digests",
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name="preflight",
            name="keeps_tenants",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="preflight",
            name="losses",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="preflight",
            name="needs",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="preflight",
            name="versions",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="promotion",
            name="findings",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="promotion",
            name="keeps_tenants",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="promotion",
            name="overrides",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="promotioncomponent",
            name="shard",
            field=models.CharField(blank=True, max_length=2),
        ),
        migrations.AddField(
            model_name="promotioncomponent",
            name="waits_for",
            field=models.JSONField(default=list),
        ),
        migrations.AlterField(
            model_name="preflight",
            name="release",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="preflights",
                to="deployments.release",
            ),
        ),
        migrations.AddConstraint(
            model_name="application",
            constraint=models.UniqueConstraint(
                fields=("environment", "component", "shard"), name="one_application_for_each_component"
            ),
        ),
        migrations.AddConstraint(
            model_name="promotion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "tenant_config"), _negated=True), ("release__isnull", True), _connector="OR"
                ),
                name="configuration_names_no_release",
            ),
        ),
        migrations.AddConstraint(
            model_name="promotioncomponent",
            constraint=models.UniqueConstraint(
                fields=("promotion", "component", "shard"), name="one_rollout_for_each_component"
            ),
        ),
        migrations.RunSQL(RESTORES_ANY),
    ]
