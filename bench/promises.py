"""The promised numbers, once: what each measured figure is, what it must reach, and how it is measured.

The table that is printed and the page docs/benchmarks.md are made from this and from the saved figures.
Must not be in it: measuring.
"""

from __future__ import annotations

from dataclasses import dataclass

ENGINES = ("MyISAM", "InnoDB")


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table. A line without `limit` is shown for comparison and promises nothing."""

    key: str
    part: str
    what: str
    unit: str
    limit: float | None = None
    at_least: bool = False
    ratio: bool = False
    engines: tuple[str, ...] = ()

    @property
    def must(self) -> str:
        """The limit in words."""
        if self.limit is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {self.limit:,g} {self.unit}".strip()

    def reached(self, measured: float) -> bool | None:
        """Whether the figure reaches the promise; None where nothing is promised. NaN reaches nothing."""
        if self.limit is None:
            return None
        return measured >= self.limit if self.at_least else measured <= self.limit


PARTS: dict[str, str] = {
    "first_sync": (
        "`chartbridge serve` on an empty data folder reads 200,000 patients and the appointments from 90 "
        "days back to 18 months ahead into SQLite, while a front desk in a process of its own sets a status "
        "every 10 ms; dlt (pyarrow, incremental by DateTStamp) then loads the same columns of the same rows "
        "into DuckDB from the same server, in an environment of its own. Memory is the highest resident "
        "memory of the hub less that of a hub without a practice. `today` polls REST until every visit of "
        "today is there with its patient. `killed` sends kill -9 when half of the rows are in, starts again "
        "and compares with an undisturbed sync."
    ),
    "idle": (
        "One process runs the product's own checker through 800 seconds of the timetable of statuses (15 "
        "s), patients (30 s) and appointments (60 s), with the clock pushed on instead of waiting, so that "
        "whatever is done only now and then is in the mean; storing the results is included. Processor time "
        "is the scheduler's own, of the hub's process and of all threads of the database server. The full "
        "scan of a stream runs every 15 minutes in pieces and stands in lines of its own. After ten "
        "changes, the rows are the server's own count of rows that its handlers read for one check of "
        "statuses and one of appointments. dlt does one incremental run with nothing new: again in a "
        "process that has run before (warm), and as a scheduler would start it (cold); it is compared with "
        "one check of appointments and one of patients, the tables that it is told to keep up."
    ),
    "latency": (
        "`chartbridge serve` with the big practice. 300 statuses are set as Open Dental sets them (row, "
        "history, signal), at random moments, one in each of 300 equal slots, over a whole number of "
        "intervals, so that every phase of the interval is met equally often. REST: a program follows "
        "`/changes` and then asks for the appointment. Page: headless Chromium with the Patient Flow of the "
        "whole day open (300 cards); a MutationObserver notes when the card stands in its new column. "
        "Chromium runs on the same processors."
    ),
    "activities": (
        "An outgoing text by `POST /api/v1/activities` ten times a second, to a served hub that writes "
        "through the sandbox's API service on loopback (a process of its own, SQLite). From before the POST "
        "to the moment at which the receipt, read back from the sandbox, is stored."
    ),
    "drain": (
        "Open Dental's API as of 25.2, which lists the newest notes of everybody. Notes are accepted by a "
        "hub that is not running; then it is started and writes all of them: each is sent, read back and "
        "its receipt stored. The rate runs from the first sending to the last receipt. Bare POSTs send the "
        "same texts to the same sandbox, made anew, without reading anything back, one after the other on "
        "one kept connection and on four at once; the faster of both counts. One pair per run."
    ),
    "fleet": (
        "1,000 practices with a connection each, in one process of the product's own engine; every "
        "connection is a session of its own on the database server. After they have read everything and "
        "settled, processor time and slip (how much later than planned a check begins) are taken while "
        "nothing changes."
    ),
    "odbc": (
        "Eaglesoft's and Dentrix's sandboxes with 50,000 patients and 500,000 appointments, 300 of them today, each "
        "on a MariaDB of its own behind its ODBC driver and unixODBC. The connector is asked back to back in one "
        "process: what the hub stores of it is not in these figures. Processor time is the scheduler's own, of the "
        "asking process and of all threads of the database server. The check of statuses is the re-read of today's "
        "schedule, whose rows are hashed and compared. The index of documents is checked with one document for each "
        "patient; the check of the lists asks who answers, which columns there are, and for every list. After ten "
        "changes of a kind (ten of today's visits moved, ten statuses set, a phone of ten patients who come today "
        "changed, ten documents entered into the index; of the lists, all operatories named anew), each written as "
        "the PMS's own program would, there is one check of that stream. A note is written in a transaction of its "
        "own, committed to the disk, and read back before the next one. Whether Dentrix has indexes on its times of "
        "change is not known: both ways are measured. "
        "These are figures of this project's connectors and sandboxes, not of SQL Anywhere or FairCom."
    ),
    "ledger": (
        "A practice's ledger of 1,000,000 entries, four moves of each writeback, appended by the product itself, is "
        "verified from its first entry to its last in a process of its own."
    ),
}
"""Part → how it is measured. The order is the order of running and of the page."""

_BOTH = ENGINES
_ODBC = ("Eaglesoft", "Dentrix")
_CHECKED = (
    ("status", "statuses"),
    ("appointments", "appointments"),
    ("patients", "patients"),
    ("documents", "the index of documents"),
    ("lists", "all lists and of the tables' columns"),
)
TABLE: tuple[Line, ...] = (
    Line(
        key="idle.growth_hub", part="idle", ratio=True, engines=_BOTH, unit="×", limit=1.3,
        what="idle check: hub's processor time at 2,000,000 appointments against 20,000",
    ),
    Line(
        key="idle.growth_server", part="idle", ratio=True, engines=_BOTH, unit="×", limit=1.3,
        what="idle check: server's processor time at 2,000,000 appointments against 20,000",
    ),
    Line(
        key="idle.dlt_warm", part="idle", ratio=True, engines=_BOTH, unit="×", limit=50, at_least=True,
        what="dlt's incremental run, warm, against a check of appointments and of patients: processor time",
    ),
    Line(
        key="idle.dlt_cold", part="idle", ratio=True, engines=_BOTH, unit="×", limit=1000, at_least=True,
        what="dlt's incremental run, cold, against a check of appointments and of patients: processor time",
    ),
    Line(
        key="first.wall_ratio", part="first_sync", ratio=True, engines=_BOTH, unit="×", limit=1,
        what="first sync against dlt, time per row",
    ),
    Line(
        key="first.cpu_ratio", part="first_sync", ratio=True, engines=_BOTH, unit="×",
        what="first sync against dlt, processor time per row",
    ),
    Line(
        key="drain.share", part="drain", ratio=True, unit="%", limit=60, at_least=True,
        what="draining 5,000 queued notes against bare POSTs",
    ),
    Line(
        key="first.kept", part="first_sync", ratio=True, engines=_BOTH, unit="%", limit=100, at_least=True,
        what="first sync killed at half: of the rows then stored, kept and not read again",
    ),
    Line(
        key="idle.status_hub", part="idle", engines=_BOTH, unit="ms", limit=2,
        what="idle check of statuses, hub's processor time",
    ),
    Line(
        key="idle.status_server", part="idle", engines=_BOTH, unit="ms", limit=0.5,
        what="idle check of statuses, server's processor time",
    ),
    Line(
        key="idle.appointments_hub", part="idle", engines=_BOTH, unit="ms", limit=2,
        what="idle check of appointments, hub's processor time",
    ),
    Line(
        key="idle.appointments_server", part="idle", engines=_BOTH, unit="ms", limit=0.5,
        what="idle check of appointments, server's processor time",
    ),
    Line(
        key="idle.patients_hub", part="idle", engines=_BOTH, unit="ms",
        what="idle check of patients, hub's processor time",
    ),
    Line(
        key="idle.patients_server", part="idle", engines=_BOTH, unit="ms",
        what="idle check of patients, server's processor time",
    ),
    Line(
        key="idle.scan_pieces", part="idle", engines=_BOTH, unit="turns",
        what="the full scan of appointments that runs every 15 minutes: turns of at most a quarter of a second",
    ),
    Line(
        key="idle.scan_server", part="idle", engines=_BOTH, unit="ms",
        what="the full scan of appointments that runs every 15 minutes: server's processor time in all",
    ),
    Line(
        key="idle.dlt_warm_cpu", part="idle", engines=_BOTH, unit="ms",
        what="dlt, incremental run with nothing new, warm in one process: processor time",
    ),
    Line(
        key="idle.dlt_cold_cpu", part="idle", engines=_BOTH, unit="ms",
        what="dlt, incremental run with nothing new, cold process: processor time",
    ),
    Line(
        key="idle.ten_rows", part="idle", engines=_BOTH, unit="rows", limit=99,
        what="rows read after 10 changes",
    ),
    *(
        Line(
            key=f"latency.{where}_{interval}_{kind}", part="latency", engines=_BOTH, unit="s", limit=limit,
            what=f"change committed → visible {words}, I = {interval} s, {kind}",
        )
        for interval in (15, 1)
        for where, words in (("rest", "by REST"), ("page", "on the page"))
        for kind, limit in (("mean", interval / 2 + 0.1), ("p99", interval + 0.25))
    ),
    Line(
        key="first.rows", part="first_sync", engines=_BOTH, unit="rows",
        what="first sync: rows",
    ),
    Line(
        key="first.wall", part="first_sync", engines=_BOTH, unit="µs",
        what="first sync, time per row",
    ),
    Line(
        key="first.cpu", part="first_sync", engines=_BOTH, unit="µs",
        what="first sync, hub's processor time per row",
    ),
    Line(
        key="first.dlt_wall", part="first_sync", engines=_BOTH, unit="µs",
        what="dlt, first load, time per row",
    ),
    Line(
        key="first.dlt_cpu", part="first_sync", engines=_BOTH, unit="µs",
        what="dlt, first load, processor time per row",
    ),
    Line(
        key="first.memory", part="first_sync", engines=_BOTH, unit="MB", limit=150,
        what="first sync: more memory than at rest",
    ),
    Line(
        key="first.today", part="first_sync", engines=_BOTH, unit="s", limit=5,
        what="today's schedule there, after the start of an empty hub",
    ),
    Line(
        key="desk.MyISAM_p99", part="first_sync", engines=("MyISAM",), unit="ms", limit=25,
        what="front desk's UPDATE while the hub syncs and checks, p99",
    ),
    Line(
        key="desk.MyISAM_max", part="first_sync", engines=("MyISAM",), unit="ms", limit=100,
        what="front desk's UPDATE while the hub syncs and checks, longest",
    ),
    Line(
        key="desk.InnoDB_p99", part="first_sync", engines=("InnoDB",), unit="ms",
        what="front desk's UPDATE while the hub syncs and checks, p99 (each waits for the disk)",
    ),
    Line(
        key="desk.InnoDB_max", part="first_sync", engines=("InnoDB",), unit="ms",
        what="front desk's UPDATE while the hub syncs and checks, longest (each waits for the disk)",
    ),
    Line(
        key="desk.alone_p99", part="first_sync", engines=_BOTH, unit="ms",
        what="the same UPDATE with no hub and no dlt running, p99",
    ),
    Line(
        key="desk.alone_max", part="first_sync", engines=_BOTH, unit="ms",
        what="the same UPDATE with no hub and no dlt running, longest",
    ),
    Line(
        key="desk.dlt_max", part="first_sync", engines=_BOTH, unit="ms",
        what="the same UPDATE while dlt loads, longest",
    ),
    Line(
        key="activities.p50", part="activities", unit="ms", limit=100,
        what="activity accepted → in the PMS and receipt stored, 10 a second, p50",
    ),
    Line(
        key="activities.p99", part="activities", unit="ms", limit=500,
        what="activity accepted → in the PMS and receipt stored, 10 a second, p99",
    ),
    Line(key="drain.rate", part="drain", unit="notes/s", what="draining 5,000 queued notes"),
    Line(
        key="drain.share_old", part="drain", unit="%",
        what="draining against bare POSTs with Open Dental 24.3, whose API is asked about each patient alone",
    ),
    Line(key="drain.bare", part="drain", unit="notes/s", what="bare POSTs of the same notes to the same sandbox"),
    Line(
        key="fleet.core", part="fleet", unit="%", limit=25,
        what="1,000 practices, statuses every 15 s, one process: share of one core",
    ),
    Line(
        key="fleet.slip", part="fleet", unit="ms", limit=250,
        what="1,000 practices, statuses every 15 s, one process: slip, p99",
    ),
    Line(
        key="fleet.rate", part="fleet", unit="checks/s",
        what="1,000 practices, statuses every 15 s: checks made",
    ),
    Line(
        key="fleet.all_core", part="fleet", unit="%",
        what="1,000 practices with all streams at their default intervals: share of one core",
    ),
    Line(
        key="fleet.all_slip", part="fleet", unit="ms",
        what="1,000 practices with all streams at their default intervals: slip, p99",
    ),
    Line(
        key="serve.memory_sync", part="first_sync", engines=_BOTH, unit="MB", limit=300,
        what="memory of `serve` with the big practice, highest during the first sync",
    ),
    Line(
        key="serve.memory_day", part="latency", engines=_BOTH, unit="MB", limit=300,
        what="memory of `serve` with the big practice, highest while it is checked, read and watched",
    ),
    Line(
        key="odbc.day", part="odbc", engines=_ODBC, unit="ms", limit=20,
        what="by ODBC: re-read of today's schedule with nothing new, its hashes compared",
    ),
    *(
        Line(
            key=f"odbc.{stream}_{side}", part="odbc", engines=_ODBC, unit="ms",
            what=f"by ODBC: idle check of {words}, {whose} processor time",
        )
        for stream, words in _CHECKED
        for side, whose in (("client", "connector's"), ("server", "server's"))
    ),
    *(
        Line(
            key=f"odbc.{stream}_indexed_{side}", part="odbc", engines=("Dentrix",), unit="ms",
            what=f"by ODBC: the same check of {stream} with an index on the times of change, {whose} processor time",
        )
        for stream in ("appointments", "patients")
        for side, whose in (("client", "connector's"), ("server", "server's"))
    ),
    *(
        Line(
            key=f"odbc.{stream}_ten_{side}", part="odbc", engines=_ODBC, unit=unit,
            what=f"by ODBC: check of {words} after {changes}, {what}",
        )
        for stream, words in _CHECKED
        for changes in ("all operatories were named anew" if stream == "lists" else "10 changes",)
        for side, unit, what in (
            ("client", "ms", "connector's processor time"), ("server", "ms", "server's processor time"),
            ("rows", "rows", "rows that it was given"),
        )
    ),
    Line(
        key="odbc.notes", part="odbc", engines=_ODBC, unit="notes/s",
        what="by ODBC: notes written and read back, one after the other",
    ),
    Line(
        key="odbc.first_read", part="odbc", engines=_ODBC, unit="rows/s",
        what="by ODBC: first read of statuses, appointments and patients",
    ),
    Line(
        key="ledger.verify", part="ledger", engines=("SQLite", "PostgreSQL"), unit="s", limit=30,
        what="ledger of 1,000,000 entries verified",
    ),
    Line(
        key="ledger.memory", part="ledger", engines=("SQLite", "PostgreSQL"), unit="MB", limit=50,
        what="ledger of 1,000,000 entries verified: more memory",
    ),
)  # fmt: skip

BY_KEY = {line.key: line for line in TABLE}
