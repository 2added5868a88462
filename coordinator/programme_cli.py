"""``hedui programme``: which programmes are in force where, what they ask, which policy they need.

Knows arguments and what is printed. What is shipped are templates; a centre's own folder adds what
its root keys have signed. Signing is ``hedui.programme_cli``'s.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Final

import typer

from coordinator import programme_screen as screen
from coordinator.casework.programmes import Programme
from coordinator.programme_screen import Explained
from coordinator.regional import filing
from coordinator.regional.filing import Filed
from coordinator.regional.policy_writing import Title, policy_for
from coordinator.regional.rulesets import RuleSet
from coordinator.regional.shelf import Shelf
from coordinator.regional.standards import Standard
from federation import catalogue, manifest, policy, root
from federation.clock import SystemClock, business_date
from federation.commands import Commands
from federation.errors import BadInput, Refused
from federation.root import Root
from federation.terminal import Terminal

app = Commands(
    no_args_is_help=True,
    help="救助项目 Programmes: what is asked, where, from when, from which source.",
)

_AREA: Final = re.compile(r"([0-9]{2}){0,3}")
_COUNTY: Final = 6


def _area(word: str) -> str:
    if not _AREA.fullmatch(word):
        raise typer.BadParameter("2, 4 or 6 digits")
    return word


def _day(word: str) -> date:
    try:
        return date.fromisoformat(word)
    except ValueError as wrong:
        raise typer.BadParameter("2026-01-31") from wrong


ProgrammeId = Annotated[str, typer.Argument(metavar="PROGRAMME", help="DIBAO_URBAN … 项目编号")]
AreaOption = Annotated[
    str, typer.Option("--area", parser=_area, metavar="CODE", help="first digits, or none 区划代码")
]
DateOption = Annotated[
    date | None, typer.Option("--date", parser=_day, metavar="DAY", help="default today 日期")
]
FolderOption = Annotated[
    Path | None, typer.Option("--folder", "-C", help="the centre's folder: signed files 中心目录")
]
LocalOption = Annotated[
    Path | None, typer.Option("--local", help="folder of files not yet signed 未签名文件目录")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Where and when, and by which files; its fields are options."""

    area: AreaOption = ""
    day: DateOption = None
    folder: FolderOption = None
    local: LocalOption = None

    @property
    def on(self) -> date:
        """The day that is asked about: today if none is named."""
        return self.day or business_date(SystemClock().now())

    def files(self) -> tuple[Filed, ...]:
        """Read what is used: what a folder has, and what is shipped where that may be used.

        Raises:
            BadInput, PeerFault: as ``filing.local``, ``root.read`` and ``manifest.read``.
        """
        trusted: Root | None = None
        demonstration = True
        if self.folder is not None:
            now = SystemClock().now()
            trusted = root.read(_bytes(self.folder / "root.json"))
            papers = manifest.read(_bytes(self.folder / "manifest.json"), trusted, now=now)
            demonstration = papers.demonstration
        own = filing.local(self.folder / filing.FOLDER, trusted) if self.folder else ()
        drafts = filing.local(self.local, trusted) if self.local else ()
        own = filing.chosen(own, demonstration=demonstration)
        used = filing.chosen(filing.shipped(), demonstration=demonstration)
        return filing.merged(filing.merged(used, own), drafts)

    def shelf(self) -> tuple[Shelf, frozenset[str]]:
        """Read files, and tell which texts are signed."""
        files = self.files()
        return filing.stand(files), frozenset(one.text for one in files if one.signed)


@app.command("list")
def list_programmes(
    at: Terminal,
    asked: Asked,
) -> None:
    """列出某地某日有效的救助项目 List the programmes in force in an area on a day."""
    shelf, signed = asked.shelf()
    for programme in shelf.programmes(asked.area, asked.on).values():
        sheet = shelf.sheet(programme.id, asked.area, asked.on)
        at.emit(screen.row(sheet, programme, signed=sheet.text in signed))
        where = sheet.span.area or at.pick("全国", "everywhere")
        state = at.pick("已签署", "signed") if sheet.text in signed else at.pick("样本", "template")
        name = f"{programme.id:<18} {programme.label(at.lang)}"
        at.say(*[f"{name}  {where} {sheet.span.since}  {state}"] * 2)
    if not shelf.sheets:
        raise Refused("PROGRAMMES_UNSIGNED")
    _say_unsigned(at, signed)


@app.command()
def show(
    at: Terminal,
    programme: ProgrammeId,
    asked: Asked,
) -> None:
    """显示项目文件原文 Show the file of a programme as it stands, to be changed and signed."""
    shelf, signed = asked.shelf()
    text = shelf.sheet(programme, asked.area, asked.on).text
    at.emit(screen.detail(_explained(programme, asked, shelf, signed)) | {"text": text})
    at.say(text.rstrip(), text.rstrip())


@app.command()
def explain(
    at: Terminal,
    programme: ProgrammeId,
    asked: Asked,
) -> None:
    """说明项目:问谁、问什么、哪条线、依据、除外 Say what is asked, and what bars nobody."""
    shelf, signed = asked.shelf()
    found = _explained(programme, asked, shelf, signed)
    at.emit(screen.detail(found))
    screen.explain(found, at)


@app.command()
def check(
    at: Terminal,
    asked: Asked,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE …]", help="beside those shipped 文件")
    ] = None,
) -> None:
    """核查项目、财产规定和标准 Check files: sources, dates, lines, the policy they give."""
    given = tuple(_given(one) for one in files or ())
    every = filing.merged(asked.files(), given)
    shelf = filing.stand(every)
    count = len(shelf.sheets), len(shelf.sets), len(shelf.standards)
    at.emit(dict(zip(("programmes", "property", "standards"), count, strict=True)))
    at.say(
        f"✓ {count[0]} 个项目、{count[1]} 套财产规定、{count[2]} 条当地标准:"
        "依据齐全,日期不重叠,线都在",
        f"✓ {count[0]} programmes, {count[1]} property rule sets, {count[2]} local standards:"
        " sources are there, no dates overlap, every line exists",
    )
    for place, since in sorted({(one.area, one.since) for one in shelf.standards}):
        written = policy_for(shelf, _county(place), since, _TITLE, catalogue.load())
        found = policy.parse(written.encode(), catalogue.load())
        at.emit({"area": place, "since": str(since), "rules": len(found.rules)})
        at.say(
            f"✓ {place} 自 {since} 的政策:{len(found.rules)} 条规则,{len(found.parameters)} 个数值",
            f"✓ policy of {place} from {since}: {len(found.rules)} rules,"
            f" {len(found.parameters)} values",
        )
    _say_unsigned(at, frozenset(one.text for one in every if one.signed))


@app.command("policy")
def write_policy(
    at: Terminal,
    asked: Asked,
    family: Annotated[str, typer.Option(help="as in the policy in force 政策族")] = "local",
    version: Annotated[int, typer.Option(min=1, help="one above the last 版本")] = 1,
) -> None:
    """按项目、规定和当地标准写出政策草案 Write a policy draft under the local standard."""
    if len(asked.area) != _COUNTY:
        raise typer.BadParameter("6 digits", param_hint="--area")
    shelf, _ = asked.shelf()
    standard = shelf.standard(asked.area, asked.on)
    title = Title(
        family=family,
        version=version,
        zh=f"{standard.zh}下的核对规则",
        en=f"Rules under the standard: {standard.en}",
    )
    text = policy_for(shelf, asked.area, asked.on, title, catalogue.load())
    policy.parse(text.encode(), catalogue.load())
    at.emit({"policy": text})
    at.say(text.rstrip("\n"), text.rstrip("\n"))


_TITLE: Final = Title(family="check", version=1, zh="核查", en="check")


def _explained(programme_id: str, asked: Asked, shelf: Shelf, signed: frozenset[str]) -> Explained:
    programme: Programme = shelf.programme(programme_id, asked.area, asked.on)
    sheet = shelf.sheet(programme_id, asked.area, asked.on)
    return Explained(
        sheet=sheet,
        programme=programme,
        sets=tuple(_concerning(programme_id, asked, shelf)),
        lines=shelf.lines,
        standard=_standard(asked, shelf),
        signed=sheet.text in signed,
        catalogue=catalogue.load(),
    )


def _concerning(programme_id: str, asked: Asked, shelf: Shelf) -> Iterator[RuleSet]:
    for one in shelf.rulesets(asked.area, asked.on):
        if any(programme_id in rule.programmes for rule in one.rules):
            yield one


def _standard(asked: Asked, shelf: Shelf) -> Standard | None:
    """Find the local standard; a wide area need not have one."""
    try:
        return shelf.standard(asked.area, asked.on)
    except BadInput:
        return None


def _county(area: str) -> str:
    """Make up a county of an area: a policy is a county's."""
    return area.ljust(_COUNTY, "0")


def _given(path: Path) -> Filed:
    found = filing.look(_bytes(path))
    return Filed(name=path.name, text=filing.text_of(found, path.name), signed=False)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise BadInput("FILE_MISSING", file=path.name, folder=path.parent.name or ".") from e


def _say_unsigned(at: Terminal, signed: frozenset[str]) -> None:
    if not signed:
        at.say(
            "以上均为样本,未经根密钥签署:只用于演示。签署:hedui programme sign",
            "These are templates that no root key has signed: for demonstrations alone."
            " To sign: hedui programme sign",
        )
