"""Sign-in: done by allauth; here is only what we choose of it."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.signals import password_changed, password_set
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chartbridge.store.accounts import password_was_chosen
from chartbridge.store.models import User


class ClosedAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """People are invited by an owner; nobody signs up by themselves."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": _("This e-mail address and password don't fit together. Try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:  # noqa: ARG002
        return "/profile/"


def listen() -> None:
    """Hear when somebody has chosen a password, so that a one-time password opens nothing any more."""
    password_changed.connect(_chosen, dispatch_uid="one-time-password")
    password_set.connect(_chosen, dispatch_uid="one-time-password")


def _chosen(sender: Any, user: User, **_kwargs: Any) -> None:  # noqa: ARG001
    password_was_chosen(user.pk)
