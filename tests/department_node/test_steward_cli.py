"""``hedui node erase`` and ``alerts`` at the keyboard, beside a serving node and without one."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from department_node import orders
from department_node.cli import app
from department_node.node import RunningNode
from federation.clock import SystemClock
from federation.errors import Unavailable
from federation.exchange import Outcome
from federation.wire.registrar_client import RegistrarClient
from hedui.demo.stage import free_ports
from tests.department_node import erasures
from tests.department_node.erasures import HERE, Office
from tests.support import twin as twins
from tests.support.twin import NOW, WITH_CAR, WITHOUT_CAR, Twin

_PATIENCE = 30.0


@pytest.fixture
def twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Twin:
    twin = erasures.make(tmp_path / "f", ports={HERE: free_ports(1)[0]})
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW)
    monkeypatch.setattr(RegistrarClient, "status_lists", lambda _, d: twin.status_lists(d))
    return twin


@contextmanager
def office(twin: Twin, *, serving: bool = False) -> Iterator[Office]:
    with twins.open_node(twin) as node:
        running = RunningNode(node) if serving else None
        if running:
            running.start()
        try:
            yield erasures.open_office(twin, node)
        finally:
            if running:
                running.stop()


def run(twin: Twin, *words: str) -> tuple[int, str, str]:
    where = ["-C", str(twin.folder / HERE)]
    done = CliRunner().invoke(app, [words[0], *where, *words[1:]])
    return done.exit_code, done.stdout, done.stderr


def written(twin: Twin, order: bytes) -> str:
    path = twin.folder / "order.json"
    path.write_bytes(order)
    return str(path)


def test_an_order_is_followed_while_nobody_serves(twin: Twin) -> None:
    with office(twin) as one:
        one.answers(one.ask(WITH_CAR))
        one.answers(one.ask(WITH_CAR, WITHOUT_CAR))
        one.end(WITH_CAR)
        order = one.order(WITH_CAR)
    for _ in range(2):
        code, out, _err = run(twin, "erase", written(twin, order), "--json")
        assert code == 0
        row = json.loads(out)
        assert (row["tokens"], row["log_entries_erased"], row["exchanges_shared"]) == (1, 1, 1)
        assert (row["reason"], row["at"]) == ("WITHDRAWN", NOW)
    for lang, word in (("zh", "已于"), ("en", "followed")):
        code, out, _err = run(twin, "erase", written(twin, order), "--lang", lang)
        assert code == 0
        assert word in out


def test_a_serving_node_follows_it_and_goes_on_answering(twin: Twin) -> None:
    with office(twin, serving=True) as one:
        one.answers(one.ask(WITH_CAR))
        one.end(WITH_CAR)
        code, out, err = run(twin, "erase", written(twin, one.order(WITH_CAR)), "--json")
        assert code == 0, err
        assert json.loads(out)["log_entries_erased"] == 1
        assert one.answers(one.ask(WITHOUT_CAR))[0].outcome is Outcome.NO
        one.check()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_is_wrong_is_said(twin: Twin, lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with office(twin) as one:
        one.answers(one.ask(WITH_CAR))
        order = one.order(WITH_CAR)
    code, _out, err = run(twin, "erase", str(twin.folder / "none"), "--lang", lang)
    assert (code, "FILE_MISSING" in err) == (2, True)
    code, _out, err = run(twin, "erase", written(twin, b"{}"), "--lang", lang)
    assert (code, "ERASURE_INVALID" in err) == (2, True)
    code, _out, err = run(twin, "erase", written(twin, order), "--lang", lang)
    assert (code, "ERASURE_TOO_EARLY" in err) == (1, True)

    def left(*_: object, **__: object) -> None:
        raise Unavailable("ERASURE_LEFT")

    monkeypatch.setattr(orders, "follow", left)
    code, _out, err = run(twin, "erase", written(twin, order), "--lang", lang)
    assert (code, "ERASURE_LEFT" in err) == (1, True)


def test_alerts_are_listed_with_records_on_demand(twin: Twin) -> None:
    with office(twin) as one:
        for line in (100, 200, 300):
            one.answers(one.ask(WITH_CAR, line=line))
        one.node.steward(one.answerer, one.node.keeper()).round()
    code, out, _err = run(twin, "alerts", "--json")
    assert code == 0
    (row,) = map(json.loads, out.splitlines())
    assert (row["rule"], row["state"], row["level"]) == ("SERIES", "SUSPECT", 3)
    assert "record" not in row
    _code, out, _err = run(twin, "alerts", "--records", "--lang", "en")
    assert WITH_CAR in out
    assert "3 lines" in out
    _code, out, _err = run(twin, "alerts", "--lang", "zh")
    assert WITH_CAR not in out
    assert "可疑" in out


def test_a_running_node_logs_that_it_was_paused(twin: Twin) -> None:
    with office(twin, serving=True) as one:
        assert run(twin, "pause")[0] == 0
        until(one, "node.paused")
        assert run(twin, "pause", "--off")[0] == 0
        until(one, "node.resumed")


def until(one: Office, kind: str) -> None:
    end = time.monotonic() + _PATIENCE
    sql = "SELECT count(*) FROM log WHERE instr(record, ?)"
    while one.rows(sql, kind.encode()) != [(1,)]:
        assert time.monotonic() < end
        time.sleep(0.1)
