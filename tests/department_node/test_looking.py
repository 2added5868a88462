"""A look says exactly what the node would: of every question, about everybody of a case."""

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from department_node import case_file, looking
from department_node.case_file import Case
from department_node.looking import Looking
from department_node.node import Node
from federation import catalogue as predicates
from federation.catalogue import ParameterKind
from federation.clock import SystemClock
from federation.errors import BadInput
from federation.exchange import Outcome, Question, outcome_text
from federation.wire import codec
from tests.support import twin as twins
from tests.support.twin import NOW, WITH_CAR, WITHOUT_CAR, Twin, grant

HEAD, SPOUSE = WITH_CAR, WITHOUT_CAR
CHILD = "790302199302200158"
PARAMETERS = """
[[parameter]]
id = "area-1"
kind = "area"
prefix = "790301"
zh = "甲区"
en = "A"
source = "测试"
[[parameter]]
id = "area-2"
kind = "area"
prefix = "790302"
zh = "乙区"
en = "B"
source = "测试"
"""
RULES = "".join(
    f"""
[[rule]]
predicate = "{predicate}"
purposes = ["ENTRY"]
parameters = {parameters}
period = "month"
max_age_days = 30
source = "测试"
zh = "测试"
en = "test"
"""
    for predicate, parameters in (("P01", '["area-1", "area-2"]'), ("P02", "[]"), ("P04", "[]"))
)
ANSWERS = {
    "P01": "SELECT area LIKE :prefix || '%' FROM book WHERE id = :key",
    "P02": "SELECT CASE WHEN head = id THEN NULL ELSE head END FROM book WHERE id = :key",
    "P04": "SELECT count(*) = :size FROM book WHERE head = (SELECT head FROM book WHERE id = :key)",
}
CATALOGUE = twins.CATALOGUE + "".join(
    f"""
[[answer]]
predicate = "{predicate}"
purposes = ["ENTRY"]
scope = "county"
sql = "{sql}"
"""
    for predicate, sql in ANSWERS.items()
)


def case_text(*persons: tuple[str, str, str]) -> str:
    head = 'trigger = "ENTRY"\narea = "790302"\n'
    rows = (
        f'[[person]]\nid = "{number}"\nname = "{name}"\nrole = "{role}"\n'
        for number, name, role in persons
    )
    return head + "".join(rows)


HOUSEHOLD = (
    (HEAD, "王甲", "APPLICANT"),
    (SPOUSE, "李乙", "MEMBER"),
    (CHILD, "王错", "MEMBER"),
)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            twins, "POLICY", twins.POLICY.replace("[[rule]]", PARAMETERS + "[[rule]]", 1) + RULES
        )
        patch.setattr(twins, "CATALOGUE", CATALOGUE)
        patch.setattr(twins, "PEOPLE", [*twins.PEOPLE, (CHILD, "王丙")])
        patch.setattr(SystemClock, "now", lambda _: NOW)
        one = twins.make(tmp_path_factory.mktemp("federation") / "f")
        with sqlite3.connect(one.folder / "public_security" / "records.sqlite") as c:
            c.execute("CREATE TABLE book (id TEXT, head TEXT, area TEXT)")
            rows = [(HEAD, HEAD, "790302"), (SPOUSE, HEAD, "790302"), (CHILD, CHILD, "790301")]
            c.executemany("INSERT INTO book VALUES (?, ?, ?)", rows)
        c.close()
        yield one


@pytest.fixture(scope="module")
def node(twin: Twin) -> Iterator[Node]:
    with twins.open_node(twin) as one:
        yield one


@pytest.fixture
def own(twin: Twin, node: Node) -> Iterator[Looking]:
    with looking.open_looking(twin.folder / "public_security") as one:
        yield one


def read(tmp_path: Path, *persons: tuple[str, str, str], more: str = "") -> Case:
    path = tmp_path / "case.toml"
    path.write_text(more + case_text(*persons), "utf-8")
    return case_file.read(path)


def seen(own: Looking, case: Case) -> dict[tuple[str, str, str], str]:
    """Look at everything: (number, predicate, parameter) → answer."""
    return {
        (person.id, look.predicate.id, look.parameter.id if look.parameter else ""): outcome_text(
            look.answer, look.predicate.values
        )
        for person, subject in own.subjects(case)
        for look in own.every(subject, case)
    }


def test_a_look_is_what_the_node_answers(
    twin: Twin, node: Node, own: Looking, tmp_path: Path
) -> None:
    case = read(tmp_path, *HOUSEHOLD)
    looks = seen(own, case)
    assert len(looks) == 3 * 6
    answerer = node.answerer()
    for person in case.persons:
        for (number, predicate, parameter), said in looks.items():
            if number != person.id:
                continue
            known = predicates.load().predicate(predicate)
            args: tuple[bytes, ...] = ()
            if known.parameter is ParameterKind.MEMBERS:
                others = (one.id for one in case.declared_with(person))
                args = tuple(sorted(twin.psn("public_security", other) for other in others))
            elif known.parameter is ParameterKind.NAME:
                args = (twin.name_psn("public_security", person.id, person.name),)
            given = grant(predicate, parameter, known.form.value, members=case.members, args=args)
            token = twin.token(twin.claims("public_security", person.id), given)
            question = Question(
                predicate=predicate,
                parameter=parameter,
                presentation=hashlib.sha256(token).digest(),
                case_ref=bytes(32),
            )
            reply = answerer.ask("coordinator", twin.request(twin.header(), [question], token))
            real = codec.decode_answer(codec.decode_batch(reply).items[0].item)
            assert outcome_text(real, known.values) == said, (predicate, parameter)


def test_declared_members_are_the_cases(own: Looking, tmp_path: Path) -> None:
    looks = seen(own, read(tmp_path, *HOUSEHOLD))
    same_book = {person: looks[person, "P02", ""] for person in (HEAD, SPOUSE, CHILD)}
    assert same_book == {HEAD: "YES", SPOUSE: "YES", CHILD: "YES"}
    alone = seen(own, read(tmp_path, (SPOUSE, "李乙", "APPLICANT")))
    assert alone[SPOUSE, "P02", ""] == "NO"
    beside = (SPOUSE, "李乙", "APPLICANT"), (HEAD, "王甲", "SUPPORTER")
    assert seen(own, read(tmp_path, *beside))[SPOUSE, "P02", ""] == "NO"


@pytest.mark.parametrize(
    ("persons", "more", "said"),
    [
        (HOUSEHOLD[:2], "", "YES"),
        (HOUSEHOLD, "", "NO"),
        (HOUSEHOLD[:1], "", "NO"),
        (HOUSEHOLD[:1], "members = 2\n", "YES"),
        ((HOUSEHOLD[0], (SPOUSE, "李乙", "SUPPORTER")), "", "NO"),
    ],
)
def test_the_size_is_the_households(
    own: Looking, tmp_path: Path, persons: tuple[tuple[str, str, str], ...], more: str, said: str
) -> None:
    assert seen(own, read(tmp_path, *persons, more=more))[HEAD, "P04", ""] == said


def test_the_name_is_the_cases(own: Looking, tmp_path: Path) -> None:
    looks = seen(own, read(tmp_path, *HOUSEHOLD))
    assert looks[HEAD, "P06", ""] == "YES"
    assert looks[CHILD, "P06", ""] == "NO"


def test_only_the_cases_area_is_shown(own: Looking, tmp_path: Path) -> None:
    looks = seen(own, read(tmp_path, *HOUSEHOLD))
    assert {key[2] for key in looks if key[1] == "P01"} == {"area-2"}
    assert [looks[p, "P01", "area-2"] for p in (HEAD, SPOUSE, CHILD)] == ["YES", "YES", "NO"]
    path = tmp_path / "case.toml"
    path.write_text(path.read_text("utf-8").replace('"790302"', '"110101"', 1), "utf-8")
    elsewhere = seen(own, case_file.read(path))
    assert {key[2] for key in elsewhere if key[1] == "P01"} == {"area-1", "area-2"}


def test_the_roll_is_read_once_for_all(
    own: Looking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    rows = own._records.rows

    def counted(sql: str) -> Iterator[tuple[object, ...]]:
        reads.append(sql)
        return rows(sql)

    monkeypatch.setattr(own._records, "rows", counted)
    seen(own, read(tmp_path, *HOUSEHOLD))
    assert len(reads) == 1


def test_old_data_are_stale_in_a_look_too(own: Looking, tmp_path: Path) -> None:
    own.as_of = None
    assert set(seen(own, read(tmp_path, *HOUSEHOLD)).values()) == {"STALE"}


def test_one_of_many_parameters_has_to_be_chosen(own: Looking) -> None:
    with pytest.raises(BadInput, match="PARAMETER_CHOICE") as caught:
        own.parameter("P01", "")
    assert caught.value.details["choices"] == "area-1, area-2"
    assert own.parameter("P01", "area-2") == "area-2"
    look = own.look("P01", "area-2", own.subject(HEAD, 1))
    assert look.answer.outcome is Outcome.YES


def test_unusable_rows_of_the_roll_are_nobody(own: Looking) -> None:
    found = looking._usable(("12345", "王", "k")), looking._usable((HEAD, "王", None))
    assert found == ("", "")
    assert looking._name("王\x00") == b""
    assert looking._name(None) == b""
    assert looking.as_of_date("2026-11-17 10:00") is not None
    with pytest.raises(BadInput, match="NODE_CATALOGUE_INVALID"):
        looking.as_of_date("soon")


def test_a_subject_does_not_show_whom_it_is_about(own: Looking, tmp_path: Path) -> None:
    for person, subject in own.subjects(read(tmp_path, *HOUSEHOLD)):
        for secret in (HEAD, SPOUSE, CHILD, "王甲", "李乙"):
            assert secret not in repr(subject)
            assert secret not in repr(person)
