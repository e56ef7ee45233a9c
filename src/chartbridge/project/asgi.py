"""The ASGI application: every page and every API call. Must not be in it: the engine's start (bootstrap)."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chartbridge.project.settings")
application = get_asgi_application()
