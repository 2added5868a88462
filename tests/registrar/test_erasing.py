"""Erasure: only who has no living consent, everywhere they stand, by orders that the log holds."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from federation import erasure
from federation.clock import FixedClock, day_start, epoch_end, epoch_of
from federation.consenting import ConsentForm, ConsentPerson, ConsentState, Role, SignatureMethod
from federation.erasure import Reason
from federation.errors import BadInput, Refused
from federation.log.registrar_events import ErasureOrdered, PersonErased
from federation.mandate import people_digest
from federation.status import Status
from registrar import erasing, erasing_cli
from registrar.cli import app
from registrar.erasing import Ground, Place, Signed
from registrar.mandate_rows import Recorded
from registrar.store import FILE
from tests.registrar import town as towns
from tests.registrar.test_objections import objection
from tests.registrar.town import CHILD, FAR, FATHER, MOTHER, NOW, Town, a_form, ask, someone

GROUND = Ground(reason=Reason.REQUESTED, at=NOW)


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """Run a registrar of one's own: whoever is erased stays so."""
    monkeypatch.setattr(erasing_cli, "SystemClock", lambda: FixedClock(NOW))
    with towns.running(tmp_path / "f") as running:
        yield running


def erase(town: Town, *places: Place, ground: Ground = GROUND) -> list[Signed]:
    with town.running._store.write() as tx:
        return erasing.erase(tx, town.registrar, places, ground)


def persons(town: Town, number: str) -> list[tuple[str, str, str]]:
    with town.running._store.read() as view:
        consent = view.by_number(number)
    assert consent is not None
    return [(person.id, person.name, person.signer_id) for person in consent.form.persons]


def a_family() -> ConsentForm:
    """Write a form of two parents and a child for whom the father signs."""
    child = someone(CHILD, "子", method=SignatureMethod.GUARDIAN, signer=FATHER)
    asks = [ask(0, "public_security", "P40"), ask(2, "public_security", "P06")]
    asks += [ask(1, "civil_affairs", "P08")]
    return a_form([*a_form().persons, child], asks, members=3)


def test_a_person_is_blanked_and_the_departments_that_know_it_are_told(town: Town) -> None:
    number = town.issued(a_family()).consent_no
    town.client().revoke([number])
    since = town.book().size()
    (order,) = erase(town, Place(consent_no=number, person=0))
    assert persons(town, number) == [("", "", ""), (MOTHER, "母·乙", ""), (CHILD, "子", "")]
    read = erasure.read(order.document, town.registrar.manifest)
    assert (read.department, read.reason, read.issued) == (
        "public_security",
        Reason.REQUESTED,
        day_start(NOW),
    )
    assert read.subs == (town.id_psn("public_security", FATHER),)
    assert (read.federation, read.registrar, read.id) == ("test", "registrar", order.id)
    assert town.events(since) == [
        PersonErased(consents=(number,), reason="REQUESTED"),
        ErasureOrdered(
            order=order.id,
            department="public_security",
            reason="REQUESTED",
            document=sha256(order.document).digest(),
        ),
    ]
    assert list(erasing.orders(town.book())) == [order]


def test_everybody_on_a_consent_gets_orders_that_have_nothing_in_common(town: Town) -> None:
    number = town.issued(a_family()).consent_no
    town.client().revoke([number])
    orders = erase(town, Place(consent_no=number, person=None))
    read = [erasure.read(one.document, town.registrar.manifest) for one in orders]
    assert [(one.department, one.subs) for one in read] == [
        ("public_security", (town.id_psn("public_security", FATHER),)),
        ("civil_affairs", (town.id_psn("civil_affairs", MOTHER),)),
        ("public_security", (town.id_psn("public_security", CHILD),)),
    ]
    assert len({one.id for one in read}) == 3
    assert {person for row in persons(town, number) for person in row} == {""}


def test_a_mandate_keeps_its_people_for_its_digest_is_over_all_of_them(town: Town) -> None:
    number = town.issued(a_form()).consent_no
    town.client().revoke([number])
    people, salt = sorted([FATHER, MOTHER]), bytes(16)
    mandate = Recorded(
        id=bytes(16),
        coordinator="coordinator",
        version=1,
        document=b"signed",
        salt=salt,
        people=0,
        complete=False,
        revoked=False,
    )
    with town.running._store.write() as tx:
        tx.mandates.begin(mandate, NOW)
        tx.mandates.add_part(mandate.id, 0, people)
    signed = people_digest(salt, people)
    erase(town, Place(consent_no=number, person=None))
    assert {person for row in persons(town, number) for person in row} == {""}
    with town.running._store.read() as view:
        assert people_digest(salt, view.mandates.numbers(mandate.id)) == signed


def test_a_person_is_erased_from_all_its_consents_in_all_years(town: Town) -> None:
    first = town.issued(a_form(not_after=epoch_end(epoch_of(NOW)) - 1))
    second = town.issued(a_form())
    town.clock.seconds = epoch_end(epoch_of(NOW))
    (third,) = town.client().tokens([second.consent_no])
    recheck = town.client().recheck(objection(second.consent_no, predicate="P06", parameter=""))
    town.client().revoke([second.consent_no])
    ground = replace(GROUND, at=town.clock.now())
    orders = erase(town, Place(consent_no=first.consent_no, person=1), ground=ground)
    read = {one.department: one for one in orders}
    assert sorted(read) == ["bank_a", "public_security"]
    mine = erasure.read(read["public_security"].document, town.registrar.manifest)
    years = epoch_of(NOW), epoch_of(NOW) + 1
    assert set(mine.subs) == {town.id_psn("public_security", MOTHER, year) for year in years}
    assert {town.read(one.token).claims.sub for one in recheck.tokens} <= set(mine.subs)
    assert third.tokens
    for one in (first, second):
        assert [row[0] for row in persons(town, one.consent_no)] == [FATHER, ""]


def test_whoever_has_a_living_consent_is_not_erased_nor_are_those_beside(town: Town) -> None:
    ended = town.issued(a_form()).consent_no
    beside = [someone(CHILD, "子", Role.APPLICANT), someone(MOTHER, "母·乙", Role.SUPPORTER)]
    asks = [ask(0, "public_security", "P40")]
    (alive,) = town.client().record([a_form(beside, asks, members=1)])
    town.client().revoke([ended])
    before, since = persons(town, ended), town.book().size()
    with pytest.raises(Refused, match="CONSENT_ALIVE") as found:
        erase(town, Place(consent_no=ended, person=None))
    assert found.value.details == {"consent": alive.consent_no}
    assert persons(town, ended) == before
    assert town.events(since) == []
    assert erase(town, Place(consent_no=ended, person=0))


def test_a_consent_that_has_expired_has_ended(town: Town) -> None:
    number = town.issued(a_form()).consent_no
    for at in (FAR - 1, FAR):
        ground = replace(GROUND, at=at)
        if at < FAR:
            with pytest.raises(Refused, match="CONSENT_ALIVE"):
                erase(town, Place(consent_no=number, person=0), ground=ground)
        else:
            assert erase(town, Place(consent_no=number, person=0), ground=ground)


def test_a_signer_is_blanked_where_consents_have_ended(town: Town) -> None:
    ended = town.issued(a_family()).consent_no
    ward = someone(CHILD, "子", Role.APPLICANT, method=SignatureMethod.GUARDIAN, signer=FATHER)
    (alive,) = town.client().record(
        [a_form([ward], [ask(0, "bank_a", "P50", "deposit-12s")], members=1)]
    )
    town.client().revoke([ended])
    erase(town, Place(consent_no=ended, person=0))
    assert persons(town, ended)[2] == (CHILD, "子", "")
    assert persons(town, alive.consent_no) == [(CHILD, "子", FATHER)]


def test_nobody_is_erased_twice_and_nobody_who_is_not_there(town: Town) -> None:
    number = town.issued(a_form()).consent_no
    town.client().revoke([number])
    everybody = Place(consent_no=number, person=None)
    erase(town, everybody)
    for place in (everybody, replace(everybody, person=0), replace(everybody, person=7)):
        with pytest.raises(BadInput, match="NOTHING_TO_ERASE"):
            erase(town, place)
    with pytest.raises(Refused, match="CONSENT_UNKNOWN"):
        erase(town, Place(consent_no="20200101-000001", person=None))


def test_an_erased_consent_stays_ended_and_its_papers_used(town: Town) -> None:
    form = a_form()
    number = town.issued(form).consent_no
    town.client().revoke([number])
    erase(town, Place(consent_no=number, person=None))
    with pytest.raises(Refused, match="CONSENT_CHANGED"):
        town.client().record([form])
    with pytest.raises(Refused, match="CONSENT_REVOKED"):
        town.client().record([replace(form, reference=os.urandom(16))])
    (receipt,) = town.client().revoke([number])
    assert receipt.state is ConsentState.REVOKED


def test_those_who_are_erased_are_no_household(town: Town) -> None:
    first, second = (
        town.issued(
            a_form(
                [someone(one, "某", Role.APPLICANT)], [ask(0, "public_security", "P40")], members=1
            )
        )
        for one in (FATHER, MOTHER)
    )
    ground = replace(GROUND, at=FAR)
    for one in (first, second):
        erase(town, Place(consent_no=one.consent_no, person=0), ground=ground)
    assert town.client().change_household(first.consent_no) == ()
    assert town.status(second.tokens[0].token) is Status.VALID


def unsigned(person: ConsentPerson) -> ConsentPerson:
    return replace(person, evidence=b"")


def run(town: Town, *words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*words, "--folder", str(town.registrar.folder)])
    assert result.exit_code == code, result.output
    return result.output


def test_the_command_writes_the_orders_and_leaves_no_trace_of_the_person(town: Town) -> None:
    number = town.issued(a_form()).consent_no
    run(town, "consent", "revoke", number)
    said = run(town, "erase", f"{number}/0", "--reason", "WITHDRAWN", "--json")
    rows = [json.loads(line) for line in said.splitlines()]
    assert [row["department"] for row in rows] == ["bank_a", "civil_affairs", "public_security"]
    folder = town.registrar.folder / erasing_cli.ORDERS
    for row in rows:
        read = erasure.read((folder / row["file"]).read_bytes(), town.registrar.manifest)
        assert (read.id.hex(), read.department) == (row["order"], row["department"])
        assert read.subs == (town.id_psn(row["department"], FATHER),)
    for file in town.registrar.data.glob(f"{FILE}*"):
        assert FATHER.encode() not in file.read_bytes()
        assert "父甲".encode() not in file.read_bytes()


def test_orders_are_listed_and_written_again(town: Town, tmp_path: Path) -> None:
    assert run(town, "erasures", "--lang", "en") == "no order\n"
    number = town.issued(a_form()).consent_no
    run(town, "consent", "revoke", number)
    first = run(town, "erase", number, "--reason", "REQUESTED", "--out", str(tmp_path / "a"))
    assert len(first.splitlines()) == 5
    assert run(town, "erasures", "--out", str(tmp_path / "b")) == first
    a, b = ({file.name: file.read_bytes() for file in (tmp_path / n).iterdir()} for n in "ab")
    assert a == b
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "a").iterdir()} == {0o600}


def test_a_person_of_whom_no_department_knows_needs_no_order(town: Town) -> None:
    form = a_form()
    form = replace(form, persons=(form.persons[0], unsigned(form.persons[1])))
    (receipt,) = town.client().record([form])
    town.client().revoke([receipt.consent_no])
    said = run(town, "erase", receipt.consent_no, "--reason", "PURPOSE_ENDED", "--lang", "zh")
    assert said == "没有删除令\n"
    assert {person for row in persons(town, receipt.consent_no) for person in row} == {""}


@pytest.mark.parametrize(
    ("who", "code", "said"),
    [
        ("20200101-000001", 1, "CONSENT_UNKNOWN"),
        ("NUMBER/x", 2, "NOTHING_TO_ERASE"),
        ("NUMBER/", 2, "NOTHING_TO_ERASE"),
        ("NUMBER/٣", 2, "NOTHING_TO_ERASE"),
        ("NUMBER/9", 2, "NOTHING_TO_ERASE"),
        ("NUMBER", 1, "CONSENT_ALIVE"),
    ],
)
def test_the_command_says_why_it_does_nothing(town: Town, who: str, code: int, said: str) -> None:
    number = town.issued(a_form()).consent_no
    words = ["erase", who.replace("NUMBER", number), "--reason", "REQUESTED"]
    assert said in run(town, *words, code=code)


def test_a_folder_that_cannot_be_written_is_found_before_anything_is_done(
    town: Town, tmp_path: Path
) -> None:
    number = town.issued(a_form()).consent_no
    run(town, "consent", "revoke", number)
    (tmp_path / "taken").write_text("")
    words = ["erase", number, "--reason", "REQUESTED", "--out", str(tmp_path / "taken")]
    assert "FILE_UNWRITABLE" in run(town, *words, code=2)
    assert persons(town, number)[0][0] == FATHER


def test_nothing_of_a_person_is_found_by_reading_everything(town: Town) -> None:
    with town.running._store.read() as view:
        statements: list[str] = []
        view._sql.set_trace_callback(statements.append)
        list(view.issued.of_person("n", 0))
        view.of_person(FATHER)
        view._sql.set_trace_callback(None)
        plans = [view._sql.execute(f"EXPLAIN QUERY PLAN {one}").fetchall() for one in statements]
    assert len(plans) == 2
    assert not any("SCAN" in step[-1] for plan in plans for step in plan)
