"""``hedui registrar erase`` and ``erasures``: end what is kept of people, by signed orders.

Knows where orders are written to. An operator names people by consent and place, never by number.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from federation import keyfile
from federation import party as installation
from federation.clock import SystemClock, business_time
from federation.commands import Commands
from federation.erasure import Reason
from federation.errors import BadInput
from federation.manifest import PartyRole
from federation.terminal import FolderOption, Terminal
from registrar import erasing
from registrar.erasing import Ground, Signed
from registrar.opening import opened

app = Commands()

ORDERS: Final = "erasures"
Who = Annotated[
    list[str],
    typer.Argument(
        help="同意书编号;只涉及其中一人时加 /序号(从 0 起) a consent's number;"
        " with /INDEX (from 0) for one person of it"
    ),
]
Why = Annotated[Reason, typer.Option("--reason", help="删除理由 why")]
Out = Annotated[Path | None, typer.Option("--out", help="删除令写入此目录 folder for the orders")]


@app.command()
def erase(at: Terminal, who: Who, folder: FolderOption, reason: Why, out: Out = None) -> None:
    """删除已无有效同意书之人,并签发删除令 Erase people whose consents have all ended."""
    places = [erasing.place(one) for one in who]
    now = SystemClock().now()
    party = installation.load(folder, PartyRole.REGISTRAR, now)
    with opened(folder) as store, _writing_to(out or folder / ORDERS) as write:
        with store.write() as tx:
            signed = erasing.erase(tx, party, places, Ground(reason=reason, at=now))
        store.scrub()
        write(signed)
    _say(at, signed)


@app.command()
def erasures(at: Terminal, folder: FolderOption, out: Out = None) -> None:
    """列出已签发的删除令,并可重新写出 List the orders to erase, and write them again."""
    with opened(folder) as store:
        signed = list(erasing.orders(store.book()))
    if out:
        with _writing_to(out) as write:
            write(signed)
    _say(at, signed)


@contextmanager
def _writing_to(out: Path) -> Iterator[Callable[[Iterable[Signed]], None]]:
    """Make sure of the folder first: an order that is logged has taken effect.

    Raises:
        BadInput: FILE_UNWRITABLE.
    """

    def write(signed: Iterable[Signed]) -> None:
        for one in signed:
            keyfile.write_private(out / _name(one), one.document)

    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield write
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=out.name, folder=out.parent.name) from e


def _name(order: Signed) -> str:
    return f"{order.department}-{order.id.hex()}.json"


def _say(at: Terminal, signed: Sequence[Signed]) -> None:
    for one in signed:
        when, number = business_time(one.at), one.id.hex()
        at.emit({"order": number, "department": one.department, "at": one.at, "file": _name(one)})
        line = f"{number}  {when:%Y-%m-%d %H:%M}  {one.department}"
        at.say(line, line)
    if not signed:
        at.say("没有删除令", "no order")
