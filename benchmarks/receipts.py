"""``receipt.verify``: how many receipts an auditor verifies a second.

Real receipts: a node answers, its log is cosigned by three witnesses, and it proves each exchange.
What it is held against verifies the signatures that these receipts contain, and nothing else: of
request, answer, token and checkpoint, and those of the witnesses.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter, sleep
from typing import Final

import grpc
from nacl.signing import VerifyKey

from auditor import papers, receipts
from benchmarks import callers, town
from benchmarks.callers import Line
from benchmarks.measuring import Benchmark, Direction, Play, Round
from benchmarks.processes import serving
from benchmarks.requests import CAR, Asking
from benchmarks.town import Town
from crypto import envelope, note
from crypto.keys import VerifyKey as Key
from crypto.labels import COSIGNATURE
from federation.exchange import ASK
from federation.log import proof
from federation.manifest import Manifest
from federation.receipt import DocumentName, Receipt, proven_item
from federation.strictjson import unb64
from federation.wire import codec, receipt_messages, signed
from federation.wire.receipt_messages import PROVE
from hedui.demo.stage import REGISTRAR, WITNESSES

_NODE: Final = "public_security"
_RECEIPTS: Final = 400
_TRIES: Final = 120
_PAUSE: Final = 0.5
_SIGNATURE: Final = 64

Signed = tuple[VerifyKey, bytes, bytes]
"""A key, what it signed, and the signature."""


@dataclass(frozen=True, slots=True)
class _Contest:
    """Receipts with the signatures that they contain, and the documents to judge them by."""

    made: Sequence[bytes]
    contained: Sequence[Signed]
    papers: papers.Papers

    def verify(self) -> Round:
        """Verify every receipt, then every signature."""
        began = perf_counter()
        for one in self.made:
            receipts.check(one, self.papers)
        ours = len(self.made) / (perf_counter() - began)
        began = perf_counter()
        for key, message, signature in self.contained:
            key.verify(message, signature)
        return Round(ours=ours, baseline=len(self.made) / (perf_counter() - began))


def _receipt(place: Town, request: bytes, reply: bytes, proven: bytes) -> Receipt:
    asked, answered = codec.decode_batch(request), codec.decode_batch(reply)
    proved = receipt_messages.decode_proved(proven)
    (shown,) = asked.presentations
    manifest, policy = place.coordinator.manifest, place.coordinator.policy
    return Receipt(
        request=proven_item(asked.envelope, asked.items, 0),
        answer=proven_item(answered.envelope, answered.items, 0),
        consent=sha256(shown).digest(),
        presentation=shown,
        log=proved.log,
        status_lists=proved.status_lists,
        manifest=DocumentName(version=manifest.version, digest=manifest.digest),
        policy=DocumentName(version=policy.version, digest=policy.digest),
    )


def _contained(receipt: Receipt, manifest: Manifest) -> Iterator[Signed]:
    for item in (receipt.request, receipt.answer):
        sealed = item.envelope
        (signature,) = sealed.signatures
        key = _key(manifest, signature.kid)
        yield key, envelope.pae(sealed.payload_type, sealed.payload), signature.sig
    body, _, signature_text = receipt.presentation.partition(b"~")[0].rpartition(b".")
    (registrar,) = manifest.registrar.keys.values()
    yield VerifyKey(registrar.raw), body, unb64(signature_text.decode(), "signature")
    signed_note = note.parse(proof.parse(receipt.log.proof).checkpoint)
    text = signed_note.text.encode()
    for line in signed_note.signatures:
        (signer,) = manifest.party(line.name.rpartition("/")[2]).keys.values()
        time, sig = line.value[:-_SIGNATURE], line.value[-_SIGNATURE:]
        stamp = COSIGNATURE + b"time %d\n" % int.from_bytes(time, "big") if time else b""
        yield VerifyKey(signer.raw), stamp + text, sig


def _key(manifest: Manifest, kid: str) -> VerifyKey:
    keys: dict[str, Key] = {}
    for party in manifest.parties.values():
        keys |= party.keys
    return VerifyKey(keys[kid].raw)


def _prove(ask: Line, request: bytes) -> bytes:
    """Fetch the proof of an exchange, once the witnesses have seen it."""
    qid = signed.claimed_header(codec.decode_batch(request)).qid
    for _ in range(_TRIES):
        try:
            return ask(receipt_messages.encode_prove(qid))
        except grpc.RpcError:
            sleep(_PAUSE)
    raise TimeoutError("no proof")


@contextmanager
def contest(folder: Path) -> Iterator[Play]:
    """Found a federation, ask, have all proven, and make the receipts."""
    home = folder / "federation"
    place = town.build(home, departments=[_NODE], people=_RECEIPTS)
    serve = ["serve", "--json", "--folder"]
    first = {
        REGISTRAR: ["hedui", "registrar", *serve, str(home / REGISTRAR)],
        **{one: ["hedui", "audit", "witness", *serve, str(home / one)] for one in WITNESSES},
    }
    node = ["hedui", "node", "serve", "--enrol", "--json", "--folder", str(home / _NODE)]
    manifest, caller = place.coordinator.manifest, place.coordinator
    with ExitStack() as stack:
        stack.enter_context(serving(folder, first))
        port = stack.enter_context(serving(folder, {_NODE: node}))[_NODE]
        ask = stack.enter_context(callers.line(caller, _NODE, port, ASK))
        prove = stack.enter_context(callers.line(caller, _NODE, port, PROVE))
        asking = Asking(place, manifest.party(_NODE))
        requests = [asking.presenting([one], CAR) for one in asking.hold(_RECEIPTS)]
        replies = [ask(one) for one in requests]
        proofs = [_prove(prove, one) for one in requests]
    made = [
        _receipt(place, request, reply, proven)
        for request, reply, proven in zip(requests, replies, proofs, strict=True)
    ]
    documents = {
        name: (home / REGISTRAR / name).read_bytes() for name in ("manifest.json", "policy.json")
    }
    chain = papers.chain_of((home / REGISTRAR / "root.json").read_bytes())
    one = _Contest(
        [receipt_messages.encode_receipt(each) for each in made],
        [signed_one for each in made for signed_one in _contained(each, manifest)],
        papers.gather(chain, documents),
    )
    one.verify()
    yield one.verify


BENCHMARKS: Final = [
    Benchmark(
        name="receipt.verify",
        unit="receipts/s",
        direction=Direction.MORE,
        target=0.5,
        stage=contest,
    ),
]
