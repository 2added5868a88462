"""``hedui predicates`` and ``hedui policy``: what may be asked, and under which rules.

Knows how to show the catalogue and a signed policy. Changes nothing.
"""

from typing import Annotated

import typer

from federation import catalogue, root
from federation import policy as policies
from federation.errors import BadInput
from federation.policy import Parameter
from federation.terminal import FolderOption, JsonOption, LangOption, reporting, terminal

app = typer.Typer()


@app.command()
def predicates(
    kind: Annotated[str, typer.Option(help="department kind 部门类别")] = "",
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """列出全部核对项目 List every predicate, with its question in plain words."""
    at = terminal(lang, json)
    with reporting(at):
        for one in catalogue.load():
            if kind and kind not in one.departments:
                continue
            at.emit(
                {
                    "id": one.id,
                    "name": one.name,
                    "form": one.form.value,
                    "departments": list(one.departments),
                    "question": one.question(at.lang),
                }
            )
            text = f"{one.id}  {one.form.value:<10}{one.question(at.lang)}"
            at.say(text, text)


@app.command()
def policy(folder: FolderOption, lang: LangOption = None, json: JsonOption = False) -> None:
    """核验并列出签名政策 Verify a party's signed policy and show its parameters and rules."""
    at = terminal(lang, json)
    with reporting(at):
        try:
            pinned = root.read((folder / "root.json").read_bytes())
            signed = (folder / "policy.json").read_bytes()
        except OSError as e:
            raise BadInput("FILE_MISSING", file="policy.json", folder=folder.name) from e
        found = policies.parse(pinned.open(signed, policies.PAYLOAD_TYPE), catalogue.load())
        at.emit({"family": found.family, "version": found.version, "rules": sorted(found.rules)})
        at.say(
            f"{found.title['zh']} {found.family} 第 {found.version} 版,{found.issued} 至 {found.expires}",
            f"{found.title['en']} {found.family} version {found.version},"
            f" {found.issued} to {found.expires}",
        )
        for one in found.parameters.values():
            text = f"  {one.id:<16}{_value(one):<32}{one.zh if at.lang == 'zh' else one.en}"
            at.say(text, text)
        for rule in found.rules.values():
            purposes = ",".join(sorted(p.name for p in rule.purposes))
            text = f"  {rule.predicate}  {purposes:<22}{' '.join(rule.parameters)}"
            at.say(text, text)


def _value(one: Parameter) -> str:
    match one.kind:
        case "window":
            return f"{one.months} months"
        case "rung":
            sign = "<=" if one.comparator == "le" else ">="
            return f"{sign} {one.per_head} per {one.per}"
        case "band":
            return "edges " + " ".join(str(edge) for edge in one.edges)
        case _:
            return one.prefix or one.value
