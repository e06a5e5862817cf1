"""Whether the panel itself asks for promotions to an environment."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0002_tenant_shards"),
    ]

    operations = [
        migrations.AddField(
            model_name="environment",
            name="promotes_automatically",
            field=models.BooleanField(default=False),
        ),
    ]
