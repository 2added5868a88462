"""The gate: who may do what with which case, alone or after somebody else, and what is logged."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from coordinator.log_book import LogBook
from coordinator.people.firsts import First
from coordinator.people.gate import KEY
from coordinator.people.roles import OWNER, Action
from federation import ids, keyfile
from federation.errors import BadInput, HeduiError
from tests.coordinator import logged
from tests.coordinator.people.staffed import AREA, FIRST, Staffed
from tests.coordinator.town import APPLICANT, CHILD, WIFE, WIFE_TEXT, case_text, person_text

ELSEWHERE = case_text(commission="790302-1", evidence="11" * 32).replace(
    f'area = "{AREA}"', 'area = "790302"'
)


def code_of(staffed: Staffed, who: str, action: Action, *cases: str, about: str = "") -> str:
    """Try something; gives the code of the refusal, or nothing."""
    with staffed.gate(who) as gate:
        try:
            assert gate.acting(action, cases, about=about) == who
        except HeduiError as e:
            return e.code
    return ""


def relatives(staffed: Staffed, name: str, numbers: Sequence[str]) -> None:
    with staffed.gate("op-dir") as gate:
        people = [ids.canonical_id(one).id for one in numbers]
        gate.operators.set_relatives("op-dir", name, people)


def test_until_there_are_operators_the_owner_does_everything(staffed: Staffed) -> None:
    (case_id,) = staffed.open()
    with staffed.gate("anybody") as gate:
        assert {gate.acting(action, [case_id]) for action in Action} == {OWNER}
        assert gate.within(Action.CASE_READ, [case_id]) == [case_id]
    (asked,) = [one for one in staffed.acts() if one.action == Action.CASE_ASK]
    assert (asked.operator, asked.role, asked.cases, asked.refused) == (OWNER, "", (case_id,), "")
    assert Action.CASE_READ not in {one.action for one in staffed.acts()}


def test_afterwards_nothing_is_done_without_a_session(staffed: Staffed) -> None:
    (case_id,) = staffed.open()
    staffed.hire()
    for action in Action:
        assert code_of(staffed, "nobody", action, case_id) == "SESSION_MISSING"
    with staffed.gate("nobody") as gate, pytest.raises(HeduiError, match="SESSION_MISSING"):
        gate.within(Action.CASE_READ, [case_id])


def test_a_clerk_works_in_their_area_and_the_log_says_so(staffed: Staffed) -> None:
    here, there = staffed.open(case_text(), ELSEWHERE)
    staffed.hire("op-lin")
    assert code_of(staffed, "op-lin", Action.CASE_ASK, here) == ""
    assert code_of(staffed, "op-lin", Action.CASE_ASK, there) == "OPERATOR_FORBIDDEN"
    assert code_of(staffed, "op-lin", Action.CASE_ASK, here, there) == "OPERATOR_FORBIDDEN"
    assert code_of(staffed, "op-lin", Action.CASE_CLOSE, here) == "OPERATOR_FORBIDDEN"
    said = [(one.action, one.cases, one.refused) for one in staffed.acts()[-4:]]
    assert said == [
        ("CASE_ASK", (here,), ""),
        ("CASE_ASK", (there,), "OPERATOR_FORBIDDEN"),
        ("CASE_ASK", (here, there), "OPERATOR_FORBIDDEN"),
        ("CASE_CLOSE", (here,), "OPERATOR_FORBIDDEN"),
    ]
    assert {(one.operator, one.role) for one in staffed.acts()[-4:]} == {("op-lin", "CLERK")}


def test_all_cases_are_those_of_ones_areas_and_of_no_relative(staffed: Staffed) -> None:
    here, there = staffed.open(case_text(more=WIFE_TEXT), ELSEWHERE)
    staffed.hire("op-lin", "op-rev")
    with staffed.gate("op-lin") as gate:
        assert gate.within(Action.CASE_READ, [here, there]) == [here]
    with staffed.gate("op-rev") as gate:
        assert gate.within(Action.CASE_READ, [here, there]) == [here, there]
    relatives(staffed, "op-rev", [WIFE])
    with staffed.gate("op-rev") as gate:
        assert gate.within(Action.CASE_READ, [here, there]) == [there]


@pytest.mark.parametrize("number", [APPLICANT, WIFE], ids=["a person", "who signs for a child"])
def test_no_case_of_ones_own_or_of_a_relative(staffed: Staffed, number: str) -> None:
    child = person_text(CHILD, "王丙", "CHILD", "MEMBER", method="GUARDIAN", signer=WIFE)
    (case_id,) = staffed.open(case_text(more=child))
    staffed.hire("op-lin")
    assert code_of(staffed, "op-lin", Action.CASE_READ, case_id) == ""
    relatives(staffed, "op-lin", [number])
    for action in (Action.CASE_READ, Action.CASE_ASK, Action.CASE_MOVE, Action.CASE_DECIDE):
        assert code_of(staffed, "op-lin", action, case_id) == "OWN_RELATIVE"
    assert staffed.acts()[-1].refused == "OWN_RELATIVE"
    relatives(staffed, "op-lin", [])
    assert code_of(staffed, "op-lin", Action.CASE_READ, case_id) == ""


def test_a_case_of_a_relative_is_not_opened_and_no_signature_of_one_is_added(
    staffed: Staffed,
) -> None:
    staffed.hire("op-lin")
    relatives(staffed, "op-lin", [WIFE])
    with staffed.town.desk() as desk, staffed.gate("op-lin") as gate:
        paper = desk.read(case_text(more=WIFE_TEXT).encode()).case
        with pytest.raises(HeduiError, match="OWN_RELATIVE"):
            gate.opening([paper])
        with pytest.raises(HeduiError, match="OWN_RELATIVE"):
            gate.acting(Action.CONSENT_FILE, papers=[paper])


def test_cases_are_opened_in_ones_own_name_and_area(staffed: Staffed) -> None:
    staffed.hire("op-lin", "op-rev")
    with staffed.town.desk() as desk:
        here = desk.read(case_text().encode()).case
        there = desk.read(ELSEWHERE.encode()).case
    with staffed.gate("op-lin") as gate:
        assert gate.opening([here]) == "op-lin"
        with pytest.raises(HeduiError, match="OPERATOR_FORBIDDEN"):
            gate.opening([here, there])
    with staffed.gate("op-rev") as gate, pytest.raises(BadInput, match="CASE_OPERATOR"):
        gate.opening([here])


def test_relatives_are_kept_as_digests_and_not_known_without_the_key(staffed: Staffed) -> None:
    (case_id,) = staffed.open()
    staffed.hire("op-lin", "op-rev")
    relatives(staffed, "op-lin", [CHILD, WIFE])
    everything = b"".join(one.read_bytes() for one in staffed.town.data.glob("coordinator*"))
    assert WIFE.encode() not in everything
    assert (staffed.town.data / KEY).stat().st_mode & 0o077 == 0
    (staffed.town.data / KEY).unlink()
    assert code_of(staffed, "op-lin", Action.CASE_READ, case_id) == "KEY_FILE_MISSING"
    with pytest.raises(BadInput, match="KEY_FILE_MISSING"):
        relatives(staffed, "op-rev", [APPLICANT])  # no second key beside old digests
    relatives(staffed, "op-lin", [])
    relatives(staffed, "op-rev", [APPLICANT])
    assert code_of(staffed, "op-rev", Action.CASE_READ, case_id) == "OWN_RELATIVE"


def begin(staffed: Staffed, who: str, action: Action, subject: str, matter: str) -> None:
    """Have somebody begin what another person confirms, as the command does once it is kept."""
    with staffed.gate(who) as gate:
        gate.began(First(subject=subject, action=action, name=who, matter=matter))


def test_a_reviewer_confirms_what_a_clerk_decided_and_nobody_their_own(staffed: Staffed) -> None:
    (case_id,) = staffed.open()
    staffed.hire("op-lin", "op-rev", "op-tao")
    decide, confirm = Action.CASE_DECIDE, Action.CASE_CONFIRM
    assert code_of(staffed, "op-rev", confirm, case_id, about="grant") == "SECOND_PERSON_NEEDED"
    assert code_of(staffed, "op-lin", decide, case_id, about="grant") == ""
    assert code_of(staffed, "op-rev", confirm, case_id, about="grant") == "SECOND_PERSON_NEEDED"
    begin(staffed, "op-lin", decide, case_id, "grant")
    assert code_of(staffed, "op-lin", confirm, case_id, about="grant") == "OPERATOR_FORBIDDEN"
    assert code_of(staffed, "op-rev", confirm, case_id, about="refuse") == "SECOND_PERSON_NEEDED"
    assert code_of(staffed, "op-rev", confirm, case_id) == "SECOND_PERSON_NEEDED"
    assert code_of(staffed, "op-rev", confirm, case_id, about="grant") == ""
    begin(staffed, "op-tao", decide, case_id, "grant")
    assert code_of(staffed, "op-tao", confirm, case_id, about="grant") == "SECOND_PERSON_NEEDED"
    begin(staffed, "op-rev", decide, case_id, "grant")
    assert code_of(staffed, "op-tao", confirm, case_id, about="grant") == "SECOND_PERSON_NEEDED"


def test_a_refused_decision_is_nobodys_first_step(staffed: Staffed) -> None:
    (case_id,) = staffed.open()
    staffed.hire("op-mei", "op-rev")
    assert code_of(staffed, "op-mei", Action.CASE_DECIDE, case_id) == "OPERATOR_FORBIDDEN"
    assert code_of(staffed, "op-rev", Action.CASE_CONFIRM, case_id) == "SECOND_PERSON_NEEDED"


def test_a_director_approves_an_erasure_that_somebody_else_proposed(staffed: Staffed) -> None:
    staffed.hire("op-cen")
    order = "erasure-17"
    assert code_of(staffed, "op-dir", Action.ERASE_APPROVE, about=order) == "SECOND_PERSON_NEEDED"
    assert code_of(staffed, "op-cen", Action.ERASE_PROPOSE, about=order) == ""
    begin(staffed, "op-cen", Action.ERASE_PROPOSE, order, order)
    assert code_of(staffed, "op-dir", Action.ERASE_APPROVE, about="x") == "SECOND_PERSON_NEEDED"
    assert code_of(staffed, "op-dir", Action.ERASE_APPROVE) == "SECOND_PERSON_NEEDED"
    assert code_of(staffed, "op-cen", Action.ERASE_APPROVE, about=order) == "OPERATOR_FORBIDDEN"
    assert code_of(staffed, "op-dir", Action.ERASE_APPROVE, about=order) == ""


def test_a_password_from_somebody_else_opens_nothing(staffed: Staffed) -> None:
    (case_id,) = staffed.open()
    staffed.hire("op-lin")
    with staffed.gate("op-dir") as gate:
        gate.operators.give_password("op-dir", "op-lin", FIRST)
    assert code_of(staffed, "op-lin", Action.CASE_READ, case_id) == "SESSION_MISSING"
    staffed.login("op-lin", FIRST)
    assert code_of(staffed, "op-lin", Action.CASE_READ, case_id) == "PASSWORD_INITIAL"
    assert staffed.acts()[-1].refused == "PASSWORD_INITIAL"


def test_an_unknown_case_is_nobodys(staffed: Staffed) -> None:
    staffed.hire("op-lin")
    assert code_of(staffed, "op-lin", Action.CASE_READ, "HD-790301-2026-0099") == "CASE_UNKNOWN"


def test_many_cases_are_several_entries_and_the_log_stays_sound(staffed: Staffed) -> None:
    names = [f"HD-790301-2026-{n:04d}" for n in range(2_001)]
    with staffed.gate("anybody") as gate:
        gate.acting(Action.CASE_ASK, names)
    assert [len(one.cases) for one in staffed.acts()] == [1_000, 1_000, 1]
    with staffed.town.database() as database:
        logged.keeper(staffed.town, database).cut()
        logged.check(LogBook(database))


def test_what_is_about_an_area_is_for_whoever_has_it(staffed: Staffed) -> None:
    staffed.hire("op-rev")
    with staffed.gate("op-rev") as gate:
        assert gate.acting(Action.STATISTICS_READ, areas=("7903",)) == "op-rev"
        for area in ("7904", "79", ""):
            with pytest.raises(HeduiError, match="OPERATOR_FORBIDDEN"):
                gate.acting(Action.STATISTICS_READ, areas=(area,))


def test_the_key_of_relatives_is_read_once_however_many_cases_there_are(
    staffed: Staffed, monkeypatch: pytest.MonkeyPatch
) -> None:
    staffed.hire("op-lin")
    relatives(staffed, "op-lin", [CHILD])
    cases = staffed.open(*(case_text(commission=f"c-{n}") for n in range(5)))
    read: list[Path] = []
    real = keyfile.read_private

    def counted(path: Path) -> bytes:
        read.append(path)
        return real(path)

    monkeypatch.setattr(keyfile, "read_private", counted)
    with staffed.gate("op-lin") as gate:
        read.clear()
        assert gate.within(Action.CASE_READ, cases) == cases
        assert [path.name for path in read].count(KEY) == 1
        read.clear()
        gate.acting(Action.CASE_READ, cases)
        assert [path.name for path in read].count(KEY) == 1


def test_whatever_somebody_writes_in_a_command_the_log_stays_readable(staffed: Staffed) -> None:
    endless = "x" * 300
    with staffed.gate("anybody") as gate:
        gate.acting(Action.CASE_ASK, [endless], about=endless)
    assert [(one.cases, one.about) for one in staffed.acts()] == [((endless[:128],), endless[:128])]
    with staffed.town.database() as database:
        logged.keeper(staffed.town, database).cut()
        logged.check(LogBook(database))
