"""The addresses of the settings pages, the profile and the first run."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from chartbridge.web import profile, welcome
from chartbridge.web.settings import (
    book,
    connection,
    mail,
    people,
    statuses,
    sync,
    tokens,
    trail,
    webhooks,
    writeback,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("welcome/", welcome.page, name="welcome"),
    path("profile/", profile.page, name="profile"),
    path("settings/writeback/", writeback.page, name="settings-writeback"),
    path("settings/writeback/provider/", writeback.provider, name="settings-writeback-provider"),
    path("settings/writeback/switch/", writeback.switch, name="settings-writeback-switch"),
    path("settings/writeback/note/<str:kind>/", writeback.note, name="settings-writeback-note"),
    path("settings/writeback/document/<str:kind>/", writeback.document, name="settings-writeback-document"),
    path("settings/writeback/rehearse/<str:kind>/", writeback.rehearse, name="settings-writeback-rehearse"),
    path(
        "settings/writeback/back-fill/<str:kind>/", writeback.back_fill, name="settings-writeback-back-fill"
    ),
    path("settings/sync/", sync.page, name="settings-sync"),
    path("settings/sync/stream/<str:stream>/", sync.stream, name="settings-sync-stream"),
    path("settings/sync/photos/", sync.photos, name="settings-sync-photos"),
    path("settings/sync/now/", sync.now, name="settings-sync-now"),
    path("settings/sync/full/", sync.full, name="settings-sync-full"),
    path("settings/sync/state/", sync.state, name="settings-sync-state"),
    path("settings/connection/", connection.page, name="settings-connection"),
    path("settings/connection/test/", connection.test, name="settings-connection-test"),
    path("settings/connection/save/", connection.save, name="settings-connection-save"),
    path("settings/connection/switch/", connection.switch, name="settings-connection-switch"),
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
    path("settings/webhooks/add/", webhooks.add, name="settings-webhook-add"),
    path("settings/webhooks/<int:pk>/", webhooks.page, name="settings-webhook"),
    path("settings/webhooks/<int:pk>/log/", webhooks.log, name="settings-webhook-log"),
    path("settings/webhooks/<int:pk>/save/", webhooks.save, name="settings-webhook-save"),
    path("settings/webhooks/<int:pk>/switch/", webhooks.turn, name="settings-webhook-switch"),
    path("settings/webhooks/<int:pk>/secret/", webhooks.secret, name="settings-webhook-secret"),
    path("settings/webhooks/<int:pk>/test/", webhooks.test, name="settings-webhook-test"),
    path("settings/webhooks/<int:pk>/again/", webhooks.again, name="settings-webhook-again"),
    path("settings/webhooks/<int:pk>/remove/", webhooks.remove, name="settings-webhook-remove"),
    path("settings/webhooks/<int:pk>/back/", webhooks.back, name="settings-webhook-put-back"),
    path("settings/mail/", mail.page, name="settings-mail"),
    path("settings/mail/save/", mail.save, name="settings-mail-save"),
    path("settings/mail/test/", mail.test, name="settings-mail-test"),
    path("settings/ledger/", book.state, name="settings-ledger"),
    path("settings/ledger/<str:form>/", book.download, name="settings-ledger-download"),
    path("settings/audit/", trail.page, name="audit-trail"),
]
