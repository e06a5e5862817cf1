"""The web process: `uvicorn controlpanel.asgi:application`."""

from __future__ import annotations

import gc
import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlpanel.settings")

from a2wsgi import WSGIMiddleware
from django.conf import settings  # after the settings are named
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

from controlpanel.core.bounded import BoundedBodies
from controlpanel.core.bridge import Bridge
from controlpanel.core.turns import Turns

AT_ONCE = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"] // 2
"""Half of the connections for pages that are read, half for all else: neither keeps the other waiting."""

_pages: Any = get_wsgi_application()  # two libraries describe WSGI by types that differ in words only
_threads: Any = WSGIMiddleware(_pages, workers=AT_ONCE)
_bridge = Bridge(threads=_threads, asynchronous=Turns(get_asgi_application(), AT_ONCE))
application = BoundedBodies(_bridge, limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
gc.freeze()  # what is loaded by now stays: collecting garbage need not look at it again
