"""The pages' addresses. One block a builder's subject; names are used everywhere, paths nowhere."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from chartbridge.web import (
    changes,
    chart_writes,
    compose,
    files,
    flow,
    frame,
    health,
    live,
    patient,
    patients,
    reconciliation,
    undo,
    writebacks,
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="flow"), name="home"),
    path("theme/", frame.theme, name="theme"),
    path("practice/", frame.choose_practice, name="choose-practice"),
    path("live/", live.live, name="live"),
    # the day
    path("flow/", flow.page, name="flow"),
    path("flow/board/", flow.cards, name="flow-board"),
    path("flow/cards/", flow.changed, name="flow-cards"),
    path("flow/fresh/", flow.fresh, name="flow-fresh"),
    path("flow/move/", flow.move, name="flow-move"),
    path("flow/undo/", flow.undo, name="flow-undo"),
    path("flow/stuck/", flow.stuck, name="flow-stuck"),
    path("flow/menu/<str:key>/", flow.menu, name="flow-menu"),
    # patients
    path("patients/", patients.page, name="patients"),
    path("patients/search/", patients.search, name="patient-search"),
    path("patients/<str:key>/", patient.page, name="patient"),
    path("patients/<str:key>/writes/", chart_writes.page, name="patient-writes"),
    path("patients/<str:key>/timeline/", patient.entries, name="patient-timeline"),
    path("patients/<str:key>/about/", patient.about, name="patient-about"),
    path("patients/<str:key>/write/", compose.write, name="patient-write"),
    path("patients/<str:key>/photo/", files.photo, name="photo"),
    path("patients/<str:key>/files/<int:activity_id>/", files.kept_file, name="patient-file"),
    path("patients/<str:key>/documents/<str:document_key>/", files.pms_document, name="patient-document"),
    # writebacks and health
    path("writebacks/", writebacks.page, name="writebacks"),
    path("writebacks/list/", writebacks.rows, name="writebacks-list"),
    path("writebacks/act/", writebacks.act, name="writebacks-act"),
    path("writebacks/reconciliation/", reconciliation.page, name="reconciliation"),
    path("writebacks/reconciliation/state/", reconciliation.state, name="reconciliation-state"),
    path("writebacks/reconciliation/start/", reconciliation.start, name="reconciliation-start"),
    path("writebacks/reconciliation/decide/", reconciliation.decide, name="reconciliation-decide"),
    path("writebacks/undo/", undo.page, name="undo"),
    path("writebacks/undo/dry-run/", undo.dry_run, name="undo-dry-run"),
    path("writebacks/undo/do/", undo.undo, name="undo-do"),
    path("writebacks/undo/state/", undo.state, name="undo-state"),
    path("writebacks/undo/take-back/", undo.take_back, name="undo-take-back"),
    path("writebacks/fix/", writebacks.fix, name="writebacks-fix"),
    path("writebacks/count/", writebacks.count, name="writebacks-count"),
    path("writebacks/<int:pk>/history/", writebacks.history, name="writeback-history"),
    path("health/", health.page, name="health"),
    path("health/state/", health.state, name="health-state"),
    path("health/resume/", health.resume, name="health-resume"),
    path("health/changes/<int:change>/", changes.put_away, name="change-put-away"),
    # settings, people, first run
    path("", include("chartbridge.web.settings.urls")),
]
