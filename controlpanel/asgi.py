"""The web process: `uvicorn controlpanel.asgi:application`."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")

from django.conf import settings  # after the settings are named
from django.core.asgi import get_asgi_application

from controlpanel.core.bounded import BoundedBodies
from controlpanel.core.turns import Turns

CONNECTIONS = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
application = BoundedBodies(Turns(get_asgi_application(), CONNECTIONS), limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
