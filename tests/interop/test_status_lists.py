"""Others look up the same states in every list that we sign; what they take stands in a table."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation import limits, status
from federation.status import Status
from federation.strictjson import unb64
from tests.interop import page, status_lists, verdicts
from tests.interop.status_lists import LIST, STATES, URI
from tests.interop.token_readers import Expected
from tests.interop.tokens import EXPECTED, KEY, NOW
from tests.registrar.town import Town, a_form

indices = st.integers(0, limits.STATUS_ENTRIES - 1)
states = st.dictionaries(indices, st.sampled_from(Status), max_size=20)


def agreed(data: bytes, index: int, uri: str = URI, expected: Expected = EXPECTED) -> int:
    """Look an index up with both that can, have the third verify the JWT, and give the state."""
    ours = status_lists.hedui(data, uri, expected, index)
    assert status_lists.openvc(data, uri, expected, index) == ours
    assert status_lists.joserfc(data, uri, expected)["sub"] == uri
    return ours


@settings(max_examples=25, deadline=None)
@given(states, indices)
def test_all_read_the_same_in_what_we_sign(marked: dict[int, Status], another: int) -> None:
    data = status.issue(URI, status.pack(marked), NOW, KEY)
    for index in {*marked, another}:
        assert agreed(data, index) == marked.get(index, Status.VALID)


def test_all_read_a_crowded_list() -> None:
    packed = Random(1).randbytes(limits.STATUS_ENTRIES // 4)
    data = status.issue(URI, packed, NOW, KEY)
    assert len(data) > 300_000
    assert agreed(data, 7) == min(packed[1] >> 6, 2)


def test_all_read_what_a_running_registrar_publishes(town: Town) -> None:
    expected = replace(EXPECTED, keys=town.registrar.entry.keys, now=town.clock.now())
    for token in town.issued(a_form()).tokens:
        claims = town.read(token.token).claims
        lists = town.client(token.department).status_lists(token.department)
        by_uri = {status.uri_of("registrar", token.department, n): one for n, one in lists.items()}
        data = by_uri[claims.status_uri]
        assert agreed(data, claims.status_index, claims.status_uri, expected) == Status.VALID


def test_the_draft_s_vector_has_the_same_states(vectors: Path) -> None:
    rows = json.loads((vectors / "token-status-list" / "bits-1-2.json").read_text("utf-8"))
    (row,) = (row for row in rows if row["bits"] == 2)
    claims = json.loads(unb64(LIST.split(b".")[1], "claims"))
    claims["status_list"]["lst"] = row["lst"]
    data = status_lists.signed(claims)
    for index, value in row["nonzero"].items():
        if value < 3:  # three is no state of ours: it counts as suspended
            assert agreed(data, int(index)) == value


@pytest.fixture(scope="module")
def rows() -> dict[str, list[str]]:
    return verdicts.verdicts(status_lists.readers(), status_lists.faults())


def test_every_fault_is_in_an_otherwise_sound_list(rows: dict[str, list[str]]) -> None:
    claims = json.loads(unb64(LIST.split(b".")[1], "claims"))
    assert status_lists.signed(claims) == LIST
    assert {index: agreed(LIST, index) for index in STATES} == STATES
    assert len(rows) > 35


def test_we_refuse_every_fault(rows: dict[str, list[str]]) -> None:
    assert {name for name, (ours, *_) in rows.items() if ours != verdicts.REFUSES} == set()


def test_all_refuse_a_forged_an_expired_or_another_list(rows: dict[str, list[str]]) -> None:
    for name, row in rows.items():
        if name.startswith(("signature:", "`alg`: `none`", "`alg`: `HS256`", "claim: `sub` names")):
            assert row == [verdicts.REFUSES] * 3, name
    assert rows["time: expired"] == [verdicts.REFUSES] * 3


def test_the_page_shows_what_each_refuses(rows: dict[str, list[str]]) -> None:
    table = verdicts.table(status_lists.readers(), rows)
    assert verdicts.shown("status lists") == table, page.ADVICE
