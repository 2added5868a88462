"""Bundles of real receipts: proven as they are, and everything wrong with them named at once."""

import io
import random
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from auditor import bundles
from auditor.bundles import Verdict
from crypto.envelope import from_json
from federation import bundle, limits, root
from federation.errors import PeerFault
from federation.exchange import Outcome
from federation.root import Chain
from federation.strictjson import dumps
from federation.wire import receipt_messages
from tests.support import exchanges
from tests.support.exchanges import CAR_GRANT, NOW, YES, Story, key, of_case, row, tell

FIRST = tell(of_case(Story()))
SECOND = tell(
    of_case(
        Story(
            question={"predicate": "P42", "parameter": "w12m"},
            disclosed=(("P42", "w12m"),),
            answer=replace(YES, outcome=Outcome.NO),
            items=1,
            place=0,
        ),
        n=1,
    )
)
REFUSED = tell(of_case(Story(answer=replace(YES, outcome=Outcome.PRESENT_AGAIN, use_no=0)), n=2))
FILES = exchanges.case_files(FIRST, SECOND)


def chain(*documents: Any) -> Chain:
    return root.read_chain(exchanges.root_file(*(documents or (exchanges.root_document(),))))


def check(data: bytes, *known: bytes) -> Verdict:
    return bundles.check(data, chain(), {f"own {n}": one for n, one in enumerate(known)})


def faults(data: bytes) -> list[tuple[str, Any]]:
    return [(one.code, one.details["file"]) for one in check(data).faults]


def refused(data: bytes, by: Chain | None = None) -> PeerFault:
    with pytest.raises(PeerFault) as caught:
        bundles.check(data, by or chain())
    return caught.value


def changed(**files: bytes) -> Mapping[str, bytes]:
    names = {name.replace("/", "_").partition(".")[0]: name for name in FILES}
    return {**FILES, **{names[name]: data for name, data in files.items()}}


def test_a_usual_bundle_is_proven() -> None:
    found = check(exchanges.sealed(FILES))
    assert found.faults == ()
    assert list(found.proven) == ["receipts/001", "receipts/002"]
    assert (found.receipts, found.broken) == (2, 0)
    assert [one.status_age for one in found.proven.values()] == [10, 10]
    assert found.contents.commission == "790301-17"


def test_the_auditors_own_documents_may_be_known_beside() -> None:
    own = exchanges.manifest_file(exchanges.first_manifest())
    assert check(exchanges.sealed(FILES), own).faults == ()


def test_what_says_nothing_needs_no_row_of_the_report() -> None:
    files = exchanges.case_files(FIRST, REFUSED) | {
        bundle.REPORT: exchanges.report(row(FIRST)),
    }
    assert check(exchanges.sealed(files)).faults == ()


def test_an_altered_receipt_names_its_own_broken_link() -> None:
    answer = replace(FIRST.receipt.answer, item=SECOND.receipt.answer.item)
    forged = receipt_messages.encode_receipt(replace(FIRST.receipt, answer=answer))
    listed = bundle.digests(FILES)
    found = check(exchanges.sealed(changed(receipts_001=forged), files=listed))
    assert [one.code for one in found.faults] == ["RECEIPT_ANSWER_ITEM"]
    assert found.faults[0].details["file"] == "receipts/001"
    assert found.faults[0].details["about"] == "public_security P40"
    assert (found.receipts, found.broken) == (2, 1)


def test_a_receipt_that_was_exchanged_for_a_genuine_one_is_found() -> None:
    listed = bundle.digests(FILES)
    swapped = {**FILES, "receipts/001": FILES["receipts/002"]}
    found = check(exchanges.sealed(swapped, files=listed))
    assert [one.code for one in found.faults] == ["BUNDLE_DIGEST"]
    assert found.broken == 1
    assert found.faults[0].details["signed"] == listed["receipts/001"].hex()


def test_an_altered_file_is_named_with_the_receipts_that_need_it() -> None:
    listed = bundle.digests(FILES)
    (token,) = (n for n in FILES if n.startswith("tokens/") and FILES[n] == FIRST.presentation)
    found = faults(exchanges.sealed({**FILES, token: b"x"}, files=listed))
    assert found == [("BUNDLE_DIGEST", token), ("RECEIPT_TOKEN_MISSING", "receipts/001")]


def test_a_receipt_that_does_not_read_is_about_nothing() -> None:
    (fault,) = check(exchanges.sealed(changed(receipts_001=b"x"))).faults
    assert (fault.code, fault.details["about"]) == ("RECEIPT_MALFORMED", "")


def test_an_altered_report_is_found() -> None:
    data = exchanges.sealed(changed(report=b"{}"), files=bundle.digests(FILES))
    assert faults(data) == [("BUNDLE_DIGEST", "report.json")]


def test_a_wrong_checksum_is_found() -> None:
    data = bytearray(exchanges.sealed(FILES))
    for name in (b"receipts/001", b"contents.json"):
        other = bytearray(data)
        for at in (data.index(name) - 16, data.rindex(name) - 30):
            other[at] ^= 1
        assert faults(bytes(other)) == [("BUNDLE_MALFORMED", name.decode())]


ROWS = row(FIRST), row(SECOND)
REPORTS = {
    "invented": exchanges.report(*ROWS, {**ROWS[0], "person": 2}),
    "hidden": exchanges.report(ROWS[0]),
    "another outcome": exchanges.report(ROWS[0], {**ROWS[1], "outcome": "YES"}),
    "another use": exchanges.report(ROWS[0], {**ROWS[1], "use": 2}),
    "another case": exchanges.report(*ROWS, case="HD-0"),
    "another operator": exchanges.report(*ROWS, operator="op"),
    "no rows": dumps({"case": "", "commission": "", "operator": ""}),
    "rows of nothing": exchanges.report(*ROWS, rows=[1]),
    "a list": b"[]",
    "no JSON": b"{",
    "an odd key": exchanges.report(*ROWS, {**ROWS[0], "person": []}),
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_report_that_the_receipts_do_not_bear_out(report: bytes) -> None:
    found = check(exchanges.sealed(changed(report=report)))
    assert {one.code for one in found.faults} == {"BUNDLE_REPORT"}
    assert found.broken == 0


def test_an_answer_of_another_case_is_found() -> None:
    foreign = tell(replace(of_case(Story()), question={"case_ref": bytes(32)}))
    files = exchanges.case_files(foreign, SECOND)
    assert faults(exchanges.sealed(files)) == [("BUNDLE_CASE", "receipts/001")]


def test_a_commission_that_was_not_the_one_is_found() -> None:
    data = exchanges.sealed(FILES, commission="790301-18")
    assert faults(data) == [("BUNDLE_CASE", "receipts/001"), ("BUNDLE_CASE", "receipts/002")]


def test_a_case_that_no_salt_opens_is_found() -> None:
    found = check(exchanges.sealed(FILES, salts={}))
    assert [one.details["computed"] for one in found.faults] == ["", ""]


def test_a_list_that_somebody_else_signed_is_refused() -> None:
    assert refused(exchanges.sealed(FILES, signer="tax")).code == "BUNDLE_SIGNATURE"
    assert refused(exchanges.sealed(FILES, coordinator="tax")).code == "BUNDLE_SIGNATURE"
    assert refused(exchanges.sealed(FILES, coordinator="nobody")).code == "BUNDLE_SIGNATURE"
    assert refused(exchanges.sealed(FILES, federation="other")).code == "BUNDLE_SIGNATURE"


def test_a_list_of_another_time_is_refused() -> None:
    assert refused(exchanges.sealed(FILES, made=NOW - 5_000)).code == "RECEIPT_MANIFEST"


LESS = {name: one for name, one in bundle.digests(FILES).items() if name != "receipts/002"}


@pytest.mark.parametrize(
    ("change", "file"),
    [
        ({"files": {**bundle.digests(FILES), "receipts/003": bytes(32)}}, "receipts/003"),
        ({"files": LESS}, "receipts/002"),
        ({"persons": {"receipts/001": 1}}, "receipts/002"),
        ({"persons": {"receipts/001": 1, "receipts/002": 1, "report.json": 1}}, "report.json"),
    ],
)
def test_files_and_list_fit_one_to_one(change: dict[str, Any], file: str) -> None:
    error = refused(exchanges.sealed(FILES, **change))
    assert (error.code, error.details["file"]) == ("BUNDLE_FILES", file)


def test_a_bundle_without_a_report_is_refused() -> None:
    files = {name: data for name, data in FILES.items() if name != bundle.REPORT}
    assert refused(exchanges.sealed(files)).details["file"] == bundle.REPORT


def test_a_bundle_of_no_receipts_proves_nothing_and_hides_nothing() -> None:
    found = check(exchanges.sealed(exchanges.case_files()))
    assert (found.faults, found.receipts) == ((), 0)


def test_without_the_root_or_with_another() -> None:
    rootless = {name: data for name, data in FILES.items() if name != bundle.ROOT}
    assert refused(exchanges.sealed(rootless)).code == "BUNDLE_ROOT"
    other = chain(exchanges.root_document(1, ("root-4", "root-5", "root-6")))
    assert refused(exchanges.sealed(FILES), other).code == "BUNDLE_ROOT"


def test_a_document_that_no_root_signed_is_refused() -> None:
    first = exchanges.first_manifest()
    forged = changed(**{"documents_manifest-1": exchanges.manifest_file(first, "root-1")})
    assert refused(exchanges.sealed(forged)).code == "ROOT_SIGNATURE"


def test_a_bundle_that_leads_on_from_an_older_pin() -> None:
    new = exchanges.root_document(2, ("root-4", "root-5", "root-6"), issued=NOW + 50)
    old = exchanges.root_document()
    files = {
        **changed(documents_root=exchanges.root_file(old, new)),
        "documents/manifest-2.json": exchanges.manifest_file(
            replace(exchanges.first_manifest(), version=2, issued=NOW + 50), "root-4", "root-5"
        ),
    }
    assert bundles.check(exchanges.sealed(files), chain(old)).faults == ()


def test_a_key_that_the_auditor_knows_to_be_withdrawn() -> None:
    """The bundle has only the older manifest; the auditor's own folder has the newer one."""
    first = exchanges.first_manifest()
    fresh = replace(first.parties["coordinator"], keys={key("fresh").kid: key("fresh").verify_key})
    newer = replace(
        first, version=2, issued=NOW - 1, parties={**first.parties, "coordinator": fresh}
    )
    data = exchanges.sealed(FILES)
    with pytest.raises(PeerFault) as caught:
        check(data, exchanges.manifest_file(newer))
    assert caught.value.code == "BUNDLE_SIGNATURE"


def test_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUNDLE_BYTES", 10_000)
    files = {**FILES, "receipts/009": bytes(20_000)}
    monkeypatch.setattr(limits, "BUNDLE_BYTES", 10**7)
    data = exchanges.sealed(files)
    monkeypatch.setattr(limits, "BUNDLE_BYTES", 10_000)
    assert refused(data).code == "OVERSIZE"


def test_an_enum_is_told_by_its_word() -> None:
    told = tell(
        of_case(
            Story(
                question={"predicate": "P07"},
                grants=(replace(CAR_GRANT, predicate="P07", form="enum"),),
                disclosed=(("P07", ""),),
                answer=replace(YES, outcome=Outcome.ENUM, value=1),
            )
        )
    )
    assert row(told)["outcome"] == "ENUM(married)"
    assert faults(exchanges.sealed(exchanges.case_files(told))) == []


def members(data: bytes) -> dict[str, range]:
    """Tell where the content of each file of an archive lies."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {
            one.filename: range(begin, begin + one.file_size)
            for one in archive.infolist()
            for begin in [one.header_offset + 30 + len(one.filename)]
        }


def test_every_flipped_byte_is_found_and_located() -> None:
    """At ten thousand seeded positions; in a file's content, a fault names the file."""
    data = exchanges.sealed(FILES)
    where = members(data)
    draw = random.Random(4)
    for at in sorted(draw.choices(range(len(data)), k=10_000)):
        flipped = data[:at] + bytes((data[at] ^ draw.randint(1, 255),)) + data[at + 1 :]
        found = all_faults(flipped)
        file = next((name for name, place in where.items() if at in place), None)
        named = {fault.details.get("file") for fault in found}
        if file:
            assert file in named, (at, found)
        else:
            assert found, at
            assert named - {None} or all("bytes" in one.details for one in found), (at, found)


def all_faults(data: bytes) -> tuple[PeerFault, ...]:
    try:
        return check(data).faults
    except PeerFault as error:
        return (error,)


def test_the_signature_is_of_the_list_alone() -> None:
    signed = from_json(bundle.read(exchanges.sealed(FILES)).files["contents.json"], max_bytes=10**6)
    assert signed.payload_type == "application/vnd.hedui.bundle.v1+json"
    assert [one.kid for one in signed.signatures] == [key("coordinator").kid]
