"""Documents are held to the code: what they name is there, and what is there is described."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from importlib.metadata import metadata
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from typer.core import TyperGroup

from coordinator import schema as coordinator_schema
from coordinator.config import Settings
from coordinator.regional import filing
from department_node import node as department_node
from department_node.intake import plan as import_plan
from federation import catalogue, party
from federation.errors import table as errors
from federation.exchange import Outcome, Purpose, Refusal
from federation.log.sqlite import LOG_SCHEMA
from federation.policy import Policy
from hedui.cli import app
from registrar import config as registrar_config
from tally import config as tally_config

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = (
    *("crypto", "federation", "registrar", "department_node", "coordinator"),
    *("tally", "auditor", "hedui"),
)
_SKIPPED: Final = {".git", ".venv", "build", "dist", "node_modules"}
_LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCE: Final = re.compile(r"```.*?```", re.DOTALL)
_CODE: Final = re.compile(r"`([^`\n]+)`|^( *hedui [^\n#]+)", re.MULTILINE)
_COMMAND: Final = re.compile(r"(?:^|\W)hedui((?: +[^ `|,。、;;:()()]+)+)")
_MESSAGE: Final = re.compile(
    r"^message (\w+) \{(.*?)^\}|^message (\w+) \{\}", re.DOTALL | re.MULTILINE
)
_FIELD: Final = re.compile(r"^ +(?:repeated )?[\w.]+ (\w+) = \d+;", re.MULTILINE)
_RPC: Final = re.compile(r"rpc (\w+)\(")
_ADVICE: Final = re.compile(r"\bhedui ([a-z]+(?: [a-z]+)*)")
_TEST: Final = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@cache
def pages() -> dict[str, str]:
    """Read every Markdown page of the repository by its path."""
    found = (p for p in ROOT.rglob("*.md") if not _SKIPPED & set(p.relative_to(ROOT).parts))
    return {
        str(page.relative_to(ROOT)): page.read_text("utf-8")
        for page in sorted(found)
        if not any(part.startswith(".") for part in page.relative_to(ROOT).parts)
    }


def page(name: str) -> str:
    """Read one page that must be there."""
    return pages()[name]


def everything() -> str:
    """Join all pages."""
    return "\n".join(pages().values())


@cache
def commands() -> dict[str, Any]:
    """Walk the command line: every leaf and group by its words after ``hedui``."""
    found: dict[str, Any] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        if words:
            found[" ".join(words)] = command
        if isinstance(command, TyperGroup):
            for name, inner in command.commands.items():
                walk(inner, (*words, name))

    walk(typer.main.get_command(app), ())
    return found


def mentioned(text: str) -> Iterator[tuple[str, list[str]]]:
    """Give every command that a page writes as code, with the words that follow ``hedui``."""
    for match in _CODE.finditer(text):
        line = match.group(1) or match.group(2)
        for words in _COMMAND.findall(line.partition(" #")[0]):
            yield line.strip(), words.split()


def test_pages_are_found() -> None:
    assert {"README.md", "docs/index.md", "docs/guides/citizen.md"} <= pages().keys()
    assert not any(name.startswith(".venv") for name in pages())


@pytest.mark.parametrize("name", pages())
def test_every_relative_link_resolves(name: str) -> None:
    text = _FENCE.sub("", page(name))
    base = (ROOT / name).parent
    broken = [
        target
        for target in _LINK.findall(text)
        if not target.startswith(("https://", "#"))
        and not (base / target.partition("#")[0]).exists()
    ]
    assert broken == []


def test_the_index_leads_to_every_page() -> None:
    reached, queue = {"README.md"}, ["README.md"]
    while queue:
        name = queue.pop()
        for target in _LINK.findall(page(name)):
            there = ((ROOT / name).parent / target.partition("#")[0]).resolve()
            if there.suffix == ".md" and there.is_relative_to(ROOT):
                link = str(there.relative_to(ROOT))
                if link in pages() and link not in reached:
                    reached.add(link)
                    queue.append(link)
    assert pages().keys() - reached == set()


@pytest.mark.parametrize("name", pages())
def test_every_command_that_is_mentioned_exists(name: str) -> None:
    wrong = []
    for line, words in mentioned(page(name)):
        known = ""
        for word in words:
            if f"{known} {word}".strip() not in commands():
                break
            known = f"{known} {word}".strip()
        command = commands().get(known)
        if words[0].startswith(("-", "…")):
            continue
        if command is None or isinstance(command, TyperGroup):
            wrong.append(line)
            continue
        options = {option for one in command.params for option in one.opts + one.secondary_opts}
        used = {word.partition("=")[0] for word in words if word.startswith("-")}
        wrong += [f"{line}: {option}" for option in used - options - {"--help"}]
    assert wrong == []


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert [w for _, w in mentioned("`hedui case sing X`")] == [["case", "sing", "X"]]
    assert "case sing" not in commands()
    assert "case show" in commands()


def test_every_command_and_option_is_described() -> None:
    text = everything()
    leaves = {n: c for n, c in commands().items() if not isinstance(c, TyperGroup)}
    assert len(leaves) > 20
    index = page("docs/index.md")
    assert [name for name in leaves if f"| `hedui {name}` |" not in index] == []
    options = {o for c in leaves.values() for one in c.params for o in one.opts if o[:2] == "--"}
    named = set(re.findall(r"--[a-z][a-z-]*", text))
    assert options - named == set()


def test_every_command_that_an_error_advises_exists() -> None:
    wrong = []
    for kind in errors().values():
        for advice in _ADVICE.findall(f"{kind.zh.help} {kind.en.help}"):
            words = advice.split()
            known = [" ".join(words[:n]) for n in (1, 2, 3) if " ".join(words[:n]) in commands()]
            if not known or isinstance(commands()[known[-1]], TyperGroup):
                wrong.append(f"{kind.code}: hedui {advice}")
    assert wrong == []


def targets() -> set[str]:
    """List the targets of the Makefile that say what they do."""
    return set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_every_make_target_that_is_mentioned_exists() -> None:
    spans = [a or b for text in pages().values() for a, b in _made(text)]
    named = {word for span in spans for word in span.split() if re.fullmatch(r"[a-z-]+", word)}
    assert named - targets() == set()
    assert {"demo", "test"} <= named


def _made(text: str) -> list[tuple[str, str]]:
    return re.findall(r"`make ([^`]+)`|^make ([^#\n]+)", text, re.MULTILINE)


def test_every_make_target_is_described() -> None:
    contributing = page("CONTRIBUTING.md")
    assert [one for one in sorted(targets()) if f"| `make {one}` |" not in contributing] == []


def test_the_readme_names_both_commands_first() -> None:
    first = page("README.md").partition("\n## ")[0]
    for command in ("make demo", "make test"):
        assert re.search(rf"^{command}( |$)", first, re.MULTILINE)
    for guide in ("department", "centre", "auditor", "developer"):
        assert f"(docs/guides/{guide}.md)" in first


def protos() -> str:
    """Join the protocol's sources."""
    return "\n".join(p.read_text("utf-8") for p in sorted(ROOT.glob("proto/federation/v1/*.proto")))


def test_every_rpc_message_and_field_is_described() -> None:
    text = page("docs/protocol/README.md")
    calls = _RPC.findall(protos())
    assert len(calls) > 10
    assert [name for name in calls if f"/{name}`" not in text] == []
    missing = []
    for name, body, empty in _MESSAGE.findall(protos()):
        known = f"`{name or empty}`" in text
        missing += [] if known else [name or empty]
        missing += [f"{name}.{one}" for one in _FIELD.findall(body) if f"`{one}`" not in text]
    assert missing == []


def test_every_word_of_the_closed_lists_is_described() -> None:
    text = page("docs/protocol/README.md")
    words = [*Outcome, *(one for one in Refusal if one), *Purpose]
    assert [one.name for one in words if not re.search(rf"\b{one.name}\b", text)] == []


def test_every_error_code_is_described() -> None:
    text = page("docs/errors.md")
    assert [code for code in errors() if f"`{code}`" not in text] == []


def test_every_code_that_a_page_names_exists() -> None:
    known = {*errors(), *(o.name for o in Outcome), *(r.name for r in Refusal), *_OTHER_WORDS}
    known |= {one.id for one in filing.stock().sheets}
    found = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", everything()))
    assert sorted(found - known) == []


_OTHER_WORDS: Final = frozenset(
    {
        "HEDUI_DATABASE_PASSWORD",
        "HEDUI_FOLDER",
        "HEDUI_SESSION",
        "HEDUI_LANG",
        "LC_ALL",
        "LC_MESSAGES",
        "HEDUI_VECTORS",
    }
    | {"DIBAO_URBAN", "DIBAO_RURAL", "DIBAO_MARGIN", "RIGID_EXPENSE", "TEMP_AID"}
    | {"FIFTEEN_DIGITS", "LOWER_X", "FULL_WIDTH", "AREA_UNUSUAL"}
    | {"NOTHING_FOUND", "NOT_ASKED", "NOT_COVERED", "BLOCKED_CONSENT", "PURPOSE_ENDED"}
)


_SETTINGS: Final = (Settings, registrar_config.Settings, tally_config.Settings)


def test_every_setting_is_described() -> None:
    text = page("docs/settings.md")
    names = {
        *party._KEYS,
        *department_node._SETTINGS,
        *(field.name for kind in _SETTINGS for field in fields(kind)),
    }
    assert [name for name in sorted(names) if f"| `{name}` |" not in text] == []
    described = set(re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE))
    assert described - names == set()
    every = [field for kind in _SETTINGS for field in fields(kind)]
    defaults = {field.name: field.default for field in every if type(field.default) is int}
    rows = dict(re.findall(r"^\| `([a-z_]+)` \|[^|]+\| (\d+) \|", text, re.MULTILINE))
    assert {name: str(value) for name, value in defaults.items()}.items() <= rows.items()


def test_every_key_of_an_import_plan_and_of_a_policy_is_described() -> None:
    guide = page("docs/guides/department.md")
    assert [key for key in sorted(import_plan._KEYS) if not _as_key(key, guide)] == []
    protocol = page("docs/protocol/README.md")
    names = [f.name for f in fields(Policy) if f.name not in {"parameters", "rules", "digest"}]
    assert [name for name in names if f"`{name}`" not in protocol] == []


def _as_key(key: str, text: str) -> bool:
    return re.search(rf"^(# )?{key} = ", text, re.MULTILINE) is not None


def test_every_predicate_is_in_its_table() -> None:
    text = page("docs/predicates.md")
    assert [one.id for one in catalogue.load() if f"| {one.id} |" not in text] == []


def test_every_predicate_that_a_page_names_exists() -> None:
    known = {one.id for one in catalogue.load()}
    assert set(re.findall(r"\bP[0-9]{2}\b", everything())) - known == set()


def test_every_table_is_in_the_data_model() -> None:
    text = page("docs/data-model.md")
    sql = "\n".join(p.read_text("utf-8") for p in sorted(ROOT.glob("*/schema.sql"))) + LOG_SCHEMA
    tables = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", sql)
    assert len(tables) >= 16
    names = {*tables, *coordinator_schema.metadata.tables}
    assert [name for name in sorted(names) if f"| `{name}` |" not in text] == []


def test_every_dependency_has_a_row_with_its_licence() -> None:
    text = page("docs/adr/0003-dependencies.md")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["dependencies"] + [
        one for extra in project["optional-dependencies"].values() for one in extra
    ]
    names = {re.split(r"[<>=\[;! ]", one)[0] for one in wanted}
    rows = dict(re.findall(r"^\| ([\w-]+) \|[^|]+\| ([^|]+) \|", text, re.MULTILINE))
    assert names ^ (rows.keys() - {"package"}) == set()
    assert "GPL" in str(metadata("phe")["License"])
    assert rows["phe"] == "GPL-3.0"


def test_every_decision_is_listed_and_has_its_parts() -> None:
    first = page("docs/adr/0001-record-decisions.md")
    for name, text in pages().items():
        if not name.startswith("docs/adr/"):
            continue
        number = int(Path(name).name[:4])
        assert text.startswith(f"# {number}. ")
        assert "Status: " in text
        assert "Date: 20" in text
        for part in ("Context", "Decision", "Consequences"):
            assert f"\n## {part}\n" in text
        assert number == 1 or f"({Path(name).name})" in first


def test_every_test_that_a_page_names_exists() -> None:
    named = _TEST.findall(everything())
    assert len(named) > 20
    missing = []
    for path, test in named:
        file = ROOT / path
        if not file.exists() or f"def {test}(" not in file.read_text("utf-8"):
            missing.append(f"{path}::{test}")
    assert missing == []


def test_every_sentence_of_the_protocol_is_shown_or_has_a_reason() -> None:
    text = page("docs/protocol/coverage.md")
    sections = re.split(r"^## (\d)\. ", text, flags=re.MULTILINE)[1:]
    assert sections[::2] == ["1", "2", "3", "4", "5", "6", "7"]
    for section in sections[1::2]:
        rows = [re.split(r"(?<!\\) \| ", one) for one in section.splitlines() if one[:2] == "| "]
        assert len(rows) > 8
        assert {len(row) for row in rows} == {2}
        shown = [row[1] for row in rows[1:]]
        reasons = ("not built yet: ", "no test: ")
        assert [one for one in shown if not _TEST.search(one) and not one.startswith(reasons)] == []


def test_sections_that_the_code_cites_exist() -> None:
    text = page("docs/protocol/README.md")
    code = "\n".join(p.read_text("utf-8") for s in SOURCES for p in (ROOT / s).rglob("*.py"))
    cited = set(re.findall(r"protocol (?:note )?§(\d)", code))
    assert cited >= {"2", "3", "4", "5"}
    assert [number for number in sorted(cited) if f"\n## {number}. " not in text] == []


def committed() -> list[Path]:
    """List the text files that git knows, or, without git, those that would be shipped."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        return [p for s in (*SOURCES, "docs", "tests") for p in (ROOT / s).rglob("*.*")]
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


# In pieces, so that this file does not name what it looks for.
_HOSTS: Final = re.compile(
    r"(?:py" + r"pi|python" + r"hosted|proxy\.golang)\.org|registry\.npm" + r"js|deb\.deb"
    r"ian\.|crates\.i" + r"o\b|repo1?\.mav" + r"en",
    re.IGNORECASE,
)
_MACHINE: Final = re.compile(
    r"(?:^|[^\w.])/(?:(?:wo" + r"rk|fa" + r"rm)/[a-z.]|ro" + r"ot/\.)", re.MULTILINE
)


def test_no_file_names_a_registry_or_a_path_of_a_machine() -> None:
    found = []
    for path in committed():
        try:
            text = path.read_text("utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        found += [f"{path.relative_to(ROOT)}: {m}" for m in _HOSTS.findall(text)]
        found += [f"{path.relative_to(ROOT)}: {m}" for m in _MACHINE.findall(text)]
    assert found == []


def test_hosts_and_paths_would_be_found() -> None:
    assert _HOSTS.search("see https://" + "py" + "pi.org/simple")
    assert _MACHINE.search("in /" + "work/main")
    assert not _MACHINE.search("docs/work/main")
