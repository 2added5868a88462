"""Receipts made from real keys: a federation in memory whose parties sign whatever a story says.

Every key and every salt follows from a name, so that the same story gives the same bytes. An attack
is one changed field of a story; what was not changed is as honest parties would have made it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from crypto import note
from crypto.keys import SigningKey
from crypto.note import Note
from federation import bundle, clock, consent, ledger, limits, manifest, policy, root, status
from federation.bundle import Contents
from federation.consent import Claims, Grant
from federation.exchange import (
    ASK,
    Answer,
    Header,
    Outcome,
    Purpose,
    Question,
    Scope,
    outcome_text,
)
from federation.ledger import Items, LedgerEntry
from federation.log import proof
from federation.log.book import Kept
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.receipt import DocumentName, LogProof, Receipt, proven_item
from federation.root import Root, RootDocument
from federation.status import Status
from federation.strictjson import dumps
from federation.wire import codec, receipt_messages, signed
from federation.wire.codec import SignedBatch
from tests.federation.log.kept import Owner, keeper
from tests.support import twin
from tests.support.books import MemoryBook

NOW: Final = twin.NOW
COORDINATOR: Final = "coordinator"
DEPARTMENT: Final = "public_security"
ROLES: Final = {
    "registrar": PartyRole.REGISTRAR,
    COORDINATOR: PartyRole.COORDINATOR,
    DEPARTMENT: PartyRole.NODE,
    "tax": PartyRole.NODE,
    "auditor": PartyRole.AUDITOR,
    "witness_a": PartyRole.WITNESS,
    "witness_b": PartyRole.WITNESS,
    "witness_c": PartyRole.WITNESS,
}
POLICY: Final = f"""{twin.POLICY}
[[rule]]
predicate = "P07"
purposes = ["ENTRY"]
parameters = []
period = "month"
max_age_days = 3650
source = "测试"
zh = "测试"
en = "test"
"""
ROOT_KEYS: Final = ("root-1", "root-2", "root-3")
YES: Final = Answer(
    outcome=Outcome.YES, as_of=20261117, scope=Scope.CITY, policy_version=1, use_no=1
)
CAR: Final = Question(predicate="P40", case_ref=hashlib.sha256(b"case").digest())
CAR_GRANT: Final = Grant(predicate="P40", parameter="", form="boolean", max_uses=2)
OTHER_GRANT: Final = Grant(predicate="P42", parameter="w12m", form="boolean", max_uses=2)


def key(name: str) -> SigningKey:
    """Make the key that a party, or a holder of a root key, always has here."""
    return SigningKey.from_seed(name.encode().ljust(32, b"."))


def filler(name: str, size: int = 16) -> bytes:
    """Make bytes that follow from a name."""
    return hashlib.shake_256(name.encode()).digest(size)


def party(name: str, role: PartyRole, *more: SigningKey) -> PartyEntry:
    """List a party with its key, and with more of them."""
    keys = [key(name), *more]
    return PartyEntry(
        id=name,
        role=role,
        kind=name if role is PartyRole.NODE else "",
        zh=name,
        en=name,
        endpoint="127.0.0.1:0",
        keys={one.kid: one.verify_key for one in keys},
        certificates=(),
    )


def first_manifest() -> Manifest:
    """List everybody in version 1, in force from NOW on for a year."""
    return Manifest(
        federation="test",
        version=1,
        issued=NOW - 1_000,
        expires=NOW + 366 * 86_400,
        demonstration=True,
        ca=b"ca",
        parties={name: party(name, role) for name, role in ROLES.items()},
        pseudonym_keys={},
    )


def root_document(version: int = 1, keys: tuple[str, ...] = ROOT_KEYS, **more: Any) -> RootDocument:
    """Make a root of two out of three keys."""
    names = {key(one).kid: key(one).verify_key for one in keys}
    made = RootDocument(
        federation="test",
        version=version,
        issued=NOW - 2_000,
        expires=NOW + 3 * 366 * 86_400,
        root=Root(keys=names, threshold=2),
    )
    return replace(made, **more)


def root_file(*documents: RootDocument) -> bytes:
    """Write ``root.json``: each is signed by its own keys and by those before it."""
    lines = []
    for n, one in enumerate(documents):
        names = {*one.root.keys, *(documents[n - 1].root.keys if n else {})}
        signers = [key(name) for name in ALL_ROOT_KEYS if key(name).kid in names]
        lines.append(root.sign(root.write(one), root.PAYLOAD_TYPE, signers))
    return b"\n".join(lines) + b"\n"


ALL_ROOT_KEYS: Final = (*ROOT_KEYS, "root-4", "root-5", "root-6")


def manifest_file(document: Manifest, *signers: str) -> bytes:
    """Sign a manifest, with the first two root keys if nobody else is named."""
    names = signers or ROOT_KEYS[:2]
    payload = manifest.write(document)
    return root.sign(payload, manifest.PAYLOAD_TYPE, [key(name) for name in names])


def policy_file(text: str = POLICY, *signers: str) -> bytes:
    """Sign a policy."""
    names = signers or ROOT_KEYS[:2]
    return root.sign(text.encode(), policy.PAYLOAD_TYPE, [key(name) for name in names])


@dataclass(frozen=True, kw_only=True)
class Story:
    """What happened, as far as it is not as usual; times count from NOW."""

    asked: Mapping[str, Any] = field(default_factory=dict)
    said: Mapping[str, Any] = field(default_factory=dict)
    question: Mapping[str, Any] = field(default_factory=dict)
    answer: Answer | bytes = YES
    claims: Mapping[str, Any] = field(default_factory=dict)
    grants: tuple[Grant, ...] = (CAR_GRANT, OTHER_GRANT)
    disclosed: tuple[tuple[str, str], ...] = (("P40", ""),)
    by_id: bool = False
    entry: Mapping[str, Any] = field(default_factory=dict)
    asker: str = COORDINATOR
    teller: str = DEPARTMENT
    issuer: str = "registrar"
    states: Mapping[int, Status] = field(default_factory=dict)
    list_age: int = 10
    items: int = 5
    place: int = 2
    before: int = 3
    cosigned: Mapping[str, int] = field(
        default_factory=lambda: {"witness_a": 5, "witness_b": 30, "witness_c": 40}
    )
    log_key: str = ""
    enclosed: bool = True


@dataclass
class Made:
    """A receipt and what it was made of."""

    receipt: Receipt
    request: SignedBatch
    answer: SignedBatch
    presentation: bytes
    token: bytes
    status_list: bytes

    @property
    def data(self) -> bytes:
        return receipt_messages.encode_receipt(self.receipt)


def claims_of(department: str, jti: bytes) -> Claims:
    """Make the claims of a usual token."""
    sub = filler("psn", 32)
    return Claims(
        issuer="registrar",
        audience=department,
        sub=sub,
        issued=clock.day_start(NOW),
        not_before=clock.day_start(NOW),
        expires=clock.month_end(NOW),
        jti=jti,
        holder=key(COORDINATOR).verify_key.raw,
        status_index=7,
        status_uri=status.uri_of("registrar", department),
        purpose=Purpose.ENTRY,
        basis="CONSENT",
        policy_family="test",
        policy_version=1,
        uses_a_month=100,
        data_life_days=0,
        role="APPLICANT",
        household_salt=bytes(16),
        household_commitment=consent.household_commitment(bytes(16), [sub]),
        members=1,
        evidence=bytes(32),
        chain=jti,
    )


def tell(story: Story = Story()) -> Made:
    """Let the parties do what a story says, and put the receipt together."""
    token = _token(story)
    presentation = consent.disclose(token, story.disclosed)
    request = _request(story, presentation)
    listed = _list(story)
    answer = _answer(story, request, listed)
    book, index = _logged(story, request, answer)
    receipt = Receipt(
        request=proven_item(request.envelope, request.items, story.place),
        answer=proven_item(answer.envelope, answer.items, story.place),
        consent=hashlib.sha256(presentation).digest(),
        presentation=presentation if story.enclosed else b"",
        log=log_proof(story, book, index),
        manifest=DocumentName(version=1, digest=_digest(manifest.write(first_manifest()))),
        policy=DocumentName(version=1, digest=_digest(POLICY.encode())),
        status_lists=(listed,) if story.enclosed else (),
    )
    return Made(receipt, request, answer, presentation, token, listed)


def log_proof(story: Story, book: MemoryBook, index: int) -> LogProof:
    """Prove a row under the newest checkpoint, cosigned by whom the story names."""
    kept = _cosigned(story, book.checkpoints[-1])
    row = book.all[index]
    assert row.record is not None
    assert row.salt is not None
    return LogProof(record=row.record, salt=row.salt, proof=proof.prove(book, index, kept))


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _token(story: Story) -> bytes:
    claims = replace(claims_of(story.teller, filler("jti")), **story.claims)
    salted = {filler(f"grant {n}"): grant for n, grant in enumerate(story.grants)}
    return consent.issue(claims, salted, key(story.issuer))


def _request(story: Story, presentation: bytes) -> SignedBatch:
    jti = story.claims.get("jti", filler("jti"))
    shown = {"jti": jti} if story.by_id else {"presentation": _digest(presentation)}
    usual: dict[str, Any] = {**shown, **story.question}
    question = replace(CAR, **usual)
    items = [codec.encode_question(replace(question, predicate="P06")) for _ in range(story.items)]
    items[story.place] = codec.encode_question(question)
    header = Header(
        method=ASK,
        sender=COORDINATOR,
        audience=DEPARTMENT,
        qid=filler("qid"),
        issued=NOW,
        expires=NOW + limits.REQUEST_LIFE,
        n=0,
        root=signed.UNSET_ROOT,
        purpose=Purpose.ENTRY,
        policy_version=1,
    )
    unsigned = signed.prepare(replace(header, **story.asked), items, _salts("question"))
    return signed.sign(unsigned, key(story.asker), () if story.by_id else (presentation,))


def _answer(story: Story, request: SignedBatch, listed: bytes) -> SignedBatch:
    asked = signed.claimed_header(request)
    items = [codec.encode_answer(replace(YES, outcome=Outcome.NO)) for _ in range(story.items)]
    told = story.answer
    items[story.place] = told if isinstance(told, bytes) else codec.encode_answer(told)
    header = Header(
        method=asked.method,
        sender=asked.audience,
        audience=asked.sender,
        qid=asked.qid,
        issued=asked.issued + 1,
        expires=asked.issued + 1 + limits.REQUEST_LIFE,
        n=0,
        root=signed.UNSET_ROOT,
        purpose=asked.purpose,
        policy_version=asked.policy_version,
        request_hash=_digest(request.envelope.payload),
        status_list_digest=_digest(listed),
    )
    unsigned = signed.prepare(replace(header, **story.said), items, _salts("answer"))
    return signed.sign(unsigned, key(story.teller))


def _salts(name: str) -> Any:
    return lambda size: filler(name, size)


def _list(story: Story) -> bytes:
    uri = status.uri_of("registrar", DEPARTMENT)
    issued = NOW + 1 - story.list_age
    return status.issue(uri, status.pack(story.states), issued, key("registrar"))


def _logged(story: Story, request: SignedBatch, answer: SignedBatch) -> tuple[MemoryBook, int]:
    """Write an exchange into the department's log, between others."""
    said = signed.claimed_header(answer)
    items = Items(request_leaves=(bytes(32),), answer_leaves=(bytes(32),), tokens=(bytes(16),))
    usual = LedgerEntry(
        at=said.issued,
        kind="ask",
        caller=COORDINATOR,
        request=request.envelope.payload,
        request_signature=request.envelope.signatures[0].sig,
        answer=answer.envelope.payload,
        beside=ledger.digest(items.write()),
    )
    book = MemoryBook()
    for n in range(story.before):
        book.append(b"before %d" % n)
    index = book.append(codec.encode_entry(replace(usual, **story.entry)), items.write())
    book.append(b"after")
    signer = key(story.log_key or story.teller)
    keeper(book, owner=Owner(id=story.teller, manifest=first_manifest(), key=signer)).cut()
    return book, index


def _cosigned(story: Story, kept: Kept) -> Kept:
    signed_note = note.parse(kept.note)
    lines = [
        note.cosign(signed_note.text, f"test/{witness}", key(witness), NOW + 1 + after)
        for witness, after in story.cosigned.items()
    ]
    return replace(
        kept,
        note=note.write(Note(text=signed_note.text, signatures=(*signed_note.signatures, *lines))),
    )


CASE: Final = ("HD-790301-2026-0001", "790301-17", "op-lin")
"""Case, commission and operator."""
SALT: Final = filler("case", 32)


def of_case(story: Story, *, n: int = 0) -> Story:
    """Let a story be about the case, in its nth exchange."""
    contents = replace(EMPTY, salts={DEPARTMENT: SALT})
    reference = contents.case_reference(DEPARTMENT)
    return replace(
        story,
        enclosed=False,
        question={"case_ref": reference, **story.question},
        asked={"qid": filler(f"qid {n}"), **story.asked},
    )


EMPTY: Final = Contents(
    federation="test",
    coordinator=COORDINATOR,
    case=CASE[0],
    commission=CASE[1],
    operator=CASE[2],
    made=NOW + 100,
    files={},
    persons={},
    salts={},
)


def row(made: Made, person: int = 1) -> dict[str, Any]:
    """Write a report's row of a receipt."""
    question = codec.decode_question(made.receipt.request.item.item)
    answer = codec.decode_answer(made.receipt.answer.item.item)
    return {
        "department": signed.claimed_header(made.request).audience,
        "predicate": question.predicate,
        "parameter": question.parameter,
        "person": person,
        "outcome": outcome_text(answer, ("single", "married")),
        "use": answer.use_no,
    }


def report(*rows: dict[str, Any], **more: Any) -> bytes:
    """Write the report of the case, as far as an auditor reads it."""
    case, commission, operator = CASE
    head = {"case": case, "commission": commission, "operator": operator}
    silent = {"outcome": "", "person": None, "use": None}
    return dumps({**head, "rows": [*rows, silent], **more})


def case_files(*made: Made) -> dict[str, bytes]:
    """Lay out the files of a bundle, without the list of contents."""
    files = {
        bundle.ROOT: root_file(root_document()),
        "documents/manifest-1.json": manifest_file(first_manifest()),
        "documents/policy-test-1.json": policy_file(),
        bundle.REPORT: report(*map(row, made)),
    }
    for n, one in enumerate(made, start=1):
        files[f"receipts/{n:03}"] = one.data
        files[f"tokens/{_digest(one.presentation).hex()}.sd-jwt"] = one.presentation
        files[f"status/{_digest(one.status_list).hex()}/0.jwt"] = one.status_list
    return files


def sealed(files: Mapping[str, bytes], /, signer: str = COORDINATOR, **more: Any) -> bytes:
    """Sign a bundle of files as the coordinator does; ``more`` is told otherwise."""
    contents = replace(
        EMPTY,
        files=bundle.digests(files),
        persons={name: 1 for name in files if name.startswith("receipts/")},
        salts={DEPARTMENT: SALT},
    )
    return bundle.seal(files, replace(contents, **more), key(signer))
