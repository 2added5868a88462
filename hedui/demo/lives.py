"""What people at the demonstration's centre do with the planted cases, from acceptance to the end.

Knows what each case ought to come to (domain note g.2): the findings that its report must show,
the steps that people take then, and the decision. Opens the centre's own desk for each of them.
Does not know how a finding is made: whoever decides here goes by the report.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from coordinator.casework import practice
from coordinator.casework.happened import Act
from coordinator.casework.lifecycle import Event, State
from coordinator.findings.assess import Status
from coordinator.findings.report import Report
from coordinator.life_desk import LifeDesk
from coordinator.opening import open_life
from coordinator.words import say
from federation.catalogue import id_order
from federation.terminal import Terminal

CLERK: Final = "demo-clerk"
REVIEWER: Final = "demo-reviewer"
"""Two people: whoever takes a case in is not who decides it."""
_BEGUN: Final = (Event.ACCEPT, Event.COMMISSION)
_HEARD: Final = (Event.VISIT, Event.NOTICE, Event.ACKNOWLEDGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a report must show, what people do then and why, and where that leaves the case.

    ``blind``: the report must also say of whom departments here have no record.
    """

    found: frozenset[str]
    steps: tuple[Event, ...] = _HEARD
    decision: Event | None = None
    reasons: tuple[str, ...] = ()
    ends: State = State.NOTICED
    blind: bool = False


def _refused(found: str, *reasons: str, steps: tuple[Event, ...] = _HEARD) -> Course:
    return Course(
        found=frozenset(found.split()),
        steps=steps,
        decision=Event.REFUSE,
        reasons=reasons,
        ends=State.REFUSED,
    )


def _granted(found: str, *reasons: str) -> Course:
    return Course(
        found=frozenset(found.split()),
        decision=Event.GRANT,
        reasons=reasons,
        ends=State.GRANTED,
    )


COURSES: Final[Mapping[str, Course]] = {
    "A": _refused("P22 P24 P46 P47", "COMPANY"),
    "B": _granted("", "NOTHING_AGAINST", "SPECIAL_HARDSHIP"),
    "C": _refused("P14 P15 P40 P41 P46 P47", "COMPANY", "VEHICLE"),
    # ends with its blind spot: whoever decides has first to ask where the child lives
    "D": Course(found=frozenset({"P33", "P47", "H2", "H6"}), blind=True),
    "E": _granted("", "NOTHING_AGAINST"),
    "F": _granted("", "NOTHING_AGAINST"),
    "I": Course(
        found=frozenset({"P17", "H1", "H5"}),
        steps=(Event.VISIT, Event.NOTICE, Event.RECONFIRM),
        decision=Event.WITHDRAW,
        reasons=("AFTER_RECONFIRMATION",),
        ends=State.WITHDRAWN_VOLUNTARY,
    ),
    "J": _granted("P14 P15 P16 P18 P27 P28", "FOUND_BUT_EXEMPT", "INCOME_BELOW_LINE"),
    "K": _refused("H2", "ASSETS_ABOVE_LINE"),
    "L": _granted("P14 P15 P16 P18 P27 P28", "INCOME_BELOW_LINE"),
    "M1": _refused("P23 P35 P40 P41 P42 P43 P48", "VEHICLE", "NON_DWELLING"),
    "M2": _granted("", "NOTHING_AGAINST"),
    "N": _refused(
        "P08", "HOUSEHOLD_INCOMPLETE", steps=(Event.VISIT, Event.NOTICE, Event.OBJECT, Event.SETTLE)
    ),
}
_SETTLED: Final = ("UPHELD",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """How one case ended; ``odd`` is what ought to have been otherwise.

    ``blind`` counts departments that have no record of a person, by their number in the report.
    """

    label: str
    case_id: str
    state: State
    path: tuple[Event, ...]
    reasons: tuple[str, ...]
    found: tuple[str, ...]
    blind: Mapping[int, int]
    odd: tuple[str, ...]


def begin(centre: Path, case_ids: Iterable[str]) -> None:
    """Accept and commission cases: without a commission nothing is checked."""
    with open_life(centre) as desk:
        for case_id in case_ids:
            done = {one.event for one in desk.told(case_id).events}
            for event in _BEGUN:
                if event not in done:
                    desk.act(case_id, _act(case_id, event, CLERK))


def finish(centre: Path, labels: Mapping[str, str]) -> list[Lived]:
    """Carry every planted case to its end; ``labels`` name cases as the oracle does."""
    with open_life(centre) as desk:
        return [
            _live(desk, case_id, label, COURSES[label])
            for case_id, label in labels.items()
            if label in COURSES
        ]


def _live(desk: LifeDesk, case_id: str, label: str, course: Course) -> Lived:
    report = desk.desk.show(case_id)
    found, blind = _found(report), _blind(report) if course.blind else {}
    odd = sorted(course.found ^ found, key=id_order)
    for event in course.steps:
        desk.act(case_id, _act(case_id, event, CLERK))
    if course.decision and not odd:
        desk.act(case_id, _act(case_id, course.decision, REVIEWER, course.reasons))
    told = desk.told(case_id)
    if bool(blind) is not course.blind:
        odd.append(Status.NO_RECORD.value)
    if told.life.state is not course.ends:
        odd.append(told.life.state.value)
    return Lived(
        label=label,
        case_id=case_id,
        state=told.life.state,
        path=tuple(one.event for one in told.events),
        reasons=course.reasons,
        found=tuple(sorted(found, key=id_order)),
        blind=blind,
        odd=tuple(odd),
    )


def _found(report: Report) -> frozenset[str]:
    """List the predicates of which a report says that something was found."""
    return frozenset(row.predicate for row in report.rows if row.status is Status.FOUND)


def _blind(report: Report) -> dict[int, int]:
    """Count, by person, the departments that have no record of them."""
    unknown = {
        (row.person + 1, row.department)
        for row in report.rows
        if row.person is not None and row.status is Status.NO_RECORD
    }
    return dict(Counter(person for person, _ in unknown))


def _act(case_id: str, event: Event, who: str, reasons: tuple[str, ...] = ()) -> Act:
    """Take a step on a paper of its own, as if it had been scanned."""
    return Act(
        event=event,
        operator=who,
        reasons=_SETTLED if event is Event.SETTLE else reasons,
        document=sha256(f"demonstration scan {case_id} {event}".encode()).digest(),
        note="",
    )


def show(lived: Sequence[Lived], at: Terminal) -> None:
    """Say of every planted case how it came to its end."""
    reasons = practice.load().reasons
    at.say(
        "\n案件的一生:核对不作决定,人作决定",
        "\nlives of cases: people decide, verification does not",
    )
    for one in lived:
        mark = "✗" if one.odd else "✓"
        steps = " → ".join(say("life_event", event.value, at.lang) for event in one.path)
        why = at.pick(";", "; ").join(reasons[name].label(at.lang) for name in one.reasons)
        now = say("life_state", one.state.value, at.lang)
        found = " ".join(one.found) or at.pick("无", "nothing")
        said = at.pick("发现", "found")
        for line in (
            f"  {mark} {one.label:<2} {now}  {said}: {found}  {why}",
            f"       {steps}",
            *(_blind_spot(person, n, at) for person, n in one.blind.items()),
            *(f"       ✗ {odd}" for odd in one.odd),
        ):
            at.say(line, line)


def _blind_spot(person: int, departments: int, at: Terminal) -> str:
    return at.pick(
        f"       ▲ 盲区:{departments} 个部门没有第 {person} 人的登记,须向其居住地核对",
        f"       ▲ blind spot: {departments} departments here have no record of person {person};"
        " ask where they live",
    )
