"""When a component was read last, so that one that says nothing new is not read again at every step."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("deployments", "0004_rollbacks")]

    operations = [migrations.AddField("promotioncomponent", "read_at", models.DateTimeField(null=True))]
