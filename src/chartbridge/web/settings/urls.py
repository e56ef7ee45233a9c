"""The addresses of the settings pages, the profile and the first run."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from chartbridge.web import placeholder

urlpatterns: list[URLPattern | URLResolver] = [
    path("settings/writeback/", placeholder.page, name="settings-writeback"),
    path("settings/sync/", placeholder.page, name="settings-sync"),
    path("settings/connection/", placeholder.page, name="settings-connection"),
    path("settings/statuses/", placeholder.page, name="settings-statuses"),
    path("settings/people/", placeholder.page, name="settings-people"),
    path("settings/tokens/", placeholder.page, name="settings-tokens"),
    path("settings/audit/", placeholder.page, name="audit-trail"),
    path("profile/", placeholder.page, name="profile"),
]
