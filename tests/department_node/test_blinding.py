"""Blinding: always the same bytes, openable one by one, believed only with a proof."""

import hashlib
import hmac
from dataclasses import replace

import pytest

from crypto import labels, merkle, oprf
from crypto.errors import BadElement, BadProof
from department_node import blinding
from department_node.blinding import Blinding

KEY = bytes(range(32))
INPUTS = [labels.id_input(f"7903011970031200{number}X") for number in range(5)]
EVALUATOR = oprf.Evaluator.from_seed(bytes(32), labels.voprf_info("tax", 2026))


def test_a_key_and_inputs_always_send_the_same() -> None:
    sent = Blinding(KEY, INPUTS).sent()
    assert sent == Blinding(KEY, INPUTS).sent()
    assert sent != Blinding(bytes(32), INPUTS).sent()
    # Fixed for good: an auditor opens batches of earlier versions.
    assert hashlib.sha256(sent).hexdigest().startswith("65f8242e9c6e14d61cd5384b720e6c70")


def test_nothing_is_sent_for_nobody() -> None:
    assert Blinding(KEY, []).sent() == b""


@pytest.mark.parametrize("opened", range(len(INPUTS)))
def test_one_leaf_is_opened_without_the_others(opened: int) -> None:
    """What an auditor on site is shown: input, blind, salt and path, against what was sent."""
    root, elements = blinding.split(Blinding(KEY, INPUTS).sent())
    salt = hmac.digest(KEY, b"salt", "sha256")
    (blind,) = oprf.derive_blinds(KEY, opened, 1)
    assert oprf.blind([INPUTS[opened]], [blind]) == [elements[opened]]
    leaves = [
        merkle.leaf_hash(hmac.digest(salt, i.to_bytes(8, "big"), "sha256") + data + one)
        for i, (data, one) in enumerate(
            zip(INPUTS, oprf.derive_blinds(KEY, 0, len(INPUTS)), strict=True)
        )
    ]
    path = merkle.inclusion_path(opened, leaves)
    shown = hmac.digest(salt, opened.to_bytes(8, "big"), "sha256") + INPUTS[opened] + blind
    merkle.verify_inclusion(merkle.leaf_hash(shown), opened, len(INPUTS), path, root)


def test_pseudonyms_are_those_the_key_gives_in_the_clear() -> None:
    part = Blinding(KEY, INPUTS)
    elements = blinding.split(part.sent())[1]
    evaluation = EVALUATOR.evaluate_batch(elements)
    wanted = [oprf.psn(EVALUATOR.evaluate_known(data)) for data in INPUTS]
    assert part.pseudonyms(elements, evaluation, EVALUATOR.public_key) == wanted
    # A later run has nothing but the batch's key.
    again = Blinding(KEY, INPUTS)
    assert again.pseudonyms(elements, evaluation, EVALUATOR.public_key) == wanted
    with pytest.raises(BadProof):
        part.pseudonyms(elements, replace(evaluation, proof=bytes(64)), EVALUATOR.public_key)
    with pytest.raises(BadElement):
        part.pseudonyms(elements[1:], evaluation, EVALUATOR.public_key)
