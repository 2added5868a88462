"""The registrar's part of the command line: serve, and look after consents on its own machine.

Knows what an operator may see: numbers, states and counts, never a person. Does not know the wire.
"""

import itertools
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Annotated, Final

import typer

from federation import party as installation
from federation.clock import SystemClock, business_time
from federation.consenting import ConsentState
from federation.enrolment import ID, NAME
from federation.errors import BadInput, Refused
from federation.limits import STATUS_ENTRIES
from federation.manifest import PartyRole
from federation.terminal import (
    FolderOption,
    JsonOption,
    LangOption,
    Terminal,
    reporting,
    terminal,
)
from registrar import config, server
from registrar.config import Settings
from registrar.consents import Consent
from registrar.rolls import Growth
from registrar.store import FILE, Store, Transaction

app = typer.Typer(help="登记方 The registrar: consents, tokens, pseudonyms", no_args_is_help=True)
consent_app = typer.Typer(help="单份同意书 One consent", no_args_is_help=True)
app.add_typer(consent_app, name="consent")

_STATES: Final = {
    "COMPLETE": ("有效", "complete"),
    "SIGNATURE_MISSING": ("缺签字", "signature missing"),
    "REVOKED": ("已撤回", "revoked"),
}


@app.command()
def serve(folder: FolderOption, lang: LangOption = None, json: JsonOption = False) -> None:
    """运行登记方直至停止 Answer until stopped (SIGTERM, Ctrl-C)."""
    at = terminal(lang, json)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with reporting(at):
        clock = SystemClock()
        party = installation.load(folder, PartyRole.REGISTRAR, clock.now())
        running = server.build(party, clock)
        running.start()
        at.emit({"party": party.id, "port": running.port})
        address = party.listen
        at.say(f"{party.id} 正在 {address} 应答", f"{party.id} answers on {address}")
        stop.wait()
        running.stop()


@app.command()
def consents(folder: FolderOption, json: JsonOption = False, lang: LangOption = None) -> None:
    """列出同意书及其签字情况 List all consents and whether their signatures are there."""
    at = terminal(lang, json)
    with reporting(at), _open(folder) as store, store.read() as view:
        found = [view.by_number(number) for number in view.numbers()]
    rows = [_row(consent) for consent in found if consent]
    at.emit(rows)
    for row in rows:
        number, state = row["consent"], at.pick(*_STATES[str(row["state"])])
        persons, grants, missing = row["persons"], row["grants"], row["missing"]
        at.say(
            f"{number}  {state}  人数 {persons}  许可 {grants}  缺签字 {missing}",
            f"{number}  {state}  persons {persons}  grants {grants}  missing {missing}",
        )


@consent_app.command()
def revoke(
    number: Annotated[str, typer.Argument(help="同意书编号 the consent's number")],
    folder: FolderOption,
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """撤回同意书及其全部令牌,不可恢复 End a consent and all its tokens for good."""
    at = terminal(lang, json)
    with reporting(at), _open(folder) as store, store.write() as tx:
        if tx.by_number(number) is None:
            raise Refused("CONSENT_UNKNOWN")
        tx.revoke(number, SystemClock().now())
    at.emit({"consent": number, "state": ConsentState.REVOKED.name})
    at.say(f"{number} 已撤回", f"{number} revoked")


@app.command()
def status(
    department: Annotated[str, typer.Argument(help="部门代号 the department's id")],
    folder: FolderOption,
    json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """查看某部门状态列表的用量 Count the entries of a department's status list."""
    at = terminal(lang, json)
    with reporting(at), _open(folder) as store, store.read() as view:
        used, ended = view.used_indices(department), view.ended(department)
    at.emit({"department": department, "used": used, "ended": ended, "entries": STATUS_ENTRIES})
    at.say(
        f"{department}:已用 {used}/{STATUS_ENTRIES},已失效 {ended}",
        f"{department}: {used} of {STATUS_ENTRIES} used, {ended} ended",
    )


@app.command()
def rolls(folder: FolderOption, json: JsonOption = False, lang: LangOption = None) -> None:
    """列出各部门申报的名册人数及每次增长 List the rolls departments declared, and every growth."""
    at = terminal(lang, json)
    with reporting(at), _open(folder) as store, store.read() as view:
        settings = config.parse(installation.read_settings(folder).get("registrar", {}))
        years = itertools.groupby(view.rolls.growths(), lambda one: (one.department, one.epoch))
        found = [_declared(list(growths), view, settings) for _, growths in years]
    at.emit([one.to_json() for one in found])
    for one in found:
        one.say(at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Declared:
    """The rolls of a department in a year, smallest first, and what was evaluated for it."""

    growths: list[Growth]
    ceiling: int
    ids: int
    names: int

    def to_json(self) -> dict[str, object]:
        last = self.growths[-1]
        return {
            "department": last.department,
            "epoch": last.epoch,
            "roll": last.roll,
            "ceiling": self.ceiling,
            "evaluated": {ID: self.ids, NAME: self.names},
            "declared": [{"roll": one.roll, "at": one.declared} for one in self.growths],
        }

    def say(self, at: Terminal) -> None:
        last = self.growths[-1]
        whose, counts = f"{last.department} {last.epoch}", f"{self.ids:,}, names {self.names:,}"
        at.say(
            f"{whose}  名册 {last.roll:,},上限 {self.ceiling:,}"
            f"  已登记:证号 {self.ids:,},姓名 {self.names:,}",
            f"{whose}  roll {last.roll:,} of at most {self.ceiling:,}  evaluated: ids {counts}",
        )
        for one in self.growths:
            line = f"    {business_time(one.declared):%Y-%m-%d %H:%M}  {one.roll:,}"
            at.say(line, line)


def _declared(growths: list[Growth], view: Transaction, settings: Settings) -> _Declared:
    of, epoch = growths[0].department, growths[0].epoch
    return _Declared(
        growths=growths,
        ceiling=settings.ceiling(of),
        ids=view.rolls.evaluated(of, ID, epoch),
        names=view.rolls.evaluated(of, NAME, epoch),
    )


@contextmanager
def _open(folder: Path) -> Iterator[Store]:
    """Open the state without the keys: who looks after the machine needs no passphrase to count.

    Raises:
        BadInput: FILE_MISSING or SETTINGS_INVALID.
    """
    settings = installation.read_settings(folder)
    path = folder / str(settings.get("data", "data")) / FILE
    if not path.exists():
        raise BadInput("FILE_MISSING", file=FILE, folder=folder.name)
    store = Store(path)
    try:
        yield store
    finally:
        store.close()


def _row(consent: Consent) -> dict[str, object]:
    return {
        "consent": consent.consent_no,
        "state": consent.state.name,
        "coordinator": consent.coordinator,
        "purpose": consent.form.purpose.name,
        "persons": len(consent.form.persons),
        "grants": len(consent.form.grants),
        "missing": len(consent.missing),
    }
