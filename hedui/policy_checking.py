"""The checklist of a policy: signatures, dates, versions, concerns, and one node's coverage.

Knows which files lie in a party's folder. What may not be signed at all was refused when it was
read. Changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from department_node import node as nodes
from department_node.catalogue import Answering
from federation import party as parties
from federation import pins, policy_check
from federation.catalogue import JOINT, Catalogue
from federation.clock import SystemClock, business_date
from federation.errors import HeduiError, Said
from federation.manifest import PartyRole
from federation.pins import Seen
from federation.policy import Policy
from federation.policy_check import Concern
from hedui.policy_files import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the checklist; ``ok`` is None for what is worth a look and no fault."""

    name: str
    ok: bool | None
    said: Said


def examine(
    document: Document, previous: Policy | None, folder: Path | None, catalogue: Catalogue
) -> Iterator[Finding]:
    """Run every check that the files at hand allow."""
    policy = document.policy
    parameters, rules = len(policy.parameters), len(policy.rules)
    yield Finding(
        name="law",
        ok=True,
        said=Said(
            f"{rules} 条规则、{parameters} 个参数,逐条合规",
            f"{rules} rules and {parameters} values keep the rules of protocol §5",
        ),
    )
    signed = document.signed is not None
    yield Finding(
        name="signatures",
        ok=document.complete if signed and document.root else None,
        said=document.state(),
    )
    yield from concerns(policy, catalogue)
    if previous is not None:
        yield _follows(previous, policy, catalogue)
    if folder is not None:
        yield from _at_party(policy, folder, catalogue)


def concerns(policy: Policy, catalogue: Catalogue) -> Iterator[Finding]:
    """Say when a policy is in force, and what is worth a look."""
    today = business_date(SystemClock().now())
    notes = policy_check.notes(policy, catalogue, today)
    if all(note.concern is not Concern.NOT_IN_FORCE for note in notes):
        said = Said(
            f"有效期 {policy.issued} 至 {policy.expires}",
            f"in force {policy.issued} to {policy.expires}",
        )
        yield Finding(name="dates", ok=True, said=said)
    for note in notes:
        said = Said(f"{note.where}:{note.said.zh}", f"{note.where}: {note.said.en}")
        yield Finding(name=note.concern.value, ok=None, said=said)


def _follows(previous: Policy, policy: Policy, catalogue: Catalogue) -> Finding:
    try:
        policy_check.check_successor(previous, policy, catalogue)
    except HeduiError as error:
        return _failed("version", error)
    return Finding(
        name="version",
        ok=True,
        said=Said(
            f"第 {policy.version} 版接续第 {previous.version} 版",
            f"version {policy.version} follows version {previous.version}",
        ),
    )


def _at_party(policy: Policy, folder: Path, catalogue: Catalogue) -> Iterator[Finding]:
    """Hold a policy to what a party has used, and a node's catalogue to the policy."""
    try:
        party = parties.load(folder, None, SystemClock().now())
        pins.check(
            pins.read(party.data),
            f"{pins.POLICY}{policy.family}",
            Seen(version=policy.version, digest=policy.digest),
        )
        if party.entry.role is PartyRole.NODE:
            answers = nodes.open_catalogue(party).answers
            yield from _coverage(policy, party.entry.kind, answers, catalogue)
    except HeduiError as error:
        yield _failed("installation", error)


def _coverage(
    policy: Policy, kind: str, answers: Mapping[str, Answering], catalogue: Catalogue
) -> Iterator[Finding]:
    allowed = {
        one.id
        for one in catalogue.for_kind(kind)
        if one.id in policy.rules and one.form not in JOINT
    }
    open_to = answers.keys() & allowed
    yield Finding(
        name="coverage",
        ok=True,
        said=Said(
            f"本节点能答 {len(open_to)} 项,政策允许 {len(allowed)} 项",
            f"this node answers {len(open_to)} of the {len(allowed)} predicates that the policy"
            " allows",
        ),
    )
    narrow = {one for one in open_to if policy.rules[one].purposes - answers[one].purposes}
    yield from _listed("closed", allowed - answers.keys(), "未开", "not open")
    yield from _listed("narrower", narrow, "只答部分用途", "for some of the purposes only")
    yield from _listed(
        "beyond", answers.keys() - allowed, "目录里有、政策不允许", "in the catalogue, not allowed"
    )


def _listed(name: str, predicates: set[str], zh: str, en: str) -> Iterator[Finding]:
    if predicates:
        listed = " ".join(sorted(predicates))
        yield Finding(name=name, ok=None, said=Said(f"{zh}:{listed}", f"{en}: {listed}"))


def _failed(name: str, error: HeduiError) -> Finding:
    said = Said(f"{error.title('zh')}  {error.code}", f"{error.title('en')}  {error.code}")
    return Finding(name=name, ok=False, said=said)
