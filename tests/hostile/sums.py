"""Hostile evidence of sums: transcripts that do not hold, seeds and verdicts that are none.

Transcripts are told by ``tests.auditor.adding``, whose parties add up with real keys, and edited as
JSON; verdicts are signed by securesystemslib.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Final

from federation import transcript, verdict
from federation.summing import DIGEST
from federation.transcript import SEALED
from tests.auditor.adding import Added, added
from tests.crypto.cast import paillier_key
from tests.hostile.made import Hostile, Json, Shelf, b64, compact, enveloped, flipped, unb64
from tests.support.exchanges import CASE, filler, key
from tests.support.summed import RUNG, compute

TRANSCRIPTS: Final = Shelf("transcripts", "transcript", ".json")
SEEDS: Final = Shelf("seeds", "seeds", ".json")
VERDICTS: Final = Shelf("verdicts", "verdict", ".json")

Row = tuple[str, str, str, str, bytes]


@cache
def town() -> Added:
    """Give those who have added up; whoever verifies goes by their tokens and their case."""
    return added()


@cache
def sound() -> bytes:
    """Write the run from its first round to its last."""
    return transcript.write(town().transcript(compute()))


def files() -> Iterator[Hostile]:
    """Make all of them, the sound ones first."""
    yield TRANSCRIPTS.sound(sound(), "正当的合计记录", "a sound transcript")
    yield SEEDS.sound(seeds(), "正当的种子", "sound seeds")
    yield VERDICTS.sound(signed(), "正当的结论", "a sound verdict")
    for shelf, group in (
        (TRANSCRIPTS, _misshapen),
        (TRANSCRIPTS, _untrue),
        (TRANSCRIPTS, _deviating),
        (SEEDS, _seeds),
        (VERDICTS, _verdicts),
    ):
        for name, code, zh, en, data in group():
            yield shelf.hostile(name, code, (zh, en), data)


def edited(change: Callable[[Json], object]) -> bytes:
    """Change the sound transcript as JSON, in its one spelling."""
    document = json.loads(sound())
    change(document)
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def _set(**fields: object) -> bytes:
    return edited(lambda one: one.update(fields))


def _message(place: int, **fields: object) -> bytes:
    return edited(lambda one: one["messages"][place].update(fields))


def bare(**fields: object) -> bytes:
    """Write a transcript without messages."""
    return edited(lambda one: one.update({"messages": [], **fields}))


def _misshapen() -> Iterator[Row]:
    bad = "TRANSCRIPT_MALFORMED"
    for name, zh, en, data in (
        ("empty", "什么也没有", "nothing", b""),
        ("list", "是一个列表", "a list", b"[]"),
        ("blanks", "多一个空格", "a blank", bare() + b" "),
        ("twice", "同一键两次", "a key twice", bare()[:-1] + b',"run":""}'),
        ("more", "多余的键", "a key more", bare(more=1)),
        ("format", "别的格式", "another format", bare(format=2)),
        ("run-short", "编号少一字节", "a short run", bare(run=b64(bytes(DIGEST - 1)))),
        ("group-number", "部门组是数字", "a group that is a number", bare(group=1)),
        ("period-true", "月份是真值", "a period `true`", bare(period=True)),
        ("attempt-three", "第三次尝试", "a third attempt", bare(attempt=2)),
        ("person-zero", "第零人", "person 0", bare(persons=[0])),
        ("persons-text", "人员是文字", "people that are text", bare(persons="1")),
        ("message-none", "一条消息是空值", "a message `null`", bare(messages=[None])),
        ("messages-many", "消息过多", "too many messages", bare(messages=[0] * 10_001)),
        ("round", "没有这种步骤", "no such round", _message(0, round="ask")),
        ("base64", "不规范的编码", "odd base64", _message(0, proof="_" * 5)),
    ):
        yield name, bad, zh, en, data


def _untrue() -> Iterator[Row]:
    run, part, other = "SUM_RUN", "SUM_PART", "RECEIPT_WRONG_ANSWER"
    messages = json.loads(sound())["messages"]

    def without(place: int) -> bytes:
        return _set(messages=[one for n, one in enumerate(messages) if n != place])

    turned = [*messages[:3], messages[4], messages[3]]
    answer = b64(flipped(unb64(messages[1]["answer"]), -1 % len(unb64(messages[1]["answer"]))))
    yield from (
        ("department-none", part, "缺一个部门", "a department left out", without(1)),
        ("comparison-none", part, "没有比较", "never compared", without(3)),
        ("test-none", part, "没有最后一步", "never tested", without(4)),
        ("turned", part, "次序颠倒", "tested before it was compared", _set(messages=turned)),
        ("outcome", run, "结果写反", "another outcome", _set(outcome="NO")),
        ("run", run, "别的编号", "another run", _set(run=b64(bytes(DIGEST)))),
        ("group", run, "别的部门组", "another group", _set(group=b64(bytes(DIGEST)))),
        ("period", run, "别的月份", "another month", _set(period=202610)),
        ("attempt", run, "写成第二次", "said to be the second attempt", _set(attempt=1)),
        ("rung", other, "别的规定线", "another line", _set(parameter="income-18s")),
        ("persons", other, "少一人", "a person less", _set(persons=[1])),
        ("party", other, "写成别的部门", "another department's", _message(0, party="finance")),
        ("share", "RECEIPT_ANSWER_ITEM", "份额被改", "a share changed", _message(1, answer=answer)),
        (
            *("proof-other", "RECEIPT_LOG_RECORD", "别处的入账证明", "another exchange's proof"),
            _message(0, proof=messages[1]["proof"]),
        ),
        (
            *("answer-other", "RECEIPT_ANSWER_SIGNATURE", "别的部门的答复", "another's answer"),
            _message(0, answer=messages[1]["answer"]),
        ),
    )


def _deviating() -> Iterator[Row]:
    """Let the centre deviate, and all parties sign it."""
    made, public = compute(), paillier_key(1, 3072).public
    moved = public.product((public.read(made.z), public.encrypt_raw(100, 1)))
    lied = town_of(lambda one: one.add(replace(made, z=public.write(moved))))
    yield "line-moved", "SUM_REPLAY", "移动了规定线", "the centre moved the line", lied
    turned = replace(made, slots=made.slots[64:] + made.slots[:64])
    data = town_of(lambda one: one.add(turned))
    yield "slots-other", "SUM_REPLAY", "别的比较结果", "slots that no seed makes", data


def town_of(play: Callable[[Added], object]) -> bytes:
    """Write down what others have played."""
    one = Added()
    play(one)
    return transcript.write(one.transcript(compute()))


def seeds(**changes: object) -> bytes:
    """Write the sealed seeds of a case; its one seed is changed by fields that begin with it."""
    seed = {
        "attempt": 0,
        "commitment": b64(compute().commitment),
        "parameter": RUNG,
        "predicate": "H1",
        "run": b64(compute().run),
        "sealed": b64(filler("sealed", SEALED)),
    }
    mine = {name[5:]: value for name, value in changes.items() if name.startswith("seed_")}
    others = {name: value for name, value in changes.items() if not name.startswith("seed_")}
    said: Json = {
        "case": CASE[0],
        "coordinator": "coordinator",
        "federation": "test",
        "format": 1,
        "seeds": [dict(sorted((seed | mine).items()))],
    }
    return compact(dict(sorted((said | others).items())))


def _seeds() -> Iterator[Row]:
    for name, zh, en, data in (
        ("empty", "什么也没有", "nothing", b""),
        ("list", "是一个列表", "a list", b"[]"),
        ("blanks", "多一个空格", "a blank", seeds() + b"\n"),
        ("format", "别的格式", "another format", seeds(format=2)),
        ("more", "多余的键", "a key more", seeds(more=1)),
        ("none", "种子不是列表", "seeds that are no list", seeds(seeds={})),
        ("seed-more", "种子有多余的键", "a seed with a key more", seeds(seed_more=1)),
        ("open", "种子没有封存", "a seed that is not sealed", seeds(seed_sealed=b64(bytes(32)))),
        ("run-short", "编号过短", "a short run", seeds(seed_run=b64(bytes(31)))),
        ("attempt", "第三次尝试", "a third attempt", seeds(seed_attempt=2)),
        ("attempt-true", "尝试是真值", "an attempt `true`", seeds(seed_attempt=True)),
        ("commitment", "没有承诺", "no commitment", seeds(seed_commitment="")),
    ):
        yield name, "MALFORMED", zh, en, data


def signed(by: str = "auditor", kind: str = verdict.PAYLOAD_TYPE, **changes: object) -> bytes:
    """Sign that an aborted run replays."""
    said = {"replays": True, "run": b64(compute().run), "rung": RUNG}
    return compact(enveloped(compact(dict(sorted((said | changes).items()))), kind, [key(by)]))


def _verdicts() -> Iterator[Row]:
    payload = compact({"run": b64(compute().run), "replays": True, "rung": RUNG})
    for name, zh, en, data in (
        ("empty", "什么也没有", "nothing", b""),
        ("centre", "核对中心签的", "the centre signed", signed(by="coordinator")),
        ("tally", "比对方签的", "the tally signed", signed(by="tally")),
        ("nobody", "不是当事方", "a stranger signed", signed(by="stranger")),
        ("type", "别的类型", "another type", signed(kind="application/json")),
        ("more", "多余的内容", "more in it", signed(more=1)),
        ("word", "结论是数字", "a verdict `1`", signed(replays=1)),
        ("run-short", "编号过短", "a short run", signed(run=b64(bytes(31)))),
        ("rung-number", "规定线是数字", "a line that is a number", signed(rung=12)),
        (
            *("order", "键的次序不对", "keys out of order"),
            compact(enveloped(payload, verdict.PAYLOAD_TYPE, [key("auditor")])),
        ),
        ("bit", "错一位", "one bit", flipped(signed(), 40)),
    ):
        yield name, "VERDICT_INVALID", zh, en, data
