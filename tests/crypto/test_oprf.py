"""VOPRF against RFC 9497's vectors and, both ways, against the Rust package."""

import copy
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voprf import ristretto

from crypto import group, labels, oprf
from crypto.errors import BadElement, BadKey, BadProof
from crypto.oprf import Evaluation, Evaluator

INFO = labels.voprf_info("tax", 2026)
SEED = bytes(range(32))
EVALUATOR = Evaluator.from_seed(SEED, INFO)
BATCH_KEY = bytes(range(32, 64))
INPUTS = [labels.id_input(f"79030119700312{number:03}X") for number in range(5)]
BLINDS = oprf.derive_blinds(BATCH_KEY, 0, len(INPUTS))
BLINDED = oprf.blind(INPUTS, BLINDS)
EVALUATION = EVALUATOR.evaluate_batch(BLINDED)

# RFC 9497 §A.1.2.3: mode VOPRF, a batch of two. Written out so that the standard is kept to
# where the folder of vectors is absent.
RFC_BATCH = {
    "Input": "00,5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
    "Blind": (
        "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706,"
        "222a5e897cf59db8145db8d16e597e8facb80ae7d4e26d9881aa6f61d645fc0e"
    ),
    "BlindedElement": (
        "863f330cc1a1259ed5a5998a23acfd37fb4351a793a5b3c090b642ddc439b945,"
        "90a0145ea9da29254c3a56be4fe185465ebb3bf2a1801f7124bbbadac751e654"
    ),
    "EvaluationElement": (
        "aa8fa048764d5623868679402ff6108d2521884fa138cd7f9c7669a9a014267e,"
        "cc5ac221950a49ceaa73c8db41b82c20372a4c8d63e5dded2db920b7eee36a2a"
    ),
    "Output": (
        "b58cfbe118e0cb94d79b5fd6a6dafb98764dff49c14e1770b566e42402da1a7d"
        "a4d8527693914139caee5bd03903af43a491351d23b430948dd50cde10d32b3c,"
        "8a9a2f3c7f085b65933594309041fc1898d42d0858e59f90814ae90571a6df60"
        "356f4610bf816f27afdd84f47719e480906d27ecd994985890e5f539e7ea74b6"
    ),
    "Proof": {
        "proof": (
            "cc203910175d786927eeb44ea847328047892ddf8590e723c37205cb74600b0a"
            "5ab5337c8eb4ceae0494c2cf89529dcf94572ed267473d567aeed6ab873dee08"
        )
    },
}
RFC_SEED, RFC_INFO = b"\xa3" * 32, b"test key"
RFC_PUBLIC = "c803e2cc6b05fc15064549b5920659ca4a77b2cca6f04f6b357009335476ad4e"


def check_vector(vector: dict[str, Any], evaluator: Evaluator) -> None:
    """Follow one vector through both sides.

    `voprf` draws the nonce of its proofs itself, so proofs are not equal to the vector's: the
    vector's proof is verified here, and so is a fresh one.
    """

    def values(field: str) -> list[bytes]:
        return [bytes.fromhex(part) for part in vector[field].split(",")]

    inputs, blinds, outputs = values("Input"), values("Blind"), values("Output")
    blinded = oprf.blind(inputs, blinds)
    assert blinded == values("BlindedElement")
    published = Evaluation(
        elements=tuple(values("EvaluationElement")),
        proof=bytes.fromhex(vector["Proof"]["proof"]),
    )
    fresh = evaluator.evaluate_batch(blinded)
    assert fresh.elements == published.elements
    for evaluation in (published, fresh):
        assert oprf.finalize(inputs, blinds, blinded, evaluation, evaluator.public_key) == outputs
    assert [evaluator.evaluate_known(data) for data in inputs] == outputs


def test_the_batch_vector_of_rfc_9497() -> None:
    evaluator = Evaluator.from_seed(RFC_SEED, RFC_INFO)
    assert evaluator.public_key.hex() == RFC_PUBLIC
    check_vector(RFC_BATCH, evaluator)


def test_all_vectors_of_mode_voprf(vectors: Path) -> None:
    blocks = json.loads((vectors / "rfc9497-voprf" / "ristretto255.json").read_text())
    (block,) = [block for block in blocks if block["mode"] == oprf.MODE]
    seed, info = bytes.fromhex(block["seed"]), bytes.fromhex(block["keyInfo"])
    evaluator = Evaluator.from_seed(seed, info)
    assert evaluator.public_key.hex() == block["pkSm"]
    secret = bytes.fromhex(block["skSm"])
    assert group.multiply_base(secret) == evaluator.public_key
    assert sorted(vector["Batch"] for vector in block["vectors"]) == [1, 1, 2]
    for vector in block["vectors"]:
        check_vector(vector, evaluator)


def test_hash_to_group_follows_each_modes_vectors(vectors: Path) -> None:
    blocks = json.loads((vectors / "rfc9497-voprf" / "ristretto255.json").read_text())
    modes = set()
    for block in blocks:
        for vector in block["vectors"]:
            parts = (vector["Input"], vector["Blind"], vector["BlindedElement"])
            for data, scalar, blinded in zip(*(part.split(",") for part in parts), strict=True):
                element = oprf.hash_to_group(bytes.fromhex(data), block["mode"])
                assert group.multiply(bytes.fromhex(scalar), element).hex() == blinded
        modes.add(block["mode"])
    assert modes == {0, 1, 2}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=6), st.integers(0, 2**62))
def test_our_client_and_the_rust_evaluator_agree(inputs: list[bytes], start: int) -> None:
    blinds = oprf.derive_blinds(BATCH_KEY, start, len(inputs))
    blinded = oprf.blind(inputs, blinds)
    evaluation = EVALUATOR.evaluate_batch(blinded)
    outputs = oprf.finalize(inputs, blinds, blinded, evaluation, EVALUATOR.public_key)
    assert outputs == [EVALUATOR.evaluate_known(data) for data in inputs]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(min_size=1, max_size=80), min_size=1, max_size=6))
def test_the_rust_client_accepts_our_evaluation(inputs: list[bytes]) -> None:
    pairs = [ristretto.Client.blind(data) for data in inputs]
    blinded = [element.serialize() for _, element in pairs]
    evaluation = EVALUATOR.evaluate_batch(blinded)
    oprf.verify_evaluation(blinded, evaluation, EVALUATOR.public_key)
    outputs = ristretto.Client.finalize_batch(
        [client for client, _ in pairs],
        ristretto.VerifiableBatchOutput.deserialize(
            evaluation.proof + b"".join(evaluation.elements)
        ),
        ristretto.PublicKey.deserialize(EVALUATOR.public_key),
    )
    assert outputs == [EVALUATOR.evaluate_known(data) for data in inputs]


def test_a_full_batch_and_one_more() -> None:
    inputs = [number.to_bytes(2, "big") for number in range(oprf.BATCH_MAX + 1)]
    blinds = oprf.derive_blinds(BATCH_KEY, 0, len(inputs))
    blinded = oprf.blind(inputs[:-1], blinds[:-1])
    evaluation = EVALUATOR.evaluate_batch(blinded)
    outputs = oprf.finalize(inputs[:-1], blinds[:-1], blinded, evaluation, EVALUATOR.public_key)
    assert outputs[-1] == EVALUATOR.evaluate_known(inputs[-2])
    assert len(set(outputs)) == oprf.BATCH_MAX
    with pytest.raises(BadElement, match="1 to 1024"):
        oprf.blind(inputs, blinds)
    with pytest.raises(BadElement, match="1 to 1024"):
        EVALUATOR.evaluate_batch([*blinded, blinded[0]])


def test_nothing_is_not_a_batch() -> None:
    with pytest.raises(BadElement, match="1 to 1024"):
        EVALUATOR.evaluate_batch([])
    with pytest.raises(BadElement, match="1 to 1024"):
        oprf.blind([], [])


def test_blinds_can_be_resumed_and_opened_one_by_one() -> None:
    whole = oprf.derive_blinds(BATCH_KEY, 0, 10)
    assert oprf.derive_blinds(BATCH_KEY, 4, 6) == whole[4:]
    assert oprf.derive_blinds(BATCH_KEY, 7, 1) == [whole[7]]
    assert len(set(whole)) == 10
    assert all(map(group.is_scalar, whole))
    assert oprf.derive_blinds(bytes(32), 0, 10) != whole
    # Fixed for good: a batch begun by this version is finished by a later one.
    assert whole[0].hex() == "a2d117c0b2b42340b183915deb3bf19d829c64373a58d3d3b5796eebfd648209"


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_batch_key_has_32_bytes(size: int) -> None:
    with pytest.raises(BadKey):
        oprf.derive_blinds(bytes(size), 0, 1)


def test_the_key_follows_seed_and_context() -> None:
    again = Evaluator.from_seed(SEED, INFO)
    assert again.public_key == EVALUATOR.public_key
    others = {
        Evaluator.from_seed(SEED, labels.voprf_info("tax", 2027)).public_key,
        Evaluator.from_seed(SEED, labels.voprf_info("housing", 2026)).public_key,
        Evaluator.from_seed(bytes(32), INFO).public_key,
        EVALUATOR.public_key,
    }
    assert len(others) == 4


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_seed_has_32_bytes(size: int) -> None:
    with pytest.raises(BadKey, match="32 bytes"):
        Evaluator.from_seed(bytes(size), INFO)


def test_a_context_too_long_is_refused() -> None:
    with pytest.raises(BadKey, match="context"):
        Evaluator.from_seed(SEED, bytes(2**16))


def test_an_evaluator_is_never_shown_or_copied() -> None:
    for text in (repr(EVALUATOR), str(EVALUATOR), f"{EVALUATOR}"):
        assert EVALUATOR.public_key.hex()[:16] in text
        assert SEED.hex() not in text
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            attempt(EVALUATOR)


@pytest.mark.parametrize("size", [0, 2**16])
def test_inputs_have_the_length_the_standard_allows(size: int) -> None:
    with pytest.raises(BadElement, match="1 to 65535 bytes"):
        EVALUATOR.evaluate_known(bytes(size))
    with pytest.raises(BadElement, match="1 to 65535 bytes"):
        oprf.blind([bytes(size)], BLINDS[:1])


def test_the_longest_input_is_taken() -> None:
    data = [b"x" * (2**16 - 1)]
    blinded = oprf.blind(data, BLINDS[:1])
    evaluation = EVALUATOR.evaluate_batch(blinded)
    (output,) = oprf.finalize(data, BLINDS[:1], blinded, evaluation, EVALUATOR.public_key)
    assert output == EVALUATOR.evaluate_known(data[0])


@pytest.mark.parametrize(
    "scalar", [bytes(32), group.ORDER.to_bytes(32, "little"), b"\xff" * 32, bytes(31), b""]
)
def test_blinds_are_reduced_and_not_zero(scalar: bytes) -> None:
    with pytest.raises(BadElement, match="zero or not reduced"):
        oprf.blind([b"a", b"b"], [BLINDS[0], scalar])


NOT_ELEMENTS = [bytes(32), b"\x01" + bytes(31), b"\xff" * 32, BLINDED[0][:31], b""]


@pytest.mark.parametrize("element", NOT_ELEMENTS)
def test_the_evaluator_refuses_what_is_not_an_element(element: bytes) -> None:
    with pytest.raises(BadElement, match="not a group element"):
        EVALUATOR.evaluate_batch([BLINDED[0], element])


@pytest.mark.parametrize("element", NOT_ELEMENTS)
def test_finalize_refuses_what_is_not_an_element(element: bytes) -> None:
    def finalize(blinded: list[bytes], evaluation: Evaluation, public_key: bytes) -> None:
        oprf.finalize(INPUTS, BLINDS, blinded, evaluation, public_key)

    public = EVALUATOR.public_key
    finalize(BLINDED, EVALUATION, public)
    with pytest.raises(BadKey):
        finalize(BLINDED, EVALUATION, element)
    with pytest.raises(BadElement):
        finalize([*BLINDED[:-1], element], EVALUATION, public)
    elements = (*EVALUATION.elements[:-1], element)
    with pytest.raises(BadProof, match="malformed"):
        finalize(BLINDED, replace(EVALUATION, elements=elements), public)


def test_finalize_refuses_counts_that_differ() -> None:
    public = EVALUATOR.public_key
    with pytest.raises(BadElement, match="blinds"):
        oprf.finalize(INPUTS, BLINDS[1:], BLINDED, EVALUATION, public)
    with pytest.raises(BadElement, match="blinded"):
        oprf.finalize(INPUTS, BLINDS, BLINDED[1:], EVALUATION, public)
    for elements in (EVALUATION.elements[1:], (*EVALUATION.elements, BLINDED[0]), ()):
        with pytest.raises(BadProof, match="size"):
            oprf.finalize(INPUTS, BLINDS, BLINDED, replace(EVALUATION, elements=elements), public)


@pytest.mark.parametrize("size", [0, 63, 65])
def test_a_proof_has_64_bytes(size: int) -> None:
    cut = replace(EVALUATION, proof=(EVALUATION.proof + b"\x00")[:size])
    with pytest.raises(BadProof, match="size"):
        oprf.finalize(INPUTS, BLINDS, BLINDED, cut, EVALUATOR.public_key)


@pytest.mark.parametrize("half", [0, 32])
@pytest.mark.parametrize("multiple", [0, 1])
def test_a_proof_is_of_reduced_scalars(half: int, multiple: int) -> None:
    proof = bytearray(EVALUATION.proof)
    number = int.from_bytes(proof[half : half + 32], "little")
    proof[half : half + 32] = (multiple * (number + group.ORDER)).to_bytes(32, "little")
    with pytest.raises(BadProof, match="reduced"):
        oprf.finalize(
            INPUTS, BLINDS, BLINDED, replace(EVALUATION, proof=bytes(proof)), EVALUATOR.public_key
        )


@given(st.integers(0, 511))
@settings(deadline=None)
def test_no_changed_bit_of_a_proof_verifies(bit: int) -> None:
    proof = (int.from_bytes(EVALUATION.proof, "big") ^ (1 << bit)).to_bytes(64, "big")
    with pytest.raises(BadProof):
        oprf.verify_evaluation(BLINDED, replace(EVALUATION, proof=proof), EVALUATOR.public_key)


def test_another_key_order_or_batch_does_not_verify() -> None:
    other = Evaluator.from_seed(bytes(32), INFO)
    first, second, *rest = EVALUATION.elements
    forged = other.evaluate_batch(BLINDED)
    for evaluation, public in (
        (EVALUATION, other.public_key),
        (forged, EVALUATOR.public_key),
        (replace(EVALUATION, elements=(second, first, *rest)), EVALUATOR.public_key),
        (replace(EVALUATION, elements=(forged.elements[0], second, *rest)), EVALUATOR.public_key),
        (replace(EVALUATION, proof=forged.proof), EVALUATOR.public_key),
    ):
        with pytest.raises(BadProof, match="not made with this key"):
            oprf.finalize(INPUTS, BLINDS, BLINDED, evaluation, public)


def test_one_item_under_another_key_spoils_the_batch() -> None:
    # The attack a batch proof must stop: mark one person by evaluating under a key of their own.
    other = Evaluator.from_seed(bytes(32), INFO).evaluate_batch(BLINDED)
    for marked in range(len(INPUTS)):
        elements = list(EVALUATION.elements)
        elements[marked] = other.elements[marked]
        with pytest.raises(BadProof):
            oprf.verify_evaluation(
                BLINDED, replace(EVALUATION, elements=tuple(elements)), EVALUATOR.public_key
            )


def test_the_pseudonym_is_the_first_half_of_the_output() -> None:
    output = EVALUATOR.evaluate_known(INPUTS[0])
    assert oprf.psn(output) == output[:32]
    for bad in (output[:63], output + b"\x00", b""):
        with pytest.raises(BadElement, match="64 bytes"):
            oprf.psn(bad)
