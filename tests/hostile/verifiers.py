"""Who looks at what auditors and witnesses can meet, and the code with which each refuses it."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from auditor import alarms, bundles, inclusion, papers, receipts, witness
from auditor import logs as auditor_logs
from auditor.papers import Papers
from auditor.witness import Seen
from crypto import tiles
from federation import erasure, root
from federation.errors import HeduiError, Unavailable
from federation.log.keys import log_keys
from federation.receipt import LogProof
from federation.root import Chain
from federation.wire import log_messages
from tests.hostile import logs
from tests.hostile.made import DEPARTMENT
from tests.hostile.made import root as root_of
from tests.support import exchanges

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
    "alarm": lambda data: alarms.read(data, exchanges.first_manifest()),
    "order": lambda data: erasure.read(data, exchanges.first_manifest()),
}
