"""Sums in tokens: whole households of whole groups, and references that nothing else repeats."""

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from crypto.keys import SealCost
from federation import catalogue, founding, summing
from federation import party as installation
from federation.clock import FixedClock
from federation.consenting import ConsentForm, ConsentPerson, GrantRequest, Objection, Role
from federation.errors import PeerFault, Refused
from federation.founding import FederationPlan
from federation.party import Documents
from federation.summing import SumGrant
from federation.wire.channel import Peers
from registrar import joint, server, tokens
from registrar.consents import Rules
from tests.registrar.town import (
    FATHER,
    MOTHER,
    NOW,
    UNCLE,
    Town,
    a_form,
    a_renewal,
    couple,
    free_port,
    someone,
)
from tests.support import sums

GROUP = ("tax", "human_resources", "finance", "tally")
DECLARED = b"d" * 32


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("sums") / "f"
    endpoint = f"127.0.0.1:{free_port()}"
    founding.found(
        folder,
        FederationPlan(
            federation="test",
            parties=[replace(plan, endpoint=endpoint) for plan in sums.parties()],
            policy=sums.POLICY.encode(),
            now=NOW,
            demonstration=True,
            cost=SealCost.MINIMAL,
        ),
    )
    parties = {
        name: installation.load(folder / name, None, NOW)
        for name in ("registrar", "coordinator", *GROUP)
    }
    peers = {name: Peers(one.tls) for name, one in parties.items()}
    clock = FixedClock(NOW)
    made = Town(folder, clock, parties, peers, server.build(parties["registrar"], clock))
    made.running.start()
    yield made
    for one in peers.values():
        one.close()
    made.running.stop(0)


def asks(*persons: int, rung: str = "income-12s", predicate: str = "H1") -> list[GrantRequest]:
    """Ask for one line of a sum about persons, of the whole group."""
    return [
        GrantRequest(
            person=person,
            department=department,
            predicate=predicate,
            parameter=rung,
            max_uses=2,
            declared=DECLARED if (predicate, department) == ("H5", "tally") else b"",
        )
        for person in persons
        for department in GROUP
    ]


def family() -> tuple[ConsentPerson, ...]:
    """Make a couple and an uncle who would have to support them."""
    return (*couple(), someone(UNCLE, "叔丙", Role.SUPPORTER))


def joint_of(town: Town, form: ConsentForm) -> dict[tuple[int, str, str], SumGrant]:
    """Record a form, take its tokens, and give what they grant of sums."""
    return {
        (token.person, token.department, grant.parameter): grant.joint
        for token in town.issued(form).tokens
        for grant in town.read(token.token).grants.values()
        if grant.joint
    }


def test_every_slot_at_every_department_says_the_same(town: Town) -> None:
    found = joint_of(town, a_form(grants=asks(0, 1), members=3))
    assert {(person, department) for person, department, _ in found} == {
        (person, department) for person in (0, 1) for department in GROUP
    }
    assert len({replace(one, slot=0) for one in found.values()}) == 1
    assert {(person, one.slot) for (person, _, _), one in found.items()} == {(0, 0), (1, 1)}
    one = found[0, "tally", "income-12s"]
    group = town.registrar.manifest.groups["H1"]
    assert (one.slots, one.group) == (2, group.digest)
    assert one.ladder == summing.ladder_digest(town.registrar.policy, "H1")
    assert (one.first, one.last) == (202611, 202701)
    assert (len(one.ref), one.declared) == (summing.REF, b"")


def test_the_members_that_multiply_a_rung_are_signed(town: Town) -> None:
    (issued,) = [
        t for t in town.issued(a_form(grants=asks(0, 1), members=5)).tokens if t.person == 0
    ][-1:]
    (grant,) = town.read(issued.token).grants.values()
    assert (grant.form, grant.members) == ("sum", 5)


def test_all_lines_of_a_sum_are_one_run_s(town: Town) -> None:
    both = [*asks(0, 1), *asks(0, 1, rung="income-18s")]
    found = joint_of(town, a_form(grants=both))
    assert len({one.ref for one in found.values()}) == 1


def test_no_two_consents_or_sums_share_a_reference(town: Town) -> None:
    both = [*asks(0, 1), *asks(0, 1, rung="gap", predicate="H5")]
    first, second = joint_of(town, a_form(grants=both)), joint_of(town, a_form(grants=both))
    assert len({one.ref for found in (first, second) for one in found.values()}) == 4


def test_a_renewal_keeps_the_reference(town: Town) -> None:
    form = a_form(grants=asks(0, 1))
    (receipt,) = town.client().record([form])
    before = joint_of(town, form)
    after = joint_of(town, a_renewal(form, receipt.consent_no))
    assert {one.ref for one in before.values()} == {one.ref for one in after.values()}


def test_a_supporter_is_a_sum_of_one(town: Town) -> None:
    found = joint_of(town, a_form(family(), [*asks(0, 1), *asks(2)]))
    alone = found[2, "tax", "income-12s"]
    assert (alone.slot, alone.slots) == (0, 1)
    assert alone.ref != found[0, "tax", "income-12s"].ref
    assert found[0, "tax", "income-12s"].slots == 2


def test_only_the_tally_is_told_of_a_declared_total(town: Town) -> None:
    found = joint_of(town, a_form(grants=asks(0, 1, rung="gap", predicate="H5")))
    told = {department for (_, department, _), one in found.items() if one.declared}
    assert told == {"tally"}


def _less(grants: list[GrantRequest], **fields: object) -> list[GrantRequest]:
    return [g for g in grants if any(getattr(g, name) != value for name, value in fields.items())]


WHOLE = asks(0, 1)
GAP = asks(0, 1, rung="gap", predicate="H5")
PARTS: dict[str, list[GrantRequest]] = {
    "without a person": asks(0),
    "without a department": _less(WHOLE, department="finance"),
    "without the tally": _less(WHOLE, department="tally"),
    "without one token": _less(WHOLE, department="finance", person=1),
    "a stranger": [*WHOLE, replace(WHOLE[0], department="public_security")],
    "the registrar": [*WHOLE, replace(WHOLE[0], department="registrar")],
    "no group": [replace(one, predicate="H2") for one in WHOLE],
    "a declared total of nothing": [replace(one, declared=DECLARED) for one in WHOLE],
    "no declared total": [replace(one, declared=b"") for one in GAP],
    "a declared total for all": [replace(one, declared=DECLARED) for one in GAP],
    "two declared totals": [
        replace(one, declared=b"e" * 32) if one.declared and one.person else one for one in GAP
    ],
    "a declared total of a plain question": [
        replace(
            WHOLE[0], department="public_security", predicate="P40", parameter="", declared=DECLARED
        )
    ],
}


@pytest.mark.parametrize("grants", PARTS.values(), ids=PARTS)
def test_a_sum_is_asked_whole_or_not_at_all(town: Town, grants: list[GrantRequest]) -> None:
    with pytest.raises(Refused, match="POLICY_NOT_ANSWERED"):
        town.client().record([a_form(grants=grants)])


def test_a_line_that_the_policy_has_not_is_refused(town: Town) -> None:
    with pytest.raises(Refused, match="POLICY_PARAMETER"):
        town.client().record([a_form(grants=asks(0, 1, rung="ratio-60"))])


def test_a_sum_is_not_looked_at_anew(town: Town) -> None:
    (receipt,) = town.client().record([a_form(grants=asks(0, 1))])
    objection = Objection(
        consent_no=receipt.consent_no,
        person=0,
        predicate="H1",
        parameter="income-12s",
        evidence=os.urandom(32),
    )
    with pytest.raises(Refused, match="CONSENT_NOT_GRANTED"):
        town.client().recheck(objection)


def test_what_is_left_of_a_sum_is_left_out(town: Town) -> None:
    form = a_form(
        grants=[*asks(0, 1), GrantRequest(person=0, department="public_security", predicate="P40")]
    )
    listed = town.registrar.manifest
    group = listed.groups["H1"]
    other = replace(group.departments[0], id="public_security")
    larger = replace(group, departments=(*group.departments, other))
    for groups in ({}, {"H1": larger}):
        rules = Rules(
            manifest=replace(listed, groups=groups),
            policy=town.registrar.policy,
            catalogue=catalogue.load(),
        )
        left = rules.narrowed(form)
        assert [grant.predicate for grant in left.grants] == ["P40"]


def renewed(town: Town, monkeypatch: pytest.MonkeyPatch, documents: Documents) -> None:
    """Let the registrar go by another manifest or policy, as after a renewal."""
    papers = town.registrar.papers
    monkeypatch.setattr(town.registrar, "papers", replace(papers, documents=documents))


def granted(town: Town, number: str) -> set[str]:
    """Take a consent's tokens; give what they grant."""
    (issued,) = town.client().tokens([number])
    read = [town.read(one.token) for one in issued.tokens]
    return {predicate for one in read for predicate, _ in one.grants}


@pytest.mark.parametrize("gone", ["group", "rule"])
def test_what_went_between_record_and_issue_is_left_out_of_the_first_tokens_too(
    town: Town, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    """A consent may wait for signatures while the federation agrees on something else."""
    mixed = [*asks(0, 1), GrantRequest(person=0, department="public_security", predicate="P40")]
    both, joint_only = town.client().record([a_form(grants=mixed), a_form(grants=asks(0, 1))])
    known = town.registrar.papers.documents
    rules = {name: rule for name, rule in known.policy.rules.items() if name != "H1"}
    less = {
        "group": replace(known, manifest=replace(known.manifest, groups={})),
        "rule": replace(known, policy=replace(known.policy, rules=rules)),
    }
    renewed(town, monkeypatch, less[gone])
    assert granted(town, both.consent_no) == {"P40"}
    with pytest.raises(Refused, match="POLICY_NOT_ANSWERED"):
        town.client().tokens([joint_only.consent_no])


def test_tokens_go_by_one_manifest_while_another_comes_into_force(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    (receipt,) = town.client().record([a_form(grants=asks(0, 1))])
    whole = town.registrar.papers.documents
    expiry = tokens.expiry

    def renewing(not_after: int, now: int) -> int:
        renewed(town, monkeypatch, whole)
        return expiry(not_after, now)

    renewed(town, monkeypatch, replace(whole, manifest=replace(whole.manifest, groups={})))
    monkeypatch.setattr(tokens, "expiry", renewing)
    with pytest.raises(Refused, match="POLICY_NOT_ANSWERED"):
        town.client().tokens([receipt.consent_no])
    assert granted(town, receipt.consent_no) == {"H1"}


def test_the_tally_s_status_list_can_be_had(town: Town) -> None:
    assert town.client("tally").status_lists("tally")
    with pytest.raises(PeerFault, match="PARTY_UNKNOWN"):
        town.client("tally").status_lists("coordinator")


def test_a_form_of_strangers_is_about_nobody() -> None:
    form = a_form((someone(FATHER, "父甲", Role.APPLICANT), someone(MOTHER, "母·乙")), asks(0, 1))
    assert joint.broken(form, {}) == set()
