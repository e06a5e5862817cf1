"""Who is told of an event is found from here on; what is waiting has been tried since it was made."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_audit_of_time"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditRouted",
            fields=[
                ("id", models.IntegerField(primary_key=True, serialize=False)),
                ("sequence", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name="outboxmessage",
            name="tried_since",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(fields=["kind", "destination", "-id"], name="outbox_of_destination"),
        ),
        migrations.AddIndex(
            model_name="outboxmessage",
            index=models.Index(condition=models.Q(("dead_at__isnull", False)), fields=["-id"], name="outbox_dead"),
        ),
        migrations.RunSQL(
            """
            UPDATE core_outboxmessage SET tried_since = created_at;
            INSERT INTO core_auditrouted (id, sequence) SELECT 1, sequence FROM core_auditchain WHERE id = 1;
            """,
            migrations.RunSQL.noop,
        ),
    ]
