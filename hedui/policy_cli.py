"""``hedui policy``: explain, compare, check and sign the rules of what may be asked.

Knows options and files. What a policy means stands in ``federation``, how it looks in
``policy_screen`` and ``policy_changes``.
"""

from pathlib import Path
from typing import Annotated, Final

import typer

from department_node.screen import columns
from federation import catalogue, ceremony, limits, policy_check, policy_diff
from federation.clock import SystemClock
from federation.commands import Commands
from federation.errors import BadInput, Said
from federation.terminal import Terminal
from hedui import (
    policy_changes,
    policy_checking,
    policy_files,
    policy_screen,
    policy_signing,
)
from hedui.policy_changes import Compared
from hedui.policy_checking import Finding
from hedui.policy_files import Document
from hedui.policy_screen import Shown
from hedui.policy_signing import Proposal

app = Commands(no_args_is_help=True, help="政策 explain, compare, check and sign the policy")

FileOption = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="policy.toml or policy.json 政策文件"),
]
HomeOption = Annotated[
    Path | None,
    typer.Option("--folder", "-C", envvar="HEDUI_FOLDER", help="the party's folder 本方安装目录"),
]
RootOption = Annotated[
    Path | None, typer.Option("--root", help="root.json, if not beside the policy 根公钥文件")
]


PreviousOption = Annotated[
    Path | None, typer.Option("--previous", help="the version before 上一版政策")
]
_MARKS: Final = {True: "✓", False: "✗", None: "▲"}


@app.command()
def explain(
    at: Terminal,
    predicates: Annotated[
        list[str] | None, typer.Argument(metavar="[P29 …]", help="in detail 详细说明的项目")
    ] = None,
    file: FileOption = None,
    folder: HomeOption = None,
    root: RootOption = None,
    kind: Annotated[str, typer.Option(help="department kind 部门类别")] = "",
    members: Annotated[
        list[int] | None,
        typer.Option(
            min=1, max=limits.HOUSEHOLD_PERSONS, help="household size, at most two 家庭人数"
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="every question in detail 全部详列")] = False,
) -> None:
    """说明政策:可以问什么、最多能知道什么 Say what may be asked, and what it tells at most."""
    document = _document(file, folder, root)
    sizes = tuple(sorted(set(members or (1,))))
    if len(sizes) > limits.SIZES_A_QUANTITY:
        raise typer.BadParameter(f"≤ {limits.SIZES_A_QUANTITY}", param_hint="--members")
    shown = Shown(policy=document.policy, catalogue=catalogue.load(), members=sizes)
    wanted = [one.upper() for one in predicates or ()]
    for one in wanted:
        _known(one, shown)
    rules = shown.rules(wanted, catalogue.kind(kind).id if kind else "")
    policy_screen.head(document.policy, document.state().text(at.lang), at)
    if wanted or full:
        for rule in rules:
            policy_screen.detail(shown, rule, at)
    else:
        policy_screen.overview(shown, rules, at)


@app.command()
def diff(
    at: Terminal,
    old: Annotated[Path, typer.Argument(help="policy.toml or policy.json 旧政策")],
    new: Annotated[Path, typer.Argument(help="policy.toml or policy.json 新政策")],
) -> None:
    """比较两版政策:什么变了、影响谁 Say what a new version changes, and for whom."""
    before, after = (policy_files.read(path).policy for path in (old, new))
    known = catalogue.load()
    found = policy_diff.compare(before, after, known)
    compared = Compared(old=before, new=after, catalogue=known, difference=found)
    policy_changes.show(compared, at)
    policy_check.check_successor(before, after, known)


@app.command()
def check(
    at: Terminal,
    file: Annotated[
        Path | None, typer.Argument(metavar="[policy.toml]", help="default: the folder's 政策文件")
    ] = None,
    folder: HomeOption = None,
    root: RootOption = None,
    previous: PreviousOption = None,
) -> None:
    """核查政策:签名、版本、期限、规则、本节点能否回答 Check signatures, version, dates, law."""
    document = _document(file, folder, root)
    before = policy_files.read(previous, root).policy if previous else None
    policy_screen.head(document.policy, document.state().text(at.lang), at)
    good = True
    for one in policy_checking.examine(document, before, folder, catalogue.load()):
        good = good and one.ok is not False
        _show_finding(one, at)
    if not good:
        raise typer.Exit(1)


@app.command()
def sign(
    at: Terminal,
    file: Annotated[
        Path | None, typer.Argument(metavar="[policy.toml]", help="default: what waits 待签政策")
    ] = None,
    folder: HomeOption = None,
    key: Annotated[
        list[Path] | None, typer.Option("--key", help="sealed root key, default: root/ 根密钥")
    ] = None,
    passphrase: Annotated[
        Path | None, typer.Option(help="default: beside the key 口令文件")
    ] = None,
    copy: Annotated[
        list[Path] | None, typer.Option("--copy", help="policy.json signed elsewhere 他处已签的")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show, do not sign 只看不签")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask 不再询问")] = False,
) -> None:
    """在创建者目录中签署新政策,可分几次 Sign a new policy in the founder's folder, in sittings."""
    if folder is None:
        raise typer.BadParameter("--folder", param_hint="-C")
    home = ceremony.open_home(folder, SystemClock().now())
    proposal = policy_signing.prepare(home, policy_files.load(file) if file else None)
    _show_proposal(proposal, at)
    if dry_run:
        at.say("只看不签,没有写出任何文件", "nothing was signed and nothing written")
        return
    keys = policy_signing.open_keys(home, key or [], passphrase)
    if not yes:
        _ask(len(keys), at)
    others = [policy_files.load(one) for one in copy or ()]
    _show_signed(proposal, policy_signing.sign(proposal, keys, others), at)


def _show_proposal(proposal: Proposal, at: Terminal) -> None:
    """Show what is about to be signed: its digest, what it changes, what is worth a look."""
    root, known, new = proposal.home.root, catalogue.load(), proposal.policy
    state = Said(
        f"已签 {proposal.signed_by} 把,须 {root.threshold} 把",
        f"signed by {proposal.signed_by} of {root.threshold} root keys",
    )
    policy_screen.head(new, state.text(at.lang), at)
    at.say("", "")
    found = policy_diff.compare(proposal.home.policy, new, known)
    old = proposal.home.policy
    policy_changes.show(Compared(old=old, new=new, catalogue=known, difference=found), at)
    at.say("", "")
    for one in policy_checking.concerns(new, known):
        _show_finding(one, at)


def _ask(keys: int, at: Terminal) -> None:
    """Have a person confirm.

    Raises:
        BadInput: SIGN_NOT_CONFIRMED.
    """
    question = at.pick(f"摘要已核对,用 {keys} 把密钥签名?", f"Sign this digest with {keys} keys?")
    if at.json or not typer.confirm(question, default=False):
        raise BadInput("SIGN_NOT_CONFIRMED")


def _show_signed(proposal: Proposal, missing: int, at: Terminal) -> None:
    at.emit({"version": proposal.policy.version, "missing": missing, "in_force": not missing})
    if missing:
        policy_screen.say(
            f"还差 {missing} 把。把 signed/ 和 pending/ 拷给下一位持钥人,他运行同一命令;签好的"
            " pending/policy.json 拿回来用 --copy 合并。",
            f"{missing} more needed. Copy signed/ and pending/ to the next key holder, who runs the"
            " same command; merge the signed pending/policy.json with --copy.",
            at,
        )
    else:
        policy_screen.say(
            "✓ 签名齐全,signed/policy.json 已更新。请发给每一方,放进其目录。",
            "✓ complete: signed/policy.json is renewed. Give it to every party for its folder.",
            at,
        )


def _show_finding(one: Finding, at: Terminal) -> None:
    said = one.said.text(at.lang)
    at.emit({"check": one.name, "ok": one.ok, "found": said})
    text = columns([(_MARKS[one.ok], said)], indent=1, width=policy_screen.width())
    at.say(text, text)


def _document(file: Path | None, folder: Path | None, root: Path | None) -> Document:
    if file is not None:
        return policy_files.read(file, root)
    if folder is None:
        raise typer.BadParameter("--file / --folder", param_hint="--file")
    return policy_files.read(folder / "policy.json", root)


def _known(predicate: str, shown: Shown) -> None:
    shown.catalogue.predicate(predicate)
    if predicate not in shown.policy.rules:
        raise BadInput("POLICY_SILENT", predicate=predicate)
