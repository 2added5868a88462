"""An auditor's verdict on an aborted run: signed by an auditor, and written in its one form."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from crypto import envelope
from crypto.keys import SigningKey
from federation import limits, verdict
from federation.errors import PeerFault
from federation.manifest import Manifest, PartyEntry, PartyRole
from federation.strictjson import b64, dumps
from federation.verdict import PAYLOAD_TYPE, Verdict

KEYS: Mapping[str, SigningKey] = MappingProxyType(
    {name: SigningKey.from_seed(name.encode().ljust(32, b".")) for name in ("one", "two", "tally")}
)
ROLES = {"one": PartyRole.AUDITOR, "two": PartyRole.AUDITOR, "tally": PartyRole.TALLY}
SAID = Verdict(run=b"r" * 32, rung="income-12s", replays=True)
PLAIN: Mapping[str, Any] = MappingProxyType(
    {"run": b64(SAID.run), "rung": SAID.rung, "replays": True}
)


def manifest() -> Manifest:
    parties = {
        name: PartyEntry(
            id=name,
            role=ROLES[name],
            kind="",
            zh=name,
            en=name,
            endpoint="",
            keys={key.kid: key.verify_key},
            certificates=(),
        )
        for name, key in KEYS.items()
    }
    return Manifest(
        federation="test",
        version=1,
        issued=0,
        expires=1,
        demonstration=True,
        ca=b"",
        parties=parties,
        pseudonym_keys={},
    )


def signed(payload: bytes, key: str = "one", kind: str = PAYLOAD_TYPE) -> bytes:
    return envelope.to_json(envelope.sign(payload, kind, KEYS[key]))


@pytest.mark.parametrize("auditor", ["one", "two"])
@pytest.mark.parametrize("replays", [True, False])
def test_any_auditors_word_is_read(auditor: str, replays: bool) -> None:
    said = Verdict(run=SAID.run, rung=SAID.rung, replays=replays)
    assert verdict.read(verdict.sign(said, KEYS[auditor]), manifest()) == said


WRONG: dict[str, Callable[[], bytes]] = {
    "by another": lambda: verdict.sign(SAID, KEYS["tally"]),
    "another type": lambda: signed(dumps(dict(PLAIN)), kind="application/json"),
    "no envelope": lambda: b"{}",
    "too large": lambda: verdict.sign(SAID, KEYS["one"]) + b" " * limits.VERDICT_BYTES,
    "spelling": lambda: signed(dumps(dict(PLAIN)).replace(b":", b": ")),
    "a field more": lambda: signed(dumps({**PLAIN, "more": 1})),
    "a field less": lambda: signed(dumps({"run": PLAIN["run"], "rung": "r"})),
    "a number": lambda: signed(dumps({**PLAIN, "replays": 1})),
    "a short run": lambda: signed(dumps({**PLAIN, "run": b64(b"r" * 31)})),
    "no text": lambda: signed(dumps({**PLAIN, "rung": 7})),
    "a list": lambda: signed(dumps([1])),
}


@pytest.mark.parametrize("how", WRONG)
def test_what_is_no_verdict_is_refused(how: str) -> None:
    with pytest.raises(PeerFault, match="VERDICT_INVALID"):
        verdict.read(WRONG[how](), manifest())
