"""The decision of a witness: every row of its table, and never two views."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor import witness
from auditor.witness import Presented, Seen, Verdict
from crypto import checkpoint, note
from crypto.keys import SigningKey
from crypto.note import NOTE_MAX, Note
from federation.errors import PeerFault
from federation.log.keys import log_keys
from federation.wire.log_messages import AddCheckpoint
from tests.auditor import witnessing
from tests.auditor.witnessing import LOG, OTHER, TwinLog, leaves


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return witnessing.found(tmp_path_factory.mktemp("witness") / "f")


@pytest.fixture(scope="module")
def log(folder: Path) -> TwinLog:
    return TwinLog(witnessing.load(folder, LOG), leaves(12))


def present(log: TwinLog, request: AddCheckpoint) -> Presented:
    return witness.present(request, log.origin, log_keys(log.party.manifest, log.party.id))


def seen(log: TwinLog, size: int) -> Seen:
    tree = log.tree(size)
    return Seen(size=tree.size, root=tree.root)


def judge(log: TwinLog, before: Seen, request: AddCheckpoint) -> Verdict:
    return witness.judge(before, present(log, request))


def test_the_first_checkpoint_of_any_size_is_believed(log: TwinLog) -> None:
    for size in (0, 1, 7, 12):
        assert judge(log, Seen(), log.request(0, size)) is Verdict.COSIGN


@pytest.mark.parametrize("old", range(1, 13))
def test_what_continues_is_cosigned(log: TwinLog, old: int) -> None:
    for size in range(old, 13):
        assert judge(log, seen(log, old), log.request(old, size)) is Verdict.COSIGN


@pytest.mark.parametrize("old", [0, 3, 5])
def test_the_same_again_is_cosigned_again_whatever_old_size_it_names(
    log: TwinLog, old: int
) -> None:
    assert judge(log, seen(log, 5), log.request(old, 5)) is Verdict.COSIGN


@pytest.mark.parametrize("old", [0, 4, 6, 9])
def test_who_starts_elsewhere_is_told_where_to_start(log: TwinLog, old: int) -> None:
    assert judge(log, seen(log, 5), log.request(old, 9)) is Verdict.BEHIND


def test_another_root_of_the_same_size_is_a_split(log: TwinLog) -> None:
    for other in (log.fork(4, 1), log.fork(0, 5)):
        for old in (0, 4, 5):
            assert judge(log, seen(log, 5), other.request(old, 5)) is Verdict.SPLIT


@pytest.mark.parametrize("size", range(5))
def test_fewer_entries_are_a_rollback(log: TwinLog, size: int) -> None:
    assert judge(log, seen(log, 5), log.request(0, size)) is Verdict.ROLLED_BACK


@pytest.mark.parametrize("at", range(5))
def test_a_changed_past_is_inconsistent_whatever_proof_is_given(log: TwinLog, at: int) -> None:
    other = log.fork(at, 12 - at)
    honest = log.request(5, 12)
    forged = replace(other.request(5, 12), checkpoint=other.note())
    for proof in (forged.proof, honest.proof, (), honest.proof[:-1], (*honest.proof, bytes(32))):
        attempt = replace(forged, proof=proof)
        assert judge(log, seen(log, 5), attempt) is Verdict.INCONSISTENT


def test_a_wrong_proof_of_an_honest_tree_does_not_pass(log: TwinLog) -> None:
    honest = log.request(5, 12)
    for n, one in enumerate(honest.proof):
        flipped = bytes([one[0] ^ 1]) + one[1:]
        proof = (*honest.proof[:n], flipped, *honest.proof[n + 1 :])
        assert judge(log, seen(log, 5), replace(honest, proof=proof)) is Verdict.INCONSISTENT


def test_alarms_are_those_that_contradict() -> None:
    assert {one for one in Verdict if one.alarm} == {
        *(Verdict.SPLIT, Verdict.ROLLED_BACK, Verdict.INCONSISTENT)
    }


# ---- What is presented


def refused(log: TwinLog, request: AddCheckpoint) -> str:
    with pytest.raises(PeerFault) as caught:
        present(log, request)
    return caught.value.code


def text(log: TwinLog) -> str:
    return checkpoint.write(log.tree())


@pytest.mark.parametrize("data", [b"", b"x", b"\xff", b"a\n\nb\n", b"x" * (NOTE_MAX + 1)])
def test_what_is_no_note_is_malformed(log: TwinLog, data: bytes) -> None:
    assert refused(log, replace(log.request(0), checkpoint=data)) == "MALFORMED"


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n12\n", "\n012\n"),
        lambda text: text.replace("\n12\n", "\n-1\n"),
        lambda text: text + "and more\n",
        lambda text: "test/tax\n",
    ],
)
def test_what_is_no_plain_checkpoint_is_malformed(log: TwinLog, change: object) -> None:
    assert callable(change)
    forged = log.sign(change(text(log)))
    assert refused(log, replace(log.request(0), checkpoint=forged)) == "MALFORMED"


def test_sizes_and_proofs_that_cannot_belong_together_are_malformed(log: TwinLog) -> None:
    request = log.request(0)
    assert refused(log, replace(request, old_size=13)) == "MALFORMED"
    assert refused(log, replace(request, old_size=0, proof=(bytes(32),))) == "MALFORMED"
    assert refused(log, replace(request, old_size=12, proof=(bytes(32),))) == "MALFORMED"


def test_another_logs_checkpoint_is_not_this_ones(log: TwinLog, folder: Path) -> None:
    other = TwinLog(witnessing.load(folder, OTHER), leaves(12))
    assert refused(log, other.request(0)) == "WRONG_PARTY"
    for origin in ("tax", "other/tax", "test/tax2"):
        forged = log.sign(text(log).replace(log.origin, origin))
        assert refused(log, replace(log.request(0), checkpoint=forged)) == "WRONG_PARTY"


def test_somebody_elses_signature_is_not_the_logs(log: TwinLog, folder: Path) -> None:
    other = witnessing.load(folder, OTHER)
    stranger, said = SigningKey.generate(), text(log)
    own = note.sign(said, log.origin, log.party.key)
    spoilt = replace(own, value=bytes(64))
    lines = [
        (note.sign(said, log.origin, stranger),),
        (note.sign(said, log.origin, other.key),),
        (note.sign(said, other.manifest.note_name(OTHER), other.key),),
        (note.cosign(said, log.origin, log.party.key, 5),),
        (spoilt,),
        (own, note.sign(said, log.origin, stranger)),
    ]
    for signatures in lines:
        forged = note.write(Note(text=said, signatures=signatures))
        assert refused(log, replace(log.request(0), checkpoint=forged)) == "BAD_SIGNATURE"


def test_lines_of_others_are_let_go(log: TwinLog, folder: Path) -> None:
    other, said = witnessing.load(folder, "witness_b"), text(log)
    own = note.sign(said, log.origin, log.party.key)
    line = note.cosign(said, other.manifest.note_name(other.id), other.key, 5)
    both = note.write(Note(text=said, signatures=(line, own)))
    assert present(log, replace(log.request(0), checkpoint=both)).note.signatures == (own,)


# ---- Never two views

_FORK, _MOST = 4, 9


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.integers(0, _MOST),
            st.one_of(st.none(), st.integers(0, _MOST)),
            st.sampled_from("ab"),
        ),
        max_size=30,
    )
)
def test_two_views_of_a_log_are_never_both_cosigned(
    log: TwinLog, steps: list[tuple[str, int, int | None, str]]
) -> None:
    """Whatever two views present in whatever order, from known or guessed sizes, by any proof."""
    views = {
        "a": TwinLog(log.party, leaves(_FORK) + leaves(_MOST - _FORK, "a")),
        "b": TwinLog(log.party, leaves(_FORK) + leaves(_MOST - _FORK, "b")),
    }
    before = Seen()
    cosigned: list[tuple[int, bytes]] = []
    for view, size, old, prover in steps:
        start = min(before.size if old is None else old, size)
        request = replace(views[view].request(start, size), proof=views[prover].proof(start, size))
        shown = present(log, request)
        if witness.judge(before, shown) is Verdict.COSIGN:
            before = Seen(size=size, root=shown.tree.root)
            cosigned.append((size, shown.tree.root))
    sizes = [size for size, _ in cosigned]
    assert sizes == sorted(sizes)
    whose = [{v for v, one in views.items() if one.tree(n).root == root} for n, root in cosigned]
    assert not whose or set.intersection(*whose), "one view explains all that was cosigned"
