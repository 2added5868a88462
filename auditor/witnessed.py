"""What others were shown of a log, held to the log itself: checkpoints, and alarms of witnesses.

Knows that a log which has shown a tree must go on from it. Does not know where such notes come
from: any witness, receipt or visitor may have kept one.
"""

from collections.abc import Iterator, Mapping

from auditor import alarms
from auditor.alarms import Alarm
from auditor.findings import Finding, Place, doubted, found
from auditor.logs import Log
from auditor.papers import Papers
from auditor.witness import Verdict
from crypto import checkpoint, note
from crypto.checkpoint import Checkpoint
from crypto.errors import BadNote
from federation.errors import BadInput, PeerFault, Unavailable
from federation.log.keys import log_keys


def check(
    files: Mapping[str, bytes], logs: Mapping[str, Log], papers: Papers, *, settled: bool = False
) -> Iterator[Finding]:
    """Hold checkpoints and alarms, by the names of their files, to the logs that are here."""
    for name, data in files.items():
        try:
            if data.startswith(b"{"):
                _, alarm = alarms.read(data, papers.newest)
                yield _alarm(name, alarm, logs)
            else:
                tree = _tree(data, papers)
                yield from _shown(name, tree, logs, settled=settled)
        except (BadInput, PeerFault, Unavailable) as e:
            yield found(e.code, **{**e.details, "file": name})


def _alarm(name: str, alarm: Alarm, logs: Mapping[str, Log]) -> Finding:
    """Tell of an alarm; that a log was shorter once is no more than a doubt if it has gone on."""
    party = alarm.origin.rpartition("/")[2]
    known = checkpoint.parse(note.parse(alarm.known).text)
    told = {"file": name, "at": alarm.at, "signed": known.root}
    finding = found(alarm.code.value, Place(party, known.size - 1), **told)
    log = logs.get(party)
    gone_on = log is not None and log.head.tree.size >= known.size
    if alarm.code is Verdict.ROLLED_BACK and log is not None and gone_on:
        return doubted(finding) if log.root_of(known.size) == known.root else finding
    return finding


def _tree(data: bytes, papers: Papers) -> Checkpoint:
    """Read a checkpoint that its log has signed; who else did does not matter.

    Raises:
        PeerFault: RECEIPT_CHECKPOINT.
    """
    try:
        signed = note.parse(data)
        tree = checkpoint.parse(signed.text)
        keys = {key.key_id: key for key in log_keys(papers.newest, tree.origin.rpartition("/")[2])}
        own = [one for one in signed.signatures if one.name == tree.origin]
        for one in own:
            note.verify(signed, keys[one.key_id])
    except (BadNote, KeyError) as e:
        raise PeerFault("RECEIPT_CHECKPOINT", why=type(e).__name__) from e
    if not own or tree.origin != papers.newest.note_name(tree.origin.rpartition("/")[2]):
        raise PeerFault("RECEIPT_CHECKPOINT", why=tree.origin)
    return tree


def _shown(
    name: str, tree: Checkpoint, logs: Mapping[str, Log], *, settled: bool
) -> Iterator[Finding]:
    party = tree.origin.rpartition("/")[2]
    log = logs.get(party)
    if log is None:
        return
    size = log.head.tree.size
    place = Place(party, max(0, min(size, tree.size) - 1))
    if tree.size > size:
        behind = found("LOG_BEHIND", place, file=name, shown=tree.size, exported=size)
        yield behind if settled else doubted(behind)
        return
    reached = log.root_of(tree.size)
    if reached != tree.root:
        yield found("LOG_SPLIT", place, file=name, signed=tree.root, computed=reached)
