"""Practices, people, roles and the audit trail: the queries. Must not be in it: who may do what (web/access)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import IntegrityError
from django.db.models import Q

from chartbridge.store.database import writing
from chartbridge.store.models import (
    AuditEntry,
    Delivery,
    Membership,
    Practice,
    Role,
    Seen,
    User,
    Writeback,
)

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
TRAIL_PAGE = 50


class LastOwner(Exception):
    """A practice must keep at least one owner."""


class AlreadyThere(Exception):
    """That person already belongs to this practice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Invited:
    """Somebody who was just added. `password` is the only copy, or empty where the account existed before."""

    membership: Membership
    password: str

    def __repr__(self) -> str:
        return f"Invited({self.membership.pk})"


def nobody_yet() -> bool:
    """Whether this installation has no account."""
    return not User.objects.exists()


def create_practice(*, name: str, time_zone: str, owner_name: str, email: str, password: str) -> User:
    """Make a practice and its owner."""
    first, _, last = owner_name.strip().rpartition(" ")
    with writing():
        practice = Practice.objects.create(name=name, time_zone=time_zone)
        owner = User.objects.create_user(
            username=email.lower(), email=email.lower(), password=password, first_name=first, last_name=last
        )
        Membership.objects.create(user=owner, practice=practice, role=Role.OWNER)
    return owner


def memberships_of(user_id: int) -> list[Membership]:
    """Return a person's practices and roles, by the practices' names."""
    return list(
        Membership.objects.filter(user_id=user_id).select_related("practice").order_by("practice__name", "pk")
    )


def people_of(practice_id: int) -> list[Membership]:
    """Return everybody who works for a practice, by name."""
    rows = Membership.objects.filter(practice_id=practice_id).select_related("user")
    return list(rows.order_by("user__last_name", "user__first_name", "user__email"))


def person_of(practice_id: int, membership_id: int) -> Membership | None:
    """Return one of them."""
    rows = Membership.objects.filter(practice_id=practice_id, pk=membership_id)
    return rows.select_related("user").first()


def invite(practice_id: int, *, name: str, email: str, role: Role) -> Invited:
    """Add somebody; an account is made if there is none. Raises `AlreadyThere`."""
    first, _, last = name.strip().rpartition(" ")
    email = email.strip().lower()
    password = ""
    try:
        with writing():
            user = User.objects.filter(email=email).first()
            if user is None:
                password = one_time_password()
                user = User.objects.create_user(
                    username=email[:150], email=email, password=password, first_name=first, last_name=last
                )
                User.objects.filter(pk=user.pk).update(must_change_password=True)
            made = Membership.objects.create(user=user, practice_id=practice_id, role=role)
    except IntegrityError as error:
        raise AlreadyThere from error
    return Invited(membership=made, password=password)


def change_role(membership: Membership, role: Role) -> None:
    """Give somebody another role. Raises `LastOwner`."""
    with writing():
        if role != Role.OWNER:
            _keep_an_owner(membership)
        Membership.objects.filter(pk=membership.pk).update(role=role)


def remove_person(membership: Membership) -> None:
    """End somebody's work for a practice; the account stays. Raises `LastOwner`."""
    with writing():
        _keep_an_owner(membership)
        Membership.objects.filter(pk=membership.pk).delete()


def put_back(practice_id: int, user_id: int, role: Role) -> None:
    """Undo a removal."""
    with writing():
        Membership.objects.get_or_create(practice_id=practice_id, user_id=user_id, defaults={"role": role})


def works_elsewhere(user_id: int, practice_id: int) -> bool:
    """Whether a person belongs to another practice too."""
    return Membership.objects.filter(user_id=user_id).exclude(practice_id=practice_id).exists()


def new_password(user: User) -> str:
    """Give a person a new one-time password; ends their sessions. Returns the only copy."""
    password = one_time_password()
    user.set_password(password)
    user.must_change_password = True
    with writing():
        user.save(update_fields=["password", "must_change_password"])
    return password


def password_was_chosen(user_id: int) -> None:
    """Note that a person has a password of their own."""
    with writing():
        User.objects.filter(pk=user_id, must_change_password=True).update(must_change_password=False)


def save_name(user: User, first: str, last: str) -> None:
    """Change a person's name."""
    with writing():
        User.objects.filter(pk=user.pk).update(first_name=first, last_name=last)


def one_time_password() -> str:
    """Sixteen letters and digits without look-alikes, in groups that can be read out."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def attention_count(practice_id: int) -> int:
    """Return how many writebacks wait for a person."""
    return Writeback.objects.filter(
        Q(delivery__in=[Delivery.PARKED, Delivery.REFUSED, Delivery.HELD])
        | Q(delivery=Delivery.TAKEN, seen=Seen.MISSING),
        practice_id=practice_id,
    ).count()


def add_audit_entry(
    *, practice_id: int | None, who: str, what: str, patient_key: str = "", detail: Mapping[str, Any]
) -> None:
    """Write one line of the audit trail."""
    with writing():
        AuditEntry.objects.create(
            practice_id=practice_id, who=who, what=what, patient_key=patient_key, detail=dict(detail)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TrailPage:
    """A page of the audit trail, newest first. `older` is where the next one begins, or None."""

    entries: tuple[AuditEntry, ...]
    older: int | None


def audit_trail(
    practice_id: int,
    *,
    who: str = "",
    what: str = "",
    patient_key: str = "",
    day: date | None = None,
    before: int | None = None,
) -> TrailPage:
    """Return entries by filter. `who` and `what` match anywhere, `patient_key` exactly."""
    rows = AuditEntry.objects.filter(practice_id=practice_id).order_by("-id")
    if who:
        rows = rows.filter(who__icontains=who)
    if what:
        rows = rows.filter(what__startswith=what)
    if patient_key:
        rows = rows.filter(patient_key=patient_key)
    if day:
        rows = rows.filter(at__date=day)
    if before:
        rows = rows.filter(pk__lt=before)
    found = list(rows[: TRAIL_PAGE + 1])
    more = len(found) > TRAIL_PAGE
    return TrailPage(entries=tuple(found[:TRAIL_PAGE]), older=found[TRAIL_PAGE - 1].pk if more else None)


def _keep_an_owner(membership: Membership) -> None:
    others = Membership.objects.filter(practice_id=membership.practice_id, role=Role.OWNER)
    if membership.role == Role.OWNER and not others.exclude(pk=membership.pk).exists():
        raise LastOwner
