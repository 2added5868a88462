"""``hedui registrar mandates`` and ``mandate revoke``: look after batch mandates on this machine.

Knows what an operator may see: ids, states and counts, never a person. Does not know the wire.
"""

from typing import Annotated, Final

import typer

from federation.commands import Commands
from federation.errors import BadInput
from federation.terminal import FolderOption, Terminal
from registrar.mandate_rows import Recorded
from registrar.opening import opened, operator

app = Commands()
mandate_app = Commands(help="单份批量授权 One batch mandate", no_args_is_help=True)

_STATES: Final = {
    "RECORDING": ("登记中", "being recorded"),
    "COMPLETE": ("有效", "complete"),
    "REVOKED": ("已撤销", "revoked"),
}


@app.command()
def mandates(at: Terminal, folder: FolderOption) -> None:
    """列出批量授权及其名单情况 List batch mandates and how much of their lists is recorded."""
    with opened(folder) as store, store.read() as view:
        found = view.mandates.all()
    for one in found:
        state = _state(one)
        at.emit(
            {
                "mandate": one.id.hex(),
                "coordinator": one.coordinator,
                "version": one.version,
                "people": one.people,
                "state": state,
            }
        )
        words = at.pick(*_STATES[state])
        line = f"{one.id.hex()}  {one.coordinator}  {one.people:>9,}  {words}"
        at.say(line, line)


@mandate_app.command()
def revoke(
    at: Terminal,
    number: Annotated[str, typer.Argument(help="批量授权编号 the mandate's id, see mandates")],
    folder: FolderOption,
) -> None:
    """撤销批量授权及其各部门名单,不可恢复 End a batch mandate and its lists for good."""
    with opened(folder) as store, store.write() as tx:
        found = [one for one in tx.mandates.all() if one.id.hex() == number.lower()]
        if not found:
            raise BadInput("MANDATE_UNKNOWN")
        tx.mandates.revoke(found[0].id, operator(folder))
    at.emit({"mandate": number, "state": "REVOKED"})
    at.say(f"{number} 已撤销", f"{number} revoked")


def _state(one: Recorded) -> str:
    if one.revoked:
        return "REVOKED"
    return "COMPLETE" if one.complete else "RECORDING"
