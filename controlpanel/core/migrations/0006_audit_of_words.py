from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0005_notifications"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="auditevent",
            index=GinIndex(SearchVector("target", "message", config="simple"), name="audit_of_words"),
        ),
    ]
