"""Where every page and every API call is found."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("", include("chartbridge.web.urls")),
]
