"""``hedui mandate`` at the centre: draft, enlist, run and list batch mandates.

Knows arguments and what is printed. What is done stands in ``asking.enlisting`` and
``asking.mandates``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from coordinator.asking import mandate_files
from coordinator.asking.enlisting import Enlistment, Wanted
from coordinator.asking.mandate_books import Filed, MandateBooks
from coordinator.asking.mandates import MandateRun, Ports, Standing, questions_of
from coordinator.opening import Installed, installation
from coordinator.people.roles import Action
from federation import catalogue, limits, mandate
from federation.clock import BUSINESS_ZONE, business_date
from federation.commands import Commands
from federation.errors import BadInput
from federation.exchange import Purpose
from federation.mandate import Pair
from federation.terminal import FolderOption, Terminal
from federation.wire.registrar_client import RegistrarClient

app = Commands(help="批量授权 Batch mandates: draft, sign, enlist, run.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="mandate id, see list 授权编号")]


@app.command()
def draft(
    at: Terminal,
    people: Annotated[Path, typer.Argument(help="resident numbers, one a line 名单文件")],
    question: Annotated[
        list[str], typer.Option(help="P10 or P61/PARAMETER, may be repeated 问题,可重复")
    ],
    department: Annotated[
        list[str], typer.Option(help="department's id, may be repeated 部门代号,可重复")
    ],
    basis_zh: Annotated[str, typer.Option(help="legal ground in Chinese 法律依据(中文)")],
    basis_en: Annotated[str, typer.Option(help="legal ground in English 法律依据(英文)")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="last day 最后一日")],
    purpose: Annotated[str, typer.Option(help="MONITORING, REVIEW, … 用途")] = "MONITORING",
    out: Annotated[Path | None, typer.Option(help="the draft's file 草案文件")] = None,
    folder: FolderOption = Path(),
) -> None:
    """按名单起草批量授权 Draft a mandate for a list; the root's holders sign it."""
    with _desk(folder) as desk:
        desk.at.gate().acting(Action.MANDATE_WORK, about="draft")
        numbers = mandate_files.read_people(people)
        wanted = Wanted(
            purpose=_purpose(purpose),
            basis={"zh": basis_zh, "en": basis_en},
            departments=tuple(dict.fromkeys(department)),
            questions=tuple(dict.fromkeys(map(_pair, question))),
            not_before=desk.at.clock.now(),
            expires=_end(until.date()),
        )
        filed = desk.enlistment.draft(wanted, numbers)
        path = out or Path(f"mandate-{filed.id.hex()[:8]}.json")
        mandate_files.write_draft(path, filed.document)
        at.emit(_row(filed, {}) | {"file": str(path)})
        at.say(
            f"{filed.id.hex()}  {filed.size:,} 人\n草案:{path}\n"
            "请根密钥持有人运行 hedui mandate sign 签署,再运行 hedui mandate enlist。",
            f"{filed.id.hex()}  {filed.size:,} people\ndraft: {path}\n"
            "Have the holders of root keys run hedui mandate sign, then run hedui mandate enlist.",
        )


@app.command()
def enlist(
    at: Terminal,
    file: Annotated[Path, typer.Argument(help="the signed mandate 签好的文件")],
    folder: FolderOption = Path(),
) -> None:
    """向登记方登记名单;中断后再次运行即可继续 Have the registrar sign each department's list."""
    with _desk(folder) as desk:
        desk.at.gate().acting(Action.MANDATE_WORK, about="enlist")
        marks = _Marks()

        def tell(department: str, done: int, whole: int) -> None:
            at.emit({"department": department, "people": done, "all": whole})
            name = department or desk.at.party.manifest.registrar.id
            if marks.passed(name, done, whole):
                at.say(f"{name}  {done:,}/{whole:,}", f"{name}  {done:,}/{whole:,}")

        filed = desk.enlistment.enlist(_read(file), tell)
        at.say(f"{filed.id.hex()} 可以查询了", f"{filed.id.hex()} is ready to run")


@app.command()
def run(
    at: Terminal,
    number: Id,
    out: Annotated[Path | None, typer.Option(help="file for the results 结果文件")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="a new round, e.g. each month 新一轮,如每月一次")
    ] = False,
    folder: FolderOption = Path(),
) -> None:
    """按批量授权提问并写出结果;中断后再次运行即继续 Ask about everybody, write the results."""
    with _desk(folder) as desk:
        filed = desk.find(number)
        desk.at.gate().acting(Action.MANDATE_WORK, about=f"run {filed.id.hex()}")
        if again:
            desk.books.begin_round(filed.id)
            filed = desk.find(number)
        marks = _Marks()
        standing = desk.run.run(filed, lambda one: _tell(at, one, marks))
        if out:
            given, _ = mandate.look(filed.document)
            asked = questions_of(given, desk.at.party.manifest, catalogue.load())
            mandate_files.write_results(out, desk.books, filed, asked)
            at.say(f"结果:{out}", f"results: {out}")
    if any(one.code for one in standing):
        raise typer.Exit(1)


@app.command("list")
def list_mandates(at: Terminal, folder: FolderOption = Path()) -> None:
    """列出批量授权 List mandates and how far they have come."""
    with _desk(folder) as desk:
        desk.at.gate().acting(Action.MANDATE_READ)
        for filed in desk.books.all():
            row = _row(filed, desk.books.counts(filed))
            at.emit(row)
            signed = at.pick(*(("已签", "signed") if filed.signed else ("草案", "draft")))
            answered = "  ".join(
                f"{one} {n}/{_blocks(filed)}" for one, n in row["answered"].items()
            )
            line = f"{filed.id.hex()}  {filed.size:>9,}  {signed}  {row['expires']}  {answered}"
            at.say(line, line)


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateDesk:
    """What is at hand for batch mandates."""

    at: Installed
    books: MandateBooks
    enlistment: Enlistment
    run: MandateRun

    def find(self, number: str) -> Filed:
        """Find a mandate by its id in hexadecimal digits, or by their beginning.

        Raises:
            BadInput: MANDATE_UNKNOWN.
        """
        found = [one for one in self.books.all() if one.id.hex().startswith(number.lower())]
        if len(found) != 1 or not number:
            raise BadInput("MANDATE_UNKNOWN")
        return found[0]


@contextmanager
def _desk(folder: Path) -> Iterator[MandateDesk]:
    with installation(folder) as installed:
        yield desk_of(installed)


def desk_of(installed: Installed) -> MandateDesk:
    """Put the desk of batch mandates together."""
    party, clock, books = installed.party, installed.clock, MandateBooks(installed.database)
    ports = Ports(
        books=books,
        call=installed.transport().ask_mandate,
        clock=clock,
        check_sound=installed.log.check_sound,
    )
    return MandateDesk(
        at=installed,
        books=books,
        enlistment=Enlistment(party, books, RegistrarClient(party, installed.peers, clock), clock),
        run=MandateRun(
            installed.asker(), party.manifest, catalogue.load(), ports, installed.patience()
        ),
    )


def _purpose(word: str) -> Purpose:
    if word not in Purpose.__members__:
        raise typer.BadParameter(" / ".join(Purpose.__members__), param_hint="--purpose")
    return Purpose[word]


def _pair(word: str) -> Pair:
    predicate, _, parameter = word.partition("/")
    return predicate, parameter


def _end(last: date) -> int:
    """Give the second at which a last day is over in China."""
    return int(datetime.combine(last + timedelta(days=1), time(), BUSINESS_ZONE).timestamp())


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limits.MANDATE_BYTES + 1)
    except OSError as e:
        raise BadInput("FILE_MISSING", file=path.name, folder=path.parent.name) from e


class _Marks:
    """Which of twenty marks each is past, so that a long run does not print thousands of lines."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def passed(self, name: str, done: int, whole: int) -> bool:
        """Tell whether a mark was passed since the last call; the first call always does."""
        before, mark = self._last.get(name), done * 20 // whole
        self._last[name] = mark
        return mark != before


def _tell(at: Terminal, one: Standing, marks: _Marks) -> None:
    row = {"department": one.department, "answered": one.done, "all": one.all, "code": one.code}
    at.emit(row)
    if marks.passed(one.department, one.done, one.all) or one.code:
        line = f"{one.department}  {one.done}/{one.all}  {one.code}".rstrip()
        at.say(line, line)


def _blocks(filed: Filed) -> int:
    given, _ = mandate.look(filed.document)
    return -(-filed.size // limits.MANDATE_BLOCK) * len(given.questions)


def _row(filed: Filed, answered: dict[str, int]) -> dict[str, Any]:
    given, _ = mandate.look(filed.document)
    return {
        "mandate": filed.id.hex(),
        "signed": filed.signed,
        "people": filed.size,
        "purpose": given.purpose.name,
        "questions": ["/".join(filter(None, pair)) for pair in given.questions],
        "departments": list(given.departments),
        "expires": business_date(given.expires - 1).isoformat(),
        "round": filed.round,
        "answered": answered,
    }
