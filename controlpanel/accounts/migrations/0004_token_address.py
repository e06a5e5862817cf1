"""Where a token was last used from."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_token_makers"),
    ]

    operations = [
        migrations.AddField(
            model_name="apitoken", name="last_used_from", field=models.CharField(blank=True, default="", max_length=45)
        ),
    ]
