"""Where every page and every API call is found."""

from __future__ import annotations

from django.urls import include, path

from chartbridge.api.app import api

handler500 = "chartbridge.web.not_kept.fault"
urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("api/v1/", api.urls),
    path("", include("chartbridge.web.urls")),
]
