"""``hedui operator``: who works at the centre, what they may do, who is logged in.

Knows arguments and what is printed. Passwords and resident numbers are read from a prompt or from
standard input, never from arguments, which every account of the machine can see; they are read
before the installation is opened, so that nobody waits for somebody who types.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from coordinator.opening import open_gate
from coordinator.people.operators import Listed
from coordinator.people.roles import OWNER, TABLE, TITLES, Action, Operator, Role
from coordinator.people.sessions import Session
from federation import ids
from federation.clock import business_time
from federation.commands import Commands
from federation.errors import BadInput
from federation.ids import PersonId
from federation.terminal import FolderOption, Terminal

app = Commands(help="操作员 Operators: who may do what at the centre.", no_args_is_help=True)

_FILE_CHARACTERS = 64 * 1024

Name = Annotated[str, typer.Argument(help="operator's name, as in case files 操作员")]
Areas = Annotated[
    list[str],
    typer.Option("--area", help="first digits of area codes, or *; repeated 区域代码前几位,可重复"),
]


@app.command()
def add(
    at: Terminal,
    name: Name,
    role: Annotated[Role, typer.Option(help="what they are 角色")],
    area: Areas,
    folder: FolderOption = Path(),
) -> None:
    """添加操作员,第一名须是主任 Take an operator in; the first is a director."""
    password = _secret(at, "初始密码", "Initial password", twice=True)
    with open_gate(folder) as gate:
        by = gate.acting(Action.OPERATOR_MANAGE, about=name)
        new = Operator(name=name, role=role, areas=tuple(dict.fromkeys(area)))
        gate.operators.add(by, new, password)
    at.emit({"operator": name, "role": role.value, "areas": list(new.areas)})
    at.say(
        f"已添加 {name}({TITLES[role][0]})。请其登录后先改密码:hedui operator login {name}",
        f"{name} added ({TITLES[role][1]}). Let them log in and change the password first: "
        f"hedui operator login {name}",
    )


@app.command("list")
def list_operators(at: Terminal, folder: FolderOption = Path()) -> None:
    """列出操作员 List the operators."""
    with open_gate(folder) as gate:
        gate.acting(Action.OPERATOR_READ)
        for one in gate.operators.all():
            _listed(at, one)


@app.command()
def role(
    at: Terminal,
    name: Name,
    to: Annotated[Role, typer.Argument(help="what they are from now on 新角色")],
    folder: FolderOption = Path(),
) -> None:
    """改角色,须重新登录 Give an operator another role; their sessions end."""
    with open_gate(folder) as gate:
        gate.operators.set_role(gate.acting(Action.OPERATOR_MANAGE, about=name), name, to)
    _done(at, name)


@app.command()
def areas(
    at: Terminal,
    name: Name,
    to: Annotated[list[str], typer.Argument(help="first digits of area codes, or * 区域")],
    folder: FolderOption = Path(),
) -> None:
    """改区域,须重新登录 Give an operator other areas; their sessions end."""
    with open_gate(folder) as gate:
        by = gate.acting(Action.OPERATOR_MANAGE, about=name)
        gate.operators.set_areas(by, name, list(dict.fromkeys(to)))
    _done(at, name)


@app.command()
def relatives(
    at: Terminal,
    name: Name,
    file: Annotated[
        typer.FileText,
        typer.Argument(
            encoding="utf-8-sig", help="own and relatives' numbers, one a line; - for input 名单"
        ),
    ],
    folder: FolderOption = Path(),
) -> None:
    """登记本人和亲属的证件号,以便回避 Note whose cases an operator may not have."""
    numbers = _numbers(file.read(_FILE_CHARACTERS))
    with open_gate(folder) as gate:
        by = gate.acting(Action.OPERATOR_MANAGE, about=name)
        gate.operators.set_relatives(by, name, numbers)
    at.emit({"operator": name, "relatives": len(numbers)})
    at.say(
        f"{name}:已登记 {len(numbers)} 人,只保存带密钥的摘要。请删除名单文件。",
        f"{name}: {len(numbers)} people noted, as keyed digests only. Delete the list.",
    )


@app.command()
def disable(at: Terminal, name: Name, folder: FolderOption = Path()) -> None:
    """停用,名字不再使用 Let an operator go for good; the name is not given again."""
    with open_gate(folder) as gate:
        gate.operators.disable(gate.acting(Action.OPERATOR_MANAGE, about=name), name)
    _done(at, name)


@app.command()
def password(
    at: Terminal,
    name: Annotated[str, typer.Argument(help="somebody else, by a director 由主任重设")] = "",
    folder: FolderOption = Path(),
) -> None:
    """改本人密码;主任可给别人另设 Change one's password; a director gives others a new one."""
    before = "" if name else _secret(at, "原密码", "Present password")
    after = _secret(at, "新密码", "New password", twice=True)
    with open_gate(folder) as gate:
        if name:
            by = gate.acting(Action.OPERATOR_MANAGE, about=name)
            gate.operators.give_password(by, name, after)
        else:
            gate.sessions.change_password(before, after)
    _done(at, name)


@app.command()
def login(at: Terminal, name: Name, folder: FolderOption = Path()) -> None:
    """登录,八小时有效 Log in for eight hours."""
    typed = _secret(at, "密码", "Password")
    with open_gate(folder) as gate:
        _who(at, gate.sessions.login(name, typed))


@app.command()
def logout(at: Terminal, folder: FolderOption = Path()) -> None:
    """退出登录 Log out."""
    with open_gate(folder) as gate:
        gate.sessions.logout()
    at.emit({"operator": None})
    at.say("已退出", "logged out")


@app.command()
def whoami(at: Terminal, folder: FolderOption = Path()) -> None:
    """看谁登录了 Show who is logged in here."""
    with open_gate(folder) as gate:
        if gate.operators.any():
            _who(at, gate.sessions.current())
            return
    at.emit({"operator": OWNER})
    at.say(
        "还没有操作员,一切以 owner 的名义办理。添加第一名:hedui operator add",
        "There are no operators yet; everything is done as owner. Add one: hedui operator add",
    )


@app.command("roles")
def show_roles(at: Terminal) -> None:
    """谁能办什么 Show who may do what."""
    table = Table("", *(TITLES[one][at.lang == "en"] for one in Role), box=None)
    for action, rule in TABLE.items():
        may = [one for one in Role if one in rule.roles]
        second = rule.second.value if rule.second else None
        at.emit({"action": str(action), "roles": [one.value for one in may], "second": second})
        mark = "②" if rule.second else "✓"
        cells = (mark if one in may else "" for one in Role)
        table.add_row(f"{rule.title(at.lang)}  {action}", *cells)
    if not at.json:
        at.console().print(table)
    at.say(
        "② 须由没有办理过前一步的另一人办理;* 以外只限本人区域;本人和亲属的案件一律回避。",
        "② by another person than the one who did the step before. Only in one's own areas, "
        "and never where one or a relative stands in the case.",
    )


def _secret(at: Terminal, zh: str, en: str, *, twice: bool = False) -> str:
    """Ask for a password without showing it, or read a line where nobody sits at a keyboard."""
    if sys.stdin.isatty():
        typed: str = typer.prompt(
            at.pick(zh, en), hide_input=True, confirmation_prompt=twice, err=True
        )
        return typed
    return sys.stdin.readline().rstrip("\r\n")


def _numbers(text: str) -> set[PersonId]:
    found = set()
    for line, word in enumerate(text.split(), start=1):
        try:
            found.add(ids.canonical_id(word).id)
        except BadInput as e:
            raise BadInput(e.code, **e.details, line=line) from e
    return found


def _done(at: Terminal, name: str) -> None:
    at.emit({"operator": name, "done": True})
    at.say(f"已办理 {name}".rstrip(), f"done {name}".rstrip())


def _who(at: Terminal, session: Session) -> None:
    who, until = session.operator, business_time(session.expires)
    row: dict[str, Any] = _row(who) | {"expires": session.expires, "initial": who.initial}
    at.emit(row)
    zh, en = TITLES[who.role]
    at.say(
        f"{who.name}  {zh}  区域 {' '.join(who.areas)}  至 {until:%m-%d %H:%M}",
        f"{who.name}  {en}  areas {' '.join(who.areas)}  until {until:%m-%d %H:%M}",
    )
    if who.initial:
        at.say("请先改密码:hedui operator password", "Change it: hedui operator password")


def _row(who: Operator) -> dict[str, Any]:
    return {"operator": who.name, "role": who.role.value, "areas": list(who.areas)}


def _listed(at: Terminal, one: Listed) -> None:
    who = one.operator
    at.emit(_row(who) | {"relatives": one.relatives, "disabled": one.disabled})
    zh, en = TITLES[who.role]
    at.say(
        f"{who.name}  {zh}  {' '.join(who.areas)}  回避 {one.relatives} 人"
        + ("  已停用" if one.disabled else ""),
        f"{who.name}  {en}  {' '.join(who.areas)}  {one.relatives} relatives"
        + ("  disabled" if one.disabled else ""),
    )
