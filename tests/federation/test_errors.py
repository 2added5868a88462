"""The table of error codes and the source that raises them: one is held to the other."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import typer.main

from federation.errors import (
    BadInput,
    ErrorKind,
    Fault,
    HeduiError,
    PeerFault,
    Refused,
    Said,
    Unavailable,
    table,
)
from federation.exchange import Refusal
from hedui.cli import app

ROOT = Path(__file__).parents[2]
PACKAGES = ("federation", "registrar", "department_node", "coordinator", "auditor", "hedui")
RAISED = {"Refused", "PeerFault", "Unavailable", "BadInput", "HeduiError", "RowRefused"}
READERS = {"Fields", "read_toml"}
"""They raise the code they are given, with where and why."""
ADDED = {
    "CATALOGUE_TABLE_MISSING": {"exist"},
    "CATALOGUE_COLUMN_MISSING": {"exist"},
}
"""Details that department_node.records adds after the error was made."""
ANSWERING = (
    "federation/consent.py",
    "federation/exchange.py",
    "federation/presentations.py",
    "federation/refusals.py",
    "federation/strictjson.py",
    "federation/wire/codec.py",
    "federation/wire/registrar_messages.py",
    "federation/wire/server.py",
    "federation/wire/signed.py",
    "federation/writer.py",
    "registrar/consents.py",
    "registrar/desk.py",
    "registrar/pseudonyms.py",
    "registrar/rpc.py",
    "registrar/store.py",
    "registrar/transaction.py",
    "registrar/tokens.py",
    "department_node/answer.py",
    "department_node/gate.py",
    "department_node/intake/sieve.py",
    "department_node/store.py",
)
"""What is raised here travels as a bare code, or is shown with a row instead of its details."""
HERE = {"LISTEN_FAILED"}
"""Raised among them, but only ever shown on the own machine."""

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
COMMAND = re.compile(r"hedui((?: [a-z]+)+)")
kinds = list(table().values())
by_code = pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.code)


@dataclass
class Use:
    """Where a code is raised: files, and the details that every place passes."""

    files: set[str] = field(default_factory=set)
    details: set[str] | None = None

    def add(self, file: str, details: set[str]) -> None:
        self.files.add(file)
        self.details = details if self.details is None else self.details & details


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith("federation/v1/"):
                yield name, ast.parse(path.read_text("utf-8"))


def _constants(tree: ast.Module) -> dict[str, str]:
    found = {}
    for node in tree.body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        value = node.value if isinstance(node, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
            found[target.id] = str(value.value)
    return found


def _called(call: ast.Call) -> str:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id
    return function.attr if isinstance(function, ast.Attribute) else ""


def _raised(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    constants = _constants(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = _called(call)
        given = {word.arg for word in call.keywords if word.arg}
        if name in RAISED and call.args:
            code = call.args[0]
        elif name in READERS and "code" in given:
            code = next(word.value for word in call.keywords if word.arg == "code")
            given = {"where", "why"}
        else:
            continue
        if isinstance(code, ast.Constant):
            yield str(code.value), given
        elif isinstance(code, ast.Name) and code.id in constants:
            yield constants[code.id], given
        else:  # an error handed on, whose code stands where it was made; never one put together
            assert isinstance(code, ast.Name | ast.Attribute), ast.unparse(code)


def _uses() -> dict[str, Use]:
    found: dict[str, Use] = {}
    for file, tree in _sources():
        for code, details in _raised(tree):
            found.setdefault(code, Use()).add(file, details)
    for code, details in ADDED.items():
        assert found[code].details is not None
        found[code].details = (found[code].details or set()) | details
    return found


USES = _uses()


def _texts(kind: ErrorKind) -> tuple[str, str, str, str]:
    return kind.zh.title, kind.zh.help, kind.en.title, kind.en.help


def _placeholders(kind: ErrorKind) -> set[str]:
    return {name for text in _texts(kind) for name in PLACEHOLDER.findall(text)}


@pytest.mark.parametrize("code", sorted(USES))
def test_every_code_that_is_raised_is_in_the_table(code: str) -> None:
    assert code in table()


@pytest.mark.parametrize("refusal", [one for one in Refusal if one], ids=lambda one: one.name)
def test_every_refusal_of_an_answer_is_in_the_table(refusal: Refusal) -> None:
    assert refusal.name in table()


def test_every_code_of_the_table_is_used() -> None:
    words = {
        node.value
        for _, tree in _sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert [code for code in table() if code not in words | set(Refusal.__members__)] == []


@by_code
def test_texts_are_there_in_both_languages(kind: ErrorKind) -> None:
    for text in _texts(kind):
        assert text == text.strip()
        assert text
    for text in (kind.zh.title, kind.zh.help):
        assert CHINESE.search(text)
    for text in (kind.en.title, kind.en.help):
        assert not CHINESE.search(text)
    assert len(kind.zh.title) <= 60
    assert len(kind.en.title) <= 100


@by_code
def test_placeholders_are_details_that_every_place_passes(kind: ErrorKind) -> None:
    names = _placeholders(kind)
    use = USES.get(kind.code, Use())
    assert names <= (use.details or set())
    for one in (kind.zh, kind.en):
        assert set(PLACEHOLDER.findall(one.title + one.help)) == names


@by_code
def test_what_travels_or_stands_in_a_row_needs_no_details(kind: ErrorKind) -> None:
    files = USES.get(kind.code, Use()).files
    person = kind.code.startswith(("ID_", "NAME_"))
    bare = person or kind.code in Refusal.__members__ or bool(files & set(ANSWERING))
    if bare and kind.code not in HERE:
        assert _placeholders(kind) == set()
    if kind.fault is not Fault.INPUT:
        # A report shows the title alone, with no details at hand.
        assert PLACEHOLDER.findall(kind.zh.title + kind.en.title) == []


@by_code
def test_commands_that_a_help_names_exist(kind: ErrorKind) -> None:
    for text in (kind.zh.help, kind.en.help):
        for words in COMMAND.findall(text):
            _check_command(words.split())


def _check_command(words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    for word in words:
        if not hasattr(command, "commands"):
            return  # what follows is an argument or the rest of the sentence
        assert word in command.commands, words
        command = command.commands[word]


def test_the_check_of_commands_finds_what_is_not_there() -> None:
    _check_command(["case", "run", "anything"])
    for words in (["nonsense"], ["case", "nonsense"]):
        with pytest.raises(AssertionError):
            _check_command(words)


def test_fault_says_whom_the_class_says() -> None:
    classes = {"Refused": "refused", "PeerFault": "peer", "Unavailable": "unavailable"}
    classes |= {"BadInput": "input"}
    raised: dict[str, set[str]] = {}
    for _, tree in _sources():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            code = call.args[0] if call.args else None
            if _called(call) in classes and isinstance(code, ast.Constant):
                raised.setdefault(str(code.value), set()).add(classes[_called(call)])
    assert {c for c, faults in raised.items() if table()[c].fault.value not in faults} == set()


def test_a_message_is_filled_in_and_says_what_it_left_out() -> None:
    error = BadInput("FILE_MISSING", file="root.json", folder="tax", why="x")
    assert error.title("en") == "root.json is missing from tax or cannot be opened"
    assert error.title("zh") == "tax 中找不到或打不开 root.json"
    assert "--folder" in error.help("zh")
    assert error.unsaid() == {"why": "x"}
    assert str(error) == "FILE_MISSING file=root.json folder=tax why=x"


def test_a_detail_may_be_a_sentence_in_both_languages() -> None:
    error = BadInput("POLICY_INVALID", where="w", why=Said("不对", "is wrong"))
    assert error.title("zh") == "政策文件有误（w）：不对"
    assert error.title("en") == "The policy is wrong at w: is wrong"
    assert str(error) == "POLICY_INVALID where=w why=is wrong"


def test_a_missing_detail_leaves_its_placeholder() -> None:
    assert BadInput("KEY_FILE_OPEN").title("en") == "Others may read the key file {file}"


def test_an_unknown_code_stands_for_itself() -> None:
    error = PeerFault("NEVER_SEEN", a=1)
    assert (error.title("zh"), error.help("zh"), error.unsaid()) == ("NEVER_SEEN", "", {"a": 1})


def test_an_error_without_details_is_its_code() -> None:
    assert str(Refused("CONSENT_EXPIRED")) == "CONSENT_EXPIRED"


@pytest.mark.parametrize("kind", [Refused, PeerFault, Unavailable, BadInput])
def test_all_are_caught_as_one(kind: type[HeduiError]) -> None:
    with pytest.raises(HeduiError):
        raise kind("MALFORMED")


def test_a_code_that_stands_twice_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = '[[error]]\ncode = "A"\nfault = "peer"\n'
    row += "".join(f'{lang} = {{ title = "a", help = "a" }}\n' for lang in ("zh", "en"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "errors.toml").write_text(row * 2, "utf-8")
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    table.cache_clear()
    try:
        with pytest.raises(RuntimeError, match="A twice"):
            table()
    finally:
        table.cache_clear()
