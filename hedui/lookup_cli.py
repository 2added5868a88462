"""``hedui predicates``: the questions that may be asked at all.

Knows how to show the catalogue. Changes nothing.
"""

from typing import Annotated

import typer

from federation import catalogue
from federation.terminal import JsonOption, LangOption, reporting, terminal

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
