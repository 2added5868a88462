"""``hedui node``: commands that only look: try, explain, preview, status, doctor.

Knows how to show what would happen. Changes nothing: a look is never logged as an answer.
"""

from pathlib import Path
from typing import Annotated

import typer

from department_node import doctor as doctors
from department_node import looking
from department_node.looking import Look
from federation.terminal import FolderOption, JsonOption, LangOption, Terminal, reporting, terminal

app = typer.Typer()

MARKS = {True: "✓", False: "✗"}


@app.command("try")
def try_(
    folder: FolderOption,
    predicate: Annotated[str, typer.Option(help="P01 … P67")],
    person: Annotated[str, typer.Option("--id", help="a resident id of this register")],
    parameter: Annotated[str, typer.Option(help="id of a policy parameter")] = "",
    members: Annotated[int, typer.Option(help="household size 家庭人数")] = 1,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """试答一个问题,不出门 Answer one question here, without any request."""
    at = terminal(lang, json)
    with reporting(at):
        with looking.open_looking(folder) as own:
            look = own.look(predicate, parameter, person, members)
        at.emit(_json(look))
        at.say(f"{look.question('zh')} → {look.answer}", f"{look.question('en')} → {look.answer}")


@app.command()
def preview(
    folder: FolderOption,
    case: Annotated[Path, typer.Option(help="case file 案件文件")],
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """预览将离开本机的全部内容 Show exactly what would leave this machine, and what would not."""
    at = terminal(lang, json)
    with reporting(at), looking.open_looking(folder) as own:
        persons = looking.persons_of(case)
        read: set[str] = set()
        for number, person in enumerate(persons, 1):
            at.say(f"第 {number} 人", f"person {number}")
            for look in own.every(person, len(persons)):
                read.update(look.columns)
                at.emit({"person": number, **_json(look)})
                _say_look(at, look)
        never = sorted(set(own.all_columns()) - read)
        at.emit({"columns_read": sorted(read), "columns_never_read": never})
        at.say(
            f"读取的列:{'、'.join(sorted(read))}\n从不读取的列:{'、'.join(never)}",
            f"columns read: {', '.join(sorted(read))}\ncolumns never read: {', '.join(never)}",
        )
        at.say(
            "离开本机的只有上面箭头后的答案(每个 96 字节,带签名);证件号、姓名、原始记录不离开。",
            "Only the answers after the arrows leave (96 bytes each, signed);"
            " no id, no name and no record does.",
        )


@app.command()
def explain(
    folder: FolderOption,
    query: Annotated[str, typer.Argument(help="query id (hex), or 'last'")] = "last",
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """解释一次应答的每个决定 Explain every decision of one answered request."""
    at = terminal(lang, json)
    with reporting(at):
        explained = looking.explain(folder, query)
        at.emit(explained.as_json())
        at.say(*explained.heading())
        for line in explained.lines(at.lang):
            at.say(line, line)


@app.command()
def status(folder: FolderOption, lang: LangOption = None, json: JsonOption = False) -> None:
    """运行概况 Counts of answers, refusals, enrolled people; paused or not."""
    at = terminal(lang, json)
    with reporting(at):
        facts = looking.status(folder)
        at.emit(facts)
        for name, value in facts.items():
            at.say(f"{name}: {value}", f"{name}: {value}")


@app.command()
def doctor(folder: FolderOption, lang: LangOption = None, json: JsonOption = False) -> None:
    """逐项自检 Check everything a node needs, and say what to do."""
    at = terminal(lang, json)
    with reporting(at):
        findings = doctors.examine(folder)
        for one in findings:
            at.emit({"check": one.name, "ok": one.ok, "found": one.en})
            at.say(f"{MARKS[one.ok]} {one.zh}", f"{MARKS[one.ok]} {one.en}")
        if not all(one.ok for one in findings):
            raise typer.Exit(1)


def _json(look: Look) -> dict[str, object]:
    return {
        "predicate": look.predicate.id,
        "parameter": look.parameter,
        "answer": look.answer,
        "columns": list(look.columns),
    }


def _say_look(at: Terminal, look: Look) -> None:
    parameter = f" [{look.parameter}]" if look.parameter else ""
    text = f"  {look.predicate.id}{parameter} {look.question(at.lang)} → {look.answer}"
    at.say(text, text)
