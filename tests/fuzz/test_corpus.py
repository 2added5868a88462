"""What fuzzing has reached or found is tried again in every run, without a fuzzer."""

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from tests.fuzz import __main__ as fuzzing
from tests.fuzz import corpora, mutated
from tests.fuzz.targets import TARGETS, Target, attempt


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_taken_or_refused_and_some_are_either(name: str) -> None:
    inputs = corpora.read(name)
    assert len(set(inputs)) == len(inputs)
    assert {attempt(TARGETS[name], data) for data in inputs} == {True, False}
    assert max(map(len, inputs)) <= corpora.LONGEST


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.seeds])
def test_hostile_files_are_taken_or_refused(name: str) -> None:
    seeds = corpora.hostile(TARGETS[name].seeds)
    assert seeds
    assert len([attempt(TARGETS[name], data) for data in seeds]) == len(seeds)


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_once_is_found_no_more(name: str) -> None:
    for data in corpora.regressions(name).values():
        attempt(TARGETS[name], data)


def test_every_corpus_has_a_target() -> None:
    assert {path.stem for path in corpora.CORPUS.iterdir()} == TARGETS.keys()
    kept = corpora.REGRESSIONS.iterdir() if corpora.REGRESSIONS.exists() else ()
    assert {path.name for path in kept} <= TARGETS.keys()


def test_hypothesis_finds_what_a_few_edits_reach() -> None:
    def breaks(data: bytes) -> None:
        if data.startswith(b"tile") and b"\0" in data:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        mutated.fuzz(Target(run=breaks), [b"tile/0/000"], 20)


def test_without_atheris_it_says_so_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usual = importlib.util.find_spec

    def find(name: str) -> ModuleSpec | None:
        return None if name == "atheris" else usual(name)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    assert fuzzing.main(["--seconds", "1", "path", "vkey"]) == 0
    said = capsys.readouterr()
    assert "atheris is not installed" in said.err
    assert [line.partition(":")[0] for line in said.out.splitlines()] == ["path", "vkey"]


def test_a_target_that_does_not_exist_is_named() -> None:
    with pytest.raises(SystemExit, match="2"):
        fuzzing.main(["paht"])
