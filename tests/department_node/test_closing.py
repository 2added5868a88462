"""Signed counts of uses: who is told, what is said, and that it is logged before it leaves."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from department_node.closing import Counter
from department_node.node_log import book
from federation import closing
from federation.closing import ClosingCount, GrantUses
from federation.errors import PeerFault, Unavailable
from federation.log import kinds
from federation.log.node_events import UsesCounted
from federation.wire import count_messages
from tests.department_node import erasures
from tests.department_node.erasures import HERE, Office
from tests.support import twin as twins
from tests.support.twin import NOW, WITH_CAR, WITHOUT_CAR


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    twin = erasures.make(tmp_path / "f")
    with twins.open_node(twin) as node:
        yield erasures.open_office(twin, node)


def counter(office: Office) -> Counter:
    return Counter(office.node.party, office.node.store, office.twin.clock)


def count(office: Office, *tokens: bytes, caller: str = "coordinator") -> list[ClosingCount]:
    reply = counter(office).count(caller, count_messages.encode_request(tokens))
    manifest = office.node.party.manifest
    found = count_messages.decode_counted(reply)
    return [closing.read(document, manifest, HERE) for document in found]


def test_uses_are_counted_by_grant(office: Office) -> None:
    claims = office.people[WITH_CAR].claims
    for line in (0, 0, 100, 200):
        office.answers(office.ask(WITH_CAR, line=line))
    (said,) = count(office, claims.jti)
    assert said == ClosingCount(
        federation="test",
        department=HERE,
        at=NOW,
        token=claims.jti,
        chain=claims.jti,
        uses=(
            GrantUses(predicate="P21", parameter="line-100", used=1),
            GrantUses(predicate="P21", parameter="line-200", used=1),
            GrantUses(predicate="P22", parameter="", used=2),
        ),
    )


def test_along_a_chain_of_renewals_uses_go_on(office: Office) -> None:
    first = office.people[WITH_CAR].claims
    office.answers(office.ask(WITH_CAR))
    second = office.fresh(WITH_CAR, chain=first.jti).claims
    office.answers(office.ask(WITH_CAR))
    one, other = count(office, first.jti, second.jti)
    assert one.uses == other.uses == (GrantUses(predicate="P22", parameter="", used=2),)
    assert (one.token, other.token) == (first.jti, second.jti)
    assert one.chain == other.chain == first.jti


def test_of_an_unknown_token_nothing_is_said(office: Office) -> None:
    """Whether it was never shown or was erased since, nobody is told; least of all "no use"."""
    jti = office.people[WITH_CAR].claims.jti
    office.answers(office.ask(WITH_CAR))
    office.end(WITH_CAR)
    office.eraser.follow(office.order(WITH_CAR))
    for said in count(office, jti, bytes(16)):
        assert not said.known
        assert said.uses == ()


def test_what_is_said_is_logged_first_and_erased_with_its_token(office: Office) -> None:
    jti, other = (office.people[one].claims.jti for one in (WITH_CAR, WITHOUT_CAR))
    office.answers(office.ask(WITH_CAR))
    office.answers(office.ask(WITHOUT_CAR))
    reply = counter(office).count("coordinator", count_messages.encode_request([jti, other]))
    documents = count_messages.decode_counted(reply)
    for n, (token, document) in enumerate(zip((jti, other), documents, strict=True)):
        (row,) = book(office.node.store).rows(2 + n, 3 + n)
        assert row.beside == document
        assert kinds.read(row.record or b"") == (
            NOW,
            UsesCounted(token=token, caller="coordinator", count=sha256(document).digest()),
        )
    office.check()
    office.end(WITH_CAR)
    office.eraser.follow(office.order(WITH_CAR))
    assert office.erased() == {0, 2}
    office.check()


def test_what_cannot_be_logged_is_not_said(office: Office) -> None:
    counting = counter(office)
    office.node.store.writer.close()
    with pytest.raises(Unavailable, match="LOG_UNAVAILABLE"):
        counting.count("coordinator", count_messages.encode_request([bytes(16)]))


@pytest.mark.parametrize(
    ("caller", "code"), [("registrar", "WRONG_PARTY"), ("nobody", "PARTY_UNKNOWN")]
)
def test_others_than_centres_and_auditors_are_told_nothing(
    office: Office, caller: str, code: str
) -> None:
    with pytest.raises(PeerFault, match=code):
        count(office, bytes(16), caller=caller)


def test_a_request_that_is_none_is_refused(office: Office) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        counter(office).count("coordinator", b"")


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from([0, 100, 200]), max_size=6))
def test_the_count_is_the_highest_use_that_any_answer_named(
    tmp_path_factory: pytest.TempPathFactory, lines: list[int]
) -> None:
    twin = erasures.make(tmp_path_factory.mktemp("f") / "f")
    with twins.open_node(twin) as node:
        office = erasures.open_office(twin, node)
        told: dict[tuple[str, str], int] = {}
        for line in lines:
            (answer,) = office.answers(office.ask(WITH_CAR, line=line))
            grant = ("P21", f"line-{line}") if line else ("P22", "")
            told[grant] = max(told.get(grant, 0), answer.use_no)
        (said,) = count(office, office.people[WITH_CAR].claims.jti)
        assert {(one.predicate, one.parameter): one.used for one in said.uses} == told
        assert replace(said, chain=b"", uses=()).known is False
