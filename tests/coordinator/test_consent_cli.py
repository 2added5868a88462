"""``hedui consent`` as a clerk runs it: print, sign, status."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from coordinator import consent_cli
from coordinator.documents.office import Office
from tests.coordinator.documents import offices
from tests.coordinator.documents.test_office import FAMILY
from tests.coordinator.town import APPLICANT, Town, case_text, person_text

Run = Callable[..., Result]


@pytest.fixture
def run(town: Town, monkeypatch: pytest.MonkeyPatch) -> Run:
    @contextmanager
    def opened(_: Path) -> Iterator[Office]:
        with offices.opened(town) as office:
            yield office

    monkeypatch.setattr(consent_cli, "open_office", opened)

    def invoke(*words: str | Path, lang: str = "zh", typed: str = "") -> Result:
        said = [*map(str, words), "--lang", lang]
        return CliRunner().invoke(consent_cli.app, said, input=typed)

    return invoke


@pytest.fixture
def case(town: Town) -> str:
    """Give a family's case that nobody has signed."""
    with town.desk() as desk:
        (number,) = desk.new([desk.read(FAMILY.encode()).case])
    return number


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.pdf"
    path.write_bytes(b"a scan")
    return path


@pytest.mark.parametrize("form", ["letter", "commission", "renewal"])
@pytest.mark.parametrize("suffix", ["pdf", "html"])
def test_letters_are_printed(run: Run, case: str, tmp_path: Path, form: str, suffix: str) -> None:
    out = tmp_path / f"out.{suffix}"
    done = run("print", case, "--out", out, "--form", form)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"已写入 {out}(")
    assert out.stat().st_mode & 0o077 == 0
    assert out.read_bytes().startswith(b"%PDF" if suffix == "pdf" else b"<!DOCTYPE")


def test_a_letter_with_further_questions(run: Run, case: str, tmp_path: Path) -> None:
    out = tmp_path / "letter.html"
    assert run("print", case, "--out", out, "--add", "P33", "--add", "P09:w12m").exit_code == 0
    assert "增补" in out.read_text("utf-8")
    assert APPLICANT in out.read_text("utf-8")
    refused = run("print", case, "--out", out, "--add", "P41")
    assert (refused.exit_code, "POLICY_NOT_ANSWERED" in refused.stderr) == (1, True)


def test_a_character_that_no_font_has_is_told(run: Run, town: Town, tmp_path: Path) -> None:
    rare = case_text().replace("王甲", "王\U00020bb7")
    with town.desk() as desk:
        (number,) = desk.new([desk.read(rare.encode()).case])
    done = run("print", number, "--out", tmp_path / "a.pdf")
    assert "字库里没有 \U00020bb7,纸上印作 〓" in done.stdout
    told = json.loads(run("print", number, "--out", tmp_path / "a.pdf", "--json").stdout)
    assert told["lacking"] == ["\U00020bb7"]
    assert "〓" not in run("print", number, "--out", tmp_path / "a.html").stdout


def test_a_family_signs_and_the_case_can_go_on(run: Run, case: str, scan: Path, town: Town) -> None:
    before = run("status", case).stdout.splitlines()
    assert before[0] == f"{case}  未报授权"
    assert before[1:] == [
        "  □ 1 王** 本人  未签字",
        "  □ 2 李** 配偶  未签字",
        "  □ 3 王** 子女  未签字",
    ]
    done = run("sign", case, "1", "2", "3", "--scan", scan)
    assert done.exit_code == 0, done.output
    short = sha256(b"a scan").hexdigest()[:16]
    assert f"  ✓ 1 王** 本人  本人签字 {short}" in done.stdout
    assert f"  ✓ 3 王** 子女  监护人代签 {short}" in done.stdout
    assert done.stdout.splitlines()[-1] == f"下一步:hedui case consent {case}"
    with town.desk() as desk:
        (standing,) = desk.consent([case])
    assert standing.missing == ()
    after = run("status", case).stdout
    assert after.startswith(f"{case}  授权齐备  授权编号 ")


def test_a_digest_instead_of_a_scan_and_another_who_signs(run: Run, case: str) -> None:
    words = ("2", "--digest", "cd" * 32, "--method", "AGENT", "--signer")
    done = run("sign", case, *words, "--json", typed=f" {APPLICANT.lower()}\n")
    assert done.exit_code == 0, done.output
    people = json.loads(done.stdout)["people"]
    assert [one["evidence"] for one in people] == ["", "cd" * 32, ""]
    assert people[1]["method"] == "AGENT"
    assert APPLICANT not in done.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("9", "--digest", "cd" * 32), "PERSON_UNKNOWN"),
        (("3", "--digest", "cd" * 32, "--method", "SELF"), "CASE_GUARDIAN"),
        (("1", "--digest", "cd" * 32, "--method", "AGENT", "--signer"), "ID_LENGTH"),
        (("1", "--scan", "nowhere.pdf"), "FILE_MISSING"),
    ],
)
def test_what_is_no_signature_is_refused(
    run: Run, case: str, words: tuple[str, ...], code: str
) -> None:
    ended = run("sign", case, *words, typed="x\n")
    assert (ended.exit_code, code in ended.stderr) == (2, True), ended.output


def test_an_empty_scan_is_no_scan(run: Run, case: str, tmp_path: Path) -> None:
    (tmp_path / "empty.pdf").touch()
    ended = run("sign", case, "1", "--scan", tmp_path / "empty.pdf")
    assert (ended.exit_code, "SCAN_EMPTY" in ended.stderr) == (2, True)


@pytest.mark.parametrize(
    "words",
    [("1",), ("1", "--digest", "cd"), ("1", "--digest", "cd" * 32, "--scan", "a"), ("0", "--scan")],
)
def test_one_piece_of_evidence_is_wanted(run: Run, case: str, words: tuple[str, ...]) -> None:
    assert run("sign", case, *words).exit_code == 2


def test_who_has_signed_is_not_signed_over(run: Run, town: Town, scan: Path) -> None:
    (signed,) = town.ready()
    ended = run("sign", signed, "1", "--scan", scan)
    assert (ended.exit_code, "SIGNED_ALREADY" in ended.stderr) == (2, True)


def test_an_ended_consent_reminds_of_signing_again(run: Run, town: Town) -> None:
    (number,) = town.ready(
        case_text(more=person_text("790302197009190289", "李乙", "SPOUSE", "MEMBER"))
    )
    assert "重新签字" not in run("status", number).stdout
    with town.desk() as desk:
        desk.change_household(number)
    assert "重新签字" in run("status", number).stdout
    assert "sign" in run("status", number, lang="en").stdout.splitlines()[-1]
    told = json.loads(run("status", number, "--json").stdout)
    assert (told["sign_again"], told["stage"]) == (True, "REVOKED")
    assert told["until"].startswith("2027-")


def test_the_signers_number_is_read_and_never_an_argument(run: Run, case: str) -> None:
    words = ("sign", case, "2", "--digest", "cd" * 32, "--method", "AGENT", "--signer")
    assert run(*words, APPLICANT, typed=APPLICANT).exit_code == 2
    assert run(*words, typed="").exit_code == 2
    assert "未签字" in run("status", case).stdout.splitlines()[2]
    assert run(*words, typed=APPLICANT).exit_code == 0
