"""What people do in the sandbox practice, what goes wrong there, and what is really in it.

Must not be in it: how a connector reads or writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from chartbridge.sandbox.by_odbc.knobs import Knobs, Stage, Visit
from chartbridge.sandbox.by_odbc.seed import ACTIVE, ARCHIVED, AT_ONCE, INACTIVE, NON_PATIENT, Booking, Person
from chartbridge.sandbox.dentrix.practice import DOCUMENT_TYPES, OPERATORIES, STATUS_WORDS, DentrixPractice

JOURNAL = 49
FIRST_PATIENT = 1001


class DentrixKnobs(Knobs):
    """The knobs of one practice."""

    at: DentrixPractice
    records = {
        "journal": "SELECT c.contactid AS k, c.patid AS p, n.notetext AS t FROM contact c"
        f" LEFT JOIN fullnotes n ON n.notetype = {JOURNAL} AND n.noteid = c.contactid",
        "document": "SELECT t.attachid AS k, t.attachtoentityid AS p, d.descript AS t FROM docattach t"
        " LEFT JOIN document d ON d.docid = t.docid WHERE t.attachtotype = 1",
    }
    during_update = "v_provider"
    stages = {Stage.HERE: "4", Stage.ROOM: "10", Stage.LEAVING: "11", Stage.DONE: "-106"}

    # people

    def add_patient(self, last: str, first: str, **more: object) -> str:
        """Add a patient with a household of their own; `phone` is the household's."""
        household = self.at.insert("address", phone=more.pop("phone", None))
        top = self.at.rows("SELECT COALESCE(MAX(patid), %s) AS top FROM patient", (FIRST_PATIENT - 1,))[0][
            "top"
        ]
        key = int(top) + 1
        values = {"provid1": "DDS1", "guarid": key, "addrid": household, **more}
        self.at.insert("patient", patid=key, lastname=last, firstname=first, **values)
        return str(key)

    def edit_patient(self, patient: str, **values: object) -> None:
        self.set_row("patient", "patid", patient, values)

    # visits

    def book(self, patient: str, at: datetime, *, minutes: int = 30, chair: int = 1, **more: object) -> str:
        values = {"provid": "DDS1", "apptreason": "Exam", **more}
        key = self.at.insert(
            "appt",
            patid=int(patient or 0),
            apptdate=at.date(),
            timehr=at.hour,
            timemin=at.minute,
            apptlen=minutes,
            opid=OPERATORIES[chair - 1][0],
            createdate=self.at.now().date(),
            **values,
        )
        self._log(str(key), createflag=1)
        return str(key)

    def move(self, visit: str, to: datetime) -> None:
        self.set_visit(visit, apptdate=to.date(), timehr=to.hour, timemin=to.minute)

    def set_visit(self, visit: str, **values: object) -> None:
        """Change a visit's columns, as the front desk does."""
        self.set_row("appt", "apptid", visit, values)
        self._log(visit)

    def set_status(self, visit: str, status_key: str) -> None:
        self.set_visit(visit, status=int(status_key))

    def delete_visit(self, visit: str) -> None:
        self._log(visit, deletedflag=1)
        self.at.run("DELETE FROM appt WHERE apptid = %s", (visit,))

    def give_phone(self, patient: str, number: str) -> None:
        self.edit_patient(patient, pager=number)

    def visits_today(self) -> list[Visit]:
        rows = self.at.rows(
            "SELECT apptid AS k, patid AS p, apptdate AS day, timehr AS h, timemin AS m, status AS s FROM appt"
            " WHERE apptdate = CURDATE() AND patid <> 0 AND apptbroken = 0 ORDER BY timehr, timemin, apptid"
        )
        return [
            Visit(
                key=str(row["k"]),
                patient=str(row["p"]),
                at=datetime.combine(row["day"], time(row["h"], row["m"])),
                stage=self.stage_of(str(row["s"])),
            )
            for row in rows
        ]

    # many at once

    def add_people(self, people: Sequence[Person]) -> list[str]:
        """A household of its own for each: its number is the patient's."""
        keys = [FIRST_PATIENT + place for place in range(len(people))]
        states = {ACTIVE: 1, NON_PATIENT: 2, INACTIVE: 3, ARCHIVED: 4}
        rows = [
            {
                "patid": key,
                "guarid": keys[person.head],
                "lastname": person.last[:20],
                "firstname": person.first[:15],
                "prefname": person.preferred[:15],
                "provid1": "DDS1",
                "status": states[person.state],
                "addrid": key,
                "birthdate": person.birth,
                "workphone": person.work,
                "pager": person.mobile,
                "emailaddr": person.email,
                "privacyflags": 0 if person.wants_texts else 2,
            }
            for key, person in zip(keys, people, strict=True)
        ]
        houses = [{"addrid": key, "phone": person.home} for key, person in zip(keys, people, strict=True)]
        for begin in range(0, len(rows), AT_ONCE):
            self.at.insert_many("address", houses[begin : begin + AT_ONCE])
            self.at.insert_many("patient", rows[begin : begin + AT_ONCE])
        return [str(key) for key in keys]

    def add_visits(self, bookings: Sequence[Booking]) -> None:
        for begin in range(0, len(bookings), AT_ONCE):
            self.at.insert_many(
                "appt",
                [
                    {
                        "patid": int(each.patient),
                        "apptdate": each.at.date(),
                        "timehr": each.at.hour,
                        "timemin": each.at.minute,
                        "apptlen": each.minutes,
                        "opid": OPERATORIES[each.room - 1][0],
                        "provid": "DDS1",
                        "apptreason": each.reason,
                    }
                    for each in bookings[begin : begin + AT_ONCE]
                ],
            )

    # papers

    def add_document(self, patient: str, name: str, kind: str = "2") -> str:
        """`kind` is a document type's number, or its name as the uploader takes it."""
        types = {label: number for number, label in DOCUMENT_TYPES}
        number = int(kind) if kind.isdecimal() else types.get(kind, 1)
        document = self.at.insert(
            "document",
            doctypeid=number,
            descript=name[:40],
            pages=1,
            createdate=self.at.now().date(),
            docfmt=2,
        )
        return self.attach(document, patient)

    def add_documents(self, patients: Sequence[str]) -> None:
        first = int(self.at.rows("SELECT COALESCE(MAX(docid), 0) AS top FROM document")[0]["top"]) + 1
        today = self.at.now().date()
        for begin in range(0, len(patients), AT_ONCE):
            some = list(enumerate(patients[begin : begin + AT_ONCE], first + begin))
            self.at.insert_many(
                "document",
                [
                    {
                        "docid": key,
                        "doctypeid": 3,
                        "descript": "Statement",
                        "pages": 1,
                        "createdate": today,
                        "docfmt": 2,
                    }
                    for key, _ in some
                ],
            )
            self.at.insert_many(
                "docattach",
                [
                    {"docid": key, "attachtotype": 1, "attachtoentityid": int(patient)}
                    for key, patient in some
                ],
            )

    def attach(self, document: int, patient: str) -> str:
        """Attach a document to a (further) patient."""
        return str(self.at.insert("docattach", docid=document, attachtotype=1, attachtoentityid=int(patient)))

    def delete_document(self, document: str) -> None:
        self.at.run("DELETE FROM docattach WHERE attachid = %s", (document,))

    # lists

    def hide_provider(self, provider: str) -> None:
        self.at.run("UPDATE rsc SET inactive = 1 WHERE rscid = %s", (provider,))

    # what goes wrong

    def expire_authorisation(self) -> None:
        self.at.close_gate()

    def set_clock_back(self, zone: timedelta) -> timedelta:
        """Put the wall clock an hour back, as at the end of daylight saving time; returns the new zone."""
        self.at.set_zone(zone - timedelta(hours=1))
        return zone - timedelta(hours=1)

    def _log(self, visit: str, **flags: int) -> None:
        words = dict(STATUS_WORDS)
        row = self.at.rows("SELECT status FROM appt WHERE apptid = %s", (visit,))
        now = self.at.now()
        self.at.insert(
            "appthist",
            parentapptid=int(visit),
            modifieddate=now.date(),
            modifiedtime=now.hour * 3600 + now.minute * 60 + now.second,
            userid="MARY",
            status=words.get(int(row[0]["status"]), "")[:7] if row else "",
            lastflag=1,
            **flags,
        )
