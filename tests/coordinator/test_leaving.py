"""Counting what left a department: found by looking, so that a leak is seen."""

from dataclasses import replace

from coordinator.asking.record import Exchange
from coordinator.findings.leaving import leaving
from crypto.envelope import Envelope
from federation.exchange import Outcome, SaltedItem
from federation.strictjson import b64
from federation.wire import codec
from federation.wire.codec import SignedBatch
from tests.coordinator.town import APPLICANT, WIFE, told

SEALED = Envelope(payload=b"header", payload_type="x", signatures=())


def message(*items: bytes, shown: tuple[bytes, ...] = ()) -> bytes:
    salted = tuple(SaltedItem(bytes(16), item) for item in items)
    return codec.encode_batch(SignedBatch(SEALED, salted, shown))


ANSWER = codec.encode_answer(told(Outcome.YES))
PLAIN = Exchange(
    department="tax",
    request=message(b"question", b"question"),
    receipt=message(ANSWER, ANSWER),
    items=2,
    mine=2,
)


def counted(one: Exchange) -> tuple[int, int, int]:
    (row,) = leaving([one], {APPLICANT, WIFE}, {"王甲"})
    return row.raw_records, row.ids, row.names


def test_minimized_answers_hold_nothing() -> None:
    assert counted(PLAIN) == (0, 0, 0)


def test_what_is_no_minimized_answer_counts_as_a_raw_record() -> None:
    assert counted(replace(PLAIN, receipt=message(ANSWER, b"salary 4200"))) == (1, 0, 0)
    assert counted(replace(PLAIN, receipt=message(ANSWER[:-1], ANSWER + b"\0"))) == (2, 0, 0)


def test_what_cannot_be_read_counts_as_a_raw_record_and_is_searched() -> None:
    assert counted(replace(PLAIN, receipt=b"garbage")) == (1, 0, 0)
    leak = f"\xff{APPLICANT} {WIFE} 王甲".encode()
    assert counted(replace(PLAIN, receipt=leak)) == (1, 2, 1)
    cut = PLAIN.receipt[:-1]
    assert counted(replace(PLAIN, receipt=cut)) == (1, 0, 0)


def test_ids_and_names_are_found_in_the_open() -> None:
    leak = message(f"{APPLICANT} {WIFE.lower()} 王甲".encode())
    assert counted(replace(PLAIN, request=leak)) == (0, 2, 1)
    assert counted(replace(PLAIN, receipt=leak)) == (1, 2, 1)


def test_ids_run_together_are_found() -> None:
    assert counted(replace(PLAIN, request=message((APPLICANT + WIFE).encode())))[1] == 2


def test_ids_and_names_are_found_inside_a_token() -> None:
    token = b".".join(b64(part).encode() for part in (b"{}", f'{{"a":"{WIFE}"}}'.encode(), b"s"))
    disclosure = b64(f'["salt","{APPLICANT} 王甲"]'.encode()).encode()
    leak = message(b"question", shown=(token + b"~" + disclosure + b"~",))
    assert counted(replace(PLAIN, request=leak)) == (0, 2, 1)


def test_somebody_elses_number_is_not_counted() -> None:
    assert counted(replace(PLAIN, request=message(b"790501201409030456"))) == (0, 0, 0)


def test_departments_add_up_and_an_unanswered_request_gave_nothing() -> None:
    silent = replace(PLAIN, receipt=b"")
    other = replace(PLAIN, department="bank_a", mine=1)
    rows = leaving([PLAIN, silent, other], set(), set())
    size = len(PLAIN.receipt)
    assert [(r.department, r.questions, r.answer_bytes) for r in rows] == [
        ("tax", 4, size),
        ("bank_a", 1, size // 2),
    ]
