"""People and roles: who works here, what they may do; adding somebody with a password that is shown once.

Only owners make, change or remove owners. Must not be in it: passwords anywhere but in the one answer.
"""

from __future__ import annotations

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from chartbridge.store.accounts import (
    AlreadyThere,
    LastOwner,
    change_role,
    invite,
    new_password,
    people_of,
    person_of,
    put_back,
    remove_person,
    works_elsewhere,
)
from chartbridge.store.models import Membership, Role
from chartbridge.web.access import StaffRequest, may, needs
from chartbridge.web.audit import audit
from chartbridge.web.toasts import Undo, only_toast, with_toast

_KEEP_ONE = gettext_lazy("A practice keeps at least one owner. Make somebody else an owner first.")
_OWNERS_ONLY = gettext_lazy("Only an owner can do this for an owner.")
_GONE = gettext_lazy("That person no longer works for this practice.")


class InviteForm(forms.Form):
    """Somebody new."""

    name = forms.CharField(max_length=150, label=gettext_lazy("Name"))
    email = forms.EmailField(max_length=254, label=gettext_lazy("E-mail address"))
    role = forms.ChoiceField(choices=Role.choices, initial=Role.FRONT_DESK, label=gettext_lazy("Role"))


@needs(Role.MANAGER)
def page(request: StaffRequest) -> HttpResponse:
    """Show everybody."""
    return render(request, "web/settings/people.html", _context(request) | {"form": _form(request)})


@require_POST
@needs(Role.MANAGER)
def add(request: StaffRequest) -> HttpResponse:
    """Add somebody; the answer shows the password once."""
    form = _form(request, bound=True)
    if not form.is_valid():
        return _people(request, form=form, status=422)
    role = Role(form.cleaned_data["role"])
    try:
        invited = invite(
            request.practice.pk, name=form.cleaned_data["name"], email=form.cleaned_data["email"], role=role
        )
    except AlreadyThere:
        form.add_error("email", _("This person already works for the practice."))
        return _people(request, form=form, status=422)
    audit(request, "people.added", person=invited.membership.user.email, role=str(role))
    return _people(request, once=invited.password, person=invited.membership)


@require_POST
@needs(Role.MANAGER)
def role(request: StaffRequest, pk: int) -> HttpResponse:
    """Give somebody another role."""
    person = person_of(request.practice.pk, pk)
    wanted = request.POST.get("role", "")
    if person is None or wanted not in Role.values:
        return only_toast(request, str(_GONE), error=True, status=409)
    before = person.role
    if Role.OWNER in (before, wanted) and not may(request.membership, Role.OWNER):
        return with_toast(request, _people(request), str(_OWNERS_ONLY), error=True)
    try:
        change_role(person, Role(wanted))
    except LastOwner:
        return with_toast(request, _people(request), str(_KEEP_ONE), error=True)
    audit(request, "people.role", person=person.user.email, before=before, now=wanted)
    undo = Undo(url=reverse("settings-people-role", args=[pk]), sends={"role": before}, target="#people")
    return with_toast(request, _people(request), _("Saved."), undo=undo)


@require_POST
@needs(Role.MANAGER)
def remove(request: StaffRequest, pk: int) -> HttpResponse:
    """End somebody's work for the practice, at once and with an Undo."""
    person = person_of(request.practice.pk, pk)
    if person is None:
        return with_toast(request, _people(request), str(_GONE), error=True)
    if person.role == Role.OWNER and not may(request.membership, Role.OWNER):
        return with_toast(request, _people(request), str(_OWNERS_ONLY), error=True)
    try:
        remove_person(person)
    except LastOwner:
        return with_toast(request, _people(request), str(_KEEP_ONE), error=True)
    audit(request, "people.removed", person=person.user.email, role=person.role)
    removed = request.session.get("removed_people", {})
    request.session["removed_people"] = removed | {f"{request.practice.pk}:{person.user_id}": person.role}
    undo = Undo(
        url=reverse("settings-people-put-back"), sends={"user": str(person.user_id)}, target="#people"
    )
    sentence = _("%(who)s can no longer sign in to this practice.") % {"who": _called(person)}
    return with_toast(request, _people(request), sentence, undo=undo)


@require_POST
@needs(Role.MANAGER)
def back(request: StaffRequest) -> HttpResponse:
    """Undo a removal that this person made in this session."""
    key = f"{request.practice.pk}:{request.POST.get('user', '')}"
    removed = request.session.get("removed_people", {})
    if key not in removed:
        return with_toast(request, _people(request), str(_GONE), error=True)
    put_back(request.practice.pk, int(key.split(":")[1]), Role(removed[key]))
    request.session["removed_people"] = {k: v for k, v in removed.items() if k != key}
    audit(request, "people.put_back", user=int(key.split(":")[1]))
    return with_toast(request, _people(request), _("Undone."))


@require_POST
@needs(Role.MANAGER)
def password(request: StaffRequest, pk: int) -> HttpResponse:
    """Give somebody who has forgotten theirs a one-time password."""
    person = person_of(request.practice.pk, pk)
    if person is None:
        return with_toast(request, _people(request), str(_GONE), error=True)
    if person.role == Role.OWNER and not may(request.membership, Role.OWNER):
        return with_toast(request, _people(request), str(_OWNERS_ONLY), error=True)
    if works_elsewhere(person.user_id, request.practice.pk):
        sentence = _("This person also works for another practice and has to change the password themselves.")
        return with_toast(request, _people(request), sentence, error=True)
    once = new_password(person.user)
    audit(request, "people.new_password", person=person.user.email)
    return _people(request, once=once, person=person)


def _called(person: Membership) -> str:
    return person.user.get_full_name() or person.user.email


def _form(request: StaffRequest, *, bound: bool = False) -> InviteForm:
    form = InviteForm(request.POST) if bound else InviteForm()
    if not may(request.membership, Role.OWNER):
        field = form.fields["role"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [c for c in Role.choices if c[0] != Role.OWNER]
    return form


def _context(request: StaffRequest) -> dict[str, object]:
    return {
        "people": people_of(request.practice.pk),
        "roles": Role.choices,
        "is_owner": may(request.membership, Role.OWNER),
        "me": request.user.pk,
    }


def _people(
    request: StaffRequest,
    *,
    form: InviteForm | None = None,
    once: str = "",
    person: Membership | None = None,
    status: int = 200,
) -> HttpResponse:
    shown = {"form": form or _form(request), "once": once, "person": person}
    return render(request, "web/settings/parts/people.html", _context(request) | shown, status=status)
