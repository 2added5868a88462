"""``hedui policy`` as its users run it: explain, diff, check and sign, in both languages."""

import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner, Result

from crypto.keys import SealCost, SigningKey
from federation import catalogue, founding, keyfile, party, pins, policy, root
from federation.clock import SystemClock, business_date
from federation.founding import FederationPlan, PartyPlan
from federation.manifest import PartyRole
from federation.pins import Seen
from hedui.demo.policy import policy_toml
from hedui.policy_cli import app

TODAY = business_date(SystemClock().now())
NEXT = date(TODAY.year + 1, 1, 1)
TEXT = policy_toml(83_000, TODAY).decode()
NEWER = (
    TEXT.replace("version = 1", "version = 2")
    .replace("per_head = 996000", "per_head = 1080000")
    .replace(
        'predicate = "P48"\npurposes = ["ENTRY", "REVIEW"]',
        'predicate = "P48"\npurposes = ["ENTRY"]',
    )
)
CATALOGUE = """
department = "housing"
version = 1
[source]
kind = "sqlite"
path = "records.sqlite"
[roll]
sql = "SELECT id, name, id AS key FROM account"
[as_of]
sql = "SELECT '2026-11-17'"
[[answer]]
predicate = "P29"
purposes = ["ENTRY"]
scope = "city"
sql = "SELECT sum(fen) FROM account WHERE id = :key"
"""
SOURCE = 'source = "测试"\nzh = "测试"\nen = "test"\n'
SUMS = f"""
family = "sums"
version = 1
issued = {TODAY.year}-01-01
expires = {TODAY.year + 1}-06-30
title = {{ zh = "合计", en = "Sums" }}
[[parameter]]
id = "assets-24s"
kind = "rung"
per_head = 1992000
comparator = "le"
{SOURCE}
[[rule]]
predicate = "H2"
purposes = ["ENTRY"]
parameters = ["assets-24s"]
period = "month"
max_age_days = 45
{SOURCE}
[[rule]]
predicate = "H7"
purposes = ["STATUS"]
parameters = ["gap"]
period = "month"
max_age_days = 45
{SOURCE}
[[parameter]]
id = "gap"
kind = "band"
edges = [5000, 10000]
{SOURCE}
"""


def run(*words: str, columns: int = 100, entered: str | None = None) -> Result:
    return CliRunner().invoke(app, list(words), env={"COLUMNS": str(columns)}, input=entered)


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def plan(*parties: tuple[str, PartyRole, str]) -> FederationPlan:
    return FederationPlan(
        federation="city",
        parties=[
            PartyPlan(id=name, role=role, kind=kind, zh=name, en=name, endpoint=f"127.0.0.1:{port}")
            for port, (name, role, kind) in enumerate(parties, start=1)
        ],
        policy=TEXT.encode(),
        now=SystemClock().now(),
        cost=SealCost.MINIMAL,
    )


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policy") / "city"
    founding.found(
        folder,
        plan(
            ("registrar", PartyRole.REGISTRAR, ""),
            ("coordinator", PartyRole.COORDINATOR, ""),
            ("housing", PartyRole.NODE, "housing"),
        ),
    )
    (folder / "housing" / "catalogue.toml").write_text(CATALOGUE, "utf-8")
    return folder


@pytest.fixture
def home(founded: Path, tmp_path: Path) -> Path:
    """A founder's folder of one's own, to be changed."""
    return shutil.copytree(founded, tmp_path / "city")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write(text: str, name: str = "policy.toml") -> str:
        (tmp_path / name).write_text(text, "utf-8")
        return str(tmp_path / name)

    return write


# ---- explain


def test_every_question_is_explained_under_its_department(write: Callable[..., str]) -> None:
    text = run("explain", "-f", write(TEXT), "--lang", "zh", columns=120).stdout
    found = policy.parse(TEXT.encode(), catalogue.load())
    for name in found.rules:
        label = catalogue.load().predicate(name).label("zh")
        assert re.search(rf"^  {name} +{label} ", text, re.MULTILINE)
    assert "\n银行\n" in text
    assert "≤ 9,960 | 9,960–19,920 | > 19,920 元" in text
    assert "近 12 个月内 | 12–24 个月前 | 24–36 个月前 | 更早或没有(超过 36 个月)" in text
    assert "尚未签名" in text
    assert "用途:新申请、定期复核" in text
    assert "(新申请、定期复核、身份核验)" in text


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("columns", [80, 100, 120])
def test_nothing_is_wider_than_the_terminal(
    write: Callable[..., str], lang: str, columns: int
) -> None:
    old, new = write(TEXT), write(NEWER, "newer.toml")
    shown = [
        run("explain", "-f", old, "--lang", lang, columns=columns).stdout,
        run("explain", "-f", old, "--full", "--lang", lang, columns=columns).stdout,
        run("check", new, "--lang", lang, columns=columns).stdout,
        run("diff", old, new, "--lang", lang, columns=columns).stdout,
    ]
    assert all(shown)
    wide = [line for text in shown for line in text.splitlines() if cell_len(line) > columns]
    assert wide == []


def test_one_question_in_detail(write: Callable[..., str]) -> None:
    text = run("explain", "p29", "-f", write(TEXT), "--members", "3", "--lang", "en").stdout
    for line in (
        "P29  Provident fund within line  (Housing)",
        "  why           the fund is money",
        "  outcomes      YES · NO · STALE · REFUSED",
        "  told at most  ≤ 29,880 | 29,880–59,760 | > 59,760 yuan (household of 3)",
        "    hpf-12s  per head ≤ 9,960 yuan   12 months of the dibao standard",
        "at most 4 lines and 2 household sizes a person and year",
    ):
        assert line in text
    assert "P40" not in text
    marks, line = text.splitlines()[-2:]
    assert [marks.index(label) == line.index("┼", from_) for label, from_ in [("29,880", 0)]] == [
        True
    ]


def test_a_household_that_changes_its_size_tells_more(write: Callable[..., str]) -> None:
    file = write(TEXT)
    (_, row) = rows(run("explain", "P29", "-f", file, "--members", "3", "--members", "2", "--json"))
    ends = [1_992_000, 2_988_000, 3_984_000, 5_976_000]
    starts = [None, *(end + 1 for end in ends)]
    assert row["members"] == [2, 3]
    assert row["intervals"] == [list(pair) for pair in zip(starts, [*ends, None], strict=True)]
    more = run("explain", "-f", file, *(f"--members={n}" for n in (1, 2, 3)))
    assert more.exit_code == 2


def test_programs_get_every_rule(write: Callable[..., str]) -> None:
    head, *rest = rows(run("explain", "-f", write(TEXT), "--json", "--lang", "en"))
    found = policy.parse(TEXT.encode(), catalogue.load())
    assert (head["family"], head["version"]) == (found.family, found.version)
    assert (head["digest"], head["signed"]) == (found.digest.hex(), "not signed")
    assert {row["predicate"] for row in rest} == found.rules.keys()
    by_id = {row["predicate"]: row for row in rest}
    assert by_id["P29"]["parameters"][0] == {
        "id": "hpf-12s",
        "kind": "rung",
        "text": "12 months of the dibao standard",
        "source": found.parameters["hpf-12s"].source,
        "per_head": 996_000,
        "per": "head",
        "comparator": "le",
    }
    assert by_id["P17"]["intervals"][0] == [None, 0]
    assert by_id["P33"]["outcomes"] == ["COUNT(0)", "COUNT(1)", "COUNT(2)", "STALE", "REFUSED"]
    assert by_id["P07"]["groups"] == ["single", "married", "divorced", "widowed", "no record"]
    assert by_id["P60"]["outcomes"][-3:] == ["NO", "STALE", "REFUSED"]
    assert by_id["P61"]["groups"][-1] == "nothing found"
    assert by_id["P01"]["groups"][-2:] == ["elsewhere", "no record"]
    assert by_id["P47"]["groups"] == ["< 100,000", "≥ 100,000 yuan"]
    assert by_id["P11"]["groups"][0] == "less than 3 months or never"
    assert by_id["P40"]["intervals"] == []
    assert all(row["why"] and row["source"] for row in rest)


def test_one_department(write: Callable[..., str]) -> None:
    found = rows(run("explain", "-f", write(TEXT), "--kind", "医保", "--json"))[1:]
    assert [row["predicate"] for row in found] == ["P56", "H4"]
    assert "DEPARTMENT_KIND_UNKNOWN" in run("explain", "-f", write(TEXT), "--kind", "天文").stderr


def test_sums_and_derived_questions_are_not_answered_by_one_department(
    write: Callable[..., str],
) -> None:
    file = write(SUMS)
    text = run("explain", "-f", file, "--full", "--lang", "en").stdout
    assert text.count("(a sum over departments: none answers it alone)") == 1
    assert text.count("worked out at the centre: no department is asked") == 1
    assert "added up at most 4 times a person and year" in text
    text = run("explain", "-f", file, "--lang", "zh").stdout
    assert "\n银行\n  H2  金融资产不超线  ≤ 19,920 | > 19,920 元(多部门合计)" in text
    assert "\n推算\n  H7" in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["explain", "P99"], "PREDICATE_UNKNOWN"),
        (["explain", "P12"], "POLICY_SILENT"),
        (["check", "--previous", "none.toml"], "FILE_MISSING"),
    ],
)
def test_what_is_not_there(write: Callable[..., str], words: list[str], code: str) -> None:
    file = [write(TEXT)] if words[0] == "check" else ["-f", write(TEXT)]
    done = run(*words, *file, "--lang", "en")
    assert (done.exit_code, code in done.stderr) == (2, True)


def test_a_policy_has_to_be_named() -> None:
    assert run("explain").exit_code == 2
    assert run("check").exit_code == 2
    assert run("sign").exit_code == 2


GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "policy.md"


def printed(command: str) -> str:
    """Give what the guide shows below a command."""
    return GUIDE.read_text("utf-8").partition(f"$ hedui policy {command}\n")[2].partition("```")[0]


def test_the_guide_shows_what_the_commands_print(write: Callable[..., str], tmp_path: Path) -> None:
    file = write(TEXT)
    words = "explain P29 --members 3 --file policy.toml"
    shown = run(*words.replace("policy.toml", file).split(), "--lang", "zh").stdout
    assert printed(words)
    assert shown.endswith(printed(words))
    head, mark, rest = TEXT.replace("version = 1", "version = 2").partition('id = "hpf-12s"')
    newer = head + mark + rest.replace("per_head = 996000", "per_head = 1080000", 1)
    write(newer, "policy-2.toml")
    words = "diff policy.toml policy-2.toml"
    files = [str(tmp_path / name) for name in words.split()[1:]]
    assert printed(words)
    assert run("diff", *files, "--lang", "zh").stdout.endswith(printed(words))


# ---- who vouches for it


def test_how_it_stands_with_the_signatures(founded: Path, tmp_path: Path) -> None:
    assert (
        "根签名有效(2 把)" in run("explain", "-C", str(founded / "housing"), "--lang", "zh").stdout
    )
    alone = tmp_path / "policy.json"
    shutil.copy(founded / "signed" / "policy.json", alone)
    assert "signatures not checked" in run("explain", "-f", str(alone), "--lang", "en").stdout
    pinned = str(founded / "signed" / "root.json")
    named = run("explain", "-f", str(alone), "--root", pinned, "--lang", "en").stdout
    assert "root signatures hold (2)" in named


def test_a_policy_with_too_few_signatures_fails_the_check(founded: Path, tmp_path: Path) -> None:
    shutil.copy(founded / "signed" / "root.json", tmp_path)
    document = json.loads((founded / "signed" / "policy.json").read_text())
    document["signatures"].pop()
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(document, separators=(",", ":"), ensure_ascii=False), "utf-8")
    done = run("check", str(file), "--lang", "en")
    assert (done.exit_code, " ✗  1 of 2 root keys have signed" in done.stdout) == (1, True)


@pytest.mark.parametrize("what", ["signature", "payload", "type", "shape"])
def test_a_tampered_policy_is_not_shown(founded: Path, tmp_path: Path, what: str) -> None:
    shutil.copy(founded / "signed" / "root.json", tmp_path)
    document = json.loads((founded / "signed" / "policy.json").read_text())
    match what:
        case "signature":
            document["signatures"][0]["sig"] = document["signatures"][1]["sig"]
        case "payload":
            changed = root.sign(NEWER.encode(), policy.PAYLOAD_TYPE, [SigningKey.generate()])
            document["payload"] = json.loads(changed)["payload"]
        case "type":
            document["payloadType"] = "application/other"
        case _:
            document["more"] = 1
    (tmp_path / "policy.json").write_text(json.dumps(document, separators=(",", ":")), "utf-8")
    done = run("explain", "-C", str(tmp_path), "--lang", "en")
    assert (done.exit_code, done.stdout, "ROOT_SIGNATURE" in done.stderr) == (1, "", True)


# ---- diff


@pytest.mark.parametrize(
    ("lang", "lines"),
    [
        (
            "zh",
            [
                "不再能问\n  P48  在营个体户: 定期复核 (市场监管)",
                "hpf-12s: 人均 ≤ 9,960 元 → 人均 ≤ 10,800 元",
                "    影响:人均 9,960.01–10,800 元的人,回答由否变是",
                "  第 2 版\n",
            ],
        ),
        (
            "en",
            [
                "no longer asked\n  P48  Active sole trader: periodic review (Market regulation)",
                "    affects per head 9,960.01–10,800 yuan: turns from NO to YES",
                "the id stays",
                "  version 2\n",
            ],
        ),
    ],
)
def test_what_a_new_version_changes(write: Callable[..., str], lang: str, lines: list[str]) -> None:
    text = run("diff", write(TEXT), write(NEWER, "newer.toml"), "--lang", lang).stdout
    assert [line for line in lines if line not in text] == []


def test_a_difference_for_programs(write: Callable[..., str]) -> None:
    (found,) = rows(run("diff", write(TEXT), write(NEWER, "newer.toml"), "--json"))
    assert found["closed"] == [{"predicate": "P48", "parameter": "", "purposes": ["REVIEW"]}]
    moved = {row["parameter"]: row["between"] for row in found["moved"]}
    assert moved["hpf-12s"] == [996_001, 1_080_000]
    assert {row["quantity"] for row in found["lines"]} == {
        "income",
        "financial_assets",
        "hpf_balance",
    }
    assert found["opened"] == []


def test_a_ladder_that_grows_past_four_lines_is_pointed_out(write: Callable[..., str]) -> None:
    names = ", ".join(f'"d{n}"' for n in range(4))
    extra = "".join(
        f'[[parameter]]\nid = "d{n}"\nkind = "rung"\nper_head = {5_000_000 + n * 1_000_000}\n'
        f'comparator = "le"\n{SOURCE}'
        for n in range(4)
    )
    new = NEWER.replace('["hpf-12s", "hpf-24s"]', f"[{names}]") + extra
    new = new.replace('predicate = "P60"', 'predicate = "P60"').replace("= 120", "= 60")
    text = run("diff", write(TEXT), write(new, "newer.toml"), "--lang", "en").stdout
    assert "▲ 6 lines in both versions, but a record opens at most 4 a year" in text
    assert "may be asked now\n  P29  Provident fund within line test d0:" in text
    assert "  P60  days of age  120 → 60" in text


def test_a_question_more_is_all_that_changes(write: Callable[..., str]) -> None:
    more = f"""[[rule]]
predicate = "P12"
purposes = ["STATUS"]
parameters = []
period = "month"
max_age_days = 45
{SOURCE}"""
    newer = write(TEXT.replace("version = 1", "version = 2") + more, "newer.toml")
    text = run("diff", write(TEXT), newer, "--lang", "zh").stdout
    assert text.endswith("\n可以问了\n  P12  服刑或强制戒毒: 身份核验 (司法)\n")


def test_the_same_policy_differs_in_nothing(write: Callable[..., str]) -> None:
    newer = write(TEXT.replace("version = 1", "version = 2"), "newer.toml")
    text = run("diff", write(TEXT), newer, "--lang", "en").stdout
    assert "what may be asked, its lines and terms stay" in text


def test_a_version_that_does_not_rise_is_refused_after_it_was_shown(
    write: Callable[..., str],
) -> None:
    done = run("diff", write(NEWER, "newer.toml"), write(TEXT), "--lang", "en")
    assert (done.exit_code, "has to be above 2" in done.stderr) == (2, True)
    assert "turns from YES to NO" in done.stdout


def test_windows_unused_values_and_other_directions(write: Callable[..., str]) -> None:
    new = (
        TEXT.replace("version = 1", "version = 2")
        .replace("months = 24", "months = 18")
        .replace("per_head = 10000000", "per_head = 20000000")
        .replace('parameters = ["hpf-12s", "hpf-24s"]', 'parameters = ["assets-12s"]')
        .replace(
            'id = "hpf-12s"\nkind = "rung"\nper_head = 996000',
            'id = "hpf-12s"\nkind = "rung"\nper_head = 7',
        )
    )
    text = run("diff", write(TEXT), write(new, "newer.toml"), "--lang", "en").stdout
    assert "P37  Dwelling given away recently  w24m: 24 months → 18 months" in text
    assert "affects 100,000–199,999.99 yuan: turns from YES to NO" in text
    assert "(unused)" in text


# ---- check


def test_a_party_s_policy_is_checked(founded: Path) -> None:
    found = rows(run("check", "-C", str(founded / "coordinator"), "--json", "--lang", "en"))
    assert [(row["check"], row["ok"]) for row in found[1:]] == [
        ("law", True),
        ("signatures", True),
        ("dates", True),
        *[("band_of_sum", None)] * 3,  # pensions: a band alone, and part of H1, H4 and H5
    ]


def test_a_node_s_catalogue_is_held_to_the_policy(founded: Path, write: Callable[..., str]) -> None:
    node = str(founded / "housing")
    text = run("check", "-C", node, "--lang", "zh").stdout
    assert " ✓  本节点能答 1 项,政策允许 4 项\n ▲  未开:P27 P28 P39\n" in text
    assert " ▲  只答部分用途:P29\n" in text
    silent = TEXT.replace('predicate = "P29"', 'predicate = "P12"')
    silent = silent.replace('["hpf-12s", "hpf-24s"]', "[]")
    done = run("check", write(silent), "-C", node, "--lang", "en")
    assert done.exit_code == 0, done.output
    assert " ✓  this node answers 0 of the 3 predicates" in done.stdout
    assert " ▲  in the catalogue, not allowed: P29\n" in done.stdout


def test_what_a_party_has_used_before_counts(founded: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(founded / "coordinator", tmp_path / "coordinator")
    used = party.load(folder, None, SystemClock().now())
    pins.keep(used.data, {f"{pins.POLICY}demo-city": Seen(version=2, digest=bytes(32))})
    done = run("check", "-C", str(folder), "--lang", "en")
    assert (done.exit_code, "POLICY_ROLLED_BACK" in done.stdout) == (1, True)


def test_concerns_are_no_faults(write: Callable[..., str]) -> None:
    close = NEWER.replace("per_head = 1992000", "per_head = 1100000")
    done = run("check", write(close), "--previous", write(TEXT, "old.toml"), "--lang", "zh")
    assert done.exit_code == 0
    assert " ▲  P29:1080000 与 1100000 相距不到 10%" in done.stdout
    assert " ✓  第 2 版接续第 1 版" in done.stdout


def test_what_is_not_in_force_yet_may_be_checked_before(write: Callable[..., str]) -> None:
    later = NEWER.replace(f"issued = {TODAY.year}-01-01", f"issued = {NEXT}")
    done = run("check", write(later), "--lang", "zh")
    assert (done.exit_code, " ▲  issued:今天不在有效期内" in done.stdout) == (0, True)
    assert " ✓  有效期" not in done.stdout


def test_a_version_that_does_not_follow_fails_the_check(write: Callable[..., str]) -> None:
    done = run("check", write(TEXT), "--previous", write(NEWER, "n.toml"), "--lang", "en")
    assert done.exit_code == 1
    assert " ✗  The policy is wrong at version: has to be above 2" in done.stdout
    assert "POLICY_INVALID" in done.stdout


def test_an_unsigned_policy_beside_root_keys_is_unsigned(home: Path) -> None:
    (home / "signed" / "draft.toml").write_text(NEWER, "utf-8")
    done = run("check", str(home / "signed" / "draft.toml"), "--lang", "en")
    assert (done.exit_code, " ▲  not signed" in done.stdout) == (0, True)


def test_a_policy_that_breaks_the_rules_is_refused_with_its_line(write: Callable[..., str]) -> None:
    head, mark, rest = TEXT.partition('id = "hpf-24s"')
    wrong = head + mark + rest.replace('comparator = "le"', 'comparator = "ge"', 1)
    done = run("check", write(wrong), "--lang", "zh")
    line = wrong[: wrong.index(mark)].count("\n") + 1
    assert (done.exit_code, f"第 {line} 行 hpf-24s" in done.stderr) == (2, True)


# ---- sign


def digests(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def in_force(home: Path, place: str = "signed") -> int:
    pinned = root.read((home / place / "root.json").read_bytes())
    data = pinned.open((home / place / "policy.json").read_bytes(), policy.PAYLOAD_TYPE)
    return policy.parse(data, catalogue.load()).version


def test_a_dry_run_shows_and_writes_nothing(home: Path, write: Callable[..., str]) -> None:
    before = digests(home)
    done = run("sign", write(NEWER), "-C", str(home), "--dry-run", "--lang", "zh")
    assert done.exit_code == 0, done.output
    digest = policy.parse(NEWER.encode(), catalogue.load()).digest.hex()
    assert digest[:8] in done.stdout
    assert "已签 0 把,须 2 把" in done.stdout
    assert "回答由否变是" in done.stdout
    assert digests(home) == before


def test_a_policy_comes_into_force_with_enough_signatures(
    home: Path, write: Callable[..., str]
) -> None:
    done = run("sign", write(NEWER), "-C", str(home), "--lang", "en", entered="y\n")
    assert done.exit_code == 0, done.output
    assert "✓ complete" in done.stdout
    assert in_force(home) == in_force(home, "housing") == 2
    assert not (home / "pending").exists()


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_without_a_yes_nothing_is_signed(
    home: Path, write: Callable[..., str], words: list[str]
) -> None:
    before = digests(home)
    done = run("sign", write(NEWER), "-C", str(home), *words, entered="n\n")
    assert (done.exit_code, "SIGN_NOT_CONFIRMED" in done.stderr) == (2, True)
    assert digests(home) == before


def test_signatures_are_collected_in_several_sittings(
    home: Path, tmp_path: Path, write: Callable[..., str]
) -> None:
    away = tmp_path / "away"
    away.mkdir(mode=0o700)
    for name in ("root-2.key", "root-3.key"):
        (home / "root" / name).rename(away / name)
    shutil.copy(home / "root" / "passphrase", away)
    first = rows(run("sign", write(NEWER), "-C", str(home), "--yes", "--json"))[-1]
    assert (first["missing"], first["in_force"], in_force(home)) == (1, False, 1)
    again = run("sign", "-C", str(home), "--yes", "--lang", "en")
    assert "signed by 1 of 2 root keys" in again.stdout
    assert "1 more needed" in again.stdout
    copy = shutil.copytree(home, tmp_path / "copy", ignore=shutil.ignore_patterns("root"))
    key = str(away / "root-3.key")
    done = run("sign", "-C", str(copy), "--key", key, "--yes", "--lang", "zh")
    assert "签名齐全" in done.stdout
    merged = ["--copy", str(copy / "signed" / "policy.json")]
    shutil.rmtree(home / "root")
    assert rows(run("sign", "-C", str(home), *merged, "--yes", "--json"))[-1]["in_force"]
    assert in_force(home) == 2


def test_a_passphrase_may_lie_elsewhere(home: Path, write: Callable[..., str]) -> None:
    secret = (home / "root" / "passphrase").rename(home / "secret")
    words = ["sign", write(NEWER), "-C", str(home), "--yes", "--lang", "en"]
    assert "KEY_FILE_MISSING" in run(*words).stderr
    key = ["--key", str(home / "root" / "root-1.key"), "--passphrase", str(secret)]
    assert "1 more needed" in run(*words, *key).stdout


def test_without_a_key_there_is_nothing_to_sign_with(home: Path, write: Callable[..., str]) -> None:
    shutil.rmtree(home / "root")
    done = run("sign", write(NEWER), "-C", str(home), "--yes")
    assert (done.exit_code, "KEY_FILE_MISSING" in done.stderr) == (2, True)
    assert not (home / "pending").exists()


def test_a_stranger_s_key_is_refused(home: Path, write: Callable[..., str]) -> None:
    secret = (home / "root" / "passphrase").read_bytes().strip()
    path = home / "root" / "root-4.key"
    seed = SigningKey.generate().seed
    keyfile.save(path, seed, secret, purpose=founding.ROOT_KEY, cost=SealCost.MINIMAL)
    done = run("sign", write(NEWER), "-C", str(home), "--key", str(path), "--yes")
    assert (done.exit_code, "ROOT_KEY_UNKNOWN" in done.stderr) == (2, True)
    assert not (home / "pending").exists()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("version = 2", "version = 1", "POLICY_INVALID"),
        ('family = "demo-city"', 'family = "other"', "POLICY_INVALID"),
        (f"issued = {TODAY.year}-01-01", "issued = 2020-02-01", "POLICY_INVALID"),
        (f"expires = {TODAY.year + 1}-12-31", "expires = 2020-12-31", "POLICY_INVALID"),
        ("version = 2", "version = two", "POLICY_INVALID"),
    ],
)
def test_what_a_check_refuses_is_not_signed(
    home: Path, write: Callable[..., str], old: str, new: str, why: str
) -> None:
    before = digests(home)
    assert old in NEWER
    done = run("sign", write(NEWER.replace(old, new, 1)), "-C", str(home), "--yes")
    assert (done.exit_code, why in done.stderr) == (2, True)
    assert digests(home) == before


def test_a_policy_that_is_over_is_not_signed(home: Path, write: Callable[..., str]) -> None:
    over = NEWER.replace(f"issued = {TODAY.year}-01-01", "issued = 2019-01-01")
    over = over.replace(f"expires = {TODAY.year + 1}-12-31", "expires = 2020-12-31")
    done = run("sign", write(over), "-C", str(home), "--yes", "--lang", "en")
    assert (done.exit_code, "is over before it begins" in done.stderr) == (2, True)


def test_one_change_waits_at_a_time(home: Path, write: Callable[..., str]) -> None:
    assert "NOTHING_PENDING" in run("sign", "-C", str(home), "--yes").stderr
    (home / "root" / "root-2.key").unlink()
    (home / "root" / "root-3.key").unlink()
    run("sign", write(NEWER), "-C", str(home), "--yes")
    other = NEWER.replace("version = 2", "version = 3")
    done = run("sign", write(other), "-C", str(home), "--yes")
    assert (done.exit_code, "CHANGE_PENDING" in done.stderr) == (2, True)


def test_files_of_a_folder_stay_the_owner_s(home: Path, write: Callable[..., str]) -> None:
    run("sign", write(NEWER), "-C", str(home), "--yes")
    assert ((home / "signed" / "policy.json").stat().st_mode & 0o077) == 0
