"""Who looks at what auditors and witnesses can meet, and the code with which each refuses it."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from auditor import alarms, bundles, inclusion, papers, receipts, witness
from auditor import logs as auditor_logs
from auditor.papers import Papers
from auditor.receipts import Beside
from auditor.sums import Known
from auditor.transcripts import Transcripts
from auditor.witness import Seen
from crypto import tiles
from federation import bundle, erasure, root, ticket, transcript, verdict
from federation.errors import HeduiError, Unavailable
from federation.log.keys import log_keys
from federation.receipt import LogProof
from federation.root import Chain
from federation.wire import log_messages
from tests.auditor import adding
from tests.hostile import logs, sums
from tests.hostile.made import DEPARTMENT
from tests.hostile.made import root as root_of
from tests.support import exchanges
from tests.support.summed import SEED

Verifier = Callable[[bytes], object]


def code(verifier: Verifier, data: bytes) -> str:
    """Give the code with which a file is refused."""
    try:
        verifier(data)
    except HeduiError as error:
        return error.code
    return ""


@cache
def chain() -> Chain:
    return root.read_chain(exchanges.root_file(exchanges.root_document()))


@cache
def known() -> Papers:
    documents = [exchanges.manifest_file(exchanges.first_manifest()), exchanges.policy_file()]
    return papers.gather(chain(), {f"document {n}": one for n, one in enumerate(documents)})


def _receipt(data: bytes) -> None:
    receipts.check(data, known())


def _bundle(data: bytes) -> None:
    """Name the first fault where there are several."""
    for fault in bundles.check(data, chain(), {}).faults:
        raise fault


def _transcript(data: bytes) -> None:
    """Replay a run by its seed; name the first fault where there are several."""
    town = sums.town()
    files = town.files()
    _, contents = bundle.read_contents(bundle.read(town.sealed(files)))
    beside = Beside.of(data for name, data in files.items() if name.startswith("tokens/"))
    known = Known(seeds=adding.opened(SEED))
    _, faults = Transcripts(adding.PAPERS, beside, contents, known).check("transcript", data)
    for fault in faults:
        raise fault


def _log(replaced: str) -> Verifier:
    """Verify the sound log, of which one resource is another."""
    size = len(logs.ROWS)
    sound = {
        "checkpoint": logs.SOUND,
        tiles.path(0, 0, size): b"".join(logs.LEAVES),
        tiles.path(None, 0, size): logs.bundle(logs.KEPT),
    }

    def verify(data: bytes) -> None:
        there = {**sound, replaced: data}

        def read(path: str) -> bytes:
            if path not in there:
                raise Unavailable("LOG_PART_MISSING", path=path)
            return there[path]

        head = auditor_logs.head(read, known())
        auditor_logs.verify(auditor_logs.Log(read, head))

    assert replaced in sound
    return verify


def _proof(data: bytes) -> None:
    salt, record, _ = logs.ROWS[logs.PROVEN]
    shown = LogProof(record=record, salt=salt, proof=data)
    found = inclusion.included(shown, logs.ORIGIN)
    inclusion.cosigned(found.note, DEPARTMENT, exchanges.first_manifest())


def _witness(data: bytes) -> None:
    keys = log_keys(exchanges.first_manifest(), DEPARTMENT)
    request = log_messages.decode_checkpoint(data)
    seen = Seen(size=logs.SEEN, root=root_of(logs.ENTRIES[: logs.SEEN]))
    verdict = witness.judge(seen, witness.present(request, logs.ORIGIN, keys))
    if verdict.alarm:
        raise HeduiError(verdict.value)
    assert verdict is witness.Verdict.COSIGN


VERIFIERS: Final[Mapping[str, Verifier]] = {
    "receipt": _receipt,
    "bundle": _bundle,
    "checkpoint": _log("checkpoint"),
    "tile": _log(tiles.path(0, 0, len(logs.ROWS))),
    "records": _log(tiles.path(None, 0, len(logs.ROWS))),
    "proof": _proof,
    "witness": _witness,
    "transcript": _transcript,
    "seeds": transcript.read_seeds,
    "verdict": lambda data: verdict.read(data, exchanges.first_manifest()),
    "alarm": lambda data: alarms.read(data, exchanges.first_manifest()),
    "order": lambda data: erasure.read(data, exchanges.first_manifest()),
    "ticket": lambda data: ticket.read(data, exchanges.first_manifest()),
}
