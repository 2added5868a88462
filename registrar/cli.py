"""The registrar's part of the command line: serve, and look after consents on its own machine.

Knows what an operator may see: numbers, states and counts, never a person. Does not know the wire.
"""

import itertools
from dataclasses import asdict, dataclass
from typing import Annotated, Final

import typer

from federation import party as installation
from federation.clock import SystemClock, business_time
from federation.commands import Commands
from federation.enrolment import ID, NAME
from federation.errors import Refused
from federation.limits import STATUS_ENTRIES
from federation.log import log_cli
from federation.manifest import PartyRole
from federation.serving import log_warnings, until_stopped
from federation.terminal import FolderOption, Terminal
from registrar import config, endings, erasing_cli, mandates_cli, server
from registrar.config import Settings
from registrar.consents import Consent
from registrar.journal import RULES
from registrar.opening import opened, opened_log, operator
from registrar.rolls import Growth
from registrar.transaction import Transaction

app = Commands(help="登记方 The registrar: consents, tokens, pseudonyms", no_args_is_help=True)
consent_app = Commands(help="单份同意书 One consent", no_args_is_help=True)
app.add_typer(consent_app, name="consent")
app.registered_commands += mandates_cli.app.registered_commands
app.add_typer(mandates_cli.mandate_app, name="mandate")
app.registered_commands += erasing_cli.app.registered_commands
app.add_typer(log_cli.commands(opened_log, RULES), name="log")

_STATES: Final = {
    "COMPLETE": ("有效", "complete"),
    "SIGNATURE_MISSING": ("缺签字", "signature missing"),
    "REVOKED": ("已撤回", "revoked"),
    "SUSPENDED": ("已暂停", "suspended"),
}
Number = Annotated[str, typer.Argument(help="同意书编号 the consent's number")]


@app.command()
def serve(at: Terminal, folder: FolderOption) -> None:
    """运行登记方直至停止 Answer until stopped (SIGTERM, Ctrl-C)."""
    log_warnings()
    clock = SystemClock()
    party = installation.load(folder, PartyRole.REGISTRAR, clock.now())
    until_stopped(at, party, server.build(party, clock))


@app.command()
def consents(at: Terminal, folder: FolderOption) -> None:
    """列出同意书及其签字情况 List all consents and whether their signatures are there."""
    with opened(folder) as store, store.read() as view:
        found = [view.by_number(number) for number in view.numbers()]
    rows = [_row(consent) for consent in found if consent]
    _say_rows(at, rows)


@consent_app.command()
def revoke(at: Terminal, number: Number, folder: FolderOption) -> None:
    """撤回同意书及其全部令牌,不可恢复 End a consent and all its tokens for good."""
    with opened(folder) as store, store.write() as tx:
        tx.revoke(_find(tx, number), operator(folder))
        rows = [_row(one) for one in tx.of_signature(number)]
    _say_rows(at, rows)


@consent_app.command()
def suspend(at: Terminal, number: Number, folder: FolderOption) -> None:
    """暂停同意书,例如有异议待处理 Let a consent rest, for instance while an objection is open."""
    with opened(folder) as store, store.write() as tx:
        endings.suspend(tx, _find(tx, number), operator(folder))
        rows = [_row(one) for one in tx.of_signature(number)]
    _say_rows(at, rows)


@consent_app.command()
def resume(at: Terminal, number: Number, folder: FolderOption) -> None:
    """解除登记方的暂停 Lift the registrar's own suspension; a coordinator lifts its own."""
    with opened(folder) as store, store.write() as tx:
        endings.resume(tx, _find(tx, number), operator(folder))
        rows = [_row(one) for one in tx.of_signature(number)]
    _say_rows(at, rows)


@consent_app.command()
def household(at: Terminal, number: Number, folder: FolderOption) -> None:
    """家庭成员变动:结束该户的全部同意书 The household has changed: end all its consents."""
    with opened(folder) as store, store.write() as tx:
        ended = endings.end_household(tx, _find(tx, number), operator(folder))
        rows = [_row(_find(tx, one)) for one in ended]
    _say_rows(at, rows)


@app.command()
def status(
    at: Terminal,
    department: Annotated[str, typer.Argument(help="部门代号 the department's id")],
    folder: FolderOption,
) -> None:
    """查看某部门各份状态列表的用量 Count the entries of a department's status lists."""
    with opened(folder) as store, store.read() as view:
        lists = view.entries.usage(department)
    rows = [asdict(one) for one in lists]
    at.emit({"department": department, "entries": STATUS_ENTRIES, "lists": rows})
    for one in lists:
        at.say(
            f"{department}/{one.series}:已用 {one.used}/{STATUS_ENTRIES},"
            f"已暂停 {one.suspended},已撤回 {one.revoked}",
            f"{department}/{one.series}: {one.used} of {STATUS_ENTRIES} used,"
            f" {one.suspended} suspended, {one.revoked} revoked",
        )


@app.command()
def rolls(at: Terminal, folder: FolderOption) -> None:
    """列出各部门申报的名册人数及每次增长 List the rolls departments declared, and every growth."""
    with opened(folder) as store, store.read() as view:
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


def _find(tx: Transaction, number: str) -> Consent:
    consent = tx.by_number(number)
    if consent is None:
        raise Refused("CONSENT_UNKNOWN")
    return consent


def _say_rows(at: Terminal, rows: list[dict[str, object]]) -> None:
    at.emit(rows)
    for row in rows:
        number, state = row["consent"], at.pick(*_STATES[str(row["state"])])
        persons, grants, missing = row["persons"], row["grants"], row["missing"]
        at.say(
            f"{number}  {state}  人数 {persons}  许可 {grants}  缺签字 {missing}",
            f"{number}  {state}  persons {persons}  grants {grants}  missing {missing}",
        )


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
