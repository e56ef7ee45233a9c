"""The form of the sign-in page, in the words of the other pages. allauth checks it.

Must not be in it: who may sign in.
"""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm
from django.utils.translation import gettext_lazy as _


class SignInForm(LoginForm):  # type: ignore[misc]
    """E-mail address and password; the labels say enough, so the fields stand empty."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail address")
        self.fields["remember"].label = _("Stay signed in on this computer")
        for name in ("login", "password"):
            self.fields[name].widget.attrs.pop("placeholder", None)
