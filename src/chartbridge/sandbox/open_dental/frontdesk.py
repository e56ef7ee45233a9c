"""What people do at a workstation of the practice: each leaves the rows that the program leaves.

Must not be in it: HTTP, faults, chance.
"""

from __future__ import annotations

from chartbridge.sandbox.open_dental import audit, chart, insurance, pictures, visits
from chartbridge.sandbox.open_dental.audit import FRONT_DESK, Actor, sandbox_hash
from chartbridge.sandbox.open_dental.database import Database
from chartbridge.sandbox.open_dental.words import VERIFY_TYPE, Permission, Signal


class FrontDesk:
    """A user at a workstation."""

    def __init__(self, db: Database, actor: Actor = FRONT_DESK) -> None:
        self._db = db
        self._who = actor

    def book(self, patient: int, at: str, *, op: int = 1, provider: int = 1, **values: object) -> int:
        """Book a visit at wall time `at` and return its number."""
        values = {"Pattern": "/XXXX/", **values}
        return visits.create(
            self._db, self._who, PatNum=patient, AptDateTime=at, Op=op, ProvNum=provider, **values
        )

    def move(self, appointment: int, at: str, *, op: int | None = None) -> None:
        """Move a visit to another time or room."""
        row = visits.visit(self._db, appointment)
        visits.change(
            self._db,
            self._who,
            appointment,
            {"AptDateTime": at, "Op": op or row["Op"]},
            permission=Permission.APPOINTMENT_MOVE,
            text="Moved",
        )

    def edit_appointment(self, appointment: int, **values: object) -> None:
        """Change columns of a visit."""
        visits.change(self._db, self._who, appointment, values)

    def set_status(self, appointment: int, status: int) -> None:
        """Set the confirmed status (Arrived, In Treatment Room …) by its DefNum."""
        visits.confirm(self._db, self._who, appointment, status)

    def break_(self, appointment: int, *, missed: bool = True, unscheduled: bool = False) -> None:
        """Break a visit."""
        visits.break_visit(self._db, self._who, appointment, missed=missed, unscheduled=unscheduled)

    def complete(self, appointment: int) -> None:
        """Set a visit complete."""
        visits.complete(self._db, self._who, appointment)

    def delete(self, appointment: int) -> None:
        """Delete a visit."""
        visits.delete(self._db, self._who, appointment)

    def add_patient(self, last: str, first: str, **values: object) -> int:
        """Add a patient and return the number."""
        db = self._db
        with db.transaction():
            row = {"LName": last, "FName": first, "BillingType": 40, "PriProv": 1, **values}
            key = db.insert("patient", SecUserNumEntry=self._who.user, SecDateEntry=db.now()[:10], **row)
            db.update(
                "patient",
                key,
                Guarantor=values.get("Guarantor") or key,
                SecurityHash=sandbox_hash({"PatNum": key}, "PatNum"),
            )
            audit.log(db, self._who, Permission.PATIENT_CREATE, "", patient=key)
        return key

    def edit_patient(self, patient: int, **values: object) -> None:
        """Change columns of a patient."""
        with self._db.transaction():
            self._db.update("patient", patient, **values)
            audit.log(self._db, self._who, Permission.PATIENT_EDIT, "", patient=patient)

    def delete_patient(self, patient: int) -> None:
        """Delete a patient as the program does: the row stays, its status is Deleted."""
        self.edit_patient(patient, PatStatus=4)

    def add_note(
        self, patient: int, note: str, *, type_: int = 239, mode: int = 3, direction: int = 1
    ) -> int:
        """Add a communication log entry."""
        return chart.add_commlog(
            self._db,
            self._who,
            patient=patient,
            note=note,
            at=self._db.now(),
            type_=type_,
            mode=mode,
            direction=direction,
        )

    def edit_note(self, commlog: int, note: str) -> None:
        """Change a communication log entry."""
        chart.edit_commlog(self._db, self._who, commlog, note)

    def delete_note(self, commlog: int) -> None:
        """Delete a communication log entry."""
        chart.delete_commlog(self._db, self._who, commlog)

    def verify_insurance(self, patient: int, on: str) -> None:
        """Mark the plan that pays first as verified on a day; the note that stood there goes into the history."""
        plan = self._db.value("SELECT PatPlanNum FROM patplan WHERE PatNum=? ORDER BY Ordinal", patient)
        row = insurance.ensure(self._db, VERIFY_TYPE.index("PatientEnrollment"), int(str(plan)))
        insurance.verify(self._db, self._who, row, on)

    def add_picture(self, patient: int, *, number: int = 0) -> int:
        """Add a patient picture; another `number` gives another picture."""
        category = self._flagged("P")
        return self._import(patient, pictures.portrait(patient * 1000 + number), ".png", category, "")

    def add_paper(self, patient: int, *, category: int, title: str) -> int:
        """Add a small PDF to a category."""
        content = pictures.paper(title, f"Patient number {patient}")
        return self._import(patient, content, ".pdf", category, title)

    def open_document(self, document: int) -> int:
        """Look at an uploaded document: it gets another number, which is returned."""
        return chart.open_document(self._db, self._who, document)

    def delete_document(self, document: int) -> None:
        """Delete a document."""
        chart.delete_document(self._db, self._who, document)

    def hide_provider(self, provider: int, *, hidden: bool = True) -> None:
        """Hide a provider, or show it again."""
        self._db.update("provider", provider, IsHidden=int(hidden))
        self._changed_list("Provider edited", Signal.PROVIDERS)

    def rename_definition(self, definition: int, name: str) -> None:
        """Give a definition another name."""
        self._db.update("definition", definition, ItemName=name)
        self._changed_list("Definitions", Signal.DEFS)

    def hide_definition(self, definition: int, *, hidden: bool = True) -> None:
        """Hide a definition, or show it again."""
        self._db.update("definition", definition, IsHidden=int(hidden))
        self._changed_list("Definitions", Signal.DEFS)

    def delete_definition(self, definition: int) -> None:
        """Delete a definition; what points to it stays."""
        self._db.delete("definition", definition)
        self._changed_list("Definitions", Signal.DEFS)

    def add_definition(self, category: int, name: str, value: str = "") -> int:
        """Add a definition at the end of its category."""
        order = self._db.value("SELECT MAX(ItemOrder)+1 FROM definition WHERE Category=?", category)
        key = self._db.insert(
            "definition", Category=category, ItemName=name, ItemValue=value, ItemOrder=order or 0
        )
        self._changed_list("Definitions", Signal.DEFS)
        return key

    def set_preference(self, name: str, value: str) -> None:
        """Set a preference."""
        self._db.run("UPDATE preference SET ValueString=? WHERE PrefName=?", value, name)
        self._changed_list("Preferences", Signal.PREFS)

    def _changed_list(self, text: str, kind: Signal) -> None:
        audit.log(self._db, self._who, Permission.SETUP, text)
        audit.signal(self._db, kind)

    def _flagged(self, letter: str) -> int:
        found = self._db.value(
            "SELECT DefNum FROM definition WHERE Category=18 AND IsHidden=0 AND ItemValue LIKE ? ORDER BY ItemOrder",
            f"%{letter}%",
        )
        if found is None:
            raise KeyError(f"no image category is flagged {letter}")
        return int(found)

    def _import(self, patient: int, content: bytes, ending: str, category: int, title: str) -> int:
        return chart.import_document(
            self._db,
            self._who,
            patient=patient,
            content=content,
            ending=ending,
            category=category,
            description=title,
        )
