"""Which manifest was in force when, and by whose signatures it is believed."""

from dataclasses import replace
from typing import Any

import pytest

from auditor import papers, receipts
from auditor.papers import Papers
from crypto import envelope
from federation import manifest, root
from federation.errors import BadInput, PeerFault
from federation.manifest import Manifest, PartyRole
from federation.receipt import DocumentName
from federation.root import Chain
from tests.support import exchanges
from tests.support.exchanges import NOW, ROOT_KEYS, key, tell

FIRST = exchanges.first_manifest()
NEW_KEYS = ("root-4", "root-5", "root-6")
OLD_ROOT = exchanges.root_document()
NEW_ROOT = exchanges.root_document(2, NEW_KEYS, issued=NOW - 500)


def chain(*documents: Any) -> Chain:
    return root.read_chain(exchanges.root_file(*(documents or (OLD_ROOT,))))


def gathered(*files: bytes, by: Chain | None = None) -> Papers:
    return papers.gather(by or chain(), named(*files, exchanges.policy_file()))


def named(*files: bytes) -> dict[str, bytes]:
    return {str(n): one for n, one in enumerate(files)}


def second(**changes: Any) -> Manifest:
    return replace(FIRST, version=2, issued=NOW - 100, **changes)


def test_the_newest_that_was_issued_counts() -> None:
    both = gathered(exchanges.manifest_file(FIRST), exchanges.manifest_file(second()))
    assert both.manifest_at(NOW - 101).version == 1
    assert both.manifest_at(NOW - 100).version == 2
    assert both.newest.version == 2


@pytest.mark.parametrize("at", [FIRST.issued - 1, FIRST.expires])
def test_none_is_in_force_before_and_after(at: int) -> None:
    with pytest.raises(PeerFault) as caught:
        gathered(exchanges.manifest_file(FIRST)).manifest_at(at)
    assert caught.value.code == "RECEIPT_MANIFEST"


def test_an_older_one_does_not_come_back_when_the_newest_has_ended() -> None:
    ended = second(expires=NOW - 50)
    both = gathered(exchanges.manifest_file(FIRST), exchanges.manifest_file(ended))
    with pytest.raises(PeerFault, match="RECEIPT_MANIFEST"):
        both.manifest_at(NOW)


@pytest.mark.parametrize("at", [OLD_ROOT.issued - 1, OLD_ROOT.expires])
def test_a_root_must_be_in_force_too(at: int) -> None:
    long = replace(FIRST, issued=0, expires=OLD_ROOT.expires * 2)
    with pytest.raises(PeerFault) as caught:
        gathered(exchanges.manifest_file(long)).manifest_at(at)
    assert caught.value.details["why"] == "no root in force"


def test_a_key_that_a_newer_manifest_withdrew_is_none() -> None:
    """The receipt names the old manifest; whoever has the new one does not believe its key."""
    coordinator = replace(
        exchanges.party("coordinator", PartyRole.COORDINATOR),
        keys={key("fresh").kid: key("fresh").verify_key},
    )
    withdrawn = second(parties={**FIRST.parties, "coordinator": coordinator})
    data = tell().data
    receipts.check(data, gathered(exchanges.manifest_file(FIRST)))
    with pytest.raises(PeerFault) as caught:
        receipts.check(
            data, gathered(exchanges.manifest_file(FIRST), exchanges.manifest_file(withdrawn))
        )
    assert caught.value.code == "RECEIPT_REQUEST_SIGNATURE"


def test_a_named_manifest_is_to_be_there() -> None:
    with pytest.raises(PeerFault) as caught:
        receipts.check(tell().data, gathered(exchanges.manifest_file(second())))
    assert caught.value.code == "RECEIPT_MANIFEST"


def test_without_any_manifest() -> None:
    none = gathered()
    with pytest.raises(PeerFault, match="RECEIPT_MANIFEST"):
        _ = none.newest
    with pytest.raises(PeerFault, match="RECEIPT_MANIFEST"):
        none.manifest_at(NOW)


def test_a_policy_by_its_name() -> None:
    found = gathered(exchanges.manifest_file(FIRST))
    (digest,) = found.policies
    assert found.policy_named(DocumentName(version=1, digest=digest), NOW).family == "test"
    for wrong in (
        DocumentName(version=2, digest=digest),
        DocumentName(version=1, digest=bytes(32)),
    ):
        with pytest.raises(PeerFault, match="RECEIPT_POLICY"):
            found.policy_named(wrong, NOW)


def test_what_a_replaced_root_signed_is_good_for_its_own_time_only() -> None:
    two = chain(OLD_ROOT, NEW_ROOT)
    old = papers.gather(two, named(exchanges.manifest_file(FIRST), exchanges.policy_file()))
    assert old.manifest_at(NEW_ROOT.issued - 1).version == 1
    with pytest.raises(PeerFault, match="RECEIPT_MANIFEST"):
        old.manifest_at(NEW_ROOT.issued)
    (digest,) = old.policies
    name = DocumentName(version=1, digest=digest)
    assert old.policy_named(name, NEW_ROOT.issued - 1)
    with pytest.raises(PeerFault) as caught:
        old.policy_named(name, NEW_ROOT.issued)
    assert (caught.value.code, caught.value.details["why"]) == ("RECEIPT_POLICY", "root")


def test_signed_anew_it_goes_on() -> None:
    two = chain(OLD_ROOT, NEW_ROOT)
    files = [exchanges.manifest_file(FIRST), exchanges.manifest_file(FIRST, *NEW_KEYS[:2])]
    for order in (files, files[::-1]):
        assert papers.gather(two, named(*order)).manifest_at(NOW).version == 1


@pytest.mark.parametrize(
    "document",
    [
        b"",
        exchanges.manifest_file(FIRST, ROOT_KEYS[0]),
        exchanges.manifest_file(FIRST, *NEW_KEYS[:2]),
        exchanges.root_file(OLD_ROOT).strip(),
        envelope.to_json(envelope.sign(b"x", "text/plain", key("root-1"), key("root-2"))),
    ],
)
def test_what_no_root_has_signed_is_refused(document: bytes) -> None:
    with pytest.raises(PeerFault) as caught:
        gathered(document)
    assert (caught.value.code, caught.value.details["file"]) == ("ROOT_SIGNATURE", "0")


def test_two_manifests_of_one_version_are_refused() -> None:
    other = replace(FIRST, demonstration=False)
    with pytest.raises(PeerFault) as caught:
        gathered(exchanges.manifest_file(FIRST), exchanges.manifest_file(other))
    assert caught.value.code == "VERSION_REUSED"


def test_a_manifest_of_another_federation_is_refused() -> None:
    with pytest.raises(PeerFault) as caught:
        gathered(exchanges.manifest_file(replace(FIRST, federation="other")))
    assert caught.value.code == "MANIFEST_INVALID"


def test_a_policy_that_does_not_read_is_refused() -> None:
    with pytest.raises(BadInput, match="POLICY_INVALID"):
        papers.gather(chain(), named(exchanges.policy_file("family = 1")))


def test_a_root_leads_on_from_the_pinned_one() -> None:
    old, both = chain(OLD_ROOT), chain(OLD_ROOT, NEW_ROOT)
    assert papers.joined(old, both).newest.version == 2
    assert papers.joined(both, old) == both
    assert papers.joined(old, old) == old


def test_another_root_is_refused() -> None:
    other = chain(exchanges.root_document(1, NEW_KEYS))
    later = chain(exchanges.root_document(5, ROOT_KEYS))
    for foreign in (other, later):
        with pytest.raises(PeerFault) as caught:
            papers.joined(chain(OLD_ROOT), foreign)
        assert caught.value.code == "BUNDLE_ROOT"


@pytest.mark.parametrize("data", [b"", b"{}", exchanges.manifest_file(FIRST)])
def test_a_root_of_evidence_that_does_not_read_is_refused(data: bytes) -> None:
    with pytest.raises(PeerFault) as caught:
        papers.chain_of(data)
    assert caught.value.code == "BUNDLE_ROOT"


def test_the_newest_manifest_by_its_version() -> None:
    payloads = [manifest.write(FIRST), manifest.write(second())]
    assert len({*payloads}) == 2
    both = gathered(exchanges.manifest_file(second()), exchanges.manifest_file(FIRST))
    assert both.newest.version == 2
