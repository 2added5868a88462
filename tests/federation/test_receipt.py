"""One item out of many, and its way to the root; the bytes that the documentation shows."""

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import envelope, merkle
from crypto.envelope import Envelope
from crypto.errors import BadProof
from federation import bundle
from federation.exchange import SaltedItem
from federation.receipt import proven_item
from federation.wire import receipt_messages
from tests.support import exchanges
from tests.support.exchanges import Story

SIGNED = Envelope(payload=b"", payload_type="", signatures=())


def batch(n: int) -> list[SaltedItem]:
    return [SaltedItem(bytes(15) + bytes((i % 256,)), b"item %d" % i) for i in range(n)]


@given(st.integers(1, 70), st.data())
def test_the_path_leads_to_the_root(n: int, data: st.DataObject) -> None:
    items = batch(n)
    index = data.draw(st.integers(0, n - 1))
    one = proven_item(SIGNED, items, index)
    leaves = [envelope.item_leaf(item.salt, item.item) for item in items]
    assert (one.index, one.item) == (index, items[index])
    merkle.verify_inclusion(leaves[index], index, n, one.path, merkle.root(leaves))


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_such_item(index: int) -> None:
    with pytest.raises(BadProof):
        proven_item(SIGNED, batch(3), index)


def test_no_repr_shows_an_item() -> None:
    assert b"item 0" not in repr(proven_item(SIGNED, batch(1), 0)).encode()


def test_the_page_shows_literal_bytes() -> None:
    page = (Path(__file__).parents[2] / "docs/protocol/receipt.md").read_text("utf-8")
    blocks = re.findall(r"```\n(.*?)```", page, re.DOTALL)
    story = Story(items=2, place=1, before=1, cosigned={"witness_a": 5, "witness_b": 30})
    made = replace(exchanges.tell(story).receipt, status_lists=())
    data = receipt_messages.encode_receipt(made)
    assert base64.b64decode(blocks[0]) == data
    assert f"{len(data):,} bytes, SHA-256 `{hashlib.sha256(data).hexdigest()}`" in page
    assert blocks[1].encode() == made.log.proof
    for name, (first, stop) in receipt_messages.places(data).items():
        begins = data[first : first + 3].hex()[: 2 * (stop - first)]
        assert f"| {first}-{stop - 1} | `{begins}` | `{name}` |" in page
    for shown in (made.request.item.salt, made.request.path[0]):
        assert f"`{shown.hex()}`" in page
    assert f"`{made.request.envelope.signatures[0].kid}`" in page
    archive = bundle.write({"report.json": b"hi"})
    assert bytes.fromhex(blocks[2]) == archive
    assert f"`hi`, {len(archive)} bytes" in page
    contents = replace(
        exchanges.EMPTY,
        files={"receipts/001": hashlib.sha256(data).digest()},
        persons={"receipts/001": 1},
        salts={exchanges.DEPARTMENT: exchanges.SALT},
    )
    assert blocks[3].replace("\n", "").encode() == bundle.write_contents(contents)
