"""What the move menu offers, and what it says where it can't."""

from __future__ import annotations

from chartbridge.domain.schedule import BookingState, FlowStatus
from chartbridge.flow.moves import Move, moves
from chartbridge.pms.commands import CommandKind
from chartbridge.pms.manifest import Manifest, parse_manifest

F = FlowStatus
WRITTEN = {F.CHECKED_IN: "22", F.IN_OPERATORY: "25", F.EXPECTED: "19"}


def manifest(*, can_set: bool = True, **cannot: str) -> Manifest:
    return parse_manifest(
        {
            "id": "x",
            "label": "Open Dental",
            "vendor": "x",
            "provider_help": "x",
            "settings": {},
            "commands": {str(CommandKind.SET_APPOINTMENT_STATUS): {"repeat": "safe"}} if can_set else {},
            "cannot": cannot,
            "proof": {"run_against": [], "not_run_against": []},
        }
    )


def menu(
    state: BookingState = BookingState.SCHEDULED,
    column: FlowStatus | None = F.LATE,
    earlier: str = "",
    pms: Manifest | None = None,
) -> dict[FlowStatus, Move]:
    made = moves(
        state=state, column=column, written=WRITTEN, earlier_status=earlier, manifest=pms or manifest()
    )
    return {each.flow_status: each for each in made}


def test_a_late_patient_can_be_checked_in_and_seated() -> None:
    offered = menu()
    assert offered[F.CHECKED_IN] == Move(flow_status=F.CHECKED_IN, status_key="22", possible=True)
    assert offered[F.IN_OPERATORY].status_key == "25"


def test_late_completed_and_broken_are_never_offered_and_say_why() -> None:
    offered = menu(column=F.CHECKED_IN)
    assert offered[F.LATE].why_not == "Late is set by the clock: past the start without a check-in."
    assert offered[F.COMPLETED].why_not == "Complete the visit in Open Dental; Chartbridge can't."
    assert not offered[F.BROKEN].possible


def test_the_pms_own_reason_for_what_it_cannot_is_shown() -> None:
    offered = menu(pms=manifest(can_set=False, set_appointment_status="Eaglesoft's statuses are fixed."))
    assert offered[F.CHECKED_IN].why_not == "Eaglesoft's statuses are fixed."


def test_a_column_without_a_status_says_so_and_leads_to_the_statuses_page() -> None:
    missing = menu()[F.READY_FOR_CHECKOUT]
    assert missing.why_not == "No Open Dental status is chosen for Ready for Check-out."
    assert missing.fix == "settings-statuses"


def test_back_to_expected_gives_the_visit_the_status_it_had_before() -> None:
    assert menu(column=F.CHECKED_IN, earlier="21")[F.EXPECTED].status_key == "21"
    assert menu(column=F.CHECKED_IN)[F.EXPECTED].status_key == "19"


def test_a_visit_that_is_over_moves_nowhere() -> None:
    offered = menu(state=BookingState.COMPLETE, column=F.COMPLETED)
    assert not any(each.possible for each in offered.values())
    assert "Reopen it there first" in offered[F.CHECKED_IN].why_not


def test_where_the_patient_already_is_is_no_move() -> None:
    assert menu(column=F.CHECKED_IN)[F.CHECKED_IN].why_not == "The patient is already here."
