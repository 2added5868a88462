"""``hedui federation rotate`` and ``renew``: exchange keys and certificates while everybody runs.

Knows arguments and in which order files are written. ``rotate`` is for the holders of root keys,
``renew`` for a party. What a change must keep to stands in ``federation.changes``.
"""

from pathlib import Path
from typing import Annotated

import typer

from crypto.keys import SealCost, SigningKey
from federation import ceremony, certificates, changes, keyfile, renewal, root
from federation import manifest as manifests
from federation import party as parties
from federation.ceremony import Home
from federation.certificates import Authority
from federation.clock import SystemClock
from federation.commands import Commands
from federation.errors import BadInput, Said
from federation.founding import CA_KEY, DAY, OFFLINE, ROOT_KEY, ROOT_LIFE
from federation.manifest import Manifest
from federation.renewal import Renewal
from federation.terminal import FolderOption, Terminal
from hedui import ceremony_screen
from hedui.ceremony_screen import DryRunOption, HomeArgument, KeysOption, read_file

rotate_app = Commands(no_args_is_help=True, help="更换 exchange keys, certificates, the root")
renew_app = Commands(no_args_is_help=True, help="本方更新 a party's own next key or certificate")

OutOption = Annotated[
    Path | None, typer.Option(help="file for the request (default: in the folder) 申请文件")
]


@rotate_app.command("party")
def rotate_party(
    at: Terminal,
    folder: HomeArgument,
    party: Annotated[str, typer.Argument(help="the party's id 代号")],
    request: Annotated[
        list[Path] | None,
        typer.Option("--request", help="what federation renew wrote 该方的更新申请"),
    ] = None,
    endpoint: Annotated[str, typer.Option(help="another host:port 新地址")] = "",
    retire: Annotated[
        bool, typer.Option("--retire", help="withdraw all but the newest 撤下旧的")
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """更换一方的密钥或证书:新旧并存,再撤旧 List a party's next key or certificate; retire old."""
    home = ceremony_screen.home(folder)
    after = home.manifest
    make = not retire and not endpoint
    for document in _requests(home, party, request, make=make, dry_run=dry_run):
        after = _granted(home, after, renewal.read(document, home.manifest.party(party)))
    if endpoint:
        after = changes.move(after, party, endpoint, home.edition())
    if retire:
        after = changes.retire(after, party, home.edition())
    if dry_run and after == home.manifest:
        made = Said(f"{party} 将有下一把密钥和证书", f"{party} gets a next key and certificate")
        ceremony_screen.dry(at, [made])
        return
    _finish(at, home, after, dry_run=dry_run)


def _requests(
    home: Home, party: str, files: list[Path] | None, *, make: bool, dry_run: bool
) -> list[bytes]:
    """Give the requests named, or have the party's folder make both where it is here."""
    if files or not make:
        return [read_file(one) for one in files or ()]
    here = home.party(home.manifest.party(party).id)
    if here is None:
        raise changes.wrong(
            f"{party} 的目录不在这里,请用 --request 指定它的更新申请",
            f"the folder of {party} is not here: name its request with --request",
        )
    if dry_run:
        return []
    return [renewal.ask_for_key(here, home.now), renewal.ask_for_certificate(here, home.now)]


def _granted(home: Home, after: Manifest, asked: Renewal) -> Manifest:
    """List what was asked for; several requests make one version together."""
    certificate = None
    if asked.csr:
        days = (home.manifest.expires - home.manifest.issued) // DAY
        authority = ceremony.authority(home)
        pem = certificates.certify(authority, asked.csr, asked.party, home.now, days)
        certificate = certificates.der(pem)
    return changes.renew(after, asked.party, asked.key, certificate, home.edition())


@rotate_app.command("ca")
def rotate_ca(
    at: Terminal,
    folder: HomeArgument,
    retire: Annotated[
        bool, typer.Option("--retire", help="withdraw the old authority 撤下旧机构")
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """更换证书机构:新旧并存,再撤旧 Make a new certificate authority; retire the old one later."""
    home = ceremony_screen.home(folder)
    if retire:
        _finish(at, home, _one_authority(home), dry_run=dry_run)
        return
    days = (home.manifest.expires - home.manifest.issued) // DAY * ROOT_LIFE
    made = certificates.make_authority(home.manifest.federation, home.now, days)
    newest = certificates.issuers(home.manifest.ca)[0]
    after = changes.with_authorities(home.manifest, made.certificate + newest, home.edition())
    if not dry_run:
        _keep_authority(home, made)
    _finish(at, home, after, dry_run=dry_run)


def _one_authority(home: Home) -> Manifest:
    """Withdraw all authorities but the newest, once nobody's certificate depends on them."""
    newest, *older = certificates.issuers(home.manifest.ca)
    if not older:
        raise changes.wrong("只有一个证书机构", "there is but one authority")
    for entry in home.manifest.parties.values():
        for listed in map(certificates.pem, entry.certificates):
            if not certificates.issued_by(listed, newest):
                zh, en = f"{entry.id} 还有旧机构签发的证书", f"{entry.id} has one of the old ones"
                raise changes.wrong(zh, f"a certificate of {en}")
    return changes.with_authorities(home.manifest, newest, home.edition())


def _keep_authority(home: Home, made: Authority) -> None:
    """Keep the new authority beside the one in force: it counts once the manifest names it."""
    folder = home.folder / OFFLINE
    ceremony.promote_authority(home)
    secret = keyfile.read_private(folder / "passphrase").strip()
    path = folder / "ca.next.key"
    keyfile.save(path, made.key, secret, purpose=CA_KEY, cost=SealCost.INTERACTIVE)
    (folder / "ca.next.pem").write_bytes(made.certificate)


@rotate_app.command("root")
def rotate_root(
    at: Terminal,
    folder: HomeArgument,
    key: Annotated[
        list[str] | None, typer.Option("--key", help="kid to be replaced (default: all) 编号")
    ] = None,
    threshold: Annotated[
        int | None, typer.Option(min=1, help="how many must sign from now on 签名门槛")
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """更换根密钥:须旧、新两套各够数签名 Exchange root keys: enough old and enough new ones sign."""
    home = ceremony_screen.home(folder)
    old = home.chain.newest
    gone = set(key or old.root.keys)
    unknown = gone - old.root.keys.keys()
    if unknown:
        raise BadInput("ROOT_KEY_UNKNOWN", kid=min(unknown))
    fresh = [SigningKey.generate() for _ in gone]
    kept = {kid: one for kid, one in old.root.keys.items() if kid not in gone}
    listed = kept | {one.kid: one.verify_key for one in fresh}
    after = changes.next_root(old, listed, threshold or old.root.threshold, home.now)
    if dry_run:
        ceremony_screen.dry(at, changes.describe_root(old, after))
        return
    _keep_roots(home, fresh)
    ceremony_screen.settle(at, home, {"root.json": root.write(after)})


def _keep_roots(home: Home, fresh: list[SigningKey]) -> None:
    folder = home.folder / OFFLINE
    secret = keyfile.read_private(folder / "passphrase").strip()
    used = [int(file.stem.partition("-")[2]) for file in folder.glob("root-*.key")]
    for number, key in enumerate(fresh, max([*used, len(home.root.keys)]) + 1):
        path = folder / f"root-{number}.key"
        keyfile.save(path, key.seed, secret, purpose=ROOT_KEY, cost=SealCost.INTERACTIVE)


@rotate_app.command("epoch")
def rotate_epoch(
    at: Terminal, folder: HomeArgument, keys: KeysOption = None, dry_run: DryRunOption = False
) -> None:
    """列入明年的假名公钥,撤下到期的年度 List next year's pseudonym keys, let ended years go."""
    home = ceremony_screen.home(folder)
    wanted = changes.missing_epochs(home.manifest, home.now)
    listed = ceremony_screen.pseudonym_keys(home, wanted, keys) if wanted else {}
    _finish(at, home, changes.with_epochs(home.manifest, listed, home.edition()), dry_run=dry_run)


@rotate_app.command("manifest")
def rotate_manifest(at: Terminal, folder: HomeArgument, dry_run: DryRunOption = False) -> None:
    """重签成员清单,延长有效期 Issue the manifest anew, for as long again."""
    home = ceremony_screen.home(folder)
    _finish(at, home, changes.extend(home.manifest, home.edition()), dry_run=dry_run)


def _finish(at: Terminal, home: Home, after: Manifest, *, dry_run: bool) -> None:
    if dry_run:
        ceremony_screen.dry(at, changes.describe(home.manifest, after))
        return
    ceremony_screen.settle(at, home, {"manifest.json": manifests.write(after)})


@renew_app.command("key")
def renew_key(at: Terminal, folder: FolderOption, out: OutOption = None) -> None:
    """生成下一把签名密钥并写出申请 Make the next signing key, and ask to have it listed."""
    asked = renewal.ask_for_key(folder, SystemClock().now())
    _written(at, out or folder / "renewal-key.json", asked)


@renew_app.command("certificate")
def renew_certificate(at: Terminal, folder: FolderOption, out: OutOption = None) -> None:
    """生成下一把连接密钥并写出证书申请 Make the next connection key, ask for its certificate."""
    asked = renewal.ask_for_certificate(folder, SystemClock().now())
    _written(at, out or folder / "renewal-certificate.json", asked)


def _written(at: Terminal, out: Path, asked: bytes) -> None:
    try:
        out.write_bytes(asked)
    except OSError as e:
        raise BadInput("FILE_UNWRITABLE", file=out.name, folder=out.parent.name) from e
    name = renewal.claimed_party(asked)
    at.emit({"party": name, "request": str(out)})
    at.say(
        f"{name} 的更新申请已写入 {out}(不含任何秘密)。请交给根密钥持有人;"
        "装上列有新密钥的 manifest.json 后,运行 hedui federation renew switch。",
        f"the request of {name} is in {out}, without any secret. Hand it to the holders of root"
        " keys; once a manifest.json that lists the new key is installed, run hedui federation"
        " renew switch.",
    )


@renew_app.command("switch")
def renew_switch(at: Terminal, folder: FolderOption) -> None:
    """换用清单已列入的新密钥 Use the next keys that the manifest lists by now."""
    installed = parties.load(folder, None, SystemClock().now())
    switched = renewal.switch(folder, installed.entry)
    at.emit({"party": installed.id, "switched": switched})
    at.say(
        f"{installed.id} 已换用 {'、'.join(switched)};运行中的程序几秒内自动换用。"
        "各方都装上新清单后,请根密钥持有人撤下旧的:hedui federation rotate party --retire。",
        f"{installed.id} now uses {', '.join(switched)}; a running program takes it over within"
        " seconds. Then have the old one withdrawn: hedui federation rotate party --retire.",
    )
