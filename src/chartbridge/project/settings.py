"""Django's settings, all from the environment and the data folder.

CHARTBRIDGE_DATA           the data folder (default: ./data)
CHARTBRIDGE_DATABASE_URL   postgresql://… for many offices; SQLite in the data folder without it
CHARTBRIDGE_KEY            the key of stored secrets, instead of the file `secret.key` in the data folder
CHARTBRIDGE_HOSTS          host names under which the pages are reached, separated by commas
CHARTBRIDGE_HTTPS          1 behind TLS: cookies are then sent over TLS only
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

DATA_DIR = Path(os.environ.get("CHARTBRIDGE_DATA", "data")).absolute()


def _django_key() -> str:
    """Derived from the installation's key, so that there is one secret to keep; random while there is none."""
    given = os.environ.get("CHARTBRIDGE_KEY")
    lies = DATA_DIR / "secret.key"
    root = given.encode() if given else lies.read_bytes() if lies.exists() else secrets.token_bytes(32)
    return base64.b64encode(hashlib.sha256(b"django" + root).digest()).decode()


def _database() -> dict[str, Any]:
    url = os.environ.get("CHARTBRIDGE_DATABASE_URL", "")
    if url:
        parts = urlsplit(url)
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": parts.path.lstrip("/"),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": parts.hostname or "",
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 0,  # each request has its own thread under ASGI,
        }
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "chartbridge.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # FULL: with NORMAL an acknowledged activity can be lost at power loss.
            "init_command": (
                "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;"
                "PRAGMA cache_size=-16000;PRAGMA temp_store=MEMORY;"
            ),
        },
        "TEST": {"NAME": os.environ.get("CHARTBRIDGE_TEST_SQLITE") or None},
    }


HTTPS = os.environ.get("CHARTBRIDGE_HTTPS") == "1"
SECRET_KEY = _django_key()
DEBUG = False
ALLOWED_HOSTS = [h for h in os.environ.get("CHARTBRIDGE_HOSTS", "localhost,127.0.0.1,[::1]").split(",") if h]
CSRF_TRUSTED_ORIGINS = [f"https://{h}" for h in ALLOWED_HOSTS if h != "*"] if HTTPS else []
DATABASES = {"default": _database()}
AUTH_USER_MODEL = "store.User"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
ROOT_URLCONF = "chartbridge.project.urls"
ASGI_APPLICATION = "chartbridge.project.asgi.application"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "chartbridge.web",  # before allauth: its templates replace allauth's
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "lucide",
    "chartbridge.store",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "chartbridge.web.security.PageHeaders",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "chartbridge.web.frame.frame",
            ],
        },
    },
]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "chartbridge.web.accounts.ClosedAdapter"
ACCOUNT_FORMS = {"login": "chartbridge.web.sign_in.SignInForm"}
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/accounts/login/"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_ENGINE = "chartbridge.store.sessions"
CACHES = {"default": {"BACKEND": "chartbridge.web.steady_cache.SteadyCache"}}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
STATIC_URL = "/static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "chartbridge.store.spool.SpooledUpload"
]  # a patient's PDF never lies in a file with a name
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGGING_CONFIG = None
