"""The JSON schema in the documents describes exactly what the reader takes."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from coordinator.casework.practice import Unit
from coordinator.casework.programmes import Role, Supporters
from coordinator.casework.sums import Subject
from coordinator.people.roles import Role as Decider
from coordinator.regional import filing
from coordinator.regional.sheets import Basis
from coordinator.regional.standards import Measure
from federation.errors import BadInput
from tests.coordinator.regional.sheeted import LINES, SET, SHEET, read, standards

SCHEMA: Final = json.loads(
    (Path(__file__).parents[3] / "docs" / "schemas" / "programme.schema.json").read_text("utf-8")
)
DEFS: Final = SCHEMA["$defs"]
SAMPLES: Final = {"programme": SHEET, "property": SET, "standards": standards(), "lines": LINES}


def faults(value: Any, rule: dict[str, Any], where: str) -> Iterator[str]:
    """Hold a value to the part of JSON Schema that the document uses."""
    rule = DEFS[rule["$ref"].rpartition("/")[2]] if "$ref" in rule else rule
    if value not in rule.get("enum", [rule.get("const", value)]):
        yield f"{where}: {value}"
    match rule.get("type"):
        case "object":
            yield from _table(value, rule, where)
        case "array":
            yield from _list(value, rule, where)
        case "integer" if type(value) is not int:
            yield f"{where}: no integer"
        case "integer" if not rule["minimum"] <= value <= rule["maximum"]:
            yield f"{where}: {value}"
        case "string" if rule.get("format") == "date" and not isinstance(value, date):
            yield f"{where}: no date"
        case "string" if "format" not in rule and not _fits(value, rule):
            yield f"{where}: {value}"


def _fits(value: Any, rule: dict[str, Any]) -> bool:
    text = isinstance(value, str) and len(value) >= rule.get("minLength", 0)
    return text and re.search(rule.get("pattern", ""), value) is not None


def _list(value: Any, rule: dict[str, Any], where: str) -> Iterator[str]:
    assert isinstance(value, list), where
    if len(value) < rule.get("minItems", 0):
        yield f"{where}: too few"
    for one in value:
        yield from faults(one, rule["items"], where)


def _table(value: dict[str, Any], rule: dict[str, Any], where: str) -> Iterator[str]:
    yield from (f"{where}: no {key}" for key in rule["required"] if key not in value)
    for key, inner in value.items():
        if key not in rule["properties"]:
            yield f"{where}: unknown {key}"
        else:
            yield from faults(inner, rule["properties"][key], f"{where}.{key}")
    if "oneOf" in rule:
        fitting = [one for one in rule["oneOf"] if set(one["required"]) <= value.keys()]
        if len(fitting) != 1:
            yield f"{where}: not one of"


@pytest.mark.parametrize("file", filing.shipped(), ids=lambda one: one.name)
def test_what_is_shipped_fits_the_schema(file: filing.Filed) -> None:
    document = tomllib.loads(file.text)
    assert list(faults(document, {"$ref": f"#/$defs/{document['kind']}"}, file.name)) == []


@pytest.mark.parametrize("kind", SAMPLES)
def test_the_samples_fit_the_schema(kind: str) -> None:
    document = tomllib.loads(SAMPLES[kind])
    assert document["kind"] == kind
    assert list(faults(document, {"$ref": f"#/$defs/{kind}"}, kind)) == []


def tables(kind: str) -> Iterator[tuple[str, str, str]]:
    """Give each table of a kind of file by its heading, the schema's part and a sample's text."""
    top, *rest = re.split(r"^(\[\[\w+\]\]\n)", SAMPLES[kind], flags=re.MULTILINE)
    yield "", kind, top
    for heading, text in zip(rest[::2], rest[1::2], strict=True):
        part = DEFS[kind]["properties"][heading.strip("[]\n")]["items"]["$ref"]
        yield heading, part.rpartition("/")[2], text


PARTS: Final = [(kind, *one) for kind in SAMPLES for one in tables(kind)]


@pytest.mark.parametrize(("kind", "heading", "part", "text"), PARTS)
def test_the_reader_takes_what_the_schema_requires(
    kind: str, heading: str, part: str, text: str
) -> None:
    keys = {line.partition(" = ")[0] for line in text.splitlines()}
    assert set(DEFS[part]["required"]) <= keys <= set(DEFS[part]["properties"])
    for key in DEFS[part]["required"]:
        shorter = "".join(f"{x}\n" for x in text.splitlines() if not x.startswith(f"{key} = "))
        whole = SAMPLES[kind].replace(heading + text, heading + shorter, 1)
        assert whole != SAMPLES[kind]
        with pytest.raises(BadInput):
            read(*_complete(kind, whole))
    with pytest.raises(BadInput) as caught:
        read(
            *_complete(kind, SAMPLES[kind].replace(heading + text, f"{heading}moon = 1\n{text}", 1))
        )
    assert "moon" in str(caught.value.details["why"])


def _complete(kind: str, text: str) -> tuple[str, ...]:
    """Put the lines that other files of a test bring out of the way."""
    return (
        (text.replace("assets-s", "other-s").replace("assets-r", "other-r"),)
        if kind == "lines"
        else (text,)
    )


def test_closed_lists_are_those_of_the_reader() -> None:
    programme = DEFS["programme"]["properties"]
    assert programme["supporters"]["enum"] == list(Supporters)
    assert programme["basis"]["enum"] == list(Basis)
    assert programme["decides"]["enum"] == list(Decider)
    assert DEFS["question"]["properties"]["roles"]["items"]["enum"] == list(Role)
    assert DEFS["sum"]["properties"]["subject"]["enum"] == list(Subject)
    assert DEFS["line"]["properties"]["of"]["enum"] == list(Measure)
    assert set(DEFS["standard"]["required"]) >= set(Measure)
    assert {one["required"][0] for one in DEFS["deadline"]["oneOf"]} == set(Unit)


def test_faults_would_be_found() -> None:
    wrong = tomllib.loads(SHEET) | {
        "area": "791",
        "moon": 1,
        "decides": "KING",
        "cadence_months": -1,
    }
    del wrong["source"]
    assert len(list(faults(wrong, {"$ref": "#/$defs/programme"}, ""))) == 5
