"""What must be true on the disk after any demonstration, however often its processes were killed.

Each check compares whole collections, so that a failure shows what is missing or too much.
"""

from collections import Counter
from typing import Final

from coordinator.casework.lifecycle import ENDED
from federation.exchange import Outcome, SaltedItem
from federation.wire import codec, signed
from hedui.demo.lives import COURSES
from tests.scenarios.played import CENTRE, Exchange, Logged, Played, leaf, leaves, strangers

VICTIM: Final = "public_security"
"""The department that the demonstration's attacks are sent to."""

_NO_USE: Final = {Outcome.PRESENT_AGAIN, Outcome.REFUSED}


def check_cases(played: Played) -> None:
    """Every case of the city was opened, once; its consent lives unless the case has ended."""
    assert Counter(played.labels.values()) == Counter(played.applicants.values())
    ended = {label for label, course in COURSES.items() if course.ends in ENDED}
    assert {
        label: stage
        for case_id, stage in played.books("SELECT case_id, state FROM consent")
        for label in [played.labels[case_id]]
    } == {label: "REVOKED" if label in ended else "READY" for label in played.applicants.values()}
    assert played.books("SELECT count(*) FROM consent") == [(len(played.labels),)]


def check_answers(played: Played) -> None:
    """Every planned question has an answer, and it is the oracle's."""
    assert played.asks
    assert {one.key: one.outcome for one in played.asks} == {
        one.key: played.oracle[one.key] for one in played.asks
    }
    assert Counter(one.state for one in played.exchanges).keys() == {"ANSWERED"}


def check_sums(played: Played) -> None:
    """Every planned sum is told, and is the oracle's; each took every share and both rounds once.

    What a party gave stands in its own log, byte for byte, and nothing was given twice.
    """
    assert played.sums
    assert {one.key: one.outcome for one in played.sums} == {
        one.key: played.oracle[one.key] for one in played.sums
    }
    given = [one for one in played.messages if one.state == "GIVEN"]
    for each in played.sums:
        *departments, tally = each.parties
        rounds = Counter((one.round, one.party) for one in given if one.sum == each.sum)
        shares = {("contribute", one): 1 for one in departments}
        assert rounds == shares | {("compare", tally): 1, ("test", tally): 1}, each.key
    for party in {one.party for one in given}:
        file = "node.sqlite" if party in played.nodes else "tally.sqlite"
        log = {
            row.entry.request: row for row in played.log_of(played.folder(party) / "data" / file)
        }
        for one in given:
            if one.party == party:
                request, receipt = codec.decode_batch(one.request), codec.decode_batch(one.receipt)
                row = log[request.envelope.payload]
                assert (row.entry.kind, row.entry.caller) == (one.round, CENTRE)
                assert row.entry.answer == receipt.envelope.payload
                assert row.leaf == _leaf(row)


def check_logs(played: Played) -> None:
    """Every answer the centre holds is in its node's log, and every logged answer is held."""
    held: dict[str, dict[bytes, Exchange]] = {node: {} for node in played.present}
    for one in played.exchanges:
        if one.receipt:
            held[one.department][codec.decode_batch(one.request).envelope.payload] = one
    for node in played.present:
        log = [row for row in played.log(node) if row.entry.kind == "ask"]
        for row in log:
            assert row.leaf == _leaf(row), (node, row.seq)
        logged = {row.entry.request: row for row in log}
        assert len(logged) == len(log), "a request was answered twice"
        assert held[node].keys() <= logged.keys()
        for request, one in held[node].items():
            _compare(played, one, logged[request])


def check_strangers(played: Played) -> None:
    """What a node logged beyond the centre's books is an attack, and used none of its consents."""
    tokens = {one.jti for one in played.asks}
    found = list(strangers(played))
    assert {node for node, _ in found} == {VICTIM}
    assert not tokens & {token for _, row in found for token in row.items.tokens}


def check_uses(played: Played) -> None:
    """Every question was counted once an answer: uses run from 1 to k, and the node counts k.

    A refusal is none.
    """
    spent = {
        (node, jti, name): used
        for node in played.present
        for jti, name, used in played.node(node, "SELECT chain, name, used FROM uses")
    }
    for one in played.asks:
        uses = sorted(a.use_no for a in one.answers if a.outcome not in _NO_USE)
        assert uses == list(range(1, len(uses) + 1)), one.key
        _, _, department, predicate, parameter = one.key
        counted = spent.get((department, one.jti, f"{predicate} {parameter}"), 0)
        assert counted == len(uses), one.key


def _leaf(row: Logged) -> bytes:
    return leaf(SaltedItem(row.salt, row.record))


def _compare(played: Played, one: Exchange, row: Logged) -> None:
    """Hold one exchange of the centre's books to its entry in the node's log."""
    request, receipt = codec.decode_batch(one.request), codec.decode_batch(one.receipt)
    keys = played.manifest.party(one.department).keys
    signed.open_answer(receipt, signed.claimed_header(request), keys)
    entry = row.entry
    assert (entry.kind, entry.caller) == ("ask", CENTRE)
    assert entry.request_signature == request.envelope.signatures[0].sig
    assert entry.answer == receipt.envelope.payload
    assert row.items.request_leaves == leaves(one.request)
    assert row.items.answer_leaves == leaves(one.receipt)
    assert len(row.items.tokens) == len(request.items)
