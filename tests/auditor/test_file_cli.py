"""``hedui audit token``, ``receipt`` and ``bundle`` as an auditor runs them, without a network."""

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner, Result

from auditor.cli import app
from auditor.receipts import Remark
from federation import bundle
from federation.clock import FixedClock
from federation.consent import Grant
from federation.exchange import Answer, Outcome, Refusal
from federation.wire import receipt_messages
from tests.support import exchanges
from tests.support.exchanges import NOW, YES, Story, of_case, tell

USUAL = tell()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("the network is removed")

    for name in ("socket", "create_connection", "getaddrinfo", "socketpair"):
        monkeypatch.setattr(socket, name, refuse)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give an auditor's folder: the pinned root and what was in force."""
    (tmp_path / "root.json").write_bytes(exchanges.root_file(exchanges.root_document()))
    (tmp_path / "manifest.json").write_bytes(exchanges.manifest_file(exchanges.first_manifest()))
    (tmp_path / "policy.json").write_bytes(exchanges.policy_file())
    return tmp_path


Put = Callable[[bytes], Path]


@pytest.fixture
def put(folder: Path) -> Put:
    def write(data: bytes) -> Path:
        file = folder / f"file-{len(list(folder.iterdir()))}"
        file.write_bytes(data)
        return file

    return write


def run(*words: str | Path, lang: str = "en") -> Result:
    return CliRunner().invoke(app, [*map(str, words), "--lang", lang])


def lines(result: Result) -> list[str]:
    return result.stdout.splitlines()


def value(result: Result) -> dict[str, Any]:
    (line,) = result.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_token_is_proven(folder: Path, put: Put) -> None:
    done = run("token", put(USUAL.presentation + b"\n"), "-C", folder)
    assert done.exit_code == 0
    assert lines(done) == [
        "✓ signed by registrar, for public_security",
        "✓ purpose ENTRY (CONSENT), from 2026-11-18 to 2026-11-30",
        "✓ P40 Does the person own a motor vehicle?, at most 2 times",
        "▲ 1 more grants are not disclosed",
        "verdict: PROVEN",
    ]


def test_a_token_in_chinese(folder: Path, put: Put) -> None:
    done = run("token", put(USUAL.token), "-C", folder, lang="zh")
    assert lines(done)[0] == "✓ registrar 签发,交 public_security 查验"
    assert lines(done)[-1] == "结论:已证明"


def test_a_token_that_has_ended_is_still_genuine(
    folder: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auditor.file_cli.SystemClock", lambda: FixedClock(NOW + 10**8))
    done = run("token", put(USUAL.token), "-C", folder)
    assert done.exit_code == 0
    assert "▲ it has ended by now" in lines(done)
    told = value(run("token", put(USUAL.token), "-C", folder, "--json"))
    assert (told["proven"], told["ended"]) == (True, True)
    assert told["grants"] == ["P40", "P42 w12m"]


def test_a_token_about_a_question_that_nobody_knows(folder: Path, put: Put) -> None:
    odd = Grant(predicate="Q1", parameter="", form="boolean", max_uses=1)
    story = Story(grants=(odd,), disclosed=(("Q1", ""),), question={"predicate": "Q1"})
    assert "✓ Q1, at most 1 times" in lines(run("token", put(tell(story).token), "-C", folder))


def test_a_forged_token_is_not(folder: Path, put: Put) -> None:
    done = run("token", put(tell(Story(issuer="tax")).token), "-C", folder)
    assert done.exit_code == 1
    assert lines(done)[0].endswith(
        "The registrar did not issue this consent token  TOKEN_SIGNATURE"
    )
    assert lines(done)[-1] == "verdict: NOT PROVEN"


def test_a_token_is_wrong_somewhere_or_as_a_whole(folder: Path, put: Put) -> None:
    data = USUAL.token
    done = run("token", put(data[:-3] + b"A" + data[-2:]), "-C", folder)
    assert lines(done)[1] == f"    bytes 1460-{len(data) - 1}, why stray or repeated disclosure"
    done = run("token", put(tell(Story(claims={"role": "NEIGHBOUR"})).token), "-C", folder)
    assert lines(done)[0].endswith("TOKEN_TERMS")
    assert lines(done)[1] == "    why CONSENT, NEIGHBOUR"


def test_a_token_without_a_manifest(folder: Path, put: Put) -> None:
    (folder / "manifest.json").unlink()
    done = run("token", put(USUAL.token), "-C", folder)
    assert done.exit_code == 1
    assert "RECEIPT_MANIFEST" in done.stderr


def test_a_receipt_is_proven(folder: Path, put: Put) -> None:
    done = run("receipt", put(USUAL.data), "-C", folder)
    assert done.exit_code == 0
    assert lines(done) == [
        (
            "✓ 2026-11-18 19:06 coordinator asked public_security:"
            " P40 Does the person own a motor vehicle? → YES"
        ),
        (
            "✓ consent token 5cbf9441070dc465… covers it, purpose ENTRY, until 2026-11-30;"
            " status list 10 s old"
        ),
        "✓ policy test v1 and manifest v1 were in force",
        "✓ in the log of public_security: entry 4 of 5",
        "✓ cosigned by witness_a, witness_b, witness_c, enough of them 30 s after",
        "verdict: PROVEN",
    ]


def test_a_receipt_for_programs(folder: Path, put: Put) -> None:
    told = value(run("receipt", put(USUAL.data), "-C", folder, "--json"))
    assert told["proven"] is True
    assert (told["predicate"], told["outcome"], told["use"]) == ("P40", "YES", 1)
    assert (told["entry"], told["size"], told["cosigned_after"]) == (3, 5, 30)
    assert told["remarks"] == {}


def test_by_a_pin_and_documents_from_elsewhere(tmp_path: Path, folder: Path, put: Put) -> None:
    file = put(USUAL.data)
    empty = tmp_path / "empty"
    empty.mkdir()
    words = ("--root", folder / "root.json", "--document", folder / "manifest.json", "-C", empty)
    assert run("receipt", file, *words, "--document", folder / "policy.json").exit_code == 0
    assert run("receipt", file, *words).exit_code == 1
    assert run("receipt", file, "-C", empty).exit_code == 2


def test_a_token_beside_the_receipt(folder: Path, put: Put) -> None:
    made = tell(Story(enclosed=False))
    file = put(made.data)
    bare = run("receipt", file, "-C", folder)
    assert bare.exit_code == 1
    assert lines(bare)[0] == "✓ form, manifest, request, answer"
    assert "RECEIPT_TOKEN_MISSING" in lines(bare)[1]
    both = run("receipt", file, "--token", put(made.presentation), "-C", folder)
    assert both.exit_code == 0
    assert lines(both)[-2:] == [
        "▲ no status list enclosed: revocation is for reconcile",
        "verdict: PROVEN",
    ]


def test_remarks_are_told(folder: Path, put: Put) -> None:
    late = tell(Story(cosigned={"witness_a": 61, "witness_c": 601}))
    done = run("receipt", put(late.data), "-C", folder)
    assert done.exit_code == 0
    assert lines(done)[-3:-1] == [
        "▲ not shown to be logged within 60 s: first witnessed after 61 s",
        "▲ cosigned later than the promised 10 minutes: 601 s",
    ]
    no = Answer(outcome=Outcome.REFUSED, refusal=Refusal.USES_EXHAUSTED)
    done = run("receipt", put(tell(Story(answer=no)).data), "-C", folder, lang="zh")
    assert "▲ 没有作答 USES_EXHAUSTED" in lines(done)


def test_a_broken_link_is_shown_with_its_evidence(folder: Path, put: Put) -> None:
    wrong = replace(USUAL.receipt.answer, item=USUAL.receipt.request.item)
    data = receipt_messages.encode_receipt(replace(USUAL.receipt, answer=wrong))
    file = put(data)
    done = run("receipt", file, "-C", folder)
    assert done.exit_code == 1
    first, broken, digests, place, verdict = lines(done)
    assert first == "✓ form, manifest, request"
    assert broken.startswith(f"✗ {file.name}: The outcome does not match the signed root")
    assert digests.startswith("    signed 3ca0697472e9b77b…  computed ")
    assert place.startswith("    item 2, bytes 486-")
    assert verdict == "verdict: NOT PROVEN"
    told = value(run("receipt", file, "-C", folder, "--json"))
    assert (told["proven"], told["link"]) == (False, "RECEIPT_ANSWER_ITEM")
    assert told["evidence"]["signed"].startswith("3ca0697472e9b77b")


def test_what_is_no_receipt(folder: Path, put: Put) -> None:
    done = run("receipt", put(b"hello"), "-C", folder, lang="zh")
    assert done.exit_code == 1
    assert "RECEIPT_MALFORMED" in lines(done)[0]
    assert lines(done)[-1] == "结论:未能证明"


def test_a_file_that_is_not_there(folder: Path) -> None:
    for command in ("token", "receipt", "bundle"):
        done = run(command, folder / "nothing", "-C", folder)
        assert done.exit_code == 2
        assert "FILE_MISSING" in done.stderr


CASE = [
    tell(of_case(Story())),
    tell(of_case(Story(answer=replace(YES, outcome=Outcome.PRESENT_AGAIN)), n=1)),
]
FILES = exchanges.case_files(*CASE) | {
    bundle.REPORT: exchanges.report(exchanges.row(CASE[0])),
}


def test_a_bundle_is_proven(folder: Path, put: Put) -> None:
    done = run("bundle", put(exchanges.sealed(FILES)), "-C", folder)
    assert done.exit_code == 0
    assert lines(done) == [
        (
            "✓ 2 answers, each signed by its department and in its log"
            " (1 logs, 3 witnesses, cosigned ≤ 30 s after)"
        ),
        (
            "✓ 1 consent tokens cover every answered question; none asked after its end;"
            " status lists ≤ 10 s old"
        ),
        "✓ commission 790301-17 covers case HD-790301-2026-0001; policy test v1 was in force",
        "▲ 1 answers: nothing was told: PRESENT_AGAIN",
        "verdict: PROVEN",
    ]


def test_a_bundle_by_nothing_but_a_pin(tmp_path: Path, folder: Path, put: Put) -> None:
    file = put(exchanges.sealed(FILES))
    for name in ("manifest.json", "policy.json"):
        (folder / name).unlink()
    told = value(run("bundle", file, "--root", folder / "root.json", "-C", folder, "--json"))
    assert (told["proven"], told["faults"]) == (True, [])
    assert [one["receipt"] for one in told["receipts"]] == ["receipts/001", "receipts/002"]


def test_a_broken_bundle_names_every_fault(folder: Path, put: Put) -> None:
    listed = bundle.digests(FILES)
    bad = {**FILES, "receipts/001": FILES["receipts/001"][:-1], "report.json": b"{}"}
    done = run("bundle", put(exchanges.sealed(bad, files=listed)), "-C", folder, lang="zh")
    assert done.exit_code == 1
    shown = [line for line in lines(done) if line.startswith("✗")]
    assert [line.split("  ")[-1] for line in shown] == ["BUNDLE_DIGEST", "RECEIPT_MALFORMED"]
    assert lines(done)[-1] == "结论:未能证明(1 / 2)"
    told = value(run("bundle", put(exchanges.sealed(bad, files=listed)), "-C", folder, "--json"))
    assert [one["link"] for one in told["faults"]] == ["BUNDLE_DIGEST", "RECEIPT_MALFORMED"]


def test_a_bundle_without_any_good_receipt(folder: Path, put: Put) -> None:
    files = exchanges.case_files(tell(replace(of_case(Story()), asker="tax")))
    done = run("bundle", put(exchanges.sealed(files)), "-C", folder)
    assert done.exit_code == 1
    first, *_, last = lines(done)
    assert first.startswith("✗ receipts/001 (public_security P40): The request has no valid")
    assert last == "verdict: NOT PROVEN (1 / 1)"


def test_a_bundle_that_does_not_hold_as_a_whole(folder: Path, put: Put) -> None:
    done = run("bundle", put(exchanges.sealed(FILES, signer="tax")), "-C", folder)
    assert done.exit_code == 1
    assert lines(done)[0].endswith("BUNDLE_SIGNATURE")
    assert lines(done)[-1] == "verdict: NOT PROVEN"


def test_every_remark_has_words(folder: Path, put: Put) -> None:
    stories = {
        Remark.REFUSED: Story(answer=Answer(outcome=Outcome.REFUSED, refusal=Refusal.NODE_PAUSED)),
        Remark.LATE_INCLUSION: Story(cosigned={"witness_a": 61, "witness_b": 61}),
        Remark.LATE_COSIGNATURE: Story(cosigned={"witness_a": 1, "witness_b": 601}),
    }
    for remark, story in stories.items():
        file = put(tell(story).data)
        assert remark in value(run("receipt", file, "-C", folder, "--json"))["remarks"]
        for lang in ("zh", "en"):
            assert (
                sum(x.startswith("▲") for x in lines(run("receipt", file, "-C", folder, lang=lang)))
                == 1
            )
