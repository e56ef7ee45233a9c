"""The addresses of the settings pages, the profile and the first run."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from chartbridge.web import placeholder, profile, welcome
from chartbridge.web.settings import people, statuses, tokens, trail

urlpatterns: list[URLPattern | URLResolver] = [
    path("welcome/", welcome.page, name="welcome"),
    path("profile/", profile.page, name="profile"),
    path("settings/writeback/", placeholder.page, name="settings-writeback"),
    path("settings/sync/", placeholder.page, name="settings-sync"),
    path("settings/connection/", placeholder.page, name="settings-connection"),
    path("settings/statuses/", statuses.page, name="settings-statuses"),
    path("settings/statuses/save/", statuses.save, name="settings-statuses-save"),
    path("settings/statuses/reset/", statuses.reset, name="settings-statuses-reset"),
    path("settings/people/", people.page, name="settings-people"),
    path("settings/people/add/", people.add, name="settings-people-add"),
    path("settings/people/back/", people.back, name="settings-people-put-back"),
    path("settings/people/<int:pk>/role/", people.role, name="settings-people-role"),
    path("settings/people/<int:pk>/remove/", people.remove, name="settings-people-remove"),
    path("settings/people/<int:pk>/password/", people.password, name="settings-people-password"),
    path("settings/tokens/", tokens.page, name="settings-tokens"),
    path("settings/tokens/create/", tokens.create, name="settings-tokens-create"),
    path("settings/tokens/<int:pk>/revoke/", tokens.revoke, name="settings-tokens-revoke"),
    path("settings/audit/", trail.page, name="audit-trail"),
]
