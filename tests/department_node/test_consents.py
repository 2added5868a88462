"""Tokens shown to a node: verified, remembered when durable, never mixed up between holders."""

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from department_node.answer import Answerer
from department_node.node import Node
from federation import consent, limits, presentations
from federation.consent import Consent
from federation.errors import HeduiError, PeerFault, Unavailable
from federation.exchange import Outcome, Question, Refusal
from federation.wire import codec, server
from tests.support import twin as twins
from tests.support.twin import WITH_CAR, WITHOUT_CAR, Twin, grant


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Twin, Node]]:
    twin = twins.make(tmp_path_factory.mktemp("federation") / "f")
    with twins.open_node(twin) as node:
        yield twin, node


@pytest.fixture
def twin(built: tuple[Twin, Node]) -> Twin:
    return built[0]


@pytest.fixture
def answerer(built: tuple[Twin, Node]) -> Answerer:
    return built[1].answerer()


def shown(token: bytes, predicate: str = "P40", parameter: str = "") -> Question:
    digest = hashlib.sha256(token).digest()
    return Question(
        predicate=predicate, parameter=parameter, presentation=digest, case_ref=bytes(32)
    )


def named(jti: bytes, predicate: str = "P40", parameter: str = "") -> Question:
    return Question(predicate=predicate, parameter=parameter, jti=jti, case_ref=bytes(32))


def ask(
    answerer: Answerer, twin: Twin, questions: list[Question], *tokens: bytes
) -> list[tuple[Outcome, Refusal]]:
    reply = answerer.ask("coordinator", twin.request(twin.header(), questions, *tokens))
    answers = [codec.decode_answer(i.item) for i in codec.decode_batch(reply).items]
    return [(a.outcome, a.refusal) for a in answers]


def two_grants(twin: Twin, person: str = WITH_CAR) -> tuple[bytes, bytes]:
    claims = twin.claims("public_security", person)
    grants = (grant("P40", max_uses=9), grant("P42", "w12m", "window", max_uses=9))
    return claims.jti, twin.token(claims, *grants)


YES = (Outcome.YES, Refusal.NONE)
AGAIN = (Outcome.PRESENT_AGAIN, Refusal.NONE)
NOT_GRANTED = (Outcome.REFUSED, Refusal.CONSENT_NOT_GRANTED)
INVALID = (Outcome.REFUSED, Refusal.CONSENT_INVALID)


def stored(node: Node, jti: bytes) -> bytes | None:
    return node.store.ledger().presentations([jti]).get(jti)


def test_a_token_is_kept_once_it_has_admitted_a_question(
    built: tuple[Twin, Node], answerer: Answerer
) -> None:
    twin, node = built
    jti, token = two_grants(twin)
    part = consent.disclose(token, [("P40", "")])
    assert ask(answerer, twin, [shown(part)], part) == [YES]
    assert stored(node, jti) == part


@pytest.mark.parametrize("change", [{"audience": "tax"}, {"holder": bytes(32)}, {"expires": 2}])
def test_a_refused_token_is_not_kept(
    built: tuple[Twin, Node], answerer: Answerer, change: dict[str, object]
) -> None:
    twin, node = built
    claims = replace(
        twin.claims("public_security", WITH_CAR),
        **({"issued": 0, "not_before": 1} if "expires" in change else {}) | change,  # type: ignore[arg-type]
    )
    token = twin.token(claims, grant("P40"))
    assert ask(answerer, twin, [shown(token)], token)[0][0] is Outcome.REFUSED
    assert stored(node, claims.jti) is None
    assert ask(answerer, twin, [named(claims.jti)]) == [AGAIN]


def test_an_unknown_grant_of_a_known_token_is_asked_for_again(
    twin: Twin, answerer: Answerer
) -> None:
    jti, token = two_grants(twin)
    part = consent.disclose(token, [("P40", "")])
    ask(answerer, twin, [shown(part)], part)
    assert ask(answerer, twin, [named(jti, "P42", "w12m")]) == [AGAIN]
    ask(answerer, twin, [shown(token, "P42", "w12m")], token)
    assert ask(answerer, twin, [named(jti, "P42", "w12m"), named(jti)]) == [YES, YES]
    assert ask(answerer, twin, [named(jti, "P06")]) == [NOT_GRANTED]


def test_presentations_of_one_token_are_joined_whatever_the_order(
    built: tuple[Twin, Node], answerer: Answerer
) -> None:
    twin, node = built
    jti, token = two_grants(twin)
    first = consent.disclose(token, [("P40", "")])
    second = consent.disclose(token, [("P42", "w12m")])
    questions = [shown(first), shown(second, "P42", "w12m")]
    assert ask(answerer, twin, questions, first, second) == [YES, YES]
    for again in (answerer, node.answerer()):
        assert ask(again, twin, [named(jti, "P42", "w12m")]) == [YES]
    grants = consent.grants_of(stored(node, jti) or b"")
    assert grants.keys() == {("P40", ""), ("P42", "w12m")}


def test_nothing_is_remembered_that_was_not_committed(
    built: tuple[Twin, Node], answerer: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin, node = built
    jti, token = two_grants(twin)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise Unavailable("LOG_UNAVAILABLE")

        patch.setattr(node.store.writer, "settle", full)
        with pytest.raises(HeduiError, match="LOG_UNAVAILABLE"):
            ask(answerer, twin, [shown(token)], token)
    assert ask(answerer, twin, [named(jti)]) == [AGAIN]
    assert ask(answerer, twin, [shown(token)], token) == [YES]
    assert stored(node, jti) == token


def test_a_presentation_is_named_only_if_it_is_in_the_request(
    twin: Twin, answerer: Answerer
) -> None:
    _, token = two_grants(twin)
    ask(answerer, twin, [shown(token)], token)
    assert ask(answerer, twin, [shown(token)]) == [INVALID]


def test_another_coordinators_token_cannot_be_named(twin: Twin, answerer: Answerer) -> None:
    """A holder's token is in the memory; somebody else asks by its id, and with its bytes."""
    jti, token = two_grants(twin)
    ask(answerer, twin, [shown(token)], token)
    other = twins.stranger(twin)
    for questions, tokens in (([named(jti)], ()), ([shown(token)], (token,))):
        header = replace(twin.header(), sender="stranger")
        request = twin.request(header, questions, *tokens, key=other.key)
        reply = codec.decode_batch(answerer.ask("stranger", request))
        answer = codec.decode_answer(reply.items[0].item)
        assert (answer.outcome, answer.refusal) == (
            Outcome.REFUSED,
            Refusal.CONSENT_WRONG_HOLDER,
        )
    assert ask(answerer, twin, [named(jti)]) == [YES]


def test_another_coordinator_cannot_poison_what_is_remembered(
    built: tuple[Twin, Node], answerer: Answerer
) -> None:
    """A token of another holder under the same id neither replaces nor joins the first."""
    twin, node = built
    claims = twin.claims("public_security", WITH_CAR)
    mine = twin.token(claims, grant("P40"))
    theirs = twin.token(
        replace(claims, holder=twins.stranger(twin).key.verify_key.raw),
        grant("P42", "w12m", "window"),
    )
    ask(answerer, twin, [shown(mine)], mine)
    header = replace(twin.header(), sender="stranger")
    request = twin.request(
        header, [shown(theirs, "P42", "w12m")], theirs, key=twins.stranger(twin).key
    )
    reply = codec.decode_batch(answerer.ask("stranger", request))
    assert codec.decode_answer(reply.items[0].item).refusal is Refusal.CONSENT_INVALID
    assert stored(node, claims.jti) == mine
    assert ask(answerer, twin, [named(claims.jti)]) == [YES]


def test_each_question_is_about_the_person_of_its_own_token(twin: Twin, answerer: Answerer) -> None:
    """Two people's tokens in one request: naming one never answers for the other."""
    one = twin.token(twin.claims("public_security", WITH_CAR), grant("P40"))
    other = twin.token(twin.claims("public_security", WITHOUT_CAR), grant("P40"))
    no = (Outcome.NO, Refusal.NONE)
    asked = [shown(other), shown(one), shown(other)]
    assert ask(answerer, twin, asked, one, other) == [no, YES, no]


def test_a_jti_is_never_taken_for_a_presentation() -> None:
    for lengths in ((16, 0), (0, 32), (32, 16), (0, 0)):
        question = Question(
            predicate="P40",
            presentation=bytes(lengths[0]),
            jti=bytes(lengths[1]),
            case_ref=bytes(32),
        )
        with pytest.raises(PeerFault, match="MALFORMED"):
            codec.decode_question(codec.encode_question(question))


def test_a_bad_presentation_is_verified_once_a_request(
    twin: Twin, answerer: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, token = two_grants(twin)
    bad = token[:-30] + b"A" * 29 + b"~"
    reads: list[bytes] = []
    read = consent.read

    def counted(presentation: bytes, issuers: object) -> Consent:
        reads.append(presentation)
        return read(presentation, issuers)  # type: ignore[arg-type]

    monkeypatch.setattr(consent, "read", counted)
    assert ask(answerer, twin, [shown(bad)] * 50, bad) == [INVALID] * 50
    assert reads == [bad]


def test_memory_is_bounded_by_grants(
    built: tuple[Twin, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    twin, node = built
    monkeypatch.setattr(presentations, "REMEMBERED", 9)
    answerer = node.answerer()
    own = answerer.consents
    tokens = [two_grants(twin) for _ in range(5)]
    for _, token in tokens:
        ask(answerer, twin, [shown(token)], token)
    assert len(own._known._tokens) == 3
    assert own._known._weight == 9
    assert ask(answerer, twin, [named(tokens[0][0])]) == [YES]  # read again from the store


def test_many_threads_at_the_edge_of_the_memory(
    built: tuple[Twin, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    twin, node = built
    monkeypatch.setattr(presentations, "REMEMBERED", 6)
    answerer = node.answerer()
    requests = []
    for _ in range(40):
        _, token = two_grants(twin)
        requests.append(twin.request(twin.header(), [shown(token)], token))
    failures: list[BaseException] = []

    def work(part: list[bytes]) -> None:
        try:
            for request in part:
                answerer.ask("coordinator", request)
        except BaseException as failure:  # noqa: BLE001 - shown by the assertion below
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(requests[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert answerer.consents._known._weight <= 6


def test_a_union_that_no_longer_fits_is_the_newer_presentation() -> None:
    head = b"h" * 100
    first = b"~".join([head, b"a" * (limits.TOKEN_BYTES // 2), b""])
    second = b"~".join([head, b"b" * (limits.TOKEN_BYTES // 2), b""])
    assert presentations._union(first, second) == second
    assert presentations._union(first, first) == first


def test_what_no_token_names_is_refused_not_guessed(twin: Twin, answerer: Answerer) -> None:
    question = Question(predicate="P40", presentation=bytes(32), case_ref=bytes(32))
    assert ask(answerer, twin, [question]) == [INVALID]


def test_two_tokens_with_one_id_are_both_refused(
    built: tuple[Twin, Node], answerer: Answerer
) -> None:
    """In one request, and against one that is stored and no longer remembered."""
    twin, node = built
    claims = twin.claims("public_security", WITH_CAR)
    one = twin.token(claims, grant("P40"))
    other = twin.token(claims, grant("P42", "w12m", "window"))
    questions = [shown(one), shown(other, "P42", "w12m")]
    with pytest.raises(PeerFault, match="CONSENT_INVALID"):
        ask(answerer, twin, questions, one, other)
    assert stored(node, claims.jti) is None
    assert ask(answerer, twin, questions[:1], one) == [YES]
    with pytest.raises(PeerFault, match="CONSENT_INVALID"):
        ask(node.answerer(), twin, questions[1:], other)
    assert stored(node, claims.jti) == one


def test_a_later_token_of_a_household_that_was_shown_is_answered(
    built: tuple[Twin, Node], answerer: Answerer
) -> None:
    twin, _ = built
    first, second = (twin.claims("public_security", one) for one in (WITH_CAR, WITHOUT_CAR))
    commitment = consent.household_commitment(bytes(16), [first.sub, second.sub])
    both = [replace(one, household_commitment=commitment) for one in (first, second)]
    tokens = [twin.token(one, grant("P40")) for one in both]
    ask(answerer, twin, [shown(one) for one in tokens], *tokens)
    later = twin.token(replace(both[0], jti=b"later" + both[0].jti[5:]), grant("P40"))
    assert ask(answerer, twin, [shown(later)], later) == [YES]


def test_a_stored_token_that_no_key_verifies_any_more_is_refused(
    built: tuple[Twin, Node], answerer: Answerer
) -> None:
    twin, node = built
    jti, token = two_grants(twin)
    ask(answerer, twin, [shown(token)], token)
    own = presentations.Consents(lambda: replace(node.party.manifest.registrar, keys={}))
    for _ in range(2):  # nor is it remembered
        (found,) = own.find([named(jti)], own.open(()), node.store.ledger())
        assert isinstance(found, PeerFault)


def test_a_token_that_names_another_issuer_is_refused(twin: Twin, answerer: Answerer) -> None:
    claims = replace(twin.claims("public_security", WITH_CAR), issuer="tax")
    token = twin.token(claims, grant("P40"))
    assert ask(answerer, twin, [shown(token)], token) == [INVALID]


def test_a_retired_key_of_the_registrar_is_forgotten(
    built: tuple[Twin, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was verified before does not outlive the key that signed it."""
    twin, node = built
    answerer = node.answerer()
    jti, token = two_grants(twin)
    assert ask(answerer, twin, [shown(token)], token) == [YES]
    registrar = twin.registrar.manifest.registrar
    retired = replace(registrar, keys={})
    monkeypatch.setattr(answerer.consents, "_registrar", lambda: retired)
    assert ask(answerer, twin, [named(jti)]) == [INVALID]
    monkeypatch.setattr(answerer.consents, "_registrar", lambda: registrar)
    assert ask(answerer, twin, [named(jti)]) == [YES]


# ---- many at once


def many(twin: Twin) -> list[bytes]:
    return [two_grants(twin)[1] for _ in range(presentations.MANY + 8)]


def test_each_of_many_tokens_is_answered_as_if_it_were_shown_alone(
    built: tuple[Twin, Node], answerer: Answerer
) -> None:
    twin, node = built
    tokens = many(twin)
    foreign = replace(twin.claims("public_security", WITH_CAR), issuer="tax")
    for place in (0, len(tokens) // 2, -1):
        tokens[place] = twin.token(foreign, grant("P40"))
        tokens[place - 3] = tokens[place - 3].replace(b".", b".A", 1)  # not what was signed
    stray = twin.token(twin.claims("public_security", WITH_CAR), grant("P40"))
    asked = [shown(one) for one in [*tokens, stray, *tokens[:2]]]  # one is not there, two twice
    alone = [ask(node.answerer(), twin, [shown(one)], one) for one in tokens]
    expected = [*alone, [INVALID], *alone[:2]]
    assert [INVALID] in alone
    assert [YES] in alone
    assert [[one] for one in ask(answerer, twin, asked, *tokens)] == expected


def test_two_threads_read_many_tokens_from_both_ends(
    built: tuple[Twin, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    twin, node = built
    own = presentations.Consents(lambda: node.party.manifest.registrar)
    shows = own.open(tuple(many(twin)))
    order = list(shows.presentations.values())
    read: dict[int, list[bytes]] = {}
    both = threading.Barrier(2, timeout=30)
    real = consent.read

    def waiting(token: bytes, issuers: object) -> Consent:
        mine = read.setdefault(threading.get_ident(), [])
        mine.append(token)
        if len(mine) == 1:
            both.wait()  # the first and the last are read at the same time
        return real(token, issuers)  # type: ignore[arg-type]

    monkeypatch.setattr(consent, "read", waiting)
    found = own.find([shown(one) for one in order], shows, node.store.ledger())
    own._helper.submit(int).result()
    assert all(isinstance(one, Consent) for one in found)
    mine, other = read.pop(threading.get_ident()), *read.values()
    assert mine == order[: len(mine)]
    assert other == order[::-1][: len(other)]
    assert len(order) <= len(mine) + len(other) <= len(order) + 1  # the one where they met


def test_many_tokens_are_read_alone_while_the_second_reader_is_busy(
    built: tuple[Twin, Node],
) -> None:
    twin, node = built
    own = presentations.Consents(lambda: node.party.manifest.registrar)
    shows = own.open(tuple(many(twin)))
    free = threading.Event()
    busy = own._helper.submit(free.wait, 30)
    questions = [shown(one) for one in shows.presentations.values()]
    found = own.find(questions, shows, node.store.ledger())
    assert not busy.done()
    assert all(isinstance(one, Consent) for one in found)
    free.set()
    own._helper.submit(int).result()
    assert list(shows.found.values()) == found  # nothing is read again


def test_the_reader_of_many_stays_free_where_the_others_keep_to_one_core(
    built: tuple[Twin, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = presentations.Consents(lambda: built[1].party.manifest.registrar)
    kept: set[int] = set()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda thread, _: kept.add(thread), raising=False)
    server.keep_to_one_core()
    assert threading.get_native_id() in kept
    assert own._helper.submit(threading.get_native_id).result() not in kept
