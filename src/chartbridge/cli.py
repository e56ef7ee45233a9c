"""chartbridge …: what a person types, and sentences back. Must not be in it: what the commands do."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from chartbridge import __version__, bootstrap


class Wrong(Exception):
    """A fault that the person at the keyboard can put right; shown without a traceback."""


class NoHub(Exception):
    """Asked about a hub where there is none: nothing was looked at, so nothing can be right."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line; exits 0, 1 (something is wrong) or 2 (can't be done as asked); `serve` also 74 (disk)."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:2] == ["sandbox", "open-dental"]:
        from chartbridge.sandbox.open_dental.command import run

        sys.exit(run(words[2:]) or 0)
    if words[:1] == ["sandbox"] and words[1:2] in (["eaglesoft"], ["dentrix"]):
        from chartbridge.sandbox.by_odbc.command import run as run_by_odbc

        sys.exit(run_by_odbc(words[1], words[2:]))
    asked = _parser().parse_args(words)
    if asked.data:
        os.environ["CHARTBRIDGE_DATA"] = str(Path(asked.data).absolute())
    try:
        sys.exit(asked.run(asked) or 0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if sentence := _sentence(error):
            print(sentence, file=sys.stderr)
            sys.exit(1 if isinstance(error, NoHub) else 2)
        raise


def _sentence(error: Exception) -> str:
    """Words for the faults that are expected; empty for ours."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db.utils import OperationalError

    from chartbridge.backup import CannotBackUp
    from chartbridge.pms.errors import PmsError
    from chartbridge.serve import CannotServe
    from chartbridge.store.room import says_full

    match error:
        case Wrong() | NoHub() | CannotServe() | CannotBackUp() | ImproperlyConfigured():
            return str(error)
        case PmsError():
            return error.safe_message
        case OperationalError() if says_full(error):
            return "The disk on which the database lies is full. Make room there, then try again."
        case OperationalError():
            return (
                "The database does not answer or can't be opened. "
                "Check CHARTBRIDGE_DATABASE_URL or the rights of the data folder; `chartbridge doctor` says more."
            )
        case PermissionError():
            return f"No permission for {error.filename}. Use a data folder that belongs to you (--data)."
        case FileNotFoundError() | NotADirectoryError() if error.filename:
            return f"There can't be a folder {error.filename}. Use another data folder (--data)."
    return ""


def _serve(asked: argparse.Namespace) -> int:
    from chartbridge.serve import serve

    bootstrap.prepare()
    serve(host=asked.host, port=asked.port)
    return 0


def _demo(asked: argparse.Namespace) -> int:
    from chartbridge.demo.play import Wishes, play

    return play(
        Wishes(
            seconds=asked.seconds,
            report=Path(asked.json) if asked.json else None,
            port=asked.port,
            folder=Path(asked.data) if asked.data else None,
            patients=asked.patients,
            seed=asked.seed,
            speed=asked.speed,
            pms=asked.pms,
        )
    )


def _doctor(asked: argparse.Namespace) -> int:
    bootstrap.prepare()
    from chartbridge.doctor import examine

    return examine(as_json=asked.json)


def _migrate(_asked: argparse.Namespace) -> int:
    bootstrap.prepare()
    folder = bootstrap.make_data_folder()
    bootstrap.migrate()
    print(f"The tables are up to date (data folder {folder}).")
    return 0


def _backup(asked: argparse.Namespace) -> int:
    from chartbridge.backup import back_up
    from chartbridge.store.secrets import key_file

    bootstrap.prepare()
    _must_be_here()
    size = back_up(Path(asked.file))
    print(f"Wrote {asked.file} ({size / 1e6:.1f} MB).")
    print(
        f"The installation's key is not in it. Keep a copy of {key_file()} (or CHARTBRIDGE_KEY) somewhere else."
    )
    return 0


def _restore(asked: argparse.Namespace) -> int:
    from chartbridge.backup import restore
    from chartbridge.store.secrets import key_file

    bootstrap.prepare()
    had_key = bool(os.environ.get("CHARTBRIDGE_KEY")) or key_file().exists()
    aside = restore(Path(asked.file))
    print(f"Put back {asked.file}.")
    if aside:
        print(f"What was here before is kept as {aside}.")
    if not had_key:
        print(
            f"There was no key here. Put the old one at {key_file()} before you start, or enter the PMS's passwords "
            "again under Settings > PMS Connection."
        )
    print("At the next start everything that waits is looked for in the chart before it is sent.")
    return 0


def _create_practice(asked: argparse.Namespace) -> int:
    from zoneinfo import available_timezones

    from django.db import IntegrityError

    _ready()
    from chartbridge.store import accounts

    if asked.time_zone not in available_timezones():
        raise Wrong(f"{asked.time_zone} is no time zone. Give it like America/Chicago.")
    password = _password(asked)
    try:
        owner = accounts.create_practice(
            name=asked.name,
            time_zone=asked.time_zone,
            owner_name=asked.owner,
            email=asked.email,
            password=password,
        )
    except IntegrityError as error:
        raise Wrong(
            f"{asked.email} already has an account. Give the new practice an owner of its own."
        ) from error
    practice = accounts.memberships_of(owner.pk)[0].practice
    print(f"Made practice {practice.pk}, {practice.name}. Its owner signs in as {owner.email}.")
    if not asked.password_stdin:
        print(f"Password: {password}")
    return 0


def _create_user(asked: argparse.Namespace) -> int:
    _ready_here()
    from chartbridge.store import accounts
    from chartbridge.store.models import Role

    practice_id = _practice(asked.practice)
    try:
        made = accounts.invite(practice_id, name=asked.name, email=asked.email, role=Role(asked.role))
    except accounts.AlreadyThere as error:
        raise Wrong(f"{asked.email} already works for practice {practice_id}.") from error
    print(f"{asked.email} now works for practice {practice_id} as {made.membership.get_role_display()}.")
    if made.password:
        print(f"One-time password: {made.password}")
    return 0


def _token(asked: argparse.Namespace) -> int:
    _ready_here()
    from chartbridge.store.tokens import create_token

    made = create_token(_practice(asked.practice), asked.name, can_write=not asked.read_only)
    print("This token is shown once. Programs send it as `Authorization: Bearer …`.")
    print(made.plain)
    return 0


def _ledger(asked: argparse.Namespace) -> int:
    _ready_here()
    from chartbridge import proving

    if asked.what == "verify":
        those = _practices(asked.practice)
        if asked.last_hash and len(those) > 1:
            raise Wrong("A hash is of one practice's ledger. Say of whose with --practice.")
        return proving.verify(those, kept_hash=asked.last_hash)
    try:
        return proving.export(
            _practice(asked.practice),
            form=asked.format,
            since=_day(asked.since),
            until=_day(asked.until),
            out=Path(asked.out) if asked.out else None,
        )
    except BrokenPipeError:  # whoever read it has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _reconcile(asked: argparse.Namespace) -> int:
    _ready_here()
    from chartbridge import proving

    return proving.reconcile_day(_practices(asked.practice), _day(asked.day))


def _practices(wanted: int | None) -> list[int]:
    """Return the practice that is named, or all of them."""
    from chartbridge.store.tending import practices

    known = [_practice(wanted)] if wanted is not None else sorted(practices())
    if not known:
        raise NoHub(
            f"There is no practice yet in {_place()}. If there should be one, name its folder with --data."
        )
    return known


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise Wrong(f"{text} is no day. Give it like 2026-11-25.") from error


def _ready() -> None:
    bootstrap.prepare()
    bootstrap.make_data_folder()
    bootstrap.migrate()


def _ready_here() -> None:
    """Like `_ready`, for what is of use only where there is a hub: it never makes one."""
    bootstrap.prepare()
    _must_be_here()
    _ready()


def _must_be_here() -> None:
    """Raise `NoHub` where no hub has ever run. Nothing is made."""
    from django.db import connection
    from django.db.utils import DatabaseError

    is_file = connection.vendor == "sqlite"
    try:
        missing = is_file and not Path(str(connection.settings_dict["NAME"])).exists()
        if missing or "store_practice" not in connection.introspection.table_names():
            raise NoHub(f"There is no Chartbridge in {_place()}; name its folder with --data.")
    except DatabaseError:
        return  # it is there, and what is asked for says what is wrong with it


def _place() -> str:
    from django.conf import settings
    from django.db import connection

    is_file = connection.vendor == "sqlite"
    return str(settings.DATA_DIR) if is_file else "the database that CHARTBRIDGE_DATABASE_URL names"


def _practice(wanted: int | None) -> int:
    """Return the practice that is meant: the one named, or the only one there is."""
    from chartbridge.store.tending import practices

    known = practices()
    if wanted is None and len(known) == 1:
        return next(iter(known))
    if wanted in known:
        return wanted
    listed = "; ".join(f"{number}: {name}" for number, name in known.items()) or "there is none yet"
    raise Wrong(f"Say which practice with --practice NUMBER ({listed}).")


def _password(asked: argparse.Namespace) -> str:
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError

    from chartbridge.store.accounts import one_time_password

    if not asked.password_stdin:
        return one_time_password()
    password = sys.stdin.readline().rstrip("\n")
    try:
        validate_password(password)
    except ValidationError as error:
        raise Wrong(" ".join(error.messages)) from error
    return password


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chartbridge",
        description="A hub between a dental practice's PMS and everything with which it talks to its patients.",
    )
    parser.add_argument("--version", action="version", version=f"chartbridge {__version__}")
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument("--data", help="the data folder (default: $CHARTBRIDGE_DATA or ./data)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", parents=[everywhere]
        )
        made.set_defaults(run=run)
        return made

    serving = command("serve", _serve, "run the hub for one office, until Ctrl-C")
    serving.add_argument(
        "--host", default="127.0.0.1", help="the address to listen on (default: this machine only)"
    )
    serving.add_argument("--port", type=int, default=8300)

    _demo_options(command("demo", _demo, "play a day of a made-up practice, to try the hub out"))

    command("doctor", _doctor, "say in plain words what is right and wrong").add_argument(
        "--json", action="store_true", help="for programs"
    )
    commands.add_parser(
        "sandbox",
        help="run a practice's PMS to write programs against: sandbox open-dental, eaglesoft or dentrix; --help",
    )

    command(
        "backup", _backup, "copy this office's data into one file, while the hub works (not its key)"
    ).add_argument("file", help="the new file")
    command(
        "restore", _restore, "put a backup in the place of this office's data; stop the hub first"
    ).add_argument("file", help="what `chartbridge backup` has written")

    practice = command("create-practice", _create_practice, "make a practice and its owner")
    practice.add_argument("name")
    practice.add_argument("--email", required=True, help="the owner's e-mail address, for signing in")
    practice.add_argument("--owner", default="", help="the owner's name")
    practice.add_argument("--time-zone", default="America/New_York")
    practice.add_argument(
        "--password-stdin", action="store_true", help="read the password instead of making one"
    )

    person = command("create-user", _create_user, "let somebody work for a practice")
    person.add_argument("email")
    person.add_argument("--name", default="")
    person.add_argument("--practice", type=int)
    person.add_argument(
        "--role", choices=["owner", "manager", "front_desk", "read_only"], default="front_desk"
    )

    token = command("token", _token, "make an API token for a program")
    token.add_argument("name", help="the program's name, as it will stand in the audit trail")
    token.add_argument("--practice", type=int)
    token.add_argument("--read-only", action="store_true")

    book = command("ledger", _ledger, "verify or export the ledger of every write")
    book.add_argument("what", choices=["verify", "export"])
    book.add_argument("--practice", type=int, help="one practice (verify: all, if left out)")
    book.add_argument(
        "--last-hash", default="", help="verify: a hash that was kept elsewhere must still be in it"
    )
    book.add_argument("--format", choices=["csv", "json"], default="csv", help="export: CSV, or JSON lines")
    book.add_argument("--since", metavar="DAY", help="export: from this day on, like 2026-11-25")
    book.add_argument("--until", metavar="DAY", help="export: up to before this day")
    book.add_argument("--out", metavar="FILE", help="export: into a file instead of onto the screen")

    look = command(
        "reconcile", _reconcile, "look for a day's activities in the PMS and say what is not as written"
    )
    look.add_argument("--practice", type=int, help="one practice (all, if left out)")
    look.add_argument("--day", help="like 2026-11-25 (today, if left out)")

    command("migrate", _migrate, "bring the tables up to this version (serve does it too)")
    return parser


def _demo_options(demo: argparse.ArgumentParser) -> None:
    demo.add_argument(
        "--seconds", type=float, help="end by itself after so long (default: runs until Ctrl-C)"
    )
    demo.add_argument("--json", metavar="FILE", help="write a report when it ends")
    demo.add_argument(
        "--port", type=int, default=8300, help="the pages' port; the next free one if it is taken"
    )
    demo.add_argument(
        "--pms",
        choices=["open-dental", "eaglesoft", "dentrix"],
        default="open-dental",
        help="on which PMS's sandbox (Eaglesoft and Dentrix need MariaDB and its ODBC driver)",
    )
    demo.add_argument("--patients", type=int, default=500)
    demo.add_argument("--seed", type=int, default=7, help="the same number makes the same practice and day")
    demo.add_argument("--speed", type=float, default=1.0, help="how fast the day goes")


if __name__ == "__main__":
    main()
