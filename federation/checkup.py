"""Examine a founder's folder, or one party's: what is wrong, what will be soon, and what to do.

Knows every precondition of a federation that can be seen in files. Changes no document. One check
that fails does not stop the others, unless nothing can be believed without it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from federation import ceremony, certificates, changes, founding, pins, renewal
from federation import party as parties
from federation.ceremony import Home
from federation.clock import business_date, business_time, epoch_of
from federation.errors import HeduiError, Said
from federation.founding import DAY, OFFLINE, PENDING, SIGNED
from federation.manifest import PartyRole
from federation.party import Party

SOON_DAYS: Final = 30
"""So long before its end something has to be renewed."""
WITNESSES: Final = 3
"""With so many, of different bodies, one may fail and one may lie."""
EPOCH_MONTH: Final = 10
"""From October on next year's pseudonym keys should be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: ``ok`` is None for what is no fault; ``help`` says what to do."""

    name: str
    ok: bool | None
    said: Said
    help: Said | None = None

    def to_json(self) -> dict[str, object]:
        """Give it as one JSON document."""
        told = {"help": self.help.en, "help_zh": self.help.zh} if self.help else {}
        return {"check": self.name, "ok": self.ok, "said": self.said.en, **told}


Findings = Iterator[Finding]
_RENEW: Final = "hedui federation rotate party"


def examine(folder: Path, now: int) -> Findings:
    """Run every check that fits the folder."""
    if (folder / "party.toml").is_file():
        yield from _party_folder(folder, now)
        return
    try:
        home = ceremony.open_home(folder, now)
    except HeduiError as error:
        yield _failed("documents", error)
        return
    for name, check in _CHECKS.items():
        try:
            yield from check(home)
        except HeduiError as error:
            yield _failed(name, error)


def _documents(home: Home) -> Findings:
    newest, listed, rules = home.chain.newest, home.manifest, home.policy
    keys = ", ".join(sorted(kid[:8] for kid in newest.root.keys))
    of, among = newest.root.threshold, len(newest.root.keys)
    yield _ending(
        "root",
        Said(
            f"根公钥第 {newest.version} 版:{among} 把须 {of} 把签名({keys})",
            f"root version {newest.version}: {of} of {among} keys sign ({keys})",
        ),
        newest.expires,
        home.now,
        "hedui federation rotate root",
    )
    yield _ending(
        "manifest",
        Said(
            f"成员清单第 {listed.version} 版:{len(listed.parties)} 方,签名有效",
            f"manifest version {listed.version}: {len(listed.parties)} parties, signatures hold",
        ),
        listed.expires,
        home.now,
        "hedui federation rotate manifest",
    )
    ends = (rules.expires - business_date(home.now)).days
    yield Finding(
        name="policy",
        ok=ends >= SOON_DAYS,
        said=Said(
            f"政策 {rules.family} 第 {rules.version} 版:签名有效,到 {rules.expires}",
            f"policy {rules.family} version {rules.version}: signed, to {rules.expires}",
        ),
        help=_do("hedui policy sign"),
    )


def _threshold(home: Home) -> Findings:
    of, among = home.root.threshold, len(home.root.keys)
    if of == 1 or of == among > 1:
        yield Finding(
            name="threshold",
            ok=None if home.manifest.demonstration else False,
            said=Said(
                f"根签名门槛 {of}/{among}:一人可独断,或丢一把即无法签名",
                f"{of} of {among} root keys: one alone decides, or one lost stops everything",
            ),
            help=_do("hedui federation rotate root --threshold"),
        )
    here = [key for key in ceremony.keys_at_hand(home) if key.kid in home.root.keys]
    if len(here) >= of:
        yield Finding(
            name="root keys",
            ok=None,
            said=Said(
                f"{OFFLINE}/ 中有 {len(here)} 把根密钥,够签名:应由不同单位分开离线保管",
                f"{len(here)} root keys lie in {OFFLINE}/, enough to sign: different bodies"
                " should hold them offline",
            ),
        )


def _witnesses(home: Home) -> Findings:
    count, of = len(home.manifest.having(PartyRole.WITNESS)), home.manifest.quorum
    if count >= WITNESSES:
        said = Said(f"见证方 {count} 个,须 {of} 个共同签名", f"{of} of {count} witnesses cosign")
        yield Finding(name="witnesses", ok=True, said=said)
        return
    yield Finding(
        name="witnesses",
        ok=None,
        said=Said(
            f"见证方只有 {count} 个:不足以防止一方改写自己的日志",
            f"only {count} witness(es): a party could rewrite its own log unseen",
        ),
        help=_do("hedui federation add --role witness"),
    )


def _waiting(home: Home) -> Findings:
    for one in ceremony.pending(home):
        yield Finding(
            name="pending",
            ok=None,
            said=Said(
                f"{PENDING}/{one.name} 还缺 {one.missing()} 个根密钥签名",
                f"{PENDING}/{one.name} still needs {one.missing()} signature(s) of root keys",
            ),
            help=_do("hedui federation sign"),
        )


def _unique(home: Home) -> Findings:
    entries = home.manifest.parties.values()
    listed = {
        ("地址", "endpoint"): [entry.endpoint for entry in entries],
        ("签名密钥", "signing key"): [kid for entry in entries for kid in entry.keys],
        ("证书", "certificate"): [
            str(hash(c)) for entry in entries for c in set(entry.certificates)
        ],
    }
    for (zh, en), values in listed.items():
        twice = [value for value, count in Counter(values).items() if count > 1]
        shown = ", ".join(sorted(twice)) if en != "certificate" else ""
        said = Said(f"{zh}各不相同", f"every {en} is used once")
        if twice:
            said = Said(f"{zh}重复 {shown}", f"{en} used twice {shown}".rstrip())
        yield Finding(name=en, ok=not twice, said=said, help=_do("hedui federation remove"))


def _certificates(home: Home) -> Findings:
    trusted = certificates.issuers(home.manifest.ca)
    ends: dict[str, int] = {}
    for entry in home.manifest.parties.values():
        listed = [certificates.pem(one) for one in entry.certificates]
        fit = [_fits(one, entry.id, trusted) for one in listed]
        if all(fit) and listed and entry.keys:
            ends[entry.id] = max(map(certificates.expires, listed))
            yield from _overlap(entry.id, len(entry.keys), len(listed))
            continue
        yield Finding(
            name=f"certificate {entry.id}",
            ok=False,
            said=Said(
                f"{entry.id} 的证书不是本联合体签发、名称不符,或没有",
                f"{entry.id} has a certificate of another authority or name, or none",
            ),
            help=_do(_RENEW),
        )
    for party, end in ends.items():
        said = Said(f"{party} 的证书", f"certificate of {party}")
        yield from _soon(_ending(f"certificate {party}", said, end, home.now, _RENEW))
    if ends:
        said = Said(
            f"{len(ends)} 方的证书由本联合体签发", f"certificates of {len(ends)} parties fit"
        )
        yield _ending("certificates", said, min(ends.values()), home.now, _RENEW)
    for number, pem in enumerate(trusted, 1):
        said = Said(f"证书机构 {number}/{len(trusted)}", f"authority {number}/{len(trusted)}")
        end = certificates.expires(pem)
        yield _ending("authority", said, end, home.now, "hedui federation rotate ca")


def _fits(certificate: bytes, party: str, trusted: list[bytes]) -> bool:
    issued = any(certificates.issued_by(certificate, one) for one in trusted)
    return issued and certificates.names(certificate, party)


def _soon(finding: Finding) -> Findings:
    """Leave a good line out."""
    if not finding.ok:
        yield finding


def _overlap(party: str, keys: int, listed: int) -> Findings:
    if keys > 1 or listed > 1:
        yield Finding(
            name=f"overlap {party}",
            ok=None,
            said=Said(
                f"{party} 新旧并存:签名密钥 {keys} 把,证书 {listed} 张",
                f"{party} has old and new at once: {keys} signing keys, {listed} certificates",
            ),
            help=_do("hedui federation rotate party --retire"),
        )


def _epochs(home: Home) -> Findings:
    year = epoch_of(home.now)
    urgent = business_date(home.now).month >= EPOCH_MONTH
    missing = changes.missing_epochs(home.manifest, home.now)
    for epoch, ok in ((year, False), (year + 1, False if urgent else None)):
        lacking = ", ".join(department for department, of in missing if of == epoch)
        said = Said(f"{epoch} 年假名公钥齐全", f"pseudonym keys of {epoch} are all there")
        if lacking:
            zh, en = f"{epoch} 年假名公钥缺:{lacking}", f"no pseudonym key of {epoch} for {lacking}"
            said = Said(zh, en)
        yield Finding(
            name=f"epoch {epoch}",
            ok=ok if lacking else True,
            said=said,
            help=_do("hedui federation rotate epoch"),
        )


def _folders(home: Home) -> Findings:
    for party in home.manifest.parties:
        folder = home.party(party)
        if folder is None:
            continue
        old = [
            name
            for name in founding.DOCUMENTS
            if not (folder / name).is_file() or (folder / name).read_bytes() != home.signed[name]
        ]
        if old:
            names = ", ".join(old)
            yield Finding(
                name=f"folder {party}",
                ok=False,
                said=Said(
                    f"{party}/ 中的文件不是现行版本:{names}",
                    f"{party}/ does not hold what is in force: {names}",
                ),
                help=Said(f"从 {SIGNED}/ 拷入", f"copy it from {SIGNED}/"),
            )
            continue
        yield from _party_folder(folder, home.now)


def _party_folder(folder: Path, now: int) -> Findings:
    try:
        installed = parties.load(folder, None, now)
    except HeduiError as error:
        yield _failed(f"party {folder.name}", error)
        return
    yield Finding(
        name=f"party {installed.id}",
        ok=True,
        said=Said(
            f"{installed.id}:文件签名有效,密钥和证书与清单相符",
            f"{installed.id}: documents are signed, key and certificate fit the manifest",
        ),
    )
    for name, check in (("keys", _own_keys), ("pins", _own_pins), ("seeds", _own_seeds)):
        try:
            yield from check(installed, now)
        except HeduiError as error:
            yield _failed(f"{name} {installed.id}", error)


def _own_keys(installed: Party, now: int) -> Findings:
    said = Said(f"{installed.id} 在用的证书", f"certificate that {installed.id} uses")
    end = certificates.expires(installed.tls.certificate)
    command = "hedui federation renew certificate"
    yield from _soon(_ending(f"own certificate {installed.id}", said, end, now, command))
    newest = list(installed.entry.keys)[-1]
    switching = [
        name for name, there in renewal.waiting(installed.folder, installed.entry) if there
    ]
    if switching or installed.key.kid != newest:
        yield Finding(
            name=f"old key {installed.id}",
            ok=None,
            said=Said(
                f"{installed.id} 仍在用旧密钥;清单已列出新的",
                f"{installed.id} still uses an old key; the manifest lists a newer one",
            ),
            help=_do("hedui federation renew switch"),
        )


def _own_pins(installed: Party, _: int) -> Findings:
    known = pins.read(installed.data)
    shown = ", ".join(f"{name} {one.version}" for name, one in sorted(known.items()))
    if known:
        said = Said(f"{installed.id} 用过的版本:{shown}", f"{installed.id} has used {shown}")
        yield Finding(name=f"pins {installed.id}", ok=True, said=said)


def _own_seeds(installed: Party, now: int) -> Findings:
    if installed.entry.role is not PartyRole.REGISTRAR:
        return
    for (department, epoch), public in installed.manifest.pseudonym_keys.items():
        if epoch < epoch_of(now):
            continue
        seed = founding.read_seed(installed.folder, epoch)
        if founding.public_key(seed, department, epoch) != public:
            yield Finding(
                name=f"seed {epoch}",
                ok=False,
                said=Said(
                    f"{epoch} 年的种子与清单中 {department} 的公钥不符",
                    f"the seed of {epoch} does not lead to the key of {department}",
                ),
                help=Said("从备份恢复该文件", "restore the file from a backup"),
            )


def _ending(name: str, said: Said, end: int, now: int, command: str) -> Finding:
    days = (end - now) // DAY
    day = business_time(end).date()
    return Finding(
        name=name,
        ok=days >= SOON_DAYS,
        said=Said(f"{said.zh},到 {day},还有 {days} 天", f"{said.en}, to {day}, {days} days"),
        help=_do(command),
    )


def _failed(name: str, error: HeduiError) -> Finding:
    said = Said(f"{error.title('zh')} {error.code}", f"{error.title('en')} {error.code}")
    return Finding(name=name, ok=False, said=said, help=Said(error.help("zh"), error.help("en")))


def _do(command: str) -> Said:
    return Said(f"运行 {command}", f"run {command}")


_CHECKS: Final[dict[str, Callable[[Home], Findings]]] = {
    "documents": _documents,
    "threshold": _threshold,
    "witnesses": _witnesses,
    "pending": _waiting,
    "unique": _unique,
    "certificates": _certificates,
    "epochs": _epochs,
    "folders": _folders,
}
