"""A token's life between a real registrar and a department's keeper of lists, over real sockets.

Suspended, resumed and ended within the 15 minutes of protocol §3; looked up in the list of its
series; refused when a stranger shows it; and nothing at all once the lists are old.
"""

from collections.abc import Iterator

import pytest

from federation import consent, limits, status
from federation.clock import epoch_end, epoch_of
from federation.errors import PeerFault, Refused
from federation.status import Status, StatusLists
from federation.status_keeper import FILE, StatusKeeper
from registrar import endings
from registrar.entries import FULL_AT
from registrar.journal import Asked
from tests.registrar import town as towns
from tests.registrar.town import NOW, Town, a_form

HERE = "bank_a"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with towns.running(tmp_path_factory.mktemp("life") / "f") as town:
        yield town


@pytest.fixture
def keeper(town: Town) -> Iterator[StatusKeeper]:
    town.clock.seconds = NOW
    party = town.parties[HERE]
    (party.data / FILE).unlink(missing_ok=True)
    yield StatusKeeper(party, town.client(HERE).status_lists, town.clock.now)
    town.clock.seconds = NOW


def a_token(town: Town) -> tuple[str, bytes]:
    issued = town.issued(a_form())
    return issued.consent_no, next(t.token for t in issued.tokens if t.department == HERE)


def state(town: Town, keeper: StatusKeeper, token: bytes) -> Status:
    claims = town.read(token).claims
    lists = status.check_fresh(keeper.current, town.clock.now())
    return lists.at(claims.status_uri).at(claims.status_index)


def test_what_happens_to_a_consent_is_seen_within_the_age_of_a_list(
    town: Town, keeper: StatusKeeper
) -> None:
    number, token = a_token(town)
    client = town.client()

    def by_the_registrar() -> None:
        with town.running._store.write() as tx:
            endings.suspend(tx, tx.own("coordinator", number), Asked(by="registrar", at=NOW))

    for change, found in (
        (lambda: client.suspend([number]), Status.SUSPENDED),
        (lambda: client.resume([number]), Status.VALID),
        (by_the_registrar, Status.SUSPENDED),
        (lambda: client.revoke([number]), Status.INVALID),
    ):
        keeper.refresh()
        before = state(town, keeper, token)
        change()
        town.clock.seconds += limits.STATUS_AGE
        assert state(town, keeper, token) is before, "the list of before still holds"
        town.clock.seconds += 1
        with pytest.raises(Refused, match="STATUS_LIST_STALE"):
            state(town, keeper, token)
        keeper.refresh()
        assert state(town, keeper, token) is found


def test_a_list_that_was_seen_is_not_rolled_back(town: Town, keeper: StatusKeeper) -> None:
    number, token = a_token(town)
    old = town.client(HERE).status_lists(HERE)
    town.client().revoke([number])
    town.clock.seconds += 60
    keeper.refresh()
    party = town.parties[HERE]
    for again in (keeper, StatusKeeper(party, lambda _: old, town.clock.now)):
        again._fetch = lambda _: old
        with pytest.raises(PeerFault, match="STATUS_LIST_INVALID"):
            again.refresh()
        assert state(town, again, token) is Status.INVALID


def test_a_token_of_the_next_list_is_looked_up_there(town: Town, keeper: StatusKeeper) -> None:
    _, first = a_token(town)
    with town.running._store.write() as tx:
        tx._sql.execute("UPDATE status_series SET used = ? WHERE department = ?", (FULL_AT, HERE))
    number, second = a_token(town)
    uris = [town.read(token).claims.status_uri for token in (first, second)]
    assert uris == [status.uri_of("registrar", HERE, series) for series in (0, 1)]
    town.client().revoke([number])
    keeper.refresh()
    assert state(town, keeper, first) is Status.VALID
    assert state(town, keeper, second) is Status.INVALID
    assert keeper.current is not None
    assert list(keeper.current.by_uri) == uris
    alone = StatusLists.of(keeper.current.at(uris[0]))
    with pytest.raises(Refused, match="CONSENT_INVALID"):
        alone.at(uris[1])


def test_a_renewed_token_is_of_no_use_to_a_stranger(town: Town, keeper: StatusKeeper) -> None:
    number, _ = a_token(town)
    town.clock.seconds = epoch_end(epoch_of(NOW))
    (renewed,) = town.client().tokens([number])
    shown = town.read(next(t.token for t in renewed.tokens if t.department == HERE))
    holders = {name: town.parties[name].key.verify_key.raw for name in ("coordinator", "stranger")}
    now = town.clock.now()
    consent.check_consent(shown, audience=HERE, holder=holders["coordinator"], now=now)
    with pytest.raises(Refused, match="CONSENT_WRONG_HOLDER"):
        consent.check_consent(shown, audience=HERE, holder=holders["stranger"], now=now)
