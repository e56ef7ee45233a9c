"""Stands in for a page that is being built; removed with the last of them."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from chartbridge.store.models import Role
from chartbridge.web.access import StaffRequest, needs


@needs(Role.READ_ONLY)
def page(request: StaffRequest, **_kwargs: str) -> HttpResponse:
    """An empty page in the frame."""
    return render(request, "web/placeholder.html")
