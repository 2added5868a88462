"""``hedui audit reconcile``, ``trace``, ``unconsented``, ``anomalies``, ``sample`` and ``report``.

All of it works from a folder with the network taken away.
"""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from auditor import reconcile_cli, trace
from federation.errors import table
from federation.exchange import Refusal
from federation.log.coordinator_events import CaseEnded, CaseResumed, CaseSuspended
from federation.sentinel import State
from hedui.cli import app
from tests.auditor import diaries
from tests.auditor.diaries import (
    CAR,
    CASE,
    CENTRE,
    CONSENT,
    POLICE,
    TAX,
    Federation,
    begun,
    honest,
    refused,
)
from tests.auditor.test_anomalies import LATE
from tests.auditor.test_log_cli import no_network
from tests.auditor.test_reconcile import AGAIN, alerted
from tests.support import exchanges

pytestmark = pytest.mark.usefixtures("no_network")
assert no_network


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, words)])


def rows(done: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def dishonest() -> Federation:
    """Let a centre ask by a token that nobody issued, and a department hide an answer."""
    town, token = begun()
    town.ask(token, logged=("request", "reply"))
    town.ask(town.issue(logged=False))
    return town


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return diaries.export(honest(), tmp_path / "good")


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    return diaries.export(dishonest(), tmp_path / "bad")


# -- reconcile


def test_an_honest_federation_is_proven(good: Path) -> None:
    done = run("reconcile", good, "--settled", "--json")
    assert done.exit_code == 0
    *logs, numbers, verdict = rows(done)
    assert [(row["log"], row["size"], row["findings"]) for row in logs] == [
        ("registrar", 5, 0),
        (CENTRE, 10, 0),
        (POLICE, 2, 0),
        ("tax", 2, 0),
    ]
    assert (numbers["told"], numbers["consented"], numbers["commissioned"]) == (6, 6, 6)
    assert verdict == {"proven": True}


@pytest.mark.parametrize(("lang", "word"), [("zh", "结论:已证明"), ("en", "verdict: PROVEN")])
def test_and_said_in_words(good: Path, lang: str, word: str) -> None:
    done = run("reconcile", good, "--lang", lang)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == word


def test_each_broken_link_is_named_with_its_evidence(bad: Path) -> None:
    done = run("reconcile", bad, "--settled", "--json")
    assert done.exit_code == 1
    found = [row for row in rows(done) if "finding" in row]
    assert [row["finding"] for row in found if row["severity"] == "BROKEN"] == [
        "TOKEN_UNKNOWN",
        "ANSWER_UNLOGGED",
    ]
    (hidden,) = (row for row in found if row["finding"] == "ANSWER_UNLOGGED")
    assert hidden["parties"] == [CENTRE, POLICE]
    assert [one["row"] for one in hidden["places"]] == [2, 3, None]
    assert len(hidden["evidence"]["qid"]) == 32
    assert rows(done)[-1] == {"proven": False}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_and_said_in_words_too(bad: Path, lang: str) -> None:
    done = run("reconcile", bad, "--settled", "--lang", lang)
    assert "ANSWER_UNLOGGED" in done.stdout
    assert "coordinator #2 · coordinator #3 · public_security" in done.stdout
    assert ("未能证明" if lang == "zh" else "NOT PROVEN") in done.stdout


def test_what_is_too_new_is_a_doubt_and_no_verdict(tmp_path: Path) -> None:
    town, token = begun()
    town.ask(token, logged=("answer",))
    folder = diaries.export(town, tmp_path)
    done = run("reconcile", folder, "--lang", "en")
    assert done.exit_code == 0
    assert "▲" in done.stdout
    assert "export it again later" in done.stdout
    assert run("reconcile", folder, "--settled").exit_code == 1


def test_what_a_witness_has_seen_counts(good: Path) -> None:
    (good / "witnessed").mkdir()
    (good / "witnessed" / "a.note").write_bytes(b"garbage")
    done = run("reconcile", good, "--json")
    assert done.exit_code == 1
    (found,) = (row for row in rows(done) if "finding" in row)
    assert (found["finding"], found["evidence"]["file"]) == ("RECEIPT_CHECKPOINT", "a.note")


def test_a_folder_without_logs_is_an_input_fault(tmp_path: Path, good: Path) -> None:
    for name in ("root.json", "manifest.json", "policy.json"):
        (tmp_path / name).write_bytes((good / name).read_bytes())
    done = run("reconcile", tmp_path, "--json")
    assert done.exit_code == 2
    assert json.loads(done.stderr)["error"] == "LOGS_MISSING"


# -- trace


def walk(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [row, *(each for below in row["below"] for each in walk(below))]


def traced(folder: Path, what: str, code: int = 0) -> list[dict[str, Any]]:
    done = run("trace", what, "--logs", folder, "--settled", "--json")
    assert done.exit_code == code, done.output
    (row,) = rows(done)
    return walk(row)


def test_a_case_is_traced_from_commission_to_answer(good: Path) -> None:
    lines = traced(good, CASE)
    texts = [one["en"] for one in lines]
    assert "commission 790301-2026-0017" in texts[0]
    assert texts[1].startswith(f"consent {CONSENT}")
    assert sum(one.startswith("token ") for one in texts) == 2
    assert sum(one.endswith("YES (use 1)") for one in texts) == 4
    assert sum(one.endswith("YES (use 2)") for one in texts) == 2
    (asked, *_) = (one for one in lines if "asked public_security" in one["en"])
    assert [one["party"] for one in asked["places"]] == [CENTRE, CENTRE, POLICE]
    assert set(asked["evidence"]) == {"qid", "request", "answer", "list"}


def test_a_consent_and_a_request_are_traced_too(good: Path) -> None:
    by_consent = traced(good, CONSENT)
    assert by_consent[0]["en"].startswith(f"consent {CONSENT}")
    qid = next(one["evidence"]["qid"] for one in by_consent if "qid" in one["evidence"])
    by_request = traced(good, qid)
    texts = [one["zh"] for one in by_request]
    assert "问 public_security" in texts[0]
    assert any(one.startswith("令牌") for one in texts)
    assert any(one.startswith("同意书") for one in texts)
    assert any(one.startswith("案件") for one in texts)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_chain_is_shown_as_a_tree(good: Path, lang: str) -> None:
    done = run("trace", CASE, "-L", good, "--lang", lang)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0][0] != " "
    assert lines[1] == "    coordinator #0"
    assert any(line.startswith(" " * 16) for line in lines)


def test_a_broken_link_stands_where_it_belongs(bad: Path) -> None:
    lines = traced(bad, CASE, 1)
    assert {one["code"] for one in lines if one["code"]} == {"ANSWER_UNLOGGED", "TOKEN_UNKNOWN"}
    done = run("trace", CASE, "-L", bad, "--settled", "--lang", "zh")
    assert "✗ 部门没有登记这次答复  ANSWER_UNLOGGED" in done.stdout


def test_what_a_centre_has_not_logged_is_traced_by_its_query_id(tmp_path: Path) -> None:
    town, token = begun()
    town.ask(token, logged=("answer",))
    one = town.ask(token, logged=("answer",))
    lines = traced(diaries.export(town, tmp_path), one.qid, 1)
    assert [line["code"] for line in lines] == ["", "REQUEST_UNLOGGED"]


def test_what_became_of_a_consent_is_shown(tmp_path: Path) -> None:
    town, token = begun()
    town.ask(token, answers=[AGAIN])
    town.ask(
        token,
        by_id=True,
        question={"predicate": "P99"},
        answers=[refused(Refusal.POLICY_NOT_ANSWERED)],
    )
    town.ask(token, logged=("request",), answers=[AGAIN])
    for kind in (CaseSuspended, CaseResumed, CaseEnded):
        town.change(kind)
    town.revoke()
    town.object()
    town.issue(recheck=True, max_uses=1, pairs=(CAR,))
    lines = traced(diaries.export(town, tmp_path), CASE, 1)
    texts = " ".join(one["zh"] for one in lines)
    for word in (
        "暂停",
        "恢复",
        "终止",
        "复查令牌",
        "没有答复",
        "REFUSED(POLICY_NOT_ANSWERED)",
        "P99",
    ):
        assert word in texts


def test_a_doubt_breaks_nothing(tmp_path: Path) -> None:
    town, token = begun()
    town.ask(token)
    town.ask(token, logged=("request", "reply"))
    folder = diaries.export(town, tmp_path)
    done = run("trace", CASE, "-L", folder, "--lang", "zh")
    assert done.exit_code == 0
    assert "▲ 部门没有登记这次答复(待定)" in done.stdout


def test_a_question_without_a_token_is_in_its_case(tmp_path: Path) -> None:
    town, token = begun()
    forged = town.issue(issuer="tax", logged=False)
    town.ask(forged, answers=[refused(Refusal.CONSENT_INVALID)], tokens=[bytes(16)])
    one = town.ask(forged, answers=[AGAIN], question={"case_ref": bytes(32)}, tokens=[bytes(16)])
    folder = diaries.export(town, tmp_path)
    assert any("REFUSED" in line["en"] for line in traced(folder, CASE, 1))
    assert len(traced(folder, one.qid, 1)) == 4
    assert token


def test_a_consent_shows_its_own_tokens_alone(tmp_path: Path) -> None:
    town = honest()
    town.record("20261118-000002")
    town.open("HD-790301-2026-0002", "20261118-000002")
    lines = traced(diaries.export(town, tmp_path), "20261118-000002")
    assert len(lines) == 1


def test_a_case_whose_consent_nobody_recorded(tmp_path: Path) -> None:
    town = honest()
    town.open("HD-790301-2026-0009", "20261118-000009")
    lines = traced(diaries.export(town, tmp_path), "HD-790301-2026-0009", 1)
    assert [line["code"] for line in lines] == ["", "CONSENT_UNRECORDED"]


def test_two_cases_of_one_consent_show_their_own_questions(tmp_path: Path) -> None:
    town, token = begun()
    town.ask(token)
    town.open("HD-790301-2026-0009", CONSENT)
    lines = traced(diaries.export(town, tmp_path), "HD-790301-2026-0009", 1)
    assert not any("asked" in line["en"] for line in lines)


def test_a_party_that_no_manifest_lists_is_called_by_its_id() -> None:
    listed = {one: entry for one, entry in exchanges.first_manifest().parties.items() if one != TAX}
    found = honest().reconciled(by=diaries.gathered(parties=listed))
    branch = trace.trace(found, CASE)
    assert branch
    assert any("→ tax" in one.text.en for one in branch.below[0].below)


def test_a_token_of_no_consent_has_no_more_to_show(tmp_path: Path) -> None:
    town, _ = begun()
    one = town.ask(town.issue(number="20261118-000009"))
    lines = traced(diaries.export(town, tmp_path), one.qid, 1)
    assert not any(line["en"].startswith("consent") for line in lines)


def test_what_nobody_knows_is_an_input_fault(good: Path) -> None:
    done = run("trace", "HD-1", "-L", good, "--json")
    assert done.exit_code == 2
    assert json.loads(done.stderr)["error"] == "NOTHING_TRACED"


def test_nothing_is_traced_where_nothing_is_named() -> None:
    assert trace.trace(honest().reconciled(), "") is None


# -- unconsented


def test_what_was_asked_without_consent_is_listed(bad: Path, good: Path) -> None:
    done = run("unconsented", "--logs", bad, "--settled", "--json")
    assert done.exit_code == 1
    assert [row.get("finding") for row in rows(done)] == ["TOKEN_UNKNOWN", None]
    assert run("unconsented", "--logs", good).exit_code == 0


def test_every_code_of_the_list_exists() -> None:
    assert table().keys() >= reconcile_cli.UNCONSENTED


# -- anomalies


def unusual() -> Federation:
    town, token = begun()
    town.later(LATE)
    town.publish()
    town.ask(token)
    alerted(town, State.CALM, State.ALARM)
    return town


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_is_unusual_is_shown_in_words(tmp_path: Path, lang: str) -> None:
    done = run("anomalies", "--logs", diaries.export(unusual(), tmp_path), "--lang", lang)
    assert done.exit_code == 1
    assert "op-lin" in done.stdout
    word = "日志中没有结案事件" if lang == "zh" else "no decision events in this log"
    assert word in done.stdout


def test_and_to_programs(tmp_path: Path) -> None:
    done = run("anomalies", "--logs", diaries.export(unusual(), tmp_path), "--json")
    alert, hours, last = rows(done)
    assert (alert["anomaly"], hours["anomaly"]) == ("ALERT", "HOURS")
    assert hours["places"] == [{"party": CENTRE, "row": 2}]
    assert last == {"anomalies": 2, "decisions": False}


def test_an_ordinary_day_has_nothing_unusual(tmp_path: Path) -> None:
    town = honest()
    town.close()
    done = run("anomalies", "--logs", diaries.export(town, tmp_path), "--lang", "en")
    assert done.exit_code == 0
    assert "nothing unusual" in done.stdout
    assert "no decision events" not in done.stdout


# -- sample


def sampled(folder: Path, *words: str) -> list[tuple[str, int]]:
    done = run("sample", *words, "--logs", folder, "--json")
    assert done.exit_code == 0
    return [(row["qid"], row["item"]) for row in rows(done)]


def test_a_sample_follows_from_its_seed_alone(good: Path) -> None:
    first = sampled(good, "4", "--seed", "2026-11")
    assert len(set(first)) == 4
    assert sampled(good, "4", "--seed", "2026-11") == first
    assert sampled(good, "6", "--seed", "2026-11")[:4] == first
    assert sampled(good, "6", "--seed", "other") != sampled(good, "6", "--seed", "2026-11")
    assert len(sampled(good, "100", "--seed", "x")) == 6


def test_a_sample_says_what_to_look_for(good: Path) -> None:
    done = run("sample", "1", "--seed", "1", "--logs", good, "--lang", "zh")
    assert CASE in done.stdout
    assert CONSENT in done.stdout
    assert "qid=" in done.stdout


def test_a_question_by_an_unknown_token_has_no_consent_to_show(bad: Path) -> None:
    done = run("sample", "9", "--seed", "1", "--logs", bad, "--json")
    assert {row["consent"] for row in rows(done)} == {CONSENT, ""}


# -- report


class Page(HTMLParser):
    """Reads a page, and holds it to being one: tags close, and nothing comes from outside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "link", "img", "iframe"}
        assert not {"src", "href"} & {name for name, _ in attrs}
        if tag not in {"meta", "br"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def page(folder: Path, target: Path, *words: str, code: int = 0) -> tuple[str, str]:
    done = run("report", "--html", target, "--logs", folder, "--settled", *words)
    assert done.exit_code == code, done.output
    text = target.read_text("utf-8")
    return text, " ".join(Page(text).words)


def test_a_report_of_an_honest_federation(good: Path, tmp_path: Path) -> None:
    _, words = page(good, tmp_path / "r.html")
    assert "✓ 已证明" in words
    assert "✓ 作答的问题 6 = 有授权 6 = 有委托 6" in words
    assert words.count("✓ 完整") == 4
    assert "op-lin" in words
    assert "日志中没有结案事件" in words


def test_a_report_of_a_dishonest_one(bad: Path, tmp_path: Path) -> None:
    _, words = page(bad, tmp_path / "r.html", "--lang", "en", code=1)
    assert "✗ NOT PROVEN" in words
    assert "the first #2" in words
    assert "ANSWER_UNLOGGED" in words
    assert "▲ no log" in words
    assert "✗ answered 2 = consented 1 = commissioned 2" in words


def test_a_report_names_refusals_and_what_is_unusual(tmp_path: Path) -> None:
    town = unusual()
    town.ask(
        town.issue(name="x"),
        answers=[refused(Refusal.BUDGET_EXHAUSTED)],
        question={"case_ref": bytes(32)},
    )
    town.close()
    _, words = page(diaries.export(town, tmp_path / "logs"), tmp_path / "r.html", code=1)
    assert "BUDGET_EXHAUSTED" in words
    assert "07:00–20:00 以外提问" in words
    assert "(无案件)" in words


def test_a_doubt_is_told_from_a_broken_link(tmp_path: Path) -> None:
    town, token = begun()
    town.ask(token, logged=("answer",))
    folder = diaries.export(town, tmp_path / "logs")
    done = run("report", "--html", tmp_path / "r.html", "--logs", folder)
    assert done.exit_code == 0
    assert "▲ 1" in (tmp_path / "r.html").read_text("utf-8")


def test_what_logs_say_is_never_markup(tmp_path: Path) -> None:
    town = Federation()
    town.record()
    town.open(operator="<script>alert(1)</script>&amp;")
    town.publish()
    town.ask(town.issue())
    text, words = page(diaries.export(town, tmp_path / "logs"), tmp_path / "r.html")
    assert "<script>" not in text
    assert "<script>alert(1)</script>&amp;" in words


def test_a_report_of_nothing(tmp_path: Path) -> None:
    town = Federation()
    town.record()
    _, words = page(diaries.export(town, tmp_path / "logs"), tmp_path / "r.html")
    assert "—" in words


def test_a_report_that_cannot_be_written(good: Path, tmp_path: Path) -> None:
    done = run("report", "--html", tmp_path / "none" / "r.html", "--logs", good, "--json")
    assert done.exit_code == 2
    assert json.loads(done.stderr)["error"] == "FILE_UNWRITABLE"
