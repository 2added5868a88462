"""The demonstration's papers: each case's report lies in the folder, or a plain word why not."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coordinator.documents.office import Office
from federation.errors import Unavailable
from federation.terminal import Terminal
from hedui.demo import papers
from tests.coordinator import town as towns
from tests.coordinator.documents import offices
from tests.coordinator.documents.offices import asked
from tests.coordinator.town import Town


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    town = towns.build(tmp_path)

    @contextmanager
    def opened(_: Path) -> Iterator[Office]:
        with offices.opened(town) as office:
            yield office

    monkeypatch.setattr(papers, "open_office", opened)
    return town


def test_every_case_has_its_report(
    town: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case = asked(town)
    folder = tmp_path / "papers"
    (written,) = papers.write(tmp_path, {case: "B"}, folder, Terminal(lang="en"))
    assert written.parent == folder
    assert written.read_bytes().startswith(b"%PDF")
    assert capsys.readouterr().out == f"  report of B: {written}\n"


@pytest.mark.parametrize("code", ["PDF_UNAVAILABLE", "DATABASE_UNAVAILABLE"])
def test_only_a_missing_typesetter_is_passed_over(
    code: str, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise Unavailable(code)

    case = asked(town)
    monkeypatch.setattr("hedui.demo.papers.office.issue", fail)
    at = Terminal(lang="en", json=True)
    if code == "PDF_UNAVAILABLE":
        assert papers.write(tmp_path, {case: "B"}, tmp_path / "papers", at) == []
        return
    with pytest.raises(Unavailable, match=code):
        papers.write(tmp_path, {case: "B"}, tmp_path / "papers", at)
