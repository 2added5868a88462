"""Transcripts in real bundles: proven and replayed as they are, and everything wrong is located."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from auditor import bundles
from auditor.bundles import Verdict
from auditor.sums import Known
from federation import bundle, root, transcript
from federation.errors import PeerFault, table
from federation.exchange import Outcome
from federation.receipt import LogProof
from federation.strictjson import b64
from federation.transcript import Transcript
from federation.wire import codec, receipt_messages
from federation.wire.receipt_messages import Proved
from tests.auditor.adding import Added, added, opened
from tests.auditor.test_bundles import members
from tests.auditor.test_reconcile_sums import TORN, aborted
from tests.support import exchanges, summed
from tests.support.summed import DEPARTMENTS, HIGHER, RUNG, SEED, compute

NAME = "transcripts/001.json"
ROUNDS = ["contribute", "contribute", "contribute", "compare", "test"]


@cache
def honest() -> tuple[Added, Transcript]:
    town = added()
    return town, town.transcript(compute())


def check(data: bytes, *seeds: bytes) -> Verdict:
    chain = root.read_chain(exchanges.root_file(exchanges.root_document()))
    return bundles.check(data, chain, {}, Known(seeds=opened(*seeds)))


def judged(one: Transcript, *seeds: bytes, town: Added | None = None) -> tuple[PeerFault, ...]:
    """Verify a bundle of one transcript."""
    town = town or honest()[0]
    return check(town.sealed(town.files(one)), *seeds).faults


def codes(one: Transcript, *seeds: bytes, town: Added | None = None) -> list[str]:
    return [fault.code for fault in judged(one, *seeds, town=town)]


def test_a_run_is_proven_and_replayed() -> None:
    town, one = honest()
    found = check(town.sealed(town.files(one)), SEED)
    assert found.faults == ()
    (ran,) = found.sums.values()
    assert [step.round for step in ran.steps] == ROUNDS
    assert [len(step.slots) for step in ran.steps] == [2] * 5
    assert ran.sum is not None
    assert (ran.sum.replayed, ran.sum.outcome, ran.sum.departments) == (True, "YES", DEPARTMENTS)


def test_without_seeds_it_is_proven_and_not_replayed() -> None:
    town, one = honest()
    (ran,) = check(town.sealed(town.files(one))).sums.values()
    assert ran.sum is not None
    assert (ran.sum.replayed, ran.sum.outcome) == (False, None)


def test_two_rungs_of_one_run() -> None:
    town = added()
    seed = b"h" * 32
    made = compute((300, 400, 500), seed, 3_001, HIGHER)
    town.add(made, rung=HIGHER)
    first = town.transcript(compute(), slice(5))
    second = town.transcript(made, slice(5, None), parameter=HIGHER)
    found = check(town.sealed(town.files(first, second)), SEED, seed)
    assert found.faults == ()
    assert [one.sum and one.sum.replayed for one in found.sums.values()] == [True, True]


def test_an_abort_and_its_second_attempt() -> None:
    town, made, order = aborted()
    again = compute(attempt=1)
    town.add(again, order)
    first = town.transcript(made, slice(4))
    second = town.transcript(again, slice(4, None), attempt=1)
    found = check(town.sealed(town.files(first, second)), SEED)
    assert found.faults == ()
    assert [one.sum and one.sum.aborted for one in found.sums.values()] == [True, False]


def test_a_run_that_waits_for_a_department_proves_what_is_there() -> None:
    town = Added()
    made = compute()
    town.contribute("tax", made.shares[0], made.run)
    town.contribute("finance", made.shares[2], made.run, outcome=Outcome.REFUSED, uses=(0, 0))
    one = town.transcript(made, outcome="SOURCE_UNAVAILABLE")
    found = check(town.sealed(town.files(one)), SEED)
    assert found.faults == ()
    (ran,) = found.sums.values()
    assert ran.sum is None
    assert len(ran.steps) == 2


def test_an_empty_transcript_proves_nothing_and_hides_nothing() -> None:
    _, one = honest()
    assert codes(replace(one, messages=(), outcome="SILENT")) == []


# -- what a transcript says, and its messages do not


def message(one: Transcript, place: int, **changes: Any) -> Transcript:
    """Change a message."""
    messages = list(one.messages)
    messages[place] = replace(messages[place], **changes)
    return replace(one, messages=tuple(messages))


def without(one: Transcript, *places: int) -> Transcript:
    left = [each for n, each in enumerate(one.messages) if n not in places]
    return replace(one, messages=tuple(left))


def batch(one: Transcript, place: int, part: str, **changes: Any) -> Transcript:
    """Change the request or the answer of a message."""
    read = codec.decode_batch(getattr(one.messages[place], part))
    return message(one, place, **{part: codec.encode_batch(replace(read, **changes))})


def _last(one: Transcript, place: int, part: str) -> Transcript:
    """Change what stands behind the questions, or the answers."""
    read = codec.decode_batch(getattr(one.messages[place], part))
    *items, last = read.items
    items.append(replace(last, item=last.item[:-1] + bytes((last.item[-1] ^ 1,))))
    return batch(one, place, part, items=tuple(items))


def _salts(one: Transcript) -> Transcript:
    """Let the salt of an item be part of it: the same leaf, another item."""
    (first, *rest) = codec.decode_batch(one.messages[0].request).items
    moved = replace(first, salt=first.salt[:-1], item=first.salt[-1:] + first.item)
    return batch(one, 0, "request", items=(moved, *rest))


def _signatures(one: Transcript) -> Transcript:
    sent = codec.decode_batch(one.messages[0].request).envelope
    twice = replace(sent, signatures=sent.signatures * 2)
    return batch(one, 0, "request", envelope=twice)


def _proof_of(one: Transcript, place: int, other: int) -> Transcript:
    return message(one, place, proof=one.messages[other].proof)


def _lists(one: Transcript) -> Transcript:
    log = receipt_messages.decode_proved(one.messages[0].proof).log
    return message(one, 0, proof=proved(log, b"list"))


def proved(log: LogProof, *lists: bytes) -> bytes:
    return receipt_messages.encode_proved(Proved(log=log, status_lists=lists))


def _header(one: Transcript) -> Transcript:
    sent = codec.decode_batch(one.messages[0].request).envelope
    return batch(one, 0, "request", envelope=replace(sent, payload=b"\x01"))


def _question(one: Transcript) -> Transcript:
    (first, *rest) = codec.decode_batch(one.messages[0].request).items
    return batch(one, 0, "request", items=(replace(first, item=b"\x01"), *rest))


Change = Callable[[Transcript], Transcript]
WRONG: dict[str, tuple[Change, Sequence[str]]] = {
    "a department left out": (lambda t: without(t, 1), ["SUM_PART", "SUM_REPLAY"]),
    "never compared": (lambda t: without(t, 3), ["SUM_PART", "SUM_PART"]),
    "never tested": (lambda t: without(t, 4), ["SUM_PART"]),
    "another outcome": (lambda t: replace(t, outcome="NO"), ["SUM_RUN"]),
    "another run": (lambda t: replace(t, run=bytes(32)), ["SUM_RUN", "SUM_PART"]),
    "another group": (lambda t: replace(t, group=bytes(32)), ["SUM_RUN"]),
    "another sum": (lambda t: replace(t, predicate="H2"), ["RECEIPT_WRONG_ANSWER"] * 5),
    "another rung": (lambda t: replace(t, parameter=HIGHER), ["RECEIPT_WRONG_ANSWER"] * 5),
    "another month": (lambda t: replace(t, period=202610), ["SUM_RUN"]),
    "another attempt": (lambda t: replace(t, attempt=1), ["SUM_RUN"]),
    "fewer people": (lambda t: replace(t, persons=(1,)), ["RECEIPT_WRONG_ANSWER"] * 5),
    "another party": (lambda t: message(t, 0, party="finance"), ["RECEIPT_WRONG_ANSWER"]),
    "another round": (
        lambda t: message(t, 4, round=transcript.Round.COMPARE),
        ["RECEIPT_WRONG_ANSWER"],
    ),
    "another's answer": (
        lambda t: message(t, 0, answer=t.messages[1].answer),
        ["RECEIPT_ANSWER_SIGNATURE"],
    ),
    "an answer to another round": (
        lambda t: message(t, 3, answer=t.messages[4].answer),
        ["RECEIPT_REQUEST_HASH"],
    ),
    "another order": (lambda t: _last(t, 0, "request"), ["RECEIPT_REQUEST_ITEM"]),
    "another share": (lambda t: _last(t, 0, "answer"), ["RECEIPT_ANSWER_ITEM"]),
    "another proof": (lambda t: _proof_of(t, 0, 1), ["RECEIPT_LOG_RECORD"]),
    "no proof": (lambda t: message(t, 0, proof=b"x"), ["RECEIPT_MALFORMED"]),
    "lists within": (_lists, ["RECEIPT_MALFORMED"]),
    "no request": (lambda t: message(t, 0, request=b"x"), ["RECEIPT_MALFORMED"]),
    "no answer": (lambda t: message(t, 0, answer=b""), ["RECEIPT_MALFORMED"]),
    "no header": (_header, ["RECEIPT_MALFORMED"]),
    "no question": (_question, ["RECEIPT_MALFORMED"]),
    "two signatures": (_signatures, ["RECEIPT_MALFORMED"]),
    "a salt that is cut": (_salts, ["RECEIPT_MALFORMED"]),
    "tokens within": (
        lambda t: batch(t, 0, "request", presentations=(b"x",)),
        ["RECEIPT_MALFORMED"],
    ),
    "items left out": (lambda t: batch(t, 0, "request", items=()), ["RECEIPT_MALFORMED"]),
}


@pytest.mark.parametrize(("change", "wrong"), WRONG.values(), ids=WRONG)
def test_what_does_not_hold_is_named(change: Change, wrong: Sequence[str]) -> None:
    town, one = honest()
    faults = judged(change(one), SEED, town=town)
    assert [fault.code for fault in faults] == wrong
    assert {fault.details["file"] for fault in faults} == {NAME}
    assert {fault.code for fault in faults} <= table().keys()


def test_a_message_that_is_wrong_is_located() -> None:
    _, one = honest()
    changed = _last(one, 0, "answer")
    (fault,) = judged(changed)
    first, last = map(int, str(fault.details["bytes"]).split("-"))
    written = transcript.write(changed)[first : last + 1]
    assert written.decode() == b64(changed.messages[0].answer)
    assert fault.details["about"] == "tax contribute"


def test_a_transcript_that_does_not_read() -> None:
    town, one = honest()
    files = {**town.files(one), NAME: b"{}"}
    (fault,) = check(town.sealed(files)).faults
    assert (fault.code, fault.details["file"]) == ("TRANSCRIPT_MALFORMED", NAME)


def test_a_token_that_is_missing() -> None:
    town, one = honest()
    files = town.files(one)
    lost: list[int] = []
    for token in (name for name in files if name.startswith("tokens/")):
        gone = {name: data for name, data in files.items() if name != token}
        faults = check(town.sealed(gone)).faults
        assert {fault.code for fault in faults} == {"RECEIPT_TOKEN_MISSING"}
        assert not [fault for fault in faults if "bytes" in fault.details]
        lost.append(len(faults))
    assert sorted(lost) == [1] * 6 + [2] * 2  # the tally's tokens serve both of its messages


def test_a_token_that_nobody_has_issued() -> None:
    town = Added()
    made = compute()
    forged = [
        town.issue(
            "tax",
            issuer="tax",
            joint=summed.grant(slot),
            pairs=[("H1", RUNG)],
            claims={"sub": bytes([slot]) * 32, "members": 2},
        )
        for slot in range(2)
    ]
    town.contribute("tax", made.shares[0], made.run, tokens=forged)
    (fault,) = judged(town.transcript(made, outcome="SILENT"), town=town)
    assert (fault.code, fault.details["about"]) == ("TOKEN_SIGNATURE", "tax contribute")


def test_a_policy_that_is_not_there() -> None:
    town, one = honest()
    less = {name: data for name, data in town.files(one).items() if "policy" not in name}
    assert [fault.code for fault in check(town.sealed(less)).faults] == ["RECEIPT_POLICY"] * 5


def test_a_run_whose_seed_is_missing() -> None:
    assert codes(honest()[1], b"o" * 32) == ["SUM_SEED"]


def test_a_message_of_another_case() -> None:
    town, one = honest()
    faults = check(town.sealed(town.files(one), commission="790301-18")).faults
    assert [fault.code for fault in faults] == ["BUNDLE_CASE"] * 5


def test_two_transcripts_of_one_run_are_one_run() -> None:
    town, one = honest()
    found = check(town.sealed(town.files(one, one)), SEED)
    assert found.faults == ()


def test_a_second_comparison_of_one_line() -> None:
    town = added()
    made = compute((1, 2, 3), b"2" * 32)
    town.add(made)
    first = town.transcript(compute(), slice(5))
    second = town.transcript(made, slice(5, None))
    faults = check(town.sealed(town.files(first, second)), SEED).faults
    assert {fault.code for fault in faults} == {"SUM_TWICE"}
    assert {fault.details["file"] for fault in faults} == {"transcripts/002.json"}


# -- the report


def row(**changes: Any) -> dict[str, Any]:
    plain = {"predicate": "H1", "parameter": RUNG, "persons": [1, 2], "outcome": "YES"}
    return plain | changes


REPORTS: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "as it was": ([row()], True),
    "a band that follows from what was declared": (
        [row(), row(predicate="H7", parameter="b", persons=[], outcome="BAND(2)")],
        True,
    ),
    "a composite": ([row(), row(predicate="H6", parameter="", outcome="YES")], True),
    "not told any more": ([row(outcome="UNAVAILABLE")], True),
    "another outcome": ([row(outcome="NO")], False),
    "invented": ([row(), row(parameter=HIGHER)], False),
    "of others": ([row(), row(persons=[1])], False),
    "hidden": ([], False),
}


@pytest.mark.parametrize(("rows", "sound"), REPORTS.values(), ids=REPORTS)
def test_a_report_says_what_runs_bear_out(rows: list[dict[str, Any]], sound: bool) -> None:
    town, one = honest()
    faults = check(town.sealed(town.files(one, sums=rows)), SEED).faults
    assert [fault.code for fault in faults] == ([] if sound else ["BUNDLE_REPORT"])


def test_the_newest_run_is_what_a_report_tells() -> None:
    town, made, order = aborted()
    again = compute(attempt=1)
    town.add(again, order)
    pair = town.transcript(made, slice(4)), town.transcript(again, slice(4, None), attempt=1)
    assert check(town.sealed(town.files(*pair, sums=[row()])), SEED).faults == ()
    assert made == compute(TORN)


def test_a_report_of_before_there_were_sums() -> None:
    town, one = honest()
    files = {
        name: data for name, data in town.files(one).items() if not name.startswith("transcripts/")
    }
    event = next(iter(town.openings.values()))
    told = {"commission": event.commission, "operator": event.operator}
    files[bundle.REPORT] = exchanges.report(**told)
    assert check(town.sealed(files)).faults == ()


# -- flipped bytes


def test_flipped_bytes_of_a_transcript_are_found_and_located() -> None:
    """At seeded positions of the file, the list signed over what is there; seeds tell the rest."""
    town, one = honest()
    written = transcript.write(one)
    files = town.files(one)
    draw = random.Random(11)
    for at in sorted(draw.choices(range(len(written)), k=250)):
        flipped = written[:at] + bytes((written[at] ^ draw.randint(1, 127),)) + written[at + 1 :]
        found = check(town.sealed({**files, NAME: flipped}), SEED).faults
        assert found, at
        assert found[0].details["file"] in {NAME, bundle.REPORT}, (at, found)
        place = str(found[0].details.get("bytes", ""))
        if place:
            first, last = map(int, place.split("-"))
            assert first <= at <= last, (at, place, found[0].code)


def test_flipped_bytes_under_a_signed_list_name_the_file() -> None:
    town, one = honest()
    data = town.sealed(town.files(one))
    where = members(data)[NAME]
    draw = random.Random(12)
    for at in draw.choices(where, k=40):
        flipped = data[:at] + bytes((data[at] ^ draw.randint(1, 255),)) + data[at + 1 :]
        assert {fault.details["file"] for fault in check(flipped, SEED).faults} >= {NAME}, at
