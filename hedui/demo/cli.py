"""``hedui demo``: the demonstration city from the command line.

Knows options and the last line. Does not know how it is played.
"""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from threading import Event
from typing import Annotated, Literal

import typer

from federation.commands import Commands
from federation.errors import BadInput
from federation.terminal import Terminal
from hedui.demo import district, district_run, district_screen, families_run
from hedui.demo import run as runs
from hedui.demo import stage as stages
from hedui.demo.processes import Troupe
from hedui.demo.run import Options, Outcome

app = Commands()

MOST_STANDARD = 100_000
StandardOption = Annotated[
    str, typer.Option(help="with --families: monthly standard a person 月标准")
]
SumsOption = Annotated[
    bool, typer.Option("--sums", help="with --families: as sums over departments 多部门合计")
]
SampleOption = Annotated[
    int, typer.Option(min=0, help="with --families: so many of them; 0: all 抽样户数")
]


@app.command()
def demo(
    at: Terminal,
    folder: Annotated[
        Path | None, typer.Option("--folder", "-C", help="keep everything here 保留在此目录")
    ] = None,
    seed: Annotated[int, typer.Option(help="seed of the city and of the drill 随机种子")] = 1,
    kills: Annotated[int, typer.Option(min=0, max=1000, help="kill processes 杀进程演练")] = 0,
    serve: Annotated[bool, typer.Option("--serve", help="keep it running 持续运行")] = False,
    real: Annotated[
        bool, typer.Option("--families", help="9,275 real families 真实家庭 (401ksubs)")
    ] = False,
    standard: StandardOption = "425",
    sums: SumsOption = False,
    sample: SampleOption = 0,
    record: Annotated[Path | None, typer.Option(help="record every message here 记录报文")] = None,
    size: Annotated[
        Literal["tiny", "district"], typer.Option(help="20 or 507 households 演示规模")
    ] = "tiny",
    households: Annotated[
        int, typer.Option(min=20, max=district.HOUSEHOLDS, help="of a smaller district 户数")
    ] = district.HOUSEHOLDS,
    prepare: Annotated[
        Path | None, typer.Option(help="only make city and federation here 只在此目录生成")
    ] = None,
) -> None:
    """演示城市:核对中心查询十八个部门 A verification centre checks households at 18 departments."""
    with _home(prepare or folder) as home:
        if prepare:
            _prepare(home, seed, at)
            return
        options = Options(
            folder=home,
            seed=seed,
            kills=kills,
            households=households if size == "district" else 0,
            record=record.resolve() if record else None,
        )
        if serve:
            _serve(options, at)
        elif real:
            _families(_wanted(options, standard, sums=sums, sample=sample), at)
        elif options.households:
            _district(options, at)
        else:
            _finish(runs.run(options, at), at)


def _finish(outcome: Outcome, at: Terminal) -> None:
    row = {
        "answers": outcome.verdict.answers,
        "wrong": outcome.wrong,
        "refusals": outcome.refused,
    }
    at.emit(row | ({"killed": outcome.killed} if outcome.killed else {}))
    line = (
        f"demo: {row['answers']} answers, {row['wrong']} wrong,"
        f" {row['refusals']} refusals as expected"
    )
    at.say(line, line)
    if outcome.wrong or not outcome.verdict.right:
        raise typer.Exit(1)


def _district(options: Options, at: Terminal) -> None:
    outcome = district_run.run(options, at)
    district_screen.show(outcome, at)
    if outcome.wrong or not outcome.verdict.right:
        raise typer.Exit(1)


def _wanted(options: Options, standard: str, *, sums: bool, sample: int) -> families_run.Options:
    """Read what is wanted of the families.

    Raises:
        BadInput: STANDARD_INVALID.
    """
    try:
        amount = Decimal(standard)
        good = 0 < amount <= MOST_STANDARD and amount == round(amount, 2)
    except InvalidOperation:
        good = False
    if not good:
        raise BadInput("STANDARD_INVALID", most=MOST_STANDARD)
    return families_run.Options(
        folder=options.folder, standard=amount, sums=sums, sample=sample, seed=options.seed
    )


def _families(options: families_run.Options, at: Terminal) -> None:
    found, expected = families_run.run(options, at)
    wrong = sum(found.as_json()[name] != n for name, n in expected.as_json().items())
    line = f"families: {found.families} families, {wrong} counts wrong"
    at.say(line, line)
    at.emit(found.as_json())
    if wrong:
        raise typer.Exit(1)


def _prepare(home: Path, seed: int, at: Terminal) -> None:
    stage = stages.build(home, seed=seed, apart=True)
    at.emit({"nodes": list(stage.nodes), "cases": len(stage.cases)})
    at.say(
        f"已生成 {len(stage.nodes)} 个部门、{len(stage.cases)} 户;"
        f"各方在同名主机的 {stages.PORT} 端口",
        f"made {len(stage.nodes)} departments and {len(stage.cases)} households;"
        f" each party listens on port {stages.PORT} of the host that bears its name",
    )


def _serve(options: Options, at: Terminal) -> None:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stage = stages.build(options.folder, seed=options.seed, households=options.households)
    with Troupe(options.folder / "logs") as troupe:
        runs.start(troupe, stage, at)
        centre = stage.party(stages.COORDINATOR)
        at.say(
            f"演示城市正在运行(Ctrl-C 停止)。例:\n  hedui case new {stage.cases[0]} -C {centre}",
            f"the city is running (Ctrl-C stops it). Try:\n"
            f"  hedui case new {stage.cases[0]} -C {centre}",
        )
        stop.wait()


@contextmanager
def _home(folder: Path | None) -> Iterator[Path]:
    """Give an empty folder: the one that was named, or one that vanishes afterwards.

    Raises:
        BadInput: FOLDER_NOT_EMPTY.
    """
    if folder is not None:
        if folder.exists() and any(folder.iterdir()):
            raise BadInput("FOLDER_NOT_EMPTY", folder=folder.name)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
        return
    made = Path(tempfile.mkdtemp(prefix="hedui-demo-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
