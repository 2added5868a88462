"""``hedui case report`` and ``reports`` as a clerk runs them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coordinator import report_cli
from coordinator.cli import app
from coordinator.documents import typesetting
from coordinator.documents.office import Office
from federation.errors import Unavailable
from federation.exchange import Outcome
from tests.coordinator.documents import offices
from tests.coordinator.documents.offices import asked
from tests.coordinator.town import APPLICANT, Town, told

Run = Callable[..., Result]


@pytest.fixture
def run(town: Town, monkeypatch: pytest.MonkeyPatch) -> Run:
    @contextmanager
    def opened(_: Path) -> Iterator[Office]:
        with offices.opened(town) as office:
            yield office

    monkeypatch.setattr(report_cli, "open_office", opened)

    def invoke(*words: str | Path, lang: str = "zh") -> Result:
        return CliRunner().invoke(app, [*map(str, words), "--lang", lang])

    return invoke


def test_a_report_on_paper_as_a_page_and_as_data(run: Run, town: Town, tmp_path: Path) -> None:
    case = asked(town)
    pdf, html, data = (tmp_path / name for name in ("r.pdf", "r.html", "r.json"))
    done = run("report", case, "--pdf", pdf, "--html", html, "--data", data)
    assert done.exit_code == 0, done.output
    digest = sha256(data.read_bytes()).hexdigest()
    first, *written = done.stdout.splitlines()
    assert first.startswith(f"{case}  第 1 版  2026-11-18 19:06  摘要 {digest[:16]}")
    assert written == [f"已写入 {one}" for one in (pdf, html, data)]
    assert pdf.read_bytes().startswith(b"%PDF")
    assert digest in html.read_text("utf-8")
    assert APPLICANT not in html.read_text("utf-8")


def test_the_next_version_needs_a_reason_and_the_old_one_is_printed_again(
    run: Run, town: Town, tmp_path: Path
) -> None:
    case = asked(town)
    first, again, second = (tmp_path / name for name in ("1.pdf", "1b.pdf", "2.pdf"))
    run("report", case, "--pdf", first)
    done = run("report", case, "--reissue", "补充材料", "--pdf", second)
    assert "第 2 版" in done.stdout
    assert "原因:补充材料" in done.stdout
    run("report", case, "--version", "1", "--pdf", again)
    assert first.read_bytes() == again.read_bytes() != second.read_bytes()
    listed = run("reports", case).stdout.splitlines()
    assert [line.split()[2] for line in listed] == ["1", "2"]


def test_what_has_changed_since_is_noted(run: Run, town: Town) -> None:
    case = asked(town)
    assert "注意" not in run("report", case).stdout
    town.departments["tax"].answer = lambda question: told(Outcome.NO)
    with town.desk() as desk:
        desk.run([case], again=True)
    assert "注意:此版之后又有新的答复" in run("report", case).stdout
    assert "Note: answers have changed" in run("report", case, lang="en").stdout
    assert "注意" not in run("report", case, "--reissue", "更新").stdout
    assert "注意" not in run("report", case, "--version", "1").stdout


def test_for_programs(run: Run, town: Town, tmp_path: Path) -> None:
    case = asked(town)
    page = tmp_path / "r.html"
    one = json.loads(run("report", case, "--html", page, "--json").stdout)
    assert one.keys() == {
        *("case", "version", "issued", "operator", "reason", "digest"),
        "files",
    }
    assert (one["case"], one["version"], one["operator"]) == (case, 1, "owner")
    assert one["files"] == {"html": str(page)}
    (listed,) = run("reports", case, "--json").stdout.splitlines()
    assert json.loads(listed) == {**one, "files": {}}


def test_without_a_report_the_list_is_empty(run: Run, town: Town) -> None:
    (case,) = town.ready()
    assert run("reports", case).stdout == f"{case}  尚未出具报告\n"
    ended = run("report", case)
    assert (ended.exit_code, "NOTHING_TO_REPORT" in ended.stderr) == (2, True)


@pytest.mark.parametrize(
    "words", [("--reissue", " "), ("--reissue", "字" * 201), ("--reissue", "a", "--version", "1")]
)
def test_a_reason_is_a_reason(run: Run, town: Town, words: tuple[str, ...]) -> None:
    case = asked(town)
    assert run("report", case, *words).exit_code == 2
    assert "第 2 版" not in run("reports", case).stdout


def test_without_the_extra_there_is_the_page(
    run: Run, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(_: object) -> bytes:
        raise Unavailable("PDF_UNAVAILABLE")

    case = asked(town)
    monkeypatch.setattr(typesetting, "pdf", nothing)
    ended = run("report", case, "--pdf", tmp_path / "r.pdf")
    assert (ended.exit_code, "PDF_UNAVAILABLE" in ended.stderr) == (1, True)
    assert run("report", case, "--html", tmp_path / "r.html").exit_code == 0
