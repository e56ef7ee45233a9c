"""The pages' addresses. One block a builder's subject; names are used everywhere, paths nowhere."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from chartbridge.web import frame, placeholder

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="flow"), name="home"),
    path("theme/", frame.theme, name="theme"),
    path("practice/", frame.choose_practice, name="choose-practice"),
    # the day
    path("flow/", placeholder.page, name="flow"),
    # patients
    path("patients/", placeholder.page, name="patients"),
    path("patients/search/", placeholder.page, name="patient-search"),
    path("patients/<str:key>/", placeholder.page, name="patient"),
    # writebacks and health
    path("writebacks/", placeholder.page, name="writebacks"),
    path("health/", placeholder.page, name="health"),
    # settings, people, first run
    path("", include("chartbridge.web.settings.urls")),
]
