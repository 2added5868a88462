"""The recorder of demonstrations."""

import base64
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from federation.wire.tap import to_folder


def test_each_message_is_one_line(tmp_path: Path) -> None:
    tap = to_folder(tmp_path / "deep" / "wire", "tax")
    tap("in", "X/Y", b"\x00question")
    tap("out", "X/Y", b"")
    path = tmp_path / "deep" / "wire" / f"tax.{os.getpid()}.jsonl"
    first, second = (json.loads(line) for line in path.read_text("utf-8").splitlines())
    assert first == {
        "party": "tax",
        "direction": "in",
        "method": "X/Y",
        "message": base64.b64encode(b"\x00question").decode(),
    }
    assert (second["direction"], second["message"]) == ("out", "")


def test_a_second_recorder_of_a_process_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for _ in range(2):
        to_folder(tmp_path, "tax")("in", "X/Y", b"")
    (path,) = tmp_path.iterdir()
    assert len(path.read_text("utf-8").splitlines()) == 2


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    tap = to_folder(tmp_path, "tax")
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(tap, "in", "X/Y", bytes([n]) * 20_000) for n in range(50)]:
            future.result()
    (path,) = tmp_path.iterdir()
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    seen = sorted(base64.b64decode(row["message"]) for row in rows)
    assert seen == [bytes([n]) * 20_000 for n in range(50)]
