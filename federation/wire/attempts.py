"""The second attempt at a run of a sum: what opens it, for departments and tally alike.

Knows the tally's signed abort and the auditor's signed verdict (protocol note §7). Does not know
which rungs have given a bit: the tally does.
"""

from federation import exchange, verdict
from federation.errors import PeerFault, Refused
from federation.exchange import Outcome
from federation.manifest import Manifest, PartyRole
from federation.summing import SumOrder
from federation.wire import codec, signed, sum_messages


def check(order: SumOrder, first: bytes, rung: str, tally: str, manifest: Manifest) -> None:
    """Hold a second attempt to the abort of the ``first`` run at a rung, and to the verdict on it.

    Raises:
        Refused: SUM_ATTEMPT.
    """
    if order.attempt == 0:
        if order.abort or order.verdict:
            raise Refused("SUM_ATTEMPT")
        return
    try:
        _check_abort(order.abort, first, rung, tally, manifest)
        said = verdict.read(order.verdict, manifest)
    except PeerFault as e:
        raise Refused("SUM_ATTEMPT", why=e.code) from e
    if (said.run, said.rung, said.replays) != (first, rung, True):
        raise Refused("SUM_ATTEMPT", why="verdict")


def _check_abort(abort: bytes, run: bytes, rung: str, tally: str, manifest: Manifest) -> None:
    batch = codec.decode_batch(abort)
    header = signed.claimed_header(batch)
    opened = signed.verify(batch, header, manifest.party(tally, PartyRole.TALLY).keys)
    if (header.method, header.sender) != (exchange.COMPARE, tally) or not header.request_hash:
        raise Refused("SUM_ATTEMPT", why="abort")
    *answers, last = opened.items or (b"",)
    outcomes = {codec.decode_answer(one).outcome for one in answers}
    said = sum_messages.decode_compared(last)
    if outcomes != {Outcome.ABORTED} or (said.run, said.rung, said.bits) != (run, rung, b""):
        raise Refused("SUM_ATTEMPT", why="abort")
