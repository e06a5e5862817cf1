"""Django's settings, fed by `configuration.py`. Tests override in `settings_test.py` only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

from controlpanel import configuration
from controlpanel.core.logs import logging_settings

BASE_DIR = Path(__file__).resolve().parent.parent
CONFIGURATION = configuration.load()
TIMINGS = configuration.load_timings()

SECRET_KEY = CONFIGURATION.django_secret_key
DEBUG = CONFIGURATION.debug
ALLOWED_HOSTS = [host.strip() for host in CONFIGURATION.allowed_hosts.split(",") if host.strip()]
PUBLIC_URL = CONFIGURATION.public_url.rstrip("/")
_SECURE = urlsplit(PUBLIC_URL).scheme == "https"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "template_partials",
    "heroicons",
    "axes",
    "django_structlog",
    "controlpanel.core",
    "controlpanel.accounts",
    "controlpanel.catalog",
    "tenants",
    "deployments",
]
MIDDLEWARE = [
    "controlpanel.core.middleware.HeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "controlpanel.accounts.middleware.AuthenticationMiddleware",
    "controlpanel.core.middleware.BodyLimitMiddleware",
    "controlpanel.core.typed_secrets.TypedSecretsMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "axes.middleware.AxesMiddleware",
    "controlpanel.core.middleware.UserErrorMiddleware",
]
ROOT_URLCONF = "controlpanel.urls"
ASGI_APPLICATION = "controlpanel.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "controlpanel.core.context.panel",
            ],
            "builtins": [
                "controlpanel.core.templatetags.panel",
                "django_htmx.templatetags.django_htmx",
                "template_partials.templatetags.partials",
            ],
        },
    }
]


IDLE_TRANSACTION = "-c idle_in_transaction_session_timeout=15s"
"""A process that stopped, or whose machine is gone, in the middle of a transaction would hold its locks for hours."""
NOTICED = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""A server that is gone without a word is noticed within half a minute instead of hours."""


def _database() -> dict[str, Any]:
    """Django's form of `DATABASE_URL`; whatever libpq understands beyond the usual names goes to OPTIONS."""
    try:
        parts: dict[str, Any] = dict(conninfo_to_dict(CONFIGURATION.database_url))
    except Exception:  # noqa: BLE001  # the text may hold a password: it is not repeated
        raise configuration.ConfigurationError(
            "DATABASE_URL is not understood. Set it to postgresql://user:password@host:5432/name."
        ) from None
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    database = {name: str(parts.pop(part, "") or "") for name, part in names.items()}
    own = f"{IDLE_TRANSACTION} {parts.pop('options', '')}".rstrip()  # what the address says comes last and counts
    pool = {"min_size": 1, "max_size": 16, "timeout": 10}
    options = {**NOTICED, **parts, "options": own, "connect_timeout": 5, "pool": pool}
    return {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 0, "OPTIONS": options, **database}


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["controlpanel.accounts.signing_in.LimitedTries", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "pipeline"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # who goes on trying keeps nobody locked out, and fills no table

SESSION_ENGINE = "controlpanel.accounts.sessions"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_NAME = "__Host-session" if _SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if _SECURE else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _SECURE
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _SECURE else None
SECURE_HSTS_SECONDS = 31_536_000 if _SECURE else 0
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
SECRETS_REFUSED_BY_VIEWS = re.compile(r"/api/v1/tenants(?:/.*)?|/tenants/[^/]+/(?:references|edit|onboarding)")
"""These say which field holds what looks like a secret, refuse more than its form tells, and show their form again."""

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

DEFAULT_FROM_EMAIL = f"control-panel@{urlsplit(PUBLIC_URL).hostname or 'localhost'}"
globals().update(configuration.email_settings(CONFIGURATION.email_url))

PANEL_HOOKS = {  # what the frame of every page asks of the apps above core; see controlpanel/core/context.py
    "title": "deployments.selectors.frame.title",
    "actor": "controlpanel.accounts.actors.of_request",
    "roles": "deployments.selectors.frame.roles",
    "count.promotions": "deployments.selectors.frame.count_open_promotions",
    "count.approvals": "deployments.selectors.frame.count_approvals",
    "count.tenants": "deployments.selectors.frame.count_tenants",
    "count.reviews": "deployments.selectors.frame.count_reviews",
    "warnings": "deployments.selectors.frame.warnings",
    "listen": "deployments.selectors.frame.may_listen",
    "nearest": "deployments.selectors.nearest.nearest",
}

CELERY_BROKER_URL = CONFIGURATION.celery_broker_url
LOGGING_CONFIG = None
LOGGING = logging_settings(CONFIGURATION.log_format)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
