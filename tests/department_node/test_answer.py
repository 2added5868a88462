"""The whole way through the node: gate, evaluation, durable log, signature."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

import pytest

from department_node.answer import Answerer
from department_node.ledger import Look
from department_node.node import Node
from federation import consent, ledger
from federation.consent import Claims
from federation.errors import HeduiError
from federation.exchange import Answer, Outcome, Purpose, Question, Refusal
from federation.status import Status
from federation.wire import codec, signed
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
    twin, node = built
    twin.clock.seconds = twins.NOW
    twin.states.clear()
    node.status.current = None
    node.status.refresh()
    return node.answerer()


def question(presentation: bytes, predicate: str = "P40", parameter: str = "") -> Question:
    return Question(
        predicate=predicate,
        parameter=parameter,
        presentation=hashlib.sha256(presentation).digest(),
        case_ref=bytes(32),
    )


def ask(answerer: Answerer, request: bytes) -> list[Answer]:
    batch = codec.decode_batch(answerer.ask("coordinator", request))
    sent = signed.claimed_header(codec.decode_batch(request))
    opened = signed.open_answer(batch, sent, answerer._party.entry.keys)
    return [codec.decode_answer(item) for item in opened.items]


def ask_one(answerer: Answerer, twin: Twin, claims: Claims, **more: object) -> Answer:
    token = twin.token(claims, grant("P40"))
    header = replace(twin.header(), **more)  # type: ignore[arg-type]
    return ask(answerer, twin.request(header, [question(token)], token))[0]


def test_yes_and_no(answerer: Answerer, twin: Twin) -> None:
    for person, outcome in ((WITH_CAR, Outcome.YES), (WITHOUT_CAR, Outcome.NO)):
        answer = ask_one(answerer, twin, twin.claims("public_security", person))
        assert (answer.outcome, answer.use_no) == (outcome, 1)
        assert answer.as_of == 20261117
        assert answer.enrolled_to == 20261118
        assert (answer.period_from, answer.period_to) == (20261101, 20261201)


def test_absent_from_event_register_is_no(answerer: Answerer, twin: Twin) -> None:
    claims = twin.claims("public_security", "790302199302200158")
    assert ask_one(answerer, twin, claims).outcome is Outcome.NO


def test_name_and_window(answerer: Answerer, twin: Twin) -> None:
    claims = twin.claims("public_security", WITH_CAR)
    right = twin.name_psn("public_security", WITH_CAR, "王甲")
    wrong = twin.name_psn("public_security", WITH_CAR, "王乙")
    for name, outcome in ((right, Outcome.YES), (wrong, Outcome.NO)):
        fresh = replace(claims, jti=name[:16])
        token = twin.token(fresh, grant("P06", args=(name,)), grant("P42", "w12m", "window"))
        questions = [question(token, "P06"), question(token, "P42", "w12m")]
        answers = ask(answerer, twin.request(twin.header(), questions, token))
        assert [a.outcome for a in answers] == [outcome, Outcome.YES]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"audience": "tax"}, Refusal.CONSENT_WRONG_AUDIENCE),
        ({"holder": bytes(32)}, Refusal.CONSENT_WRONG_HOLDER),
        ({"expires": twins.NOW - 1, "issued": 1, "not_before": 2}, Refusal.CONSENT_EXPIRED),
        ({"not_before": twins.NOW + 300}, Refusal.CONSENT_NOT_YET_VALID),
        ({"purpose": Purpose.REVIEW}, Refusal.CONSENT_WRONG_PURPOSE),
        ({"status_uri": "hedui:registrar/status/tax/0"}, Refusal.CONSENT_INVALID),
        ({"issuer": "someone"}, Refusal.CONSENT_INVALID),
        ({"policy_family": "other"}, Refusal.POLICY_VERSION),
        ({"uses_a_month": 0}, Refusal.USES_EXHAUSTED),
    ],
)
def test_token_refusals(
    answerer: Answerer, twin: Twin, change: dict[str, object], code: Refusal
) -> None:
    claims = replace(twin.claims("public_security", WITH_CAR), **change)  # type: ignore[arg-type]
    answer = ask_one(answerer, twin, claims)
    assert (answer.outcome, answer.refusal) == (Outcome.REFUSED, code)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (Status.INVALID, Refusal.CONSENT_REVOKED),
        (Status.SUSPENDED, Refusal.CONSENT_SUSPENDED),
    ],
)
def test_revoked(
    built: tuple[Twin, Node], answerer: Answerer, state: Status, code: Refusal
) -> None:
    twin, node = built
    claims = twin.claims("public_security", WITH_CAR)
    twin.states[claims.status_index] = state
    node.status.refresh()
    assert ask_one(answerer, twin, claims).refusal is code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"audience": "tax"}, Refusal.WRONG_AUDIENCE),
        ({"method": "federation.v1.DepartmentNode/Other"}, Refusal.WRONG_METHOD),
        ({"expires": twins.NOW + 301}, Refusal.REQUEST_NOT_FRESH),
        ({"issued": twins.NOW - 500, "expires": twins.NOW - 200}, Refusal.REQUEST_NOT_FRESH),
        ({"issued": twins.NOW + 200, "expires": twins.NOW + 400}, Refusal.REQUEST_NOT_FRESH),
        ({"policy_version": 2}, Refusal.POLICY_VERSION),
    ],
)
def test_header_refusals(
    answerer: Answerer, twin: Twin, change: dict[str, object], code: Refusal
) -> None:
    header = replace(twin.header(), **change)  # type: ignore[arg-type]
    token = twin.token(twin.claims("public_security", WITH_CAR), grant("P40"))
    reply = codec.decode_batch(
        answerer.ask("coordinator", twin.request(header, [question(token)], token))
    )
    answer = codec.decode_answer(reply.items[0].item)
    assert (answer.outcome, answer.refusal) == (Outcome.REFUSED, code)


def test_grants_and_policy(answerer: Answerer, twin: Twin) -> None:
    claims = twin.claims("public_security", WITH_CAR)
    token = twin.token(
        claims, grant("P40"), grant("P21", "wage-12s", "threshold"), grant("P42", "w99m", "window")
    )
    asked = [
        question(token, "P06"),
        question(token, "P21", "wage-12s"),
        question(token, "P42", "w99m"),
    ]
    answers = ask(answerer, twin.request(twin.header(), asked, token))
    assert [a.refusal for a in answers] == [
        Refusal.CONSENT_NOT_GRANTED,
        Refusal.POLICY_NOT_ANSWERED,
        Refusal.POLICY_PARAMETER,
    ]


def test_uses_are_counted_and_frozen(answerer: Answerer, twin: Twin) -> None:
    token = twin.token(twin.claims("public_security", WITH_CAR), grant("P40"))
    answers = [
        ask(answerer, twin.request(twin.header(), [question(token)], token))[0] for _ in range(3)
    ]
    assert [a.use_no for a in answers] == [1, 2, 0]
    assert answers[2].refusal is Refusal.USES_EXHAUSTED


def test_known_token_by_id(answerer: Answerer, twin: Twin) -> None:
    claims = twin.claims("public_security", WITH_CAR)
    by_id = Question(predicate="P40", jti=claims.jti, case_ref=bytes(32))
    first = ask(answerer, twin.request(twin.header(), [by_id]))[0]
    assert first.outcome is Outcome.PRESENT_AGAIN
    token = twin.token(claims, grant("P40"))
    ask(answerer, twin.request(twin.header(), [question(token)], token))
    assert ask(answerer, twin.request(twin.header(), [by_id]))[0].outcome is Outcome.YES


def test_same_query_same_bytes(answerer: Answerer, twin: Twin) -> None:
    token = twin.token(twin.claims("public_security", WITH_CAR), grant("P40"))
    header = twin.header()
    request = twin.request(header, [question(token)], token)
    first = answerer.ask("coordinator", request)
    twin.clock.seconds += 100_000
    assert answerer.ask("coordinator", request) == first
    other = twin.request(header, [question(token)], token)
    with pytest.raises(HeduiError, match="REPLAYED"):
        answerer.ask("coordinator", other)


def test_transport_refusals(answerer: Answerer, twin: Twin) -> None:
    token = twin.token(twin.claims("public_security", WITH_CAR), grant("P40"))
    good = twin.request(twin.header(), [question(token)], token)
    with pytest.raises(HeduiError, match="WRONG_PARTY"):
        answerer.ask("stranger", good)
    with pytest.raises(HeduiError, match="MALFORMED"):
        answerer.ask("coordinator", b"garbage")
    forged = twin.request(twin.header(), [question(token)], token, key=twin.registrar.key)
    with pytest.raises(HeduiError, match="BAD_SIGNATURE"):
        answerer.ask("coordinator", forged)
    swapped = codec.decode_batch(good)
    item = replace(swapped.items[0], salt=bytes(16))
    with pytest.raises(HeduiError, match="ITEMS_DO_NOT_MATCH"):
        answerer.ask("coordinator", codec.encode_batch(replace(swapped, items=(item,))))
    assert sum(answerer.refused.take().values()) == 4


def test_clock_behind(answerer: Answerer, twin: Twin) -> None:
    ask_one(answerer, twin, twin.claims("public_security", WITH_CAR))
    twin.clock.seconds -= 3600
    with pytest.raises(HeduiError, match="CLOCK_BEHIND"):
        ask_one(answerer, twin, twin.claims("public_security", WITH_CAR))


def test_every_answer_is_in_the_log(built: tuple[Twin, Node], answerer: Answerer) -> None:
    twin, node = built
    before = sum(1 for _ in node.store.entries())
    claims = twin.claims("public_security", WITH_CAR)
    ask_one(answerer, twin, claims)
    entries = list(node.store.entries())
    assert len(entries) == before + 1
    assert codec.decode_entry(entries[-1][3]).caller == "coordinator"
    assert logged_tokens(node) == (claims.jti,)


def logged_tokens(node: Node) -> tuple[bytes, ...]:
    """Read the token ids beside the newest entry, which names them by their digest."""
    sql = "SELECT record, beside FROM log ORDER BY seq DESC LIMIT 1"
    ((record, beside),) = node.store._read.execute(sql).fetchall()
    assert codec.decode_entry(record).beside == ledger.digest(beside)
    return ledger.read_items(beside).tokens


def test_paused_and_stale_list(built: tuple[Twin, Node], answerer: Answerer) -> None:
    twin, node = built
    node.paused_file.touch()
    claims = twin.claims("public_security", WITH_CAR)
    assert ask_one(answerer, twin, claims).refusal is Refusal.NODE_PAUSED
    node.paused_file.unlink()
    twin.clock.seconds += 901
    answer = ask_one(answerer, twin, replace(claims, expires=twins.NOW + 10**6))
    assert answer.refusal is Refusal.STATUS_LIST_STALE


class Counting:
    """A record source that counts what it is asked."""

    def __init__(self, inner: object) -> None:
        self.inner = inner
        self.asked = 0

    def scalar(self, sql: str, parameters: Mapping[str, object]) -> object | None:
        self.asked += 1
        result: object | None = self.inner.scalar(sql, parameters)  # type: ignore[attr-defined]
        return result


@pytest.fixture
def counting(answerer: Answerer) -> Counting:
    counting = Counting(answerer._s.records)
    answerer._s = replace(answerer._s, records=counting)  # type: ignore[arg-type]
    return counting


def test_a_spent_grant_looks_at_no_record(
    answerer: Answerer, twin: Twin, counting: Counting
) -> None:
    token = twin.token(twin.claims("public_security", WITH_CAR), grant("P40", max_uses=0))
    answer = ask(answerer, twin.request(twin.header(), [question(token)], token))[0]
    assert answer.refusal is Refusal.USES_EXHAUSTED
    assert counting.asked == 0


def test_equal_questions_look_once(answerer: Answerer, twin: Twin, counting: Counting) -> None:
    token = twin.token(
        twin.claims("public_security", WITHOUT_CAR), grant("P42", "w12m", "window", max_uses=9)
    )
    questions = [question(token, "P42", "w12m")] * 5
    answers = ask(answerer, twin.request(twin.header(), questions, token))
    assert [a.use_no for a in answers] == [1, 2, 3, 4, 5]
    assert counting.asked <= 1


def test_two_epochs_of_one_record_share_their_cells(
    built: tuple[Twin, Node], answerer: Answerer
) -> None:
    twin, node = built
    other = b"\x01" * 32
    node.store.writer.write(
        lambda c: c.execute(
            "REPLACE INTO person VALUES (?, 2027, ?, x'', x'', 1)", (other, WITH_CAR)
        )
    )
    before = _cells(node, WITH_CAR)
    claims = twin.claims("public_security", WITH_CAR)
    assert ask_one(answerer, twin, claims).outcome is Outcome.YES
    another = twins.alone(claims, sub=other, jti=bytes(16), chain=bytes(16))
    assert ask_one(answerer, twin, another).use_no == 1
    assert _cells(node, WITH_CAR) == max(before, 1)


def _cells(node: Node, key: str) -> int:
    look = Look(bytes(16), "", "", node.store.pseudonyms(key)[0], b"", 2026)
    return node.store.ledger().look([look])[0].cells


def test_disclosures_of_two_presentations_are_joined(
    built: tuple[Twin, Node], answerer: Answerer
) -> None:
    twin, node = built
    claims = twin.claims("public_security", WITHOUT_CAR)
    whole = twin.token(claims, grant("P40"), grant("P42", "w12m", "window"))
    first = consent.disclose(whole, [("P40", "")])
    second = consent.disclose(whole, [("P42", "w12m")])
    by_id = Question(predicate="P42", parameter="w12m", jti=claims.jti, case_ref=bytes(32))
    ask(answerer, twin.request(twin.header(), [question(first)], first))
    assert ask(answerer, twin.request(twin.header(), [by_id]))[0].outcome is Outcome.PRESENT_AGAIN
    ask(answerer, twin.request(twin.header(), [question(second, "P42", "w12m")], second))
    restarted = node.answerer()
    answers = ask(restarted, twin.request(twin.header(), [by_id]))
    assert (answers[0].outcome, answers[0].use_no) == (Outcome.NO, 2)


def test_another_token_under_a_known_id_is_refused(answerer: Answerer, twin: Twin) -> None:
    claims = twin.claims("public_security", WITH_CAR)
    assert ask_one(answerer, twin, claims).outcome is Outcome.YES
    forged = ask_one(answerer, twin, replace(claims, uses_a_month=5))
    assert forged.refusal is Refusal.CONSENT_INVALID


@pytest.mark.parametrize(
    "change", [{"basis": "STATUTORY_MANDATE"}, {"role": "GOD"}, {"expires": 1 << 39}]
)
def test_what_this_version_does_not_know_is_refused(
    answerer: Answerer, twin: Twin, change: dict[str, object]
) -> None:
    claims = replace(twin.claims("public_security", WITH_CAR), **change)  # type: ignore[arg-type]
    assert ask_one(answerer, twin, claims).refusal is Refusal.CONSENT_INVALID


def test_a_refused_question_is_logged_with_its_token(
    built: tuple[Twin, Node], answerer: Answerer
) -> None:
    twin, node = built
    claims = replace(twin.claims("public_security", WITH_CAR), purpose=Purpose.REVIEW)
    ask_one(answerer, twin, claims)
    assert logged_tokens(node) == (claims.jti,)


def test_a_clock_that_runs_ahead_for_one_request_does_not_lock_the_node(
    built: tuple[Twin, Node], answerer: Answerer
) -> None:
    twin, node = built
    claims = twin.claims("public_security", WITH_CAR)
    good = twin.request(twin.header(), [question(twin.token(claims, grant("P40")))])
    twin.clock.seconds += 10_000_000
    with suppress(HeduiError):
        answerer.ask("coordinator", good)
    twin.clock.seconds = twins.NOW
    restarted = node.answerer()
    answer = ask_one(restarted, twin, twin.claims("public_security", WITH_CAR))
    assert answer.outcome is Outcome.YES


def test_a_list_from_the_future_is_not_kept(built: tuple[Twin, Node], answerer: Answerer) -> None:
    twin, node = built
    twin.clock.seconds += 86_400
    ahead = twin.status_lists("public_security")
    twin.clock.seconds = twins.NOW
    node.status._fetch = lambda _: ahead
    with pytest.raises(HeduiError, match="STATUS_LIST_INVALID"):
        node.status.refresh()
    node.status._fetch = twin.status_lists
    node.status.refresh()
    answer = ask_one(answerer, twin, twin.claims("public_security", WITH_CAR))
    assert answer.outcome is Outcome.YES


def test_a_request_without_items_is_refused(answerer: Answerer, twin: Twin) -> None:
    with pytest.raises(HeduiError, match="MALFORMED"):
        answerer.ask("coordinator", twin.request(twin.header(), []))
