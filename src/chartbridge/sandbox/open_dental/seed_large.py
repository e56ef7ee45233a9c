"""The big practice for benchmarks, made inside MariaDB by INSERT … SELECT over its sequence tables.

The vendor's own indexes only. Keys are dropped or disabled while filling and built at the end, so that 2,000,000
appointments take a couple of minutes. Must not be in it: anything for the small practice (seed).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from faker import Faker

from chartbridge.sandbox.open_dental.clock import PracticeClock
from chartbridge.sandbox.open_dental.database import Link, MariaDatabase
from chartbridge.sandbox.open_dental.practice import set_up
from chartbridge.sandbox.open_dental.schema import mariadb_ddl, schema_of

VERSION = "24.3.10"
PER_DAY = 333
AHEAD_SHARE = 0.05
AHEAD_DAYS = 365
NAMES = 200


def seed_large(
    conn: Link,
    patients: int = 200_000,
    appointments: int = 2_000_000,
    engine: str = "MyISAM",
    *,
    today: int = 300,
    commlogs: int = 100_000,
    documents: str = "/nonexistent/OpenDentImages",
    customer_key: str = "SandboxCustomerKey7",
) -> None:
    """Fill the connection's (empty) database with a practice of that size; `today` visits are today's."""
    db = MariaDatabase(conn, schema_of((24, 3, 10)), PracticeClock(), engine=engine)
    for statement in (
        "SET SESSION sql_mode=''",
        "SET SESSION unique_checks=0",
        "SET SESSION myisam_sort_buffer_size=268435456",
        "SET SESSION bulk_insert_buffer_size=67108864",
    ):
        db.run(statement)
    for table in db.schema.values():
        db.run(mariadb_ddl(table, engine))
    set_up(db, documents, VERSION, customer_key, "Chartbridge")
    with _keys_at_the_end(db, "patient"):
        _patients(db, patients)
    with _keys_at_the_end(db, "appointment"):
        _appointments(db, patients, appointments, today)
    with _keys_at_the_end(db, "histappointment"):
        _history(db)
    with _keys_at_the_end(db, "commlog"):
        _commlogs(db, patients, commlogs)
    _tails(db)


@contextmanager
def _keys_at_the_end(db: MariaDatabase, table: str) -> Iterator[None]:
    keys = db.schema[table].keys
    if db.engine.lower() == "myisam":
        db.run(f"ALTER TABLE {table} DISABLE KEYS")
        yield
        db.run(f"ALTER TABLE {table} ENABLE KEYS")
    else:
        db.run(f"ALTER TABLE {table} " + ", ".join(f"DROP KEY `{name}`" for name, _ in keys))
        yield
        db.run(f"ALTER TABLE {table} " + ", ".join(f"ADD KEY `{name}` ({c})" for name, c in keys))


def _fill(db: MariaDatabase, table: str, count: int, columns: dict[str, str], *values: object) -> None:
    """INSERT … SELECT with every NOT NULL column listed; `columns` are SQL over the sequence's `n`."""
    schema = db.schema[table]
    blank = {
        c.name: _literal(c.implicit())
        for c in schema.columns
        if not c.auto and not c.is_stamp and not c.nullable
    }
    listed = {**blank, **columns}
    names = ",".join(f"`{name}`" for name in listed)
    db.run(
        f"INSERT INTO {table} ({names}) SELECT {','.join(listed.values())} "
        f"FROM (SELECT CAST(seq AS SIGNED) AS n FROM seq_1_to_{count}) AS s",
        *values,
    )


def _patients(db: MariaDatabase, count: int) -> None:
    fake = Faker("en_US")
    fake.seed_instance(7)
    last = ",".join(_literal(fake.last_name()) for _ in range(NAMES))
    first = ",".join(_literal(fake.first_name()) for _ in range(NAMES))
    phone = "CONCAT('(',ELT(1+{0}%10,503,541,971,360,206,425,253,509,208,458),')555-',LPAD({0} DIV 10 % 10000,4,0))"
    _fill(
        db,
        "patient",
        count,
        {
            "PatNum": "n",
            "LName": f"ELT(1+((n-1) DIV 3)*7%{NAMES},{last})",
            "FName": f"ELT(1+n*13%{NAMES},{first})",
            "PatStatus": "IF(n%25=0,2,IF(n%40=1,3,0))",
            "Gender": "n%2",
            "Birthdate": "DATE_SUB(CURDATE(),INTERVAL 700+n*37%30000 DAY)",
            "Address": "CONCAT(n%9000,' Sample St')",
            "City": "'Salem'",
            "State": "'OR'",
            "Zip": "'97301'",
            "HmPhone": phone.format("((n-1) DIV 3)"),
            "WirelessPhone": phone.format("n"),
            "Email": "CONCAT('patient',n,'@example.com')",
            "Guarantor": "n-(n-1)%3",
            "PriProv": "1+n%2",
            "BillingType": "40",
            "SecDateEntry": "DATE_SUB(CURDATE(),INTERVAL 100+n%4000 DAY)",
            "DateTStamp": "DATE_SUB(CONCAT(CURDATE(),' 12:00:00'),INTERVAL 1+n%900 DAY)",
            "SecurityHash": "'sandbox-'",
        },
    )


def _appointments(db: MariaDatabase, patients: int, count: int, today: int) -> None:
    ahead = int(count * AHEAD_SHARE)
    past = count - ahead - today
    day = (
        f"IF(n<={past},-1-({past}-n) DIV {PER_DAY},"
        f"IF(n<={past + today},0,1+(n-{past + today}-1)*{AHEAD_DAYS} DIV {ahead}))"
    )
    at = f"CONCAT(DATE_ADD(CURDATE(),INTERVAL {day} DAY),' ',SEC_TO_TIME(28800+n*7%54*600))"
    here = f"n>{past} AND n<={past + today}"
    late = "SEC_TO_TIME(28800+n*7%54*600)<CURTIME()"
    _fill(
        db,
        "appointment",
        count,
        {
            "AptNum": "n",
            "PatNum": f"1+n*7919%{patients}",
            "AptStatus": f"IF(n<={past},IF(n%14=0,5,2),IF({here} AND {late} AND n%3>0,2,1))",
            "Pattern": "'/XXXX/'",
            "Confirmed": f"IF(n<={past},246,IF({here},IF({late},ELT(1+n%3,22,246,246),ELT(1+n%3,21,24,255)),"
            "ELT(1+n%3,19,24,21)))",
            "Op": "1+n%5",
            "ProvNum": "1+n%2",
            "ProvHyg": "IF(n%5>2,3,0)",
            "AptDateTime": at,
            "ProcDescript": "ELT(1+n%4,'Prophy, Per Ex','Crown','Comp Filling','Ext')",
            "DateTimeArrived": f"IF(n<={past},{at},'0001-01-01 00:00:00')",
            "SecUserNumEntry": "2",
            "SecDateTEntry": "DATE_SUB(NOW(),INTERVAL 60+n%400 DAY)",
            "DateTStamp": f"IF(n<={past},DATE_ADD({at},INTERVAL 1 HOUR),"
            "DATE_SUB(CONCAT(CURDATE(),' 12:00:00'),INTERVAL 1+n%60 DAY))",
            "SecurityHash": "'sandbox-'",
        },
    )


def _history(db: MariaDatabase) -> None:
    """One row per visit of the last year and the next, in the order of their time."""
    shared = [
        c.name
        for c in db.schema["appointment"].columns
        if db.schema["histappointment"].has(c.name) and not c.is_stamp
    ]
    names = ",".join(f"`{name}`" for name in shared)
    values = ",".join(f"COALESCE(a.`{name}`,'')" if name == "Note" else f"a.`{name}`" for name in shared)
    db.run(
        f"INSERT INTO histappointment (HistUserNum,HistDateTStamp,HistApptAction,ApptSource,DateTStamp,{names}) "
        f"SELECT 2,LEAST(a.DateTStamp,NOW()-INTERVAL 1 HOUR),1,0,LEAST(a.DateTStamp,NOW()-INTERVAL 1 HOUR),{values} "
        "FROM appointment a WHERE a.AptDateTime>CURDATE()-INTERVAL 1 YEAR ORDER BY a.DateTStamp,a.AptNum"
    )


def _commlogs(db: MariaDatabase, patients: int, count: int) -> None:
    at = f"DATE_SUB(CONCAT(CURDATE(),' 11:00:00'),INTERVAL 1+({count}-n)*900 DIV {count} DAY)"
    _fill(
        db,
        "commlog",
        count,
        {
            "PatNum": f"1+n*104729%{patients}",
            "CommDateTime": at,
            "CommType": "ELT(1+n%3,235,239,304)",
            "Note": "'Called about the next visit.'",
            "Mode_": "ELT(1+n%2,3,5)",
            "SentOrReceived": "1+n%2",
            "UserNum": "2",
            "DateTEntry": at,
            "DateTStamp": at,
        },
    )


def _tails(db: MariaDatabase) -> None:
    """Signals of the last days and the audit trail of the last weeks, as a running practice has them."""
    db.run(
        "INSERT INTO signalod (DateViewing,SigDateTime,FKey,FKeyType,IType,RemoteRole,MsgValue) "
        "SELECT DATE(h.AptDateTime),h.HistDateTStamp,h.PatNum,'PatNum',68,0,'' FROM histappointment h "
        "WHERE h.AptDateTime BETWEEN CURDATE()-INTERVAL 5 DAY AND CURDATE()+INTERVAL 4 DAY ORDER BY h.HistDateTStamp"
    )
    db.run(
        "INSERT INTO securitylog (PermType,UserNum,LogDateTime,LogText,PatNum,CompName,FKey,LogSource,DefNum,"
        "DefNumError,DateTPrevious) SELECT 193,2,CommDateTime,'',PatNum,'FRONTDESK1',0,0,0,0,'0001-01-01 00:00:00' "
        "FROM commlog WHERE CommDateTime>CURDATE()-INTERVAL 60 DAY ORDER BY CommlogNum"
    )


def _literal(value: object) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "NULL" if value is None else str(value)
