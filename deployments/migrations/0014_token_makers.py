"""Who made the machine's token that asked: they do not approve it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from deployments.sql import TOKEN_MAKERS


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_token_makers"),
        ("deployments", "0013_external_checks"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="promotion",
            name="token_maker",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.RunSQL(TOKEN_MAKERS, migrations.RunSQL.noop),
    ]
