"""Over how many Applications the tenants' references of an environment are spread."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="environment",
            name="tenant_shards",
            field=models.IntegerField(default=0),
        ),
    ]
