"""Every hostile file is refused as its table says, and what it was made from is accepted."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from department_node import conform, kit
from department_node.conform import Verifiers
from department_node.kit import Case
from department_node.throwaway import throwaway
from federation.errors import table
from federation.exchange import Outcome
from tests.hostile import make, verifiers
from tests.hostile.made import COMMITTED_MOST, Hostile
from tests.hostile.verifiers import VERIFIERS
from tests.support import twin as twins

KIT: Final = kit.load()
RAW: Final = tomllib.loads((make.OTHERS.parent / kit.TABLE).read_text("utf-8"))
OTHERS: Final = kit.cases(RAW)
LARGE: Final = {one.file: one for one in make.large()}
CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Play the kit against a department's node, and give what came of each file."""
    twin = twins.make(tmp_path_factory.mktemp("hostile") / "f")
    folder = twin.folder / "public_security"
    return {one.case.file: one.got for one in conform.play(folder, KIT, twins.NOW)}


@pytest.fixture(scope="module")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, object]]:
    """Give whoever looks at files that a node can meet, and the others."""
    twin = twins.make(tmp_path_factory.mktemp("large") / "f")
    with throwaway(twin.folder / "public_security", KIT, twins.NOW) as node:
        yield {**Verifiers(KIT, node).by_name(), **VERIFIERS}


def test_the_files_are_what_a_run_of_their_makers_writes() -> None:
    """Here, and in a process that hashes otherwise: nothing in them is drawn."""
    assert make.main(["--check"]) == 0, "write them anew: python -m tests.hostile.make"
    command = [sys.executable, "-m", "tests.hostile.make", "--check"]
    root = Path(__file__).parents[2]
    assert (
        subprocess.run(command, cwd=root, env={"PYTHONHASHSEED": "7"}, check=False).returncode == 0
    )


def test_a_changed_file_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = make.written()
    (first, *_) = usual
    monkeypatch.setattr(make, "written", lambda: {**usual, first: b""})
    assert make.main(["--check"]) == 1
    assert make.main(["--chek"]) == 2


@pytest.mark.parametrize("case", KIT.cases, ids=lambda case: case.file)
def test_a_node_refuses_it_as_the_kit_says(case: Case, played: Mapping[str, str]) -> None:
    assert played[case.file] == case.code
    if case.twin:
        assert played[case.twin] == ""


@pytest.mark.parametrize("case", OTHERS, ids=lambda case: case.file)
def test_an_auditor_or_a_witness_refuses_it(case: Case) -> None:
    data = (make.OTHERS / case.file).read_bytes()
    assert verifiers.code(VERIFIERS[case.verifier], data) == case.code


@pytest.mark.parametrize("one", LARGE.values(), ids=LARGE)
def test_what_is_too_large_to_be_kept_is_refused_too(
    one: Hostile, everybody: Mapping[str, verifiers.Verifier]
) -> None:
    assert verifiers.code(everybody[one.verifier], one.data) == one.code
    assert len(one.data) > COMMITTED_MOST


def test_there_are_more_than_a_hundred_of_either_kind() -> None:
    assert len([case for case in KIT.cases if case.code]) >= 100
    assert len([case for case in OTHERS if case.code]) >= 100
    assert [row["file"] for row in RAW["made"]] == list(LARGE)


def test_every_file_is_named_once_and_made_from_one_that_is_accepted() -> None:
    every = [*KIT.cases, *OTHERS, *(Case(**row) for row in RAW["made"])]
    accepted = {case.file for case in every if not case.code}
    assert len({case.file for case in every}) == len(every)
    for case in every:
        assert bool(case.twin) is bool(case.code), case.file
        assert not case.twin or case.twin in accepted, case.file
        assert CHINESE.search(case.zh), case.file
        assert case.en, case.file


def test_nobody_is_shown_the_same_file_twice() -> None:
    seen: dict[tuple[str, bytes], str] = {}
    for one in [*make.kit(), *make.others()]:
        assert seen.setdefault((one.verifier, one.data), one.file) == one.file


def test_every_refusal_has_a_text() -> None:
    known = {*table(), Outcome.PRESENT_AGAIN.name, ""}
    assert {case.code for case in [*KIT.cases, *OTHERS]} - known == set()
    rejected = {case.code for case in KIT.cases if case.verifier == "table"}
    assert len(rejected) > 20
