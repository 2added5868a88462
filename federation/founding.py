"""Found a federation: root keys, certificate authority, signed documents, one folder a party.

Knows how to make everything that ``party.load`` reads. Does not know any running party. Files that
must stay offline (root keys, CA key) lie in ``root/`` and are needed by nobody who answers.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from crypto import labels, oprf
from crypto.envelope import SIGNATURES_MAX
from crypto.keys import SealCost, SigningKey
from federation import catalogue, certificates, keyfile, manifest, policy, root
from federation.certificates import Authority
from federation.clock import epoch_of
from federation.errors import BadInput
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.party import SIGNING, TLS
from federation.root import Root
from federation.strictjson import b64
from federation.wire.channel import TlsIdentity

PSEUDONYM_SEED: Final = "hedui/pseudonym-seed"
ROOT_KEY: Final = "hedui/root"
CA_KEY: Final = "hedui/ca"

_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
NAME_MOST: Final = 40
"""Longest name of a federation, characters: it stands in the CA's certificate."""
DAYS_MOST: Final = 3_660
"""Longest life of certificates and documents, days."""

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


@dataclass(frozen=True, slots=True)
class _Made:
    entry: PartyEntry
    key: SigningKey = field(repr=False)
    tls: TlsIdentity = field(repr=False)


def found(folder: Path, plan: FederationPlan, progress: Progress = lambda _: None) -> Manifest:
    """Make a whole federation in an empty folder.

    Raises:
        BadInput: FOLDER_NOT_EMPTY, POLICY_INVALID or PLAN_INVALID; nothing is written then.
    """
    _check(folder, plan)
    folder.mkdir(parents=True, exist_ok=True)
    roots = [SigningKey.generate() for _ in range(plan.root_keys)]
    pinned = Root(keys={k.kid: k.verify_key for k in roots}, threshold=plan.threshold)
    authority = certificates.make_authority(plan.federation, plan.now, plan.days * 3)
    made = [_make(party, authority, plan) for party in plan.parties]
    seeds = {epoch: os.urandom(32) for epoch in (epoch_of(plan.now), epoch_of(plan.now) + 1)}
    document = _manifest(plan, authority, made, seeds)
    signers = roots[: plan.threshold]
    documents = {
        "root.json": root.write(pinned),
        "manifest.json": root.sign(manifest.write(document), manifest.PAYLOAD_TYPE, signers),
        "policy.json": root.sign(plan.policy, policy.PAYLOAD_TYPE, signers),
    }
    _write_root(folder / "root", roots, authority, plan)
    for party_plan, party in zip(plan.parties, made, strict=True):
        _write_party(folder / party_plan.id, party_plan, party, documents, plan.cost)
        if party_plan.role is PartyRole.REGISTRAR:
            _write_seeds(folder / party_plan.id, seeds, plan.cost)
        progress(party_plan.id)
    return document


def _check(folder: Path, plan: FederationPlan) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("FOLDER_NOT_EMPTY", folder=folder.name)
    policy.parse(plan.policy, catalogue.load())
    ids = [party.id for party in plan.parties]
    registrars = [p for p in plan.parties if p.role is PartyRole.REGISTRAR]
    valid_ids = all(_ID.fullmatch(i) and i != "root" for i in ids)
    if len(set(ids)) != len(ids) or len(registrars) != 1 or not valid_ids:
        raise BadInput("PLAN_INVALID", why="party ids, or not exactly one registrar")
    if not 1 <= plan.threshold <= plan.root_keys <= SIGNATURES_MAX:
        raise BadInput("PLAN_INVALID", why="threshold of root keys")
    if not 1 <= len(plan.federation) <= NAME_MOST or not 1 <= plan.days <= DAYS_MOST:
        raise BadInput("PLAN_INVALID", why="name of the federation, or days")
    for party in plan.parties:
        try:
            tomllib.loads(_settings(party))
        except tomllib.TOMLDecodeError as e:
            raise BadInput("PLAN_INVALID", why=f"settings of {party.id}: {e}") from e


def _make(party: PartyPlan, authority: Authority, plan: FederationPlan) -> _Made:
    key = SigningKey.generate()
    tls = certificates.issue(authority, party.id, plan.now, plan.days)
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
    return _Made(entry, key, tls)


def _manifest(
    plan: FederationPlan,
    authority: Authority,
    made: Sequence[_Made],
    seeds: Mapping[int, bytes],
) -> Manifest:
    pseudonym_keys = {
        (m.entry.id, epoch): oprf.Evaluator.from_seed(
            seed, labels.voprf_info(m.entry.id, epoch)
        ).public_key
        for m in made
        if m.entry.role is PartyRole.NODE
        for epoch, seed in seeds.items()
    }
    return Manifest(
        federation=plan.federation,
        version=1,
        issued=plan.now,
        expires=plan.now + plan.days * 86_400,
        demonstration=plan.demonstration,
        ca=authority.certificate,
        parties={m.entry.id: m.entry for m in made},
        pseudonym_keys=pseudonym_keys,
    )


def _write_root(
    folder: Path, roots: Sequence[SigningKey], authority: Authority, plan: FederationPlan
) -> None:
    secret = _new_passphrase(folder)
    for number, key in enumerate(roots, 1):
        path = folder / f"root-{number}.key"
        keyfile.save(path, key.seed, secret, purpose=ROOT_KEY, cost=plan.cost)
    keyfile.save(folder / "ca.key", authority.key, secret, purpose=CA_KEY, cost=plan.cost)
    (folder / "ca.pem").write_bytes(authority.certificate)


def _write_party(
    folder: Path, plan: PartyPlan, made: _Made, documents: Mapping[str, bytes], cost: SealCost
) -> None:
    secret = _new_passphrase(folder)
    keyfile.save(folder / "signing.key", made.key.seed, secret, purpose=SIGNING, cost=cost)
    keyfile.save(folder / "tls.key", made.tls.key, secret, purpose=TLS, cost=cost)
    (folder / "tls.pem").write_bytes(made.tls.certificate)
    for name, data in documents.items():
        (folder / name).write_bytes(data)
    (folder / "party.toml").write_text(_settings(plan), "utf-8")


def _settings(plan: PartyPlan) -> str:
    return f'party = "{plan.id}"\nlisten = "{plan.endpoint}"\n{plan.settings}'


def _write_seeds(folder: Path, seeds: Mapping[int, bytes], cost: SealCost) -> None:
    secret = keyfile.read_private(folder / "passphrase").strip()
    for epoch, seed in seeds.items():
        path = folder / f"pseudonym-{epoch}.key"
        keyfile.save(path, seed, secret, purpose=f"{PSEUDONYM_SEED}/{epoch}", cost=cost)


def _new_passphrase(folder: Path) -> bytes:
    folder.mkdir(mode=0o700)
    secret = b64(os.urandom(24)).encode()
    keyfile.write_private(folder / "passphrase", secret + b"\n")
    return secret
