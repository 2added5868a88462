"""What the registrar does stands in its log, once, in the same transaction; over real sockets."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256

import pytest
from typer.testing import CliRunner

from federation import consenting
from federation.clock import epoch_of
from federation.consenting import ConsentForm, Objection, Role, paper
from federation.errors import Unavailable
from federation.log.kinds import Event
from federation.log.registrar_events import (
    ConsentEnded,
    ConsentRecorded,
    ConsentResumed,
    ConsentRevoked,
    ConsentSigned,
    ConsentSuspended,
    ObjectionRecorded,
    PseudonymsEvaluated,
    RollDeclared,
    StatusPublished,
    TokenIssued,
)
from federation.wire import codec, signed
from federation.wire import registrar_messages as messages
from registrar.cli import app
from registrar.journal import RULES
from tests.registrar import town as towns
from tests.registrar.test_rpc import blinded
from tests.registrar.town import (
    FAR,
    METHODS,
    NOW,
    Town,
    a_form,
    a_renewal,
    ask,
    couple,
    person_id,
    someone,
)


class Watched:
    """A town whose log is read from where it stands now."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.client = town.client()
        self._read = town.book().size()

    def new(self) -> list[Event]:
        """Give what was logged since the last look."""
        since, self._read = self._read, self.town.book().size()
        return self.town.events(since)


@pytest.fixture
def watched(town: Town) -> Watched:
    return Watched(town)


def alone(number: int) -> ConsentForm:
    """Write the form of somebody who lives alone, and stands in this test only."""
    return a_form(
        [someone(person_id("19550505", number), "某", Role.APPLICANT)],
        [ask(0, "public_security", "P40")],
        members=1,
    )


def test_a_consent_is_logged_with_its_grants_beside(watched: Watched) -> None:
    form = a_form()
    (receipt,) = watched.client.record([form])
    grants = consenting.write_grants(form.grants)
    assert watched.new() == [
        ConsentRecorded(
            consent_no=receipt.consent_no,
            coordinator="coordinator",
            reference=form.reference,
            purpose="ENTRY",
            basis="CONSENT",
            renews="",
            origin=receipt.consent_no,
            members=2,
            not_after=FAR,
            grants=sha256(grants).digest(),
            evidence=tuple(
                paper(receipt.consent_no, n, person.evidence)
                for n, person in enumerate(form.persons)
            ),
            missing=0,
        )
    ]
    book = watched.town.book()
    (row,) = book.rows(book.size() - 1, book.size())
    assert (row.sound, row.beside) == (True, grants)
    assert row.record is not None
    assert RULES.beside(row.record) == sha256(grants).digest()
    assert watched.client.record([form]) == [receipt]
    assert watched.new() == []


def test_a_signature_that_follows_is_logged(watched: Watched) -> None:
    father, mother = couple()
    form = a_form([father, replace(mother, evidence=b"")])
    (receipt,) = watched.client.record([form])
    (recorded,) = watched.new()
    assert isinstance(recorded, ConsentRecorded)
    number = receipt.consent_no
    assert (recorded.evidence, recorded.missing) == ((paper(number, 0, father.evidence), b""), 1)
    watched.client.record([replace(form, persons=(father, mother))])
    papers = paper(number, 0, father.evidence), paper(number, 1, mother.evidence)
    signed = ConsentSigned(consent_no=receipt.consent_no, evidence=papers, missing=0)
    assert watched.new() == [signed]


def test_a_renewal_is_logged_with_its_origin(watched: Watched) -> None:
    form = a_form()
    (first,) = watched.client.record([form])
    (second,) = watched.client.record([a_renewal(form, first.consent_no)])
    before, after = watched.new()
    assert isinstance(before, ConsentRecorded)
    assert isinstance(after, ConsentRecorded)
    assert (after.consent_no, after.renews, after.origin) == (
        second.consent_no,
        first.consent_no,
        first.consent_no,
    )
    assert (after.basis, after.purpose, after.missing) == ("IN_FORCE_AID", "REVIEW", 0)
    assert after.grants == before.grants
    papers = [paper(second.consent_no, n, p.evidence) for n, p in enumerate(form.persons)]
    assert list(after.evidence) == papers, "the papers of before, named for this consent"


def test_each_token_is_logged_once(watched: Watched) -> None:
    issued = watched.town.issued(a_form())
    claims = [watched.town.read(one.token).claims for one in issued.tokens]
    expected = [
        TokenIssued(
            consent_no=issued.consent_no,
            person=one.person,
            jti=claim.jti,
            token=sha256(one.token).digest(),
            department=one.department,
            chain=claim.chain,
            round=1,
            series=int(claim.status_uri.rpartition("/")[2]),
            index=claim.status_index,
            expires=claim.expires,
            recheck=False,
        )
        for one, claim in zip(issued.tokens, claims, strict=True)
    ]
    assert watched.new()[1:] == expected
    watched.client.tokens([issued.consent_no])
    assert watched.new() == []


def test_who_asked_for_an_end_is_logged_with_the_request(watched: Watched) -> None:
    town, number = watched.town, watched.town.issued(a_form()).consent_no
    watched.new()
    for name, kind in (
        ("suspend", ConsentSuspended),
        ("resume", ConsentResumed),
        ("revoke", ConsentRevoked),
    ):
        item = messages.encode_order(number)
        request = town.request(town.header(METHODS[name]), [item])
        town.call("coordinator", METHODS[name], request)
        batch = codec.decode_batch(request)
        keys = town.parties["coordinator"].entry.keys
        digest = signed.verify(batch, signed.claimed_header(batch), keys).digest
        said = kind(consent_no=number, origin=number, by="coordinator", request=digest)
        assert watched.new() == [said]


def test_what_changes_nothing_is_not_logged(watched: Watched) -> None:
    number = watched.town.issued(a_form()).consent_no
    watched.client.suspend([number])
    watched.new()
    watched.client.suspend([number])
    assert watched.new() == []
    watched.client.resume([number])
    watched.new()
    watched.client.resume([number])
    assert watched.new() == []
    watched.client.revoke([number])
    watched.new()
    watched.client.revoke([number])
    watched.client.change_household(number)
    assert watched.new() == []


def test_the_operator_asks_without_a_request(watched: Watched) -> None:
    folder = str(watched.town.registrar.folder)
    number = watched.town.issued(a_form()).consent_no
    watched.new()
    for command, kind in (
        ("suspend", ConsentSuspended),
        ("resume", ConsentResumed),
        ("revoke", ConsentRevoked),
    ):
        result = CliRunner().invoke(app, ["consent", command, number, "--folder", folder])
        assert result.exit_code == 0
        said = kind(consent_no=number, origin=number, by="registrar", request=b"")
        assert watched.new() == [said]


def test_all_consents_of_a_changed_household_end_in_the_log(watched: Watched) -> None:
    form = alone(11)
    numbers = [
        watched.town.issued(replace(form, reference=os.urandom(16), persons=(person,))).consent_no
        for person in (form.persons[0], replace(form.persons[0], evidence=os.urandom(32)))
    ]
    watched.new()
    watched.client.change_household(numbers[0])
    ended = watched.new()
    assert all(isinstance(one, ConsentEnded) for one in ended)
    assert [one.consent_no for one in ended if isinstance(one, ConsentEnded)] == numbers


def test_an_objection_and_its_tokens_are_logged(watched: Watched) -> None:
    issued = watched.town.issued(alone(21))
    watched.new()
    objection = Objection(
        consent_no=issued.consent_no,
        person=0,
        predicate="P40",
        parameter="",
        evidence=os.urandom(32),
    )
    (token,) = watched.client.recheck(objection).tokens
    recorded, given = watched.new()
    assert recorded == ObjectionRecorded(
        consent_no=issued.consent_no,
        person=0,
        predicate="P40",
        parameter="",
        year=epoch_of(NOW),
        evidence=paper(issued.consent_no, 0, objection.evidence),
    )
    assert isinstance(given, TokenIssued)
    assert (given.recheck, given.round, given.person) == (True, 0, 0)
    assert given.token == sha256(token.token).digest()
    watched.client.recheck(objection)
    assert watched.new() == []


def test_evaluations_and_rolls_are_logged(watched: Watched) -> None:
    client = watched.town.client("civil_affairs")
    first, _ = blinded(watched.town, [person_id("19810101", 1)], epoch=epoch_of(NOW), roll=20)
    client.evaluate(first)
    *grown, evaluated = sorted(watched.new(), key=lambda one: one.kind, reverse=True)
    assert evaluated == PseudonymsEvaluated(
        department="civil_affairs",
        tag="id",
        epoch=epoch_of(NOW),
        batch_no=first.batch_no,
        digest=sha256(b"".join(first.elements)).digest(),
        size=1,
        roll=20,
        commitment=first.commitment,
    )
    assert all(isinstance(one, RollDeclared) for one in grown)
    client.evaluate(first)
    assert watched.new() == []
    larger, _ = blinded(watched.town, [person_id("19810101", 2)], roll=4_000)
    client.evaluate(larger)
    kinds = [one for one in watched.new() if isinstance(one, RollDeclared)]
    assert kinds == [RollDeclared(department="civil_affairs", epoch=epoch_of(NOW), roll=4_000)]


def test_a_list_is_logged_when_it_is_signed_and_not_when_it_is_handed_out(
    watched: Watched,
) -> None:
    issued = watched.town.issued(a_form())
    client = watched.town.client("bank_a")
    watched.new()
    watched.client.revoke([issued.consent_no])
    (jwt,) = client.status_lists("bank_a").values()
    published = StatusPublished(
        department="bank_a", series=0, list=sha256(jwt).digest(), iat=watched.town.clock.now()
    )
    revoked, *lists = watched.new()
    assert isinstance(revoked, ConsentRevoked)
    assert lists == [published]
    client.status_lists("bank_a")
    assert watched.new() == []


def test_a_call_of_many_is_logged_in_its_order(watched: Watched) -> None:
    receipts = watched.client.record([a_form() for _ in range(200)])
    numbers = [one.consent_no for one in watched.new() if isinstance(one, ConsentRecorded)]
    assert numbers == [receipt.consent_no for receipt in receipts]


def test_a_refused_call_leaves_no_entry(watched: Watched) -> None:
    kept, ended = watched.town.issued(a_form()), watched.town.issued(a_form())
    watched.client.revoke([ended.consent_no])
    watched.new()
    with pytest.raises(Exception, match="CONSENT_REVOKED"):
        watched.client.suspend([kept.consent_no, ended.consent_no])
    assert watched.new() == []


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Run a registrar whose log these tests may break."""
    with towns.running(tmp_path_factory.mktemp("town") / "f") as town:
        yield town


@pytest.fixture
def unwritable(other: Town) -> Iterator[Town]:
    """Take the log away."""
    with closing(sqlite3.connect(other.registrar.data / "registrar.sqlite")) as c:
        c.execute("ALTER TABLE log RENAME TO gone")
        yield other
        c.execute("ALTER TABLE gone RENAME TO log")


def state(town: Town) -> list[str]:
    with closing(sqlite3.connect(town.registrar.data / "registrar.sqlite")) as c:
        return [line for line in c.iterdump() if not line.startswith('INSERT INTO "log_')]


FATHER, MOTHER = couple()
SIGNED = a_form([FATHER, MOTHER])
UNSIGNED = replace(SIGNED, persons=(FATHER, replace(MOTHER, evidence=b"")))
CALLS: dict[str, Callable[[Town, str], object]] = {
    "record": lambda town, _: town.client().record([a_form()]),
    "sign": lambda town, _: town.client().record([UNSIGNED, SIGNED]),
    "issue": lambda town, number: town.client().tokens([number]),
    "revoke": lambda town, number: town.client().revoke([number]),
    "suspend": lambda town, number: town.client().suspend([number]),
    "household": lambda town, number: town.client().change_household(number),
    "object": lambda town, number: town.client().recheck(
        Objection(
            consent_no=number, person=0, predicate="P40", parameter="", evidence=os.urandom(32)
        )
    ),
    "evaluate": lambda town, _: town.client("bank_a").evaluate(
        blinded(town, [person_id("19810101", 3)])[0]
    ),
    "status": lambda town, _: town.client("bank_a").status_lists("bank_a"),
}


@pytest.fixture
def number(other: Town) -> str:
    (receipt,) = other.client().record([a_form()])
    return receipt.consent_no


@pytest.mark.parametrize("call", CALLS)
def test_what_cannot_be_logged_is_not_done(number: str, unwritable: Town, call: str) -> None:
    before = state(unwritable)
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        CALLS[call](unwritable, number)
    assert state(unwritable) == before
