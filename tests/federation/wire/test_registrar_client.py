"""The way to the registrar: how calls are cut, and which answers are believed."""

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from federation import exchange, limits, mandate
from federation.consenting import (
    ConsentForm,
    ConsentPerson,
    ConsentReceipt,
    ConsentState,
    IssuedToken,
    IssuedTokens,
    Objection,
    Role,
)
from federation.enrolment import BlindBatch, BlindEvaluation
from federation.errors import PeerFault, Refused, Unavailable
from federation.exchange import Header, Purpose
from federation.mandate import Order, Receipt, Step
from federation.manifest import PartyEntry
from federation.status import SignedList
from federation.wire import codec, mandate_messages, registrar_messages, signed
from federation.wire.channel import Peers
from federation.wire.registrar_client import RegistrarClient
from tests.support import twin as twins
from tests.support.twin import Twin

Answer = Callable[[str, Sequence[bytes]], list[bytes]]


@dataclass
class Registrar:
    """Stands where the sockets are and answers each call's items, signed with the real key."""

    twin: Twin
    answer: Answer
    calls: list[tuple[str, int]] = field(default_factory=list)
    lists: Sequence[int] = (0,)

    def call(self, peer: PartyEntry, method: str, request: bytes, *, timeout: float) -> bytes:
        assert peer.id == "registrar"
        assert timeout > 0
        if method == registrar_messages.STATUS_LIST:
            department, series = registrar_messages.decode_status_request(request)
            listed = self.lists[bisect_left(self.lists, series)]
            return registrar_messages.encode_status_list(
                SignedList(
                    jwt=f"{department}/{listed}".encode(),
                    series=listed,
                    more=listed < self.lists[-1],
                )
            )
        batch = codec.decode_batch(request)
        header = signed.claimed_header(batch)
        opened = signed.verify(batch, header, self.twin.coordinator.entry.keys)
        exchange.check_request(
            header, audience="registrar", method=method, now=self.twin.clock.now()
        )
        self.calls.append((method, len(opened.items)))
        items = self.answer(method, opened.items)
        answer = signed.prepare(self._header(header, opened.digest), items)
        return codec.encode_batch(signed.sign(answer, self.twin.registrar.key))

    def _header(self, asked: Header, digest: bytes) -> Header:
        assert digest == hashlib.sha256(codec.encode_header(asked)).digest()
        return replace(
            asked, sender=asked.audience, audience=asked.sender, request_hash=digest, n=0
        )


def _receipts(_: str, items: Sequence[bytes]) -> list[bytes]:
    forms = map(registrar_messages.decode_form, items)
    return [_receipt(form.reference, form.reference.hex()[:8]) for form in forms]


def _receipt(reference: bytes, number: str) -> bytes:
    return registrar_messages.encode_receipt(
        ConsentReceipt(reference=reference, consent_no=number, state=ConsentState.COMPLETE)
    )


def _tokens(_: str, items: Sequence[bytes]) -> list[bytes]:
    return [_issued(registrar_messages.decode_order(item)) for item in items]


def _issued(number: str) -> bytes:
    token = IssuedToken(person=0, department="tax", token=b"t")
    return registrar_messages.encode_tokens(IssuedTokens(consent_no=number, tokens=(token,)))


def _form(number: int, name: str = "") -> ConsentForm:
    return ConsentForm(
        reference=number.to_bytes(16, "big"),
        purpose=Purpose.ENTRY,
        persons=(ConsentPerson(id="x", name=name, role=Role.APPLICANT),),
        grants=(),
        members=1,
        not_after=1,
    )


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Twin:
    return twins.make(tmp_path_factory.mktemp("client") / "f")


@pytest.fixture
def played(twin: Twin) -> Callable[[Answer], tuple[RegistrarClient, Registrar]]:
    def play(answer: Answer) -> tuple[RegistrarClient, Registrar]:
        registrar = Registrar(twin, answer)
        client = RegistrarClient(twin.coordinator, cast("Peers", registrar), twin.clock)
        return client, registrar

    return play


Play = Callable[[Answer], tuple[RegistrarClient, Registrar]]


def test_each_form_gets_its_receipt(played: Play) -> None:
    client, registrar = played(_receipts)
    forms = [_form(n) for n in range(3)]
    assert [r.reference for r in client.record(forms)] == [f.reference for f in forms]
    assert registrar.calls == [(exchange.RECORD_CONSENT, 3)]


def test_nothing_to_do_is_no_call(played: Play) -> None:
    client, registrar = played(_receipts)
    assert (client.record([]), client.tokens([]), client.revoke([])) == ([], [], [])
    assert registrar.calls == []


def test_a_call_holds_a_most_of_items(played: Play) -> None:
    client, registrar = played(_receipts)
    assert len(client.record([_form(n) for n in range(limits.ITEMS + 1)])) == limits.ITEMS + 1
    assert [n for _, n in registrar.calls] == [limits.ITEMS, 1]


def test_a_call_holds_a_most_of_bytes(played: Play) -> None:
    client, registrar = played(_receipts)
    name = "x" * 200_000
    assert len(client.record([_form(n, name) for n in range(80)])) == 80
    assert len(registrar.calls) == 3


def test_tokens_come_in_order(played: Play) -> None:
    client, registrar = played(_tokens)
    assert [one.consent_no for one in client.tokens(["b", "a"])] == ["b", "a"]
    assert registrar.calls == [(exchange.ISSUE_TOKENS, 2)]


def test_tokens_that_do_not_fit_are_fetched_in_halves(played: Play) -> None:
    def answer(method: str, items: Sequence[bytes]) -> list[bytes]:
        if len(items) > 2:
            raise PeerFault("OVERSIZE", peer="registrar")
        return _tokens(method, items)

    client, registrar = played(answer)
    numbers = [str(n) for n in range(5)]
    assert [one.consent_no for one in client.tokens(numbers)] == numbers
    assert [n for _, n in registrar.calls] == [5, 2, 3, 1, 2]


@pytest.mark.parametrize(
    "error",
    [
        PeerFault("OVERSIZE"),
        PeerFault("MALFORMED"),
        Refused("CONSENT_REVOKED"),
        Unavailable("PEER_SLOW"),
    ],
    ids=str,
)
def test_what_halves_do_not_help_is_told(error: Exception, played: Play) -> None:
    def answer(method: str, items: Sequence[bytes]) -> list[bytes]:
        raise error

    client, registrar = played(answer)
    with pytest.raises(type(error), match=str(error)):
        client.tokens(["a"])
    assert registrar.calls == [(exchange.ISSUE_TOKENS, 1)]


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("revoke", exchange.REVOKE_CONSENT),
        ("suspend", exchange.SUSPEND_CONSENT),
        ("resume", exchange.RESUME_CONSENT),
    ],
)
def test_endings_are_answered_by_receipts(played: Play, name: str, method: str) -> None:
    def answer(_: str, items: Sequence[bytes]) -> list[bytes]:
        return [_receipt(bytes(16), registrar_messages.decode_order(item)) for item in items]

    client, registrar = played(answer)
    assert [one.consent_no for one in getattr(client, name)(["b", "a"])] == ["b", "a"]
    assert registrar.calls == [(method, 2)]


def test_a_household_change_is_answered_by_what_it_ended(played: Play) -> None:
    client, registrar = played(lambda *_: [registrar_messages.encode_ended(["a", "b"])])
    assert client.change_household("a") == ("a", "b")
    assert registrar.calls == [(exchange.CHANGE_HOUSEHOLD, 1)]


def test_an_objection_is_answered_by_tokens_of_its_consent(played: Play) -> None:
    objection = Objection(
        consent_no="a", person=0, predicate="P40", parameter="", evidence=bytes(32)
    )
    client, registrar = played(lambda *_: [_issued("a")])
    assert client.recheck(objection).consent_no == "a"
    assert registrar.calls == [(exchange.RECORD_OBJECTION, 1)]
    client, _ = played(lambda *_: [_issued("b")])
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        client.recheck(objection)


def test_steps_of_a_mandate_are_taken_in_their_order(played: Play) -> None:
    def answer(_: str, items: Sequence[bytes]) -> list[bytes]:
        parts = [len(mandate_messages.decode_order(item).ids) for item in items]
        return [mandate_messages.encode_receipt(Receipt(recorded=size)) for size in parts]

    client, registrar = played(answer)
    people = ("790101199001010019", "790101199001010027")
    orders = [
        Order(
            step=Step.RECORD,
            id=bytes(mandate.ID_BYTES),
            document=b"{}",
            salt=bytes(mandate.SALT_BYTES),
            ids=people[:size],
        )
        for size in (2, 1)
    ]
    assert [one.recorded for one in client.mandate(orders)] == [2, 1]
    assert registrar.calls == [(exchange.ISSUE_MANDATE_LIST, 2)]


@pytest.mark.parametrize(
    ("answer", "ask"),
    [
        (lambda *a: _receipts(*a)[::-1], lambda client: client.record([_form(1), _form(2)])),
        (lambda *a: _tokens(*a)[::-1], lambda client: client.tokens(["a", "b"])),
        (
            lambda *_: [_receipt(bytes(16), "b"), _receipt(bytes(16), "a")],
            lambda client: client.revoke(["a", "b"]),
        ),
        (lambda *a: _tokens(*a)[:1], lambda client: client.tokens(["a", "b"])),
    ],
    ids=["receipts", "tokens", "revocations", "one too few"],
)
def test_answers_in_another_order_are_not_believed(
    answer: Answer, ask: Callable[[RegistrarClient], Any], played: Play
) -> None:
    client, _ = played(answer)
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        ask(client)


def test_an_answer_by_another_key_is_not_believed(played: Play, twin: Twin) -> None:
    client, registrar = played(_tokens)
    registrar.twin = replace(twin, registrar=twin.coordinator)
    with pytest.raises(PeerFault, match="BAD_SIGNATURE"):
        client.tokens(["a"])


def test_a_batch_is_evaluated(played: Play) -> None:
    evaluation = BlindEvaluation(elements=(bytes(32),), proof=bytes(64))
    client, registrar = played(lambda *_: [registrar_messages.encode_evaluation(evaluation)])
    batch = BlindBatch(
        tag="id", epoch=2026, batch_no=0, roll=1, commitment=bytes(32), elements=(bytes(32),)
    )
    assert client.evaluate(batch) == evaluation
    assert registrar.calls == [(exchange.EVALUATE, 1)]


def test_a_status_list_is_fetched_without_a_signature(played: Play) -> None:
    client, registrar = played(_tokens)
    assert client.status_lists("tax") == {0: b"tax/0"}
    assert registrar.calls == []


def test_all_current_lists_of_a_series_are_fetched(played: Play) -> None:
    client, registrar = played(_tokens)
    registrar.lists = (2, 3, 7)
    assert client.status_lists("tax") == {2: b"tax/2", 3: b"tax/3", 7: b"tax/7"}


def test_a_series_without_end_is_not_followed(played: Play) -> None:
    client, registrar = played(_tokens)
    registrar.lists = range(1000)
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        client.status_lists("tax")


def test_a_series_that_does_not_rise_is_not_believed(
    played: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, registrar = played(_tokens)
    registrar.lists = range(3)
    same = SignedList(jwt=b"", series=0, more=True)
    monkeypatch.setattr(registrar_messages, "decode_status_list", lambda _: same)
    with pytest.raises(PeerFault, match="WRONG_ANSWER"):
        client.status_lists("tax")
