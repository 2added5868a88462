"""Transcripts and sealed seeds of sums: a run for whoever audits it, and nobody's amounts."""

from pathlib import Path

import pytest

from coordinator.asking.rounds import modulus
from coordinator.evidence import Missing
from coordinator.findings import report as reports
from crypto import comparison, sealing
from crypto.comparison import Run
from federation import bundle, summing, transcript
from federation.errors import BadInput, Unavailable
from federation.exchange import Outcome, Refusal
from federation.strictjson import dumps
from federation.transcript import Round, Seeds, Transcript
from federation.wire import codec, receipt_messages, signed, sum_messages
from tests.coordinator import evidenced, summed
from tests.coordinator.evidenced import Evidenced
from tests.coordinator.summed import ADDERS, AUDITOR, GROUPS, INCOME, POLICY, Summing
from tests.coordinator.town import APPLICANT, WIFE, WIFE_TEXT, case_text

AMOUNTS = (1_000_003, 700_001, 300_007)


@pytest.fixture
def town(tmp_path: Path) -> Evidenced:
    made = summed.build(tmp_path, INCOME)
    made.amounts("H1", *AMOUNTS)
    return evidenced.build(tmp_path, made, POLICY)


def asked(town: Evidenced) -> str:
    (case,) = town.asked(case_text(more=WIFE_TEXT))
    town.logs.checkpoints()
    return case


def bundled(town: Evidenced, case: str) -> dict[str, bytes]:
    """Make a bundle in which an auditor finds nothing wrong."""
    with town.open() as (desk, evidence):
        assert evidence.collect(case) == []
        data = evidence.seal(case, dumps(reports.to_json(desk.show(case))))
    found = town.audited(data)
    assert [str(fault) for fault in found.faults] == []
    assert found.sums
    return dict(bundle.read(data).files)


def transcripts(files: dict[str, bytes]) -> list[Transcript]:
    return [transcript.read(files[n]) for n in sorted(files) if n.startswith("transcripts/")]


def seeds(town: Evidenced, case: str) -> Seeds:
    with town.open() as (_, evidence):
        return transcript.read_seeds(evidence.seeds(case))


def last(data: bytes) -> bytes:
    return codec.decode_batch(data).items[-1].item


def test_a_bundle_holds_every_message_of_a_run_and_its_proof(town: Evidenced) -> None:
    case = asked(town)
    files = bundled(town, case)
    (one,) = transcripts(files)
    assert (one.predicate, one.parameter, one.outcome) == ("H1", "income-12s", "NO")
    assert (one.persons, one.period, one.attempt) == ((1, 2), 202611, 0)
    assert one.group == GROUPS["H1"].digest
    assert [(m.round, m.party) for m in one.messages] == [
        *((Round.CONTRIBUTE, name) for name in ADDERS),
        (Round.COMPARE, "tally"),
        (Round.TEST, "tally"),
    ]
    for message in one.messages:
        request = codec.decode_batch(message.request)
        assert request.presentations == ()
        header = signed.claimed_header(request)
        signed.verify(request, header, town.town.around.manifest.party("coordinator").keys)
        answer = codec.decode_batch(message.answer)
        keys = town.town.around.manifest.party(message.party).keys
        signed.open_answer(answer, header, keys)
        proof = receipt_messages.decode_proved(message.proof)
        entry = codec.decode_entry(proof.log.record)
        assert (entry.request, entry.answer) == (
            request.envelope.payload,
            answer.envelope.payload,
        )
        for item in request.items[:-1]:
            question = codec.decode_question(item.item)
            assert f"tokens/{question.presentation.hex()}.sd-jwt" in files
    _, contents = bundle.read_contents(bundle.Archive(files))
    assert set(contents.salts) == {*ADDERS, "tally"}
    assert contents.persons == {}


def test_a_seed_replays_what_the_centre_sent(town: Evidenced) -> None:
    case = asked(town)
    (one,) = transcripts(bundled(town, case))
    (seed,) = seeds(town, case).seeds
    assert (seed.run, seed.predicate, seed.parameter) == (one.run, "H1", "income-12s")
    opened = sealing.open_sealed(AUDITOR, seed.sealed)
    *given, compare, test = one.messages
    sent = sum_messages.decode_comparison(last(compare.request))
    assert sent.seed_commitment == seed.commitment == comparison.commitment(opened)
    group = GROUPS["H1"]
    run = Run(
        paillier=modulus(group),
        elgamal=group.tally.elgamal,
        context=summing.context(one.run, one.parameter),
    )
    shares = [sum_messages.decode_contribution(last(m.answer)).ciphertext for m in given]
    bits = sum_messages.decode_compared(last(compare.answer)).bits
    replayed = comparison.replay(run, opened, shares, bits)
    assert replayed.z == sent.z
    assert replayed.slots == sum_messages.decode_test(last(test.request)).slots


def test_neither_seeds_nor_amounts_nor_names_are_in_a_bundle(town: Evidenced) -> None:
    case = asked(town)
    files = bundled(town, case)
    opened = sealing.open_sealed(AUDITOR, seeds(town, case).seeds[0].sealed)
    for name, data in files.items():
        for secret in (opened, APPLICANT.encode(), WIFE.encode(), *map(_as_sent, AMOUNTS)):
            assert secret not in data, name


def _as_sent(amount: int) -> bytes:
    return str(amount).encode()


def test_what_was_refused_is_told_too(town: Evidenced) -> None:
    assert isinstance(town.town, Summing)
    town.town.adder("tax").refuses = Refusal.NODE_PAUSED
    case = asked(town)
    town.town.adder("tax").refuses = Refusal.NONE
    with town.open() as (desk, _):
        desk.run([case])
    town.logs.checkpoints()
    (one,) = transcripts(bundled(town, case))
    assert [m.party for m in one.messages].count("tax") == 2
    answers = [codec.decode_batch(m.answer).items[0].item for m in one.messages]
    outcomes = [codec.decode_answer(item).outcome for item in answers]
    assert outcomes.count(Outcome.REFUSED) == 1
    assert one.outcome == "NO"


def test_a_proof_that_is_missing_is_told_and_nothing_is_written(town: Evidenced) -> None:
    (case,) = town.asked(case_text(more=WIFE_TEXT))
    town.logs.checkpoints()
    town.logs.absent["tally"] = Unavailable("PEER_UNREACHABLE")
    with town.open() as (_, evidence):
        assert evidence.collect(case) == [Missing(department="tally", code="PEER_UNREACHABLE")] * 2
        with pytest.raises(Unavailable) as caught:
            evidence.seal(case, b"{}")
    assert caught.value.code == "PROOF_NOT_READY"


def test_a_case_without_a_comparison_has_no_seeds(town: Evidenced) -> None:
    assert isinstance(town.town, Summing)
    (draft,) = town.town.ready(case_text())
    town.town.departments["tax"].script = [Unavailable("PEER_UNREACHABLE")] * 3
    (waiting,) = town.asked(case_text(more=WIFE_TEXT))
    with town.open() as (_, evidence):
        for case in (draft, waiting):
            with pytest.raises(BadInput) as caught:
                evidence.seeds(case)
            assert caught.value.code == "NOTHING_TO_PROVE"
        with pytest.raises(BadInput) as unknown:
            evidence.seeds("HD-1")
        assert unknown.value.code == "CASE_UNKNOWN"


def test_the_declared_income_is_in_no_table_of_sums_and_no_log(tmp_path: Path) -> None:
    """The message that opens it to the tally holds it; no other does."""
    made = summed.build(tmp_path, summed.GAP)
    made.amounts("H5", *AMOUNTS)
    town = evidenced.build(tmp_path, made, POLICY)
    text = case_text(more=WIFE_TEXT).replace("operator", "declared_income = 98765432\noperator")
    (case,) = town.asked(text)
    town.logs.checkpoints()
    (one,) = transcripts(bundled(town, case))
    for message in one.messages:
        opened = codec.decode_batch(message.request).items[-1].item
        if message.round is Round.COMPARE:
            assert sum_messages.decode_comparison(opened).declared == 98_765_432
        else:
            assert b"98765432" not in message.request + message.answer
