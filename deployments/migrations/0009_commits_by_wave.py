"""Where Applications sync by themselves, each wave is a commit of its own."""

from django.db import migrations, models

from deployments.sql import COMMITS_BY_WAVE


class Migration(migrations.Migration):
    dependencies = [("deployments", "0008_verification")]

    operations = [
        migrations.AddField(
            model_name="promotioncomponent", name="commit", field=models.CharField(blank=True, max_length=40)
        ),
        migrations.RunSQL(COMMITS_BY_WAVE, migrations.RunSQL.noop),
    ]
