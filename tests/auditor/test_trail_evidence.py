"""What is found in folders of evidence, and what is set aside because it does not hold."""

from hashlib import sha256
from pathlib import Path

import pytest

from auditor import trail_consents, trail_evidence
from auditor.trail import CaseFile
from auditor.trail_consents import Place
from auditor.trail_evidence import Found, Reading
from federation import closing, limits, root
from federation.errors import BadInput, PeerFault
from federation.exchange import Answer, Outcome, Refusal
from federation.ledger import Items
from federation.log import kinds, reader
from federation.log.events import Tombstone
from federation.log.node_events import NodePaused, UsesCounted
from federation.log.registrar_events import StatusPublished
from tests.support import exchanges, trails
from tests.support.books import MemoryBook
from tests.support.exchanges import DEPARTMENT, NOW, Story, filler, key, of_case, tell
from tests.support.trails import CONSENT, ME, Evidence, asked, count, cut, jti, registrar_log

MINE = {jti(ME)}
USUAL = Evidence(made=[(ME, asked(ME, 0)), (0, asked(0, 1))], counts=[count()])


def find(folder: Path) -> Found:
    return trail_evidence.find([folder])


def reading(found: Found) -> Reading:
    chain = root.read_chain(exchanges.root_file(exchanges.root_document()))
    return Reading(found, chain, {}, trails.papers())


def cases(one: Reading) -> list[CaseFile]:
    return list(one.cases())


def test_everything_is_found_by_what_it_is(tmp_path: Path) -> None:
    here = USUAL.write(tmp_path)
    (here / "notes.txt").write_bytes(b"{ no count")
    (here / "manifest.json").write_bytes(exchanges.manifest_file(exchanges.first_manifest()))
    (here / "long.json").write_bytes(b"{" + b" " * limits.COUNT_BYTES)
    (here / ".hidden").write_bytes(USUAL.bundle())
    (here / "empty").mkdir()
    (here / "link").symlink_to(tmp_path / "root.json")
    found = find(here)
    assert [one.name for one in found.bundles] == ["case.hedui"]
    assert [one.name for one in found.counts] == ["count-0.json"]
    assert [one.name for one in found.logs] == ["registrar"]
    named = trail_evidence.find([here / "case.hedui", here / "logs"])
    assert (named.bundles, named.logs) == (found.bundles, found.logs)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        find(tmp_path / "nothing")
    assert caught.value.code == "FILE_MISSING"


def test_a_bundle_gives_its_receipts_with_their_tokens(tmp_path: Path) -> None:
    found = reading(find(USUAL.write(tmp_path)))
    (case,) = cases(found)
    assert [(one.place, one.jti) for one in case.asked] == [(2, jti(ME)), (2, jti(0))]
    assert case.contents.commission == "790301-17"
    assert found.faults == []


def refused(n: int, **more: object) -> exchanges.Made:
    """Ask by a token, and be refused."""
    no = Answer(outcome=Outcome.REFUSED, refusal=Refusal.CONSENT_INVALID)
    claims = {"jti": jti(ME), "chain": jti(ME)}
    return tell(of_case(Story(answer=no, claims=claims, **more), n=n))  # type: ignore[arg-type]


def test_a_refused_question_is_known_by_a_genuine_token_only(tmp_path: Path) -> None:
    made = [refused(0), refused(1, issuer="tax"), refused(2, by_id=True)]
    evidence = Evidence(made=[(ME, one) for one in made])
    (case,) = cases(reading(find(evidence.write(tmp_path))))
    assert [one.jti for one in case.asked] == [jti(ME), None, jti(ME)]


def test_what_does_not_hold_is_set_aside(tmp_path: Path) -> None:
    here = USUAL.write(tmp_path)
    whole = (here / "case.hedui").read_bytes()
    (here / "a.hedui").write_bytes(whole[:-1])
    (here / "b.hedui").write_bytes(USUAL.bundle(commission="790301-18"))
    found = reading(find(here))
    assert [len(one.asked) for one in cases(found)] == [0, 2]
    assert found.faults == [
        ("a.hedui", "BUNDLE_MALFORMED"),
        ("b.hedui", "BUNDLE_CASE"),
        ("b.hedui", "BUNDLE_CASE"),
    ]


def test_counts_are_verified_by_the_manifest_of_their_time(tmp_path: Path) -> None:
    counts = [count(), count(at=NOW - 5_000), count(federation="other")]
    forged = closing.sign(count(), key("tax"))
    files = {"forged.json": forged, "odd.json": exchanges.policy_file()}
    found = reading(find(Evidence(counts=counts, files=files).write(tmp_path)))
    assert list(found.counts(MINE)) == [count()]
    assert found.faults == [
        ("count-1.json", "RECEIPT_MANIFEST"),
        ("count-2.json", "COUNT_INVALID"),
        ("forged.json", "COUNT_INVALID"),
    ]


@pytest.mark.parametrize(
    "payload", [b"[]", b"{}", b'{"at":1}', b'{"at":"1","department":"tax"}', b"x"]
)
def test_a_count_that_says_nothing_is_set_aside(tmp_path: Path, payload: bytes) -> None:
    data = root.sign(payload, closing.PAYLOAD_TYPE, [key(DEPARTMENT)])
    found = reading(find(Evidence(files={"odd.json": data}).write(tmp_path)))
    assert list(found.counts(MINE)) == []
    assert found.faults == [("odd.json", "COUNT_INVALID")]


def counted(document: bytes, token: bytes) -> bytes:
    event = UsesCounted(token=token, caller="coordinator", count=sha256(document).digest())
    return kinds.write(event, NOW + 60)


def test_counts_are_found_in_a_departments_log(tmp_path: Path) -> None:
    book = MemoryBook()
    other = count(0, token=jti(0))
    forged = closing.sign(count(at=NOW + 70), key("tax"))
    for one in (count(), other):
        document = closing.sign(one, key(DEPARTMENT))
        book.append(counted(document, one.token), document)
    book.append(counted(forged, jti(ME)), forged)
    book.append(kinds.write(NodePaused(), NOW))
    book.erase(Tombstone(at=NOW, order=filler("order", 32), rows=(3,)))
    here = Evidence(log=registrar_log()).write(tmp_path)
    reader.export(cut(book, party=DEPARTMENT), here / "logs" / DEPARTMENT)
    reader.export(cut(MemoryBook(), party="coordinator"), here / "logs" / "coordinator")
    found = reading(find(here))
    assert list(found.counts(MINE)) == [count()]
    assert found.faults == [(DEPARTMENT, "COUNT_INVALID")]


def test_a_departments_log_that_does_not_hold_is_set_aside(tmp_path: Path) -> None:
    here = Evidence().write(tmp_path)
    book = MemoryBook()
    book.append(kinds.write(NodePaused(), NOW))
    reader.export(cut(book, (), party=DEPARTMENT), here / "logs" / DEPARTMENT)
    found = reading(find(here))
    assert list(found.counts(MINE)) == []
    assert found.faults == [(DEPARTMENT, "RECEIPT_WITNESSES")]


def test_the_longest_log_of_the_registrar_is_taken(tmp_path: Path) -> None:
    here = USUAL.write(tmp_path)
    longer = registrar_log([*trails.USUAL, (trails.issued(ME, 1), b"")])
    reader.export(longer, here / "later")
    book = MemoryBook()
    book.append(b"{}")
    reader.export(cut(book, (), party=DEPARTMENT), here / "logs" / DEPARTMENT)
    head, entries = reading(find(here)).registrar_log()
    assert (head.party, head.tree.size, head.seen) == ("registrar", 5, NOW + 90)
    assert len(list(entries())) == len(list(entries())) == 5


def test_without_the_registrars_log(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        reading(Found()).registrar_log()
    assert (caught.value.code, caught.value.details) == ("TRAIL_LOG", {"party": "test/registrar"})


def test_a_log_without_enough_witnesses_is_refused(tmp_path: Path) -> None:
    evidence = Evidence(log=registrar_log(witnesses=("witness_a",)))
    with pytest.raises(PeerFault) as caught:
        reading(find(evidence.write(tmp_path))).registrar_log()
    assert caught.value.code == "RECEIPT_WITNESSES"


def test_a_row_that_was_edited_is_found(tmp_path: Path) -> None:
    here = USUAL.write(tmp_path)
    (file,) = (here / "logs" / "registrar" / "tile" / "records").iterdir()
    (part,) = file.iterdir()
    part.write_bytes(part.read_bytes().replace(b'"person":1', b'"person":2'))
    _, entries = reading(find(here)).registrar_log()
    with pytest.raises(PeerFault) as caught:
        trail_consents.gather(entries, [Place(consent_no=CONSENT, person=ME)], ())
    assert caught.value.code == "LOG_ROW"


def test_nothing_of_the_registrars_log_is_ever_erased(tmp_path: Path) -> None:
    book = registrar_log()
    book.erase(Tombstone(at=NOW, order=filler("order", 32), rows=(2,)))
    _, entries = reading(find(Evidence(log=cut(book)).write(tmp_path))).registrar_log()
    with pytest.raises(PeerFault) as caught:
        list(entries())
    assert (caught.value.code, caught.value.details["row"]) == ("LOG_GAP", 2)


def test_what_tells_of_no_consent_is_passed_over(tmp_path: Path) -> None:
    book = registrar_log()
    row = exchanges.tell().receipt.log.record
    items = Items(request_leaves=(bytes(32),), answer_leaves=(bytes(32),), tokens=(bytes(16),))
    book.append(row, items.write())
    listed = StatusPublished(department=DEPARTMENT, series=0, list=bytes(32), iat=NOW)
    book.append(kinds.write(listed, NOW))
    _, entries = reading(find(Evidence(log=cut(book)).write(tmp_path))).registrar_log()
    assert len(list(entries())) == 4
