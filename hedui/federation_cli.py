"""``hedui federation``: found a federation and look at its signed documents.

Knows the plan file. What is made stands in ``federation.founding``; how a federation changes, in
``membership_cli`` and ``rotation_cli``.
"""

import tomllib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer

from crypto.keys import SealCost
from federation import founding, root
from federation import manifest as manifests
from federation.clock import SystemClock, business_date, business_time
from federation.commands import Commands
from federation.errors import BadInput
from federation.founding import FederationPlan, PartyPlan
from federation.manifest import PartyRole
from federation.terminal import FolderOption, Terminal
from hedui import membership_cli, rotation_cli
from hedui.demo.policy import policy_toml
from hedui.demo.population import STANDARD_FEN

app = Commands(no_args_is_help=True, help="联合体 found a federation, change who takes part")
app.registered_commands += membership_cli.app.registered_commands
app.add_typer(rotation_cli.rotate_app, name="rotate")
app.add_typer(rotation_cli.renew_app, name="renew")

_PARTY_KEYS = {"id", "role", "kind", "zh", "en", "endpoint", "settings"}


@app.command()
def init(
    at: Terminal,
    folder: Annotated[Path, typer.Argument(help="an empty folder 空目录")],
    plan: Annotated[
        Path | None, typer.Option(help="federation.toml (see: federation example) 参与方")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="policy.toml to be signed (see: federation example) 政策")
    ] = None,
) -> None:
    """创建根密钥、证书机构和全部参与方 Make root keys, CA and every party's folder."""
    planned = read_plan(_text(plan, example_plan), _text(policy, example_policy))
    made = founding.found(folder, planned, lambda party: at.say(f"✓ {party}", f"✓ {party}"))
    at.emit({"federation": made.federation, "parties": list(made.parties)})
    at.say(
        f"联合体 {made.federation}:{len(made.parties)} 方,根密钥 {planned.root_keys} 把,"
        f"须 {planned.threshold} 把共同签名。\n请把 root/ 移到离线介质,由不同单位分别保管;"
        "把各方目录交给各方,passphrase 文件与密钥分开保管。",
        f"federation {made.federation}: {len(made.parties)} parties, {planned.root_keys} root"
        f" keys of which {planned.threshold} must sign.\nMove root/ to offline media held by"
        " different bodies; hand each party its folder, and its passphrase file separately.",
    )


@app.command()
def show(at: Terminal, folder: FolderOption) -> None:
    """核验并列出成员名单 Verify a party's manifest and list who takes part."""
    try:
        pinned = root.read((folder / "root.json").read_bytes())
        document = (folder / "manifest.json").read_bytes()
    except OSError as e:
        raise BadInput("FILE_MISSING", file="manifest.json", folder=folder.name) from e
    found = manifests.read(document, pinned, now=SystemClock().now())
    until = business_time(found.expires).date().isoformat()
    at.say(
        f"{found.federation} 第 {found.version} 版,有效至 {until},根签名有效",
        f"{found.federation} version {found.version}, valid to {until}, root signatures hold",
    )
    for entry in found.parties.values():
        at.emit({"id": entry.id, "role": entry.role.value, "endpoint": entry.endpoint})
        text = f"  {entry.id:<22}{entry.role.value:<13}{entry.endpoint:<24}{entry.name(at.lang)}"
        at.say(text, text)


@app.command()
def example(
    policy: Annotated[bool, typer.Option("--policy", help="the policy instead 输出政策")] = False,
) -> None:
    """输出可修改的示例 Print the example plan (or policy) that init uses, to be changed."""
    typer.echo((example_policy() if policy else example_plan()).decode(), nl=False)


def example_plan() -> bytes:
    """Give the shipped ``federation.toml``."""
    return resources.files("hedui").joinpath("federation.toml").read_bytes()


def example_policy() -> bytes:
    """Give the shipped policy: that of the demonstration city."""
    return policy_toml(STANDARD_FEN, business_date(SystemClock().now()))


def _text(path: Path | None, otherwise: Callable[[], bytes]) -> bytes:
    if path is None:
        return otherwise()
    try:
        return path.read_bytes()
    except OSError as e:
        raise BadInput("PLAN_INVALID", why=str(e)) from e


def read_plan(plan: bytes, policy: bytes) -> FederationPlan:
    """Read ``federation.toml`` and the policy that goes with it.

    Raises:
        BadInput: PLAN_INVALID.
    """
    try:
        raw = tomllib.loads(plan.decode("utf-8"))
        parties = [_party(row) for row in raw["party"]]
        return FederationPlan(
            federation=str(raw["federation"]),
            parties=parties,
            policy=policy,
            now=SystemClock().now(),
            days=int(raw.get("days", 366)),
            demonstration=bool(raw.get("demonstration", False)),
            root_keys=int(raw.get("root_keys", 3)),
            threshold=int(raw.get("threshold", 2)),
            cost=SealCost.INTERACTIVE,
        )
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise BadInput("PLAN_INVALID", why=str(e)) from e
    except (KeyError, TypeError, ValueError) as e:
        raise BadInput("PLAN_INVALID", why=f"{type(e).__name__} {e}") from e


def _party(row: dict[str, Any]) -> PartyPlan:
    unknown = row.keys() - _PARTY_KEYS
    if unknown:
        raise ValueError(f"unknown key {min(unknown)}")
    return PartyPlan(
        id=str(row["id"]),
        role=PartyRole(row["role"]),
        kind=str(row.get("kind", "")),
        zh=str(row["zh"]),
        en=str(row["en"]),
        endpoint=str(row["endpoint"]),
        settings=str(row.get("settings", "")),
    )
