"""How a federation changes: one function a change, from a manifest to its next version.

Knows what must hold between two versions, and how to say what differs. Does not know files, secrets
or who signs: what comes out counts for nothing until enough root keys have signed it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from crypto.keys import VerifyKey
from federation.clock import business_time, epoch_end, epoch_of
from federation.errors import BadInput, Said
from federation.limits import EPOCH_GRACE
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.root import Root, RootDocument

PseudonymKeys = Mapping[tuple[str, int], bytes]
"""Public halves by department and year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """The number of a next version, when it is made, and when it must end: with its root."""

    version: int
    now: int
    until: int


def extend(old: Manifest, edition: Edition, **changed: object) -> Manifest:
    """Make the next version, as long-lived as the one before; alone, it only lasts longer.

    Several changes of one edition make one version.
    """
    fresh = {
        "version": edition.version,
        "issued": edition.now,
        "expires": min(edition.now + old.expires - old.issued, edition.until),
        "digest": b"",
    }
    return replace(old, **fresh | changed)  # type: ignore[arg-type]


def add(old: Manifest, entry: PartyEntry, keys: PseudonymKeys, edition: Edition) -> Manifest:
    """Take a party in; ``keys`` are a department's of the live years.

    Raises:
        BadInput: CHANGE_INVALID.
    """
    if entry.id in old.parties:
        raise wrong(f"{entry.id} 已在清单中", f"{entry.id} takes part already")
    if entry.role is PartyRole.REGISTRAR:
        raise wrong("登记方只能有一个", "there is one registrar")
    if entry.role is PartyRole.TALLY:  # its keys stand in groups, which are formed then
        raise wrong("合计比对方只能在创建时设立", "a tally is founded with its federation")
    _check_endpoint(old, entry.endpoint)
    return extend(
        old,
        edition,
        parties={**old.parties, entry.id: entry},
        pseudonym_keys={**old.pseudonym_keys, **keys},
    )


def remove(old: Manifest, party: str, edition: Edition) -> Manifest:
    """Let a party go: from the next version on nobody takes a call or a signature of its keys.

    The sums that it had a part in are asked no more: a group is never asked in part.

    Raises:
        BadInput: CHANGE_INVALID.
    """
    entry = _entry(old, party)
    if entry.role is PartyRole.REGISTRAR:
        raise wrong("没有登记方,联合体无法工作", "without its registrar a federation cannot work")
    return extend(
        old,
        edition,
        parties={name: one for name, one in old.parties.items() if name != party},
        pseudonym_keys={of: key for of, key in old.pseudonym_keys.items() if of[0] != party},
        groups={name: one for name, one in old.groups.items() if party not in one.parties},
    )


def renew(
    old: Manifest, party: str, key: VerifyKey | None, certificate: bytes | None, edition: Edition
) -> Manifest:
    """List a party's next key or certificate (DER) behind those it has: all of them count.

    Raises:
        BadInput: CHANGE_INVALID.
    """
    entry = _entry(old, party)
    for other in old.parties.values():
        if key and key.kid in other.keys:
            raise wrong(
                f"该公钥已列在 {other.id} 名下", f"the key is listed for {other.id} already"
            )
    listed = {**entry.keys, key.kid: key} if key else entry.keys
    added = (certificate,) if certificate else ()
    return _changed(
        old, edition, replace(entry, keys=listed, certificates=entry.certificates + added)
    )


def move(old: Manifest, party: str, endpoint: str, edition: Edition) -> Manifest:
    """Let a party be reached at another address (host:port).

    Raises:
        BadInput: CHANGE_INVALID.
    """
    entry = _entry(old, party)
    _check_endpoint(old, endpoint)
    return _changed(old, edition, replace(entry, endpoint=endpoint))


def retire(old: Manifest, party: str, edition: Edition) -> Manifest:
    """Withdraw all keys and certificates of a party but the newest of each.

    Raises:
        BadInput: CHANGE_INVALID when there is nothing to withdraw.
    """
    entry = _entry(old, party)
    if len(entry.keys) == len(entry.certificates) == 1:
        raise wrong(f"{party} 只有一把密钥和一张证书", f"{party} has but one key and certificate")
    newest = dict([list(entry.keys.items())[-1]])
    return _changed(old, edition, replace(entry, keys=newest, certificates=entry.certificates[-1:]))


def with_authorities(old: Manifest, bundle: bytes, edition: Edition) -> Manifest:
    """Accept callers' certificates of these authorities, PEM."""
    return extend(old, edition, ca=bundle)


def with_epochs(old: Manifest, keys: PseudonymKeys, edition: Edition) -> Manifest:
    """List pseudonym keys of further years, and let go those whose last tokens have ended.

    Raises:
        BadInput: CHANGE_INVALID when a key that is listed would become another.
    """
    for of, key in keys.items():
        if old.pseudonym_keys.get(of, key) != key:
            zh, en = f"{of[0]} {of[1]} 年的密钥不得改变", f"the {of[1]} key of {of[0]} must stay"
            raise wrong(zh, en)
    every = {**old.pseudonym_keys, **keys}
    live = {of: key for of, key in every.items() if epoch_end(of[1]) + EPOCH_GRACE > edition.now}
    if live == old.pseudonym_keys:
        raise wrong("没有需要增加或撤下的年度密钥", "no year's keys to add or to let go")
    return extend(old, edition, pseudonym_keys=live)


def next_root(
    old: RootDocument, keys: Mapping[str, VerifyKey], threshold: int, now: int
) -> RootDocument:
    """Hand over to other root keys, for as long as the ones before had.

    Raises:
        BadInput: CHANGE_INVALID.
    """
    if not 1 <= threshold <= len(keys):
        raise wrong("门槛须在 1 与根密钥数之间", "the threshold is from 1 to the number of keys")
    return RootDocument(
        federation=old.federation,
        version=old.version + 1,
        issued=now,
        expires=now + old.expires - old.issued,
        root=Root(keys=keys, threshold=threshold),
    )


def missing_epochs(manifest: Manifest, now: int) -> list[tuple[str, int]]:
    """Name the departments and years, of this year and the next, that have no key yet."""
    years = epoch_of(now), epoch_of(now) + 1
    wanted = [(one.id, year) for one in manifest.audiences() for year in years]
    return [of for of in wanted if of not in manifest.pseudonym_keys]


def describe(old: Manifest, new: Manifest) -> Iterator[Said]:
    """Say what a version changes: what a holder of a root key is asked to sign."""
    until = business_time(new.expires).date().isoformat()
    yield Said(
        f"成员清单第 {old.version} 版 → 第 {new.version} 版,有效至 {until}",
        f"manifest version {old.version} → {new.version}, valid to {until}",
    )
    if (old.federation, old.demonstration) != (new.federation, new.demonstration):
        zh = f"联合体名称或演示标志改变:{new.federation} {new.demonstration}"
        yield Said(zh, f"another name or kind of federation: {new.federation} {new.demonstration}")
    if old.ca != new.ca:
        count = new.ca.count(b"BEGIN CERTIFICATE")
        yield Said(f"证书机构改变,现有 {count} 个", f"other authorities, {count} of them now")
    for name in old.parties.keys() - new.parties.keys():
        yield Said(f"移除 {name}", f"{name} leaves")
    for name, entry in new.parties.items():
        yield from _differs(old.parties.get(name), entry)
    yield from _groups(old, new)
    yield from _years("新增", "new", new, old)
    yield from _years("撤下", "withdrawn", old, new)
    for department, year in sorted(old.pseudonym_keys.keys() & new.pseudonym_keys.keys()):
        if old.pseudonym_keys[department, year] != new.pseudonym_keys[department, year]:
            zh = f"改动 {department} {year} 年的假名密钥(!)"
            yield Said(zh, f"CHANGED pseudonym key of {department} for {year}")


def describe_root(old: RootDocument, new: RootDocument) -> Iterator[Said]:
    """Say what a version of the root changes."""
    of, among = new.root.threshold, len(new.root.keys)
    yield Said(
        f"根公钥第 {old.version} 版 → 第 {new.version} 版,{among} 把须 {of} 把签名",
        f"root version {old.version} → {new.version}, {of} of {among} keys sign",
    )
    for kid in new.root.keys.keys() - old.root.keys.keys():
        yield Said(f"新增根密钥 {kid}", f"new root key {kid}")
    for kid in old.root.keys.keys() - new.root.keys.keys():
        yield Said(f"撤下根密钥 {kid}", f"root key {kid} is withdrawn")


def _groups(old: Manifest, new: Manifest) -> Iterator[Said]:
    """Say which sums are asked of others from now on, or no more."""
    for name in sorted(old.groups.keys() | new.groups.keys()):
        before, after = old.groups.get(name), new.groups.get(name)
        if after is None:
            yield Said(f"不再合计 {name}", f"the sum {name} is asked no more")
        elif before != after:
            listed = ", ".join(sorted(after.parties))
            yield Said(f"{name} 由这些方合计:{listed}", f"the sum {name} is of {listed}")


def _years(zh: str, en: str, has: Manifest, lacks: Manifest) -> Iterator[Said]:
    parties = has.parties.keys() & lacks.parties.keys()
    only = has.pseudonym_keys.keys() - lacks.pseudonym_keys.keys()
    for year in sorted({year for department, year in only if department in parties}):
        yield Said(f"{zh} {year} 年假名密钥", f"{en} pseudonym keys of {year}")


def _differs(old: PartyEntry | None, new: PartyEntry) -> Iterator[Said]:
    if old is None:
        listed = f"{new.id} ({new.role.value} {new.endpoint})"
        yield Said(f"新增 {listed}", f"{listed} joins")
        old = replace(new, keys={}, certificates=())
    plain = replace(old, keys=new.keys, certificates=new.certificates)
    if plain != new:
        yield Said(f"{new.id} 的角色、名称或地址改变", f"{new.id} changes role, name or endpoint")
    for kid in new.keys.keys() - old.keys.keys():
        yield Said(f"{new.id} 新增签名密钥 {kid}", f"{new.id} gets the signing key {kid}")
    for kid in old.keys.keys() - new.keys.keys():
        yield Said(f"{new.id} 撤下签名密钥 {kid}", f"{new.id} loses the signing key {kid}")
    more = len(set(new.certificates) - set(old.certificates))
    less = len(set(old.certificates) - set(new.certificates))
    if more:
        yield Said(f"{new.id} 新增证书 {more} 张", f"{new.id} gets {more} certificate(s)")
    if less:
        yield Said(f"{new.id} 撤下证书 {less} 张", f"{new.id} loses {less} certificate(s)")


def _check_endpoint(old: Manifest, endpoint: str) -> None:
    for other in old.parties.values():
        if other.endpoint == endpoint:
            raise wrong(f"地址 {endpoint} 已属于 {other.id}", f"{other.id} has that endpoint")
    if not endpoint.rpartition(":")[0] or not endpoint.rpartition(":")[2].isdecimal():
        raise wrong(f"地址应写成 主机:端口,而不是 “{endpoint}”", f"not host:port: {endpoint!r}")


def _changed(old: Manifest, edition: Edition, entry: PartyEntry) -> Manifest:
    return extend(old, edition, parties={**old.parties, entry.id: entry})


def _entry(old: Manifest, party: str) -> PartyEntry:
    entry = old.parties.get(party)
    if entry is None:
        raise wrong(f"清单中没有 {party}", f"no {party} takes part")
    return entry


def wrong(zh: str, en: str) -> BadInput:
    """Make the refusal of a change."""
    return BadInput("CHANGE_INVALID", why=Said(zh, en))
