"""Papers behind the gate: who may print and sign, and where."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coordinator import consent_cli, report_cli
from coordinator.documents.office import Office
from hedui.cli import app
from tests.coordinator.documents import offices
from tests.coordinator.documents.offices import asked
from tests.coordinator.people.staffed import Staffed
from tests.coordinator.town import Town

As = Callable[..., Result]


@pytest.fixture
def staffed(town: Town, monkeypatch: pytest.MonkeyPatch) -> Staffed:
    @contextmanager
    def opened(_: Path) -> Iterator[Office]:
        with offices.opened(town) as office:
            yield office

    for module in (consent_cli, report_cli):
        monkeypatch.setattr(module, "open_office", opened)
    return Staffed(town)


@pytest.fixture
def as_(town: Town, staffed: Staffed) -> As:
    """Run a command as somebody who is logged in."""

    def run(who: str, *words: str | Path) -> Result:
        shutil.copy(town.data / f"session-{who}", town.data / "session")
        return CliRunner().invoke(app, [*map(str, words), "--lang", "en"])

    return run


def test_a_report_is_issued_in_the_name_of_whoever_does(
    town: Town, staffed: Staffed, as_: As
) -> None:
    case = asked(town)
    staffed.hire("op-lin", "op-rev")
    assert as_("op-lin", "case", "report", case).exit_code == 0
    assert as_("op-rev", "case", "report", case, "--reissue", "why").exit_code == 0
    with offices.opened(town) as office:
        assert [one.operator for one in office.issued(case)] == ["op-lin", "op-rev"]


def test_whoever_may_not_is_refused_and_nothing_is_done(
    town: Town, staffed: Staffed, as_: As, tmp_path: Path
) -> None:
    case = asked(town)
    staffed.hire("op-mei", "op-aud")
    out = tmp_path / "out.html"
    for who, words in (
        ("op-mei", ("case", "report", case, "--html", out)),
        ("op-mei", ("case", "reports", case)),
        ("op-mei", ("consent", "status", case)),
        ("op-aud", ("case", "report", case, "--html", out)),
        ("op-aud", ("consent", "print", case, "--out", out)),
        ("op-aud", ("consent", "sign", case, "1", "--digest", "ab" * 32)),
    ):
        ended = as_(who, *words)
        assert (ended.exit_code, "OPERATOR_FORBIDDEN" in ended.stderr) == (1, True), words
    assert not out.exists()
    assert as_("op-aud", "case", "reports", case).stdout == f"{case}  no report was issued\n"
