"""What hides a share: masks that cancel out, obfuscators that wait, keys that have to fit."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from crypto import masks
from crypto.paillier import PrivateKey
from department_node.masking import Masking
from federation import founding
from federation import party as parties
from federation.errors import BadInput
from federation.group import Group
from federation.manifest import PartyRole
from federation.party import Party
from tests.support import joint
from tests.support.joint import TAX, Town
from tests.support.sums import NOW

RUN = b"r" * 32


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return joint.found(tmp_path_factory.mktemp("masking") / "f")


def load(town: Town, party: str) -> Party:
    return parties.load(town.folder / party, PartyRole.NODE, NOW)


def regrouped(party: Party, *groups: Group) -> Party:
    """Give a party a manifest with other groups."""
    papers = party.papers
    manifest = replace(papers.documents.manifest, groups={one.predicate: one for one in groups})
    documents = replace(papers.documents, manifest=manifest)
    return replace(party, papers=replace(papers, documents=documents))


@pytest.fixture
def masking(town: Town) -> Masking:
    made = Masking(load(town, TAX), 2)
    made.open()
    return made


def test_masks_of_a_whole_group_leave_nothing_but_the_tally_s(town: Town) -> None:
    group = town.group
    key = PrivateKey.from_bytes(town.secret("tally", founding.PAILLIER_FILE, founding.PAILLIER))
    secret = town.secret("tally", founding.SUM_FILE, founding.SUM)
    amounts = {"tax": 700, "human_resources": -80, "finance": 9}
    total = 0
    for member in group.departments:
        one = Masking(load(town, member.id), 0)
        share = one.share(one.keys(group), RUN, amounts[member.id])
        total += key.decrypt(key.public.read(share))
        shared = masks.shared_key(secret, member.mask)
        total -= masks.prf(shared, RUN, key.public.n)
    assert total % key.public.n == sum(amounts.values())


def test_the_same_amount_looks_different_every_time(town: Town, masking: Masking) -> None:
    keys = masking.keys(town.group)
    assert len({masking.share(keys, bytes([n]) * 32, 5) for n in range(3)}) == 3


def test_a_pool_is_filled_one_at_a_time_and_used_up(town: Town, masking: Masking) -> None:
    pool = masking.keys(town.group).pool
    assert [masking.fill() for _ in range(3)] == [True, True, False]
    assert len(pool) == 2
    masking.share(masking.keys(town.group), RUN, 1)
    assert len(pool) == 1
    with pytest.raises(TypeError):
        pickle.dumps(pool)


def test_all_groups_of_one_tally_share_a_pool(town: Town, masking: Masking) -> None:
    groups = town.coordinator.manifest.groups
    assert groups.keys() >= {"H1", "H4", "H5"}
    assert masking.keys(groups["H1"]).pool is masking.keys(groups["H4"]).pool


def test_a_department_of_no_group_needs_no_key_and_has_no_pool(town: Town, tmp_path: Path) -> None:
    party = replace(load(town, "public_security"), folder=tmp_path)
    masking = Masking(party, 8)
    masking.open()
    assert not masking.fill()


def test_no_group_without_the_key(town: Town, tmp_path: Path) -> None:
    party = replace(load(town, TAX), folder=tmp_path)
    (tmp_path / "passphrase").write_text("x")
    (tmp_path / "passphrase").chmod(0o600)
    with pytest.raises(BadInput, match="KEY_FILE_MISSING"):
        Masking(party, 0).open()


def another_key(group: Group) -> Group:
    departments = [replace(one, mask=masks.public_key(b"x" * 32)) for one in group.departments]
    return replace(group, departments=tuple(departments))


def low_order(group: Group) -> Group:
    first, *others = group.departments
    departments = [first, *(replace(one, mask=bytes(32)) for one in others)]
    return replace(group, departments=tuple(departments))


def even(group: Group) -> Group:
    tally = replace(group.tally, paillier=group.tally.paillier[:-1] + b"\x00")
    return replace(group, tally=tally)


@pytest.mark.parametrize("change", [another_key, low_order, even])
def test_keys_that_do_not_fit_are_refused_with_their_group(town: Town, change: object) -> None:
    assert callable(change)
    party = regrouped(load(town, TAX), change(town.group))
    with pytest.raises(BadInput, match="SUM_KEYS_UNFIT") as error:
        Masking(party, 0).open()
    assert error.value.details == {"party": TAX, "predicate": "H1"}


def test_a_new_manifest_s_groups_are_taken_over(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    party = load(town, TAX)
    empty = regrouped(party)
    masking = Masking(empty, 1)
    masking.open()
    assert not masking.fill()
    masking._party = regrouped(party, town.group)
    masking.renewed()
    assert masking.fill()
    masking._party = empty
    masking.renewed()
    assert not masking.fill()
    masking._party = regrouped(party, another_key(town.group))
    masking.renewed()
    assert "SUM_KEYS_UNFIT" in caplog.text


def test_no_repr_shows_a_key(town: Town, masking: Masking) -> None:
    keys = masking.keys(town.group)
    shown = f"{keys!r} {masking!r}"
    secret = town.secret(TAX, founding.SUM_FILE, founding.SUM)
    hidden = [secret, keys.tally, *(key for _, key in keys.pairwise)]
    assert not any(repr(one)[2:-1] in shown or one.hex() in shown for one in hidden)
