"""From one version of the manifest to the next: what is kept, what is refused, what is said."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from crypto.keys import SigningKey
from federation import changes
from federation.changes import Edition
from federation.clock import epoch_end
from federation.errors import BadInput
from federation.limits import EPOCH_GRACE
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.root import Root, RootDocument
from tests.federation.test_manifest import ENTRIES, MANIFEST, NOW
from tests.support.sums import group

LIFE = MANIFEST.expires - MANIFEST.issued
EDITION = Edition(version=6, now=NOW + 50, until=NOW + 10_000)
KEY = SigningKey.from_seed(b"n" * 32).verify_key
NEW = replace(ENTRIES[2], id="bank_b", kind="bank", endpoint="127.0.0.1:7001", keys={KEY.kid: KEY})
OLD = replace(
    MANIFEST,
    parties={
        entry.id: replace(entry, endpoint=f"127.0.0.1:{7100 + n}", certificates=(bytes([n]),))
        for n, entry in enumerate(ENTRIES)
    },
    pseudonym_keys={(d, y): bytes(32) for d in ("tax", "bank_a") for y in (2026, 2027)},
)


def _refused(change: Callable[[], object], en: str) -> None:
    with pytest.raises(BadInput, match="CHANGE_INVALID") as caught:
        change()
    assert en in str(caught.value.details["why"])


def test_a_next_version_lasts_as_long_but_never_longer_than_its_root() -> None:
    after = changes.extend(OLD, EDITION)
    assert (after.version, after.issued, after.expires) == (6, NOW + 50, NOW + 50 + LIFE)
    assert replace(after, version=5, issued=OLD.issued, expires=OLD.expires) == OLD
    short = changes.extend(OLD, replace(EDITION, until=NOW + 60))
    assert short.expires == NOW + 60


def test_a_party_joins_with_its_keys() -> None:
    keys = {("bank_b", 2026): b"k" * 32}
    after = changes.add(OLD, NEW, keys, EDITION)
    assert after.party("bank_b") == NEW
    assert after.pseudonym_keys == {**OLD.pseudonym_keys, **keys}
    assert list(after.parties) == [*OLD.parties, "bank_b"]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (replace(NEW, id="tax"), "already"),
        (replace(NEW, role=PartyRole.REGISTRAR), "one registrar"),
        (replace(NEW, role=PartyRole.TALLY, kind=""), "founded with"),
        (replace(NEW, endpoint="127.0.0.1:7101"), "coordinator has that endpoint"),
        (replace(NEW, endpoint=""), "host:port"),
        (replace(NEW, endpoint="127.0.0.1"), "host:port"),
        (replace(NEW, endpoint=":7001"), "host:port"),
        (replace(NEW, endpoint="127.0.0.1:http"), "host:port"),
    ],
)
def test_who_cannot_join(entry: PartyEntry, why: str) -> None:
    _refused(lambda: changes.add(OLD, entry, {}, EDITION), why)


def test_a_party_leaves_with_its_keys() -> None:
    after = changes.remove(OLD, "tax", EDITION)
    assert "tax" not in after.parties
    assert {department for department, _ in after.pseudonym_keys} == {"bank_a"}


def test_a_sum_ends_with_a_party_of_its_group() -> None:
    before = replace(OLD, groups={"H1": group(), "H2": group(predicate="H2")})
    assert changes.remove(before, "bank_a", EDITION).groups == before.groups
    after = changes.remove(before, "tax", EDITION)
    assert after.groups == {}
    said = [one.en for one in changes.describe(before, after)]
    assert {"the sum H1 is asked no more", "the sum H2 is asked no more"} <= set(said)


def test_other_groups_are_said() -> None:
    with_one = replace(OLD, groups={"H1": group()})
    assert "the sum H1 is of finance, human_resources, tally, tax" in [
        one.en for one in changes.describe(OLD, with_one)
    ]
    assert not [one for one in changes.describe(with_one, with_one) if "sum" in one.en]


@pytest.mark.parametrize("party", ["registrar", "nobody"])
def test_who_cannot_leave(party: str) -> None:
    _refused(lambda: changes.remove(OLD, party, EDITION), "")


def test_a_party_moves() -> None:
    after = changes.move(OLD, "tax", "127.0.0.1:7999", EDITION)
    assert replace(after.party("tax"), endpoint=OLD.party("tax").endpoint) == OLD.party("tax")
    assert after.party("tax").endpoint == "127.0.0.1:7999"
    _refused(lambda: changes.move(OLD, "tax", "127.0.0.1:7101", EDITION), "coordinator has that")
    _refused(lambda: changes.move(OLD, "nobody", "127.0.0.1:7999", EDITION), "nobody")


def test_a_next_key_stands_behind_the_old_one_until_that_is_withdrawn() -> None:
    listed = changes.renew(OLD, "tax", KEY, b"certificate 2", EDITION)
    entry = listed.party("tax")
    assert list(entry.keys) == [*OLD.party("tax").keys, KEY.kid]
    assert entry.certificates == (*OLD.party("tax").certificates, b"certificate 2")
    retired = changes.retire(listed, "tax", EDITION).party("tax")
    assert (list(retired.keys), retired.certificates) == ([KEY.kid], (b"certificate 2",))


def test_several_changes_of_one_edition_are_one_version() -> None:
    once = changes.renew(OLD, "tax", KEY, None, EDITION)
    twice = changes.renew(once, "tax", None, b"certificate 2", EDITION)
    assert twice.version == once.version == 6
    assert twice.expires == once.expires


def test_a_key_is_one_party_s_only() -> None:
    mine = next(iter(OLD.party("bank_a").keys.values()))
    _refused(lambda: changes.renew(OLD, "tax", mine, None, EDITION), "bank_a already")


def test_the_last_key_is_not_withdrawn() -> None:
    _refused(lambda: changes.retire(OLD, "tax", EDITION), "but one key")


def test_a_year_s_keys_come_and_go() -> None:
    after_2026 = epoch_end(2026) + EPOCH_GRACE
    keys = {(department, 2028): b"x" * 32 for department in ("tax", "bank_a")}
    late = replace(EDITION, now=after_2026, until=after_2026 + 10 * LIFE)
    assert {year for _, year in changes.with_epochs(OLD, keys, late).pseudonym_keys} == {2027, 2028}
    sooner = replace(late, now=after_2026 - 1)
    years = {year for _, year in changes.with_epochs(OLD, keys, sooner).pseudonym_keys}
    assert years == {2026, 2027, 2028}


def test_a_year_s_key_does_not_change() -> None:
    _refused(
        lambda: changes.with_epochs(OLD, {("tax", 2027): b"y" * 32}, EDITION), "of tax must stay"
    )
    _refused(lambda: changes.with_epochs(OLD, {}, EDITION), "no year's keys")


def test_missing_years_are_named() -> None:
    assert changes.missing_epochs(OLD, NOW) == []
    assert changes.missing_epochs(changes.add(OLD, NEW, {}, EDITION), NOW) == [
        ("bank_b", 2026),
        ("bank_b", 2027),
    ]


ROOT = RootDocument(
    federation="test",
    version=3,
    issued=NOW,
    expires=NOW + 500,
    root=Root(keys={KEY.kid: KEY}, threshold=1),
)


def test_a_next_root_lasts_as_long_as_the_one_before() -> None:
    after = changes.next_root(ROOT, ROOT.root.keys, 1, NOW + 400)
    assert (after.version, after.issued, after.expires) == (4, NOW + 400, NOW + 900)


@pytest.mark.parametrize("threshold", [0, 2])
def test_a_root_that_nobody_could_use_is_refused(threshold: int) -> None:
    _refused(lambda: changes.next_root(ROOT, ROOT.root.keys, threshold, NOW), "threshold")


# ---- what a holder of a root key reads before signing


def _said(old: Manifest, new: Manifest) -> str:
    told = list(changes.describe(old, new))
    assert all(one.zh for one in told)
    return "\n".join(one.en for one in told)


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (changes.extend(OLD, EDITION), ["version 5 → 6"]),
        (changes.add(OLD, NEW, {}, EDITION), ["bank_b (node", KEY.kid, "1 certificate"]),
        (changes.remove(OLD, "tax", EDITION), ["tax leaves"]),
        (changes.renew(OLD, "tax", KEY, b"2", EDITION), [f"tax gets the signing key {KEY.kid}"]),
        (changes.with_authorities(OLD, b"BEGIN CERTIFICATE", EDITION), ["authorities, 1"]),
        (replace(OLD, demonstration=True), ["another name or kind"]),
        (replace(OLD, federation="other"), ["another name or kind"]),
        (
            replace(OLD, parties={**OLD.parties, "tax": replace(OLD.party("tax"), endpoint="x")}),
            ["tax changes role, name or endpoint"],
        ),
        (
            replace(OLD, pseudonym_keys={**OLD.pseudonym_keys, ("tax", 2026): b"z" * 32}),
            ["CHANGED pseudonym key of tax for 2026"],
        ),
        (replace(OLD, pseudonym_keys={}), ["withdrawn pseudonym keys of 2026"]),
    ],
    ids=lambda value: "" if isinstance(value, Manifest) else value[0],
)
def test_every_change_is_said(after: Manifest, words: list[str]) -> None:
    said = _said(OLD, after)
    assert all(word in said for word in words), said


def test_withdrawals_are_said() -> None:
    listed = changes.renew(OLD, "tax", KEY, b"2", EDITION)
    said = _said(listed, changes.retire(listed, "tax", EDITION))
    (old,) = OLD.party("tax").keys
    assert f"tax loses the signing key {old}" in said
    assert "tax loses 1 certificate" in said


def test_an_exchange_of_root_keys_is_said() -> None:
    other = SigningKey.from_seed(b"o" * 32).verify_key
    after = changes.next_root(ROOT, {other.kid: other}, 1, NOW)
    said = "\n".join(one.en for one in changes.describe_root(ROOT, after))
    for word in ("version 3 → 4", "1 of 1", f"new root key {other.kid}", f"{KEY.kid} is withdrawn"):
        assert word in said
