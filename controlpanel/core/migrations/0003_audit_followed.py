"""How far the audit's chain has been followed; pages hear of new events."""

from django.db import migrations, models

from controlpanel.core.sql import AUDIT_FOLLOWED


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_audit_of_target"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditFollowed",
            fields=[
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("sequence", models.BigIntegerField(default=0)),
                ("hash", models.CharField(default="0" * 64, max_length=64)),
                ("again_sequence", models.BigIntegerField(default=0)),
                ("again_hash", models.CharField(default="0" * 64, max_length=64)),
                ("at", models.DateTimeField(null=True)),
                ("broken", models.BigIntegerField(null=True)),
            ],
        ),
        migrations.RunSQL(AUDIT_FOLLOWED, migrations.RunSQL.noop),
    ]
