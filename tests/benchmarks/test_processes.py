"""Serving processes: their ports are read, they end with the block, failures are named."""

import os
from pathlib import Path

import pytest

from benchmarks import callers, echo, enrol, town
from benchmarks.__main__ import BENCHMARKS, chosen
from benchmarks.processes import NotServing, serving

NODE = "public_security"


def test_the_echo_answers_in_the_size_it_was_told(tmp_path: Path) -> None:
    place = town.build(tmp_path / "federation", departments=[NODE], people=1)
    words = ["benchmarks.echo", str(place.folder / NODE), "321"]
    with (
        serving(tmp_path / "logs", {"echo": words}) as ports,
        callers.line(place.coordinator, NODE, ports["echo"], echo.METHOD) as say,
    ):
        seconds, replies = callers.through(say, [os.urandom(100)] * 40)
    assert seconds > 0
    assert {len(reply) for reply in replies} == {321}
    assert len(replies) == 40


def test_replies_come_in_the_order_of_the_requests() -> None:
    requests = [str(number).encode() for number in range(100)]
    assert callers.through(lambda request: b"re " + request, requests)[1] == [
        b"re " + request for request in requests
    ]


def test_a_process_that_ends_is_named_with_what_it_said(tmp_path: Path) -> None:
    with (
        pytest.raises(NotServing, match=r"(?s)broken: .*no_such_module"),
        serving(tmp_path, {"broken": ["benchmarks.no_such_module"]}),
    ):
        pass


def test_the_primitives_take_time_for_everybody() -> None:
    assert enrol.primitives(("79030119700312011X",) * 20) > 20 * 20e-6


def test_a_part_is_chosen_by_the_beginning_of_its_name() -> None:
    assert [one.name for one in chosen("ask.")] == [
        "ask.standing",
        "ask.first",
        "ask.batch_first",
        "ask.batch_standing",
    ]
    assert chosen("") == list(BENCHMARKS)
    with pytest.raises(Exception, match="household"):
        chosen("nothing")


def test_targets_are_those_of_the_issue() -> None:
    found = {one.name: (one.target, one.direction.value) for one in BENCHMARKS if one.target}
    assert found == {
        "ask.standing": (0.4, "more"),
        "ask.first": (0.25, "more"),
        "ask.batch_first": (0.4, "more"),
        "ask.batch_standing": (0.5, "more"),
        "cases.day.rss": (1.1, "less"),
        "enrol": (0.8, "more"),
        "log.append": (0.5, "more"),
        "log.append.p99": (3.0, "less"),
        "log.verify": (0.6, "more"),
        "match.30k_100k": (2.0, "less"),
        "match.10k_1m": (2.0, "less"),
        "receipt.verify": (0.5, "more"),
        "sum.batch": (11.0, "less"),
        "sum.compare": (0.4, "less"),
        "sum.contribute": (5.0, "less"),
    }
