"""``hedui predicates``: the questions that may be asked at all.

Knows how to show the catalogue. Changes nothing.
"""

from typing import Annotated

import typer

from federation import catalogue
from federation.commands import Commands
from federation.terminal import Terminal

app = Commands()


@app.command()
def predicates(
    at: Terminal, kind: Annotated[str, typer.Option(help="department kind 部门类别")] = ""
) -> None:
    """列出全部核对项目 List every predicate, with its question in plain words."""
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
