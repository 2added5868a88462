"""Passwords, sessions and lock-outs, and what somebody makes of them who should not be here."""

from pathlib import Path

import pytest

from coordinator.people import sessions
from coordinator.people.roles import Action
from coordinator.people.sessions import LASTS, TRIES
from federation.errors import BadInput, Refused
from tests.coordinator.people.staffed import FIRST, OWN, Staffed

WRONG = "quite another word"


def guess(staffed: Staffed, name: str = "op-lin", password: str = WRONG) -> str:
    try:
        staffed.login(name, password)
    except Refused as e:
        return e.code
    return ""


def current(staffed: Staffed, who: str) -> str:
    with staffed.gate(who) as gate:
        try:
            return gate.sessions.current().operator.name
        except (Refused, BadInput) as e:
            return e.code


def test_a_session_is_a_private_file_whose_token_the_database_does_not_have(
    staffed: Staffed,
) -> None:
    staffed.hire("op-lin")
    file = staffed.town.data / "session-op-lin"
    assert file.stat().st_mode & 0o777 == 0o600
    token = bytes.fromhex(file.read_text("ascii"))
    assert len(token) == 32
    data = b"".join(one.read_bytes() for one in staffed.town.data.glob("coordinator*"))
    assert token not in data
    assert OWN.encode() not in data
    assert current(staffed, "op-lin") == "op-lin"


def test_a_session_lasts_eight_hours_to_the_second(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    assert staffed.login("op-lin").expires == staffed.town.clock.now() + LASTS
    staffed.town.clock.seconds += LASTS - 1
    assert current(staffed, "op-lin") == "op-lin"
    staffed.town.clock.seconds += 1
    with staffed.gate("op-lin") as gate, pytest.raises(Refused, match="SESSION_EXPIRED"):
        gate.acting(Action.CASE_READ)
    assert (staffed.acts()[-1].operator, staffed.acts()[-1].refused) == (
        "op-lin",
        "SESSION_EXPIRED",
    )
    staffed.login("op-lin")
    assert current(staffed, "op-lin") == "op-lin"


def test_a_file_of_somebody_else_serves_nobody(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    data = staffed.town.data
    taken = data / "session-thief"
    taken.write_bytes((data / "session-op-lin").read_bytes())
    taken.chmod(0o640)
    assert current(staffed, "thief") == "KEY_FILE_OPEN"
    taken.chmod(0o600)
    staffed.account += 1  # another account of the machine holds it
    assert current(staffed, "thief") == "SESSION_MISSING"


@pytest.mark.parametrize("text", ["", "zz", "00" * 32, "x" * 64, "\xff"])
def test_a_file_with_no_token_of_ours_serves_nobody(staffed: Staffed, text: str) -> None:
    staffed.hire()
    file = staffed.town.data / "session-made-up"
    file.write_text(text, "latin-1")
    file.chmod(0o600)
    assert current(staffed, "made-up") == "SESSION_MISSING"


def test_wrong_passwords_lock_somebody_out_for_longer_and_longer(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    assert [guess(staffed) for _ in range(TRIES)] == ["OPERATOR_UNKNOWN"] * TRIES
    assert guess(staffed, password=OWN) == "OPERATOR_LOCKED"  # the right one is not looked at
    staffed.town.clock.seconds += sessions.wait(TRIES) - 1
    assert guess(staffed, password=OWN) == "OPERATOR_LOCKED"
    staffed.town.clock.seconds += 1
    assert guess(staffed) == "OPERATOR_UNKNOWN"
    staffed.town.clock.seconds += sessions.wait(TRIES)
    assert guess(staffed, password=OWN) == "OPERATOR_LOCKED"
    staffed.town.clock.seconds += sessions.wait(TRIES)
    assert guess(staffed, password=OWN) == ""
    assert guess(staffed) == "OPERATOR_UNKNOWN"  # counted from the beginning again
    assert guess(staffed, password=OWN) == ""
    refused = [one.refused for one in staffed.acts() if one.refused]
    assert (refused.count("OPERATOR_UNKNOWN"), refused.count("OPERATOR_LOCKED")) == (7, 3)


def test_waits_grow_to_a_day() -> None:
    waits = [sessions.wait(n) for n in range(40)]
    assert waits[: TRIES + 3] == [0, 0, 0, 0, 0, 60, 120, 240]
    assert waits == sorted(waits)
    assert waits[-1] == 24 * 3600


def test_a_director_lets_somebody_in_again(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    for _ in range(TRIES):
        guess(staffed)
    with staffed.gate("op-dir") as gate:
        gate.operators.give_password("op-dir", "op-lin", FIRST)
    assert guess(staffed, password=FIRST) == ""


def test_nobody_learns_who_works_here_from_a_wrong_name(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    assert guess(staffed, "op-who") == guess(staffed) == "OPERATOR_UNKNOWN"
    assert "op-who" not in {one.operator for one in staffed.acts()}


def test_whoever_was_let_go_is_out_at_once(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    with staffed.gate("op-dir") as gate:
        gate.operators.disable("op-dir", "op-lin")
    assert current(staffed, "op-lin") == "SESSION_MISSING"
    assert guess(staffed, password=OWN) == "OPERATOR_UNKNOWN"


def test_a_changed_password_ends_the_other_sessions(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    data = staffed.town.data
    elsewhere = data / "session-elsewhere"
    elsewhere.write_bytes((data / "session-op-lin").read_bytes())
    elsewhere.chmod(0o600)
    staffed.login("op-lin")
    with staffed.gate("op-lin") as gate:
        gate.sessions.change_password(OWN, "another word of mine")
    assert current(staffed, "op-lin") == "op-lin"
    assert current(staffed, "elsewhere") == "SESSION_MISSING"
    assert guess(staffed, password=OWN) == "OPERATOR_UNKNOWN"


@pytest.mark.parametrize("after", ["", "short", "aaaaaaaaaaaa", OWN, "x" * 257])
def test_a_password_that_will_not_do(staffed: Staffed, after: str) -> None:
    staffed.hire("op-lin")
    with staffed.gate("op-lin") as gate, pytest.raises(BadInput, match="PASSWORD_WEAK"):
        gate.sessions.change_password(OWN, after)
    assert guess(staffed, password=OWN) == ""


def test_ones_password_is_not_changed_without_the_one_before(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    with staffed.gate("op-lin") as gate, pytest.raises(Refused, match="OPERATOR_UNKNOWN"):
        gate.sessions.change_password(WRONG, "another word of mine")


def test_logging_out_removes_file_and_session(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    data = staffed.town.data
    copy = data / "session-copy"
    copy.write_bytes((data / "session-op-lin").read_bytes())
    copy.chmod(0o600)
    with staffed.gate("op-lin") as gate:
        gate.sessions.logout()
    assert not (data / "session-op-lin").exists()
    assert current(staffed, "op-lin") == current(staffed, "copy") == "SESSION_MISSING"
    assert [one.about for one in staffed.acts()[-2:]] == ["password", "logout"]


def test_the_file_lies_in_ones_home_or_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEDUI_SESSION", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    here, there = (sessions.own_place("town", one).file() for one in ("centre", "other"))
    assert here.parent == there.parent == tmp_path / ".hedui"
    assert here != there
    monkeypatch.setenv("HEDUI_SESSION", str(tmp_path / "mine"))
    assert sessions.own_place("town", "centre").file() == tmp_path / "mine"


def test_an_account_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("no home")

    monkeypatch.delenv("HEDUI_SESSION", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(BadInput, match="FILE_UNWRITABLE"):
        sessions.own_place("town", "centre").file()
