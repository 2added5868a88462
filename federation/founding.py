"""Found a federation: root keys, certificate authority, signed documents, one folder a party.

Knows how to make everything that ``party.load`` reads, and the founder's folder:

    root/       root keys, key of the authority: offline, needed by nobody who answers
    signed/     root.json manifest.json policy.json: what is in force, for everybody
    pending/    documents that wait for signatures (``ceremony``)
    tax/ ...    one folder a party, until it is handed over

Does not know any running party, nor how a federation changes.
"""

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from crypto import elgamal, labels, masks, oprf, paillier
from crypto.keys import SealCost, SigningKey
from federation import catalogue, certificates, grouping, keyfile, manifest, policy, root
from federation.certificates import Authority
from federation.clock import epoch_of
from federation.errors import BadInput
from federation.group import Group, TallyKeys
from federation.manifest import AUDIENCES, Manifest, PartyEntry, PartyRole
from federation.party import SIGNING, TLS, passphrase
from federation.root import Root, RootDocument
from federation.strictjson import b64
from federation.wire.channel import TlsIdentity

SUM_FILE: Final = "sum.key"
"""Holds an X25519 key: of a department or the tally for masks, of an auditor for sealed seeds."""
SUM: Final = "hedui/sum"
PAILLIER_FILE: Final = "paillier.key"
PAILLIER: Final = "hedui/paillier"
ELGAMAL_FILE: Final = "elgamal.key"
ELGAMAL: Final = "hedui/elgamal"
PSEUDONYM_SEED: Final = "hedui/pseudonym-seed"
ROOT_KEY: Final = "hedui/root"
CA_KEY: Final = "hedui/ca"
OFFLINE: Final = "root"
SIGNED: Final = "signed"
PENDING: Final = "pending"
DOCUMENTS: Final = ("root.json", "manifest.json", "policy.json")
ROOT_LIFE: Final = 3
"""So many lives of a manifest does a root document last, and the authority's certificate."""

DAYS_MOST: Final = 3_660
"""Longest life of certificates and documents, days."""

DAY: Final = 86_400

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyPlan:
    """A party to be made: id, role, department kind, names and endpoint (host:port)."""

    id: str
    role: PartyRole
    kind: str
    zh: str
    en: str
    endpoint: str
    settings: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationPlan:
    """What ``found`` makes. ``days`` is the life of documents and certificates."""

    federation: str
    parties: Sequence[PartyPlan]
    policy: bytes
    now: int
    days: int = 366
    demonstration: bool = False
    root_keys: int = 3
    threshold: int = 2
    cost: SealCost = SealCost.INTERACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A party that was made: what the manifest says of it, what its folder holds."""

    plan: PartyPlan
    entry: PartyEntry
    key: SigningKey = field(repr=False)
    tls: TlsIdentity = field(repr=False)
    sealed: Mapping[str, tuple[str, bytes]] = field(repr=False, default_factory=dict)
    """What else lies sealed in its folder: purpose and bytes, by the file's name."""


def found(folder: Path, plan: FederationPlan, progress: Progress = lambda _: None) -> Manifest:
    """Make a whole federation in an empty folder.

    Raises:
        BadInput: FOLDER_NOT_EMPTY, POLICY_INVALID or PLAN_INVALID; nothing is written then.
    """
    _check(folder, plan)
    folder.mkdir(parents=True, exist_ok=True)
    roots = [SigningKey.generate() for _ in range(plan.root_keys)]
    first = _first_root(plan, roots)
    authority = certificates.make_authority(plan.federation, plan.now, plan.days * ROOT_LIFE)
    made = [make(party, authority, plan.now, plan.days) for party in plan.parties]
    made, groups = _summing(plan, made)
    seeds = {epoch: os.urandom(32) for epoch in (epoch_of(plan.now), epoch_of(plan.now) + 1)}
    document = replace(_manifest(plan, authority, made, seeds), groups=groups)
    signers = roots[: plan.threshold]
    documents = {
        "root.json": root.sign(root.write(first), root.PAYLOAD_TYPE, roots),
        "manifest.json": root.sign(manifest.write(document), manifest.PAYLOAD_TYPE, signers),
        "policy.json": root.sign(plan.policy, policy.PAYLOAD_TYPE, signers),
    }
    _write_root(folder / OFFLINE, roots, authority, plan)
    write_documents(folder / SIGNED, documents)
    for party in made:
        write(folder / party.entry.id, party, plan.cost)
        write_documents(folder / party.entry.id, documents)
        if party.entry.role is PartyRole.REGISTRAR:
            write_seeds(folder / party.entry.id, seeds, plan.cost)
        progress(party.entry.id)
    return document


def check_party(party: PartyPlan) -> None:
    """Refuse a party whose folder or settings could not be made.

    Raises:
        BadInput: PLAN_INVALID.
    """
    if not manifest.fits_id(party.id) or party.id in {OFFLINE, SIGNED, PENDING}:
        raise BadInput("PLAN_INVALID", why=f"id {party.id}")
    if (party.role is PartyRole.NODE) is not bool(party.kind):
        raise BadInput("PLAN_INVALID", why=f"kind of {party.id}: nodes have one, nobody else")
    try:
        tomllib.loads(_settings(party))
    except tomllib.TOMLDecodeError as e:
        raise BadInput("PLAN_INVALID", why=f"settings of {party.id}: {e}") from e


def make(party: PartyPlan, authority: Authority, now: int, days: int) -> Made:
    """Draw a party's keys and have its certificate issued."""
    key = SigningKey.generate()
    tls = certificates.issue(authority, party.id, now, days)
    entry = PartyEntry(
        id=party.id,
        role=party.role,
        kind=party.kind,
        zh=party.zh,
        en=party.en,
        endpoint=party.endpoint,
        keys={key.kid: key.verify_key},
        certificates=(certificates.der(tls.certificate),),
    )
    return Made(plan=party, entry=entry, key=key, tls=tls)


def with_sum_key(made: Made) -> Made:
    """Draw the key by which a department can have a part in sums."""
    return replace(made, sealed={**made.sealed, SUM_FILE: (SUM, os.urandom(masks.KEY_SIZE))})


def write(folder: Path, made: Made, cost: SealCost) -> None:
    """Write a new party's folder, but for the documents."""
    secret = new_passphrase(folder)
    keyfile.save(folder / "signing.key", made.key.seed, secret, purpose=SIGNING, cost=cost)
    keyfile.save(folder / "tls.key", made.tls.key, secret, purpose=TLS, cost=cost)
    for name, (purpose, data) in made.sealed.items():
        keyfile.save(folder / name, data, secret, purpose=purpose, cost=cost)
    (folder / "party.toml").write_text(_settings(made.plan), "utf-8")


def write_documents(folder: Path, documents: Mapping[str, bytes]) -> None:
    """Put signed documents into a folder, each whole or not at all."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, data in documents.items():
        keyfile.write_private(folder / name, data)


def write_seeds(folder: Path, seeds: Mapping[int, bytes], cost: SealCost) -> None:
    """Seal pseudonym seeds, by year, into the registrar's folder."""
    secret = passphrase(folder)
    for epoch, seed in seeds.items():
        path = folder / seed_file(epoch)
        keyfile.save(path, seed, secret, purpose=f"{PSEUDONYM_SEED}/{epoch}", cost=cost)


def read_seed(folder: Path, epoch: int) -> bytes:
    """Unseal the registrar's seed of a year.

    Raises:
        BadInput: as ``keyfile.load``.
    """
    purpose = f"{PSEUDONYM_SEED}/{epoch}"
    return keyfile.load(folder / seed_file(epoch), passphrase(folder), purpose=purpose)


def seed_file(epoch: int) -> str:
    """Name the file of a year's seed."""
    return f"pseudonym-{epoch}.key"


def public_key(seed: bytes, department: str, epoch: int) -> bytes:
    """Derive the public half of a department's pseudonym key of a year."""
    return oprf.Evaluator.from_seed(seed, labels.voprf_info(department, epoch)).public_key


def new_passphrase(folder: Path) -> bytes:
    """Make a folder that only its owner can enter, with a passphrase of its own."""
    folder.mkdir(mode=0o700)
    secret = b64(os.urandom(24)).encode()
    keyfile.write_private(folder / "passphrase", secret + b"\n")
    return secret


def _check(folder: Path, plan: FederationPlan) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("FOLDER_NOT_EMPTY", folder=folder.name)
    policy.parse(plan.policy, catalogue.load())
    ids = [party.id for party in plan.parties]
    registrars = [p for p in plan.parties if p.role is PartyRole.REGISTRAR]
    if len(set(ids)) != len(ids) or len(registrars) != 1:
        raise BadInput("PLAN_INVALID", why="party ids, or not exactly one registrar")
    if not 1 <= plan.threshold <= plan.root_keys <= root.KEYS_MOST:
        raise BadInput("PLAN_INVALID", why="threshold of root keys")
    if not manifest.fits_name(plan.federation) or not 1 <= plan.days <= DAYS_MOST:
        raise BadInput("PLAN_INVALID", why="name of the federation, or days")
    roles = [party.role for party in plan.parties]
    if roles.count(PartyRole.TALLY) > (PartyRole.AUDITOR in roles):
        raise BadInput("PLAN_INVALID", why="one tally at most, and an auditor beside it")
    for party in plan.parties:
        check_party(party)


def _first_root(plan: FederationPlan, keys: Sequence[SigningKey]) -> RootDocument:
    return RootDocument(
        federation=plan.federation,
        version=1,
        issued=plan.now,
        expires=plan.now + plan.days * ROOT_LIFE * DAY,
        root=Root(keys={k.kid: k.verify_key for k in keys}, threshold=plan.threshold),
    )


def _manifest(
    plan: FederationPlan,
    authority: Authority,
    made: Sequence[Made],
    seeds: Mapping[int, bytes],
) -> Manifest:
    pseudonym_keys = {
        (m.entry.id, epoch): public_key(seed, m.entry.id, epoch)
        for m in made
        if m.entry.role in AUDIENCES
        for epoch, seed in seeds.items()
    }
    return Manifest(
        federation=plan.federation,
        version=1,
        issued=plan.now,
        expires=plan.now + plan.days * DAY,
        demonstration=plan.demonstration,
        ca=authority.certificate,
        parties={m.entry.id: m.entry for m in made},
        pseudonym_keys=pseudonym_keys,
    )


def _summing(plan: FederationPlan, made: Sequence[Made]) -> tuple[list[Made], Mapping[str, Group]]:
    """Draw the keys of sums and form the groups, where a tally takes part."""
    tallies = [one for one in made if one.entry.role is PartyRole.TALLY]
    if not tallies:
        return list(made), {}
    secrets = {
        one.entry.id: os.urandom(masks.KEY_SIZE)
        for one in made
        if one.entry.role in {*AUDIENCES, PartyRole.AUDITOR}
    }
    public = {name: masks.public_key(secret) for name, secret in secrets.items()}
    paillier_key = paillier.PrivateKey.generate()
    secret, elgamal_key = elgamal.key_pair(os.urandom)
    own = {
        PAILLIER_FILE: (PAILLIER, paillier_key.to_bytes()),
        ELGAMAL_FILE: (ELGAMAL, secret),
    }
    name = tallies[0].entry.id
    known = catalogue.load()
    groups = grouping.form(
        known,
        policy.parse(plan.policy, known),
        [one.entry for one in made if one.entry.role is PartyRole.NODE],
        grouping.Keys(
            masks=public,
            tally=TallyKeys(
                id=name,
                paillier=paillier_key.public.to_bytes(),
                elgamal=elgamal_key,
                mask=public[name],
            ),
            auditor=next(public[o.entry.id] for o in made if o.entry.role is PartyRole.AUDITOR),
        ),
    )
    sealed = {
        party: {SUM_FILE: (SUM, key), **(own if party == name else {})}
        for party, key in secrets.items()
    }
    return [replace(one, sealed=sealed.get(one.entry.id, {})) for one in made], groups


def _write_root(
    folder: Path, roots: Sequence[SigningKey], authority: Authority, plan: FederationPlan
) -> None:
    secret = new_passphrase(folder)
    for number, key in enumerate(roots, 1):
        path = folder / f"root-{number}.key"
        keyfile.save(path, key.seed, secret, purpose=ROOT_KEY, cost=plan.cost)
    keyfile.save(folder / "ca.key", authority.key, secret, purpose=CA_KEY, cost=plan.cost)
    (folder / "ca.pem").write_bytes(authority.certificate)


def _settings(plan: PartyPlan) -> str:
    return f'party = "{plan.id}"\nlisten = "{plan.endpoint}"\n{plan.settings}'
