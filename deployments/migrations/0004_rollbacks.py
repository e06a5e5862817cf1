"""A rollback names the earlier promotion whose files it commits again."""

import django.db.models.deletion
from django.db import migrations, models

from deployments.sql import RESTORES


class Migration(migrations.Migration):
    dependencies = [("deployments", "0003_inquiries")]

    operations = [
        migrations.AddField(
            model_name="preflight",
            name="restores",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="deployments.promotion"
            ),
        ),
        migrations.AddField(
            model_name="promotion",
            name="restores",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rollbacks",
                to="deployments.promotion",
            ),
        ),
        migrations.AddConstraint(
            model_name="promotion",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind", "rollback"), ("restores__isnull", True), _connector="XOR"),
                name="a_rollback_restores",
            ),
        ),
        migrations.RunSQL(RESTORES, migrations.RunSQL.noop),
    ]
