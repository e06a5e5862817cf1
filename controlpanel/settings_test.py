"""The settings of tests and of the type checker: complete without any environment variable.

Where DATABASE_URL is not set, `tests/conftest.py` serves a PostgreSQL of its own at the address given here; workers
of the same run inherit the address.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

if not os.environ.get("DATABASE_URL"):
    _directory = Path(tempfile.gettempdir()) / f"control-panel-test-{os.getpid()}"
    os.environ["CONTROL_PANEL_TEST_POSTGRES"] = str(_directory)
    os.environ["DATABASE_URL"] = f"postgresql://postgres@/control_panel?host={_directory}"
os.environ.setdefault("DJANGO_SECRET_KEY", "only-for-tests-" + "0" * 32)

from controlpanel.settings import *  # noqa: F403

# Tests open and drop whole databases; a pool would hold connections to them. A test may look away from its transaction.
for _name in ("pool", "options"):
    DATABASES["default"]["OPTIONS"].pop(_name)  # noqa: F405
DATABASES["default"]["TEST"] = {"NAME": f"test_{DATABASES['default']['NAME']}"}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
WHITENOISE_AUTOREFRESH = True  # no collected files here, and none are wanted
