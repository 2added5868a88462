"""A real folder with real keys: opening it, holding it alone, and asking over real channels."""

from pathlib import Path

import pytest

from coordinator.casework.filed import ConsentStage
from coordinator.documents.consent_forms import Form
from coordinator.opening import open_desk, open_evidence, open_office
from federation.clock import FixedClock
from federation.errors import BadInput, Unavailable
from federation.wire import receipt_messages
from tests.coordinator.town import case_text
from tests.support import twin


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = twin.make(tmp_path_factory.mktemp("federation") / "home")
    return made.folder / "coordinator"


def settings(folder: Path, text: str) -> None:
    (folder / "party.toml").write_text('party = "coordinator"\n' + text, "utf-8")


def test_a_folder_is_held_by_one_desk(folder: Path) -> None:
    clock = FixedClock(twin.NOW)
    with open_desk(folder, clock) as desk:
        assert desk.case_ids() == []
        with pytest.raises(BadInput) as caught, open_desk(folder, clock):
            pass
    assert caught.value.code == "DATA_FOLDER_IN_USE"
    with open_desk(folder, clock) as desk:
        assert desk.case_ids() == []


def test_a_registrar_that_is_away_leaves_the_case_filed(folder: Path) -> None:
    with open_desk(folder, FixedClock(twin.NOW)) as desk:
        (case_id,) = desk.new([desk.read(case_text().encode()).case], "demonstration")
        with pytest.raises(Unavailable) as caught:
            desk.consent([case_id])
        assert caught.value.code == "PEER_UNREACHABLE"
        assert desk.standing([case_id])[0].stage is ConsentStage.FILED
        assert desk.run([case_id]).answered == 0


def test_the_evidence_opens_with_the_desk_and_keeps_the_documents_of_today(folder: Path) -> None:
    with open_evidence(folder, FixedClock(twin.NOW)) as (desk, evidence):
        assert all(desk.standing(desk.case_ids()))
        with pytest.raises(Unavailable) as caught:
            evidence._prove("public_security", receipt_messages.encode_prove(bytes(16)))
        assert caught.value.code == "PEER_UNREACHABLE"
        with pytest.raises(BadInput, match="CASE_UNKNOWN"):
            evidence.collect("HD-0")
    kept = sorted(one.name.partition("-")[0] for one in (folder / "data" / "proofs").iterdir())
    assert kept == ["manifest", "policy"]


def test_the_office_prints_in_the_name_of_the_centre(folder: Path) -> None:
    with open_office(folder, FixedClock(twin.NOW)) as office:
        (case_id,) = office.desk.new([office.desk.read(case_text().encode()).case], "demonstration")
        letter = office.letter(case_id, Form.COMMISSION)
        name = office.desk.around.manifest.party("coordinator").name("zh")
        assert letter.blocks[0] == {"kind": "address", "text": f"{name}:"}
        assert office.issued(case_id) == []


def test_another_partys_folder_is_refused(folder: Path) -> None:
    clock = FixedClock(twin.NOW)
    with pytest.raises(BadInput) as caught, open_desk(folder.parent / "registrar", clock):
        pass
    assert caught.value.code == "PARTY_ROLE"


def test_wrong_settings_are_named_before_anything_is_opened(folder: Path) -> None:
    before = (folder / "party.toml").read_text("utf-8")
    settings(folder, "[coordinator]\nwokers = 3\n")
    try:
        with pytest.raises(BadInput) as caught, open_desk(folder, FixedClock(twin.NOW)):
            pass
        assert "coordinator.wokers" in str(caught.value.details["why"])
    finally:
        (folder / "party.toml").write_text(before, "utf-8")


def test_the_database_stands_where_the_setting_says(folder: Path, tmp_path: Path) -> None:
    before = (folder / "party.toml").read_text("utf-8")
    settings(folder, f'[coordinator]\ndatabase = "sqlite:///{tmp_path}/elsewhere.sqlite"\n')
    try:
        with open_desk(folder, FixedClock(twin.NOW)) as desk:
            assert desk.case_ids() == []
        assert (tmp_path / "elsewhere.sqlite").stat().st_size > 0
    finally:
        (folder / "party.toml").write_text(before, "utf-8")
