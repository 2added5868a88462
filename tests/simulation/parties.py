"""Dishonest parties: they hold their own keys and files, and do with them what they please.

A lie is told once, in the place of an honest answer, by whoever stands on the network as its party.
Knows how each lie is made. Does not know who finds it out (``threats``), nor what a centre forges
(``forger``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from sqlite3 import Connection
from typing import Final

from crypto import note
from crypto.envelope import item_leaf
from crypto.note import Note
from federation import ledger
from federation.exchange import ASK, Answer, Outcome, Refusal
from federation.ledger import read_items
from federation.wire import codec, log_messages, signed
from federation.wire import registrar_messages as messages
from federation.wire.log_messages import Cosigned
from federation.wire.server import Handler
from tests.simulation import files
from tests.simulation.truth import SAYS_NOTHING, jti_of
from tests.simulation.world import REGISTRAR, World

ASKS: Final = (ASK, "federation.v1.DepartmentNode/AskStream")
ISSUE: Final = "federation.v1.Registrar/IssueTokens"
REVOKE: Final = "federation.v1.Registrar/RevokeConsent"
LIST: Final = "federation.v1.Registrar/GetStatusList"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lie:
    """What was done, under which name, and what it is about: an answer, tokens, a list, a consent.

    ``qid`` is the answer's query id, ``origin`` names a consent and all that go by its signatures.
    """

    name: str
    party: str
    qid: bytes = b""
    reply: bytes = field(default=b"", repr=False)
    tokens: tuple[bytes, ...] = ()
    signed_list: bytes = b""
    origin: str = ""


Done = Callable[[Lie], None]
"""Is told of a lie when it is told, before anybody hears it."""
Betrayal = Callable[[World, Done], None]
"""Has the registrar lie at the next occasion."""


# ── a department ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Told:
    """An answer that has just become durable, before it leaves."""

    world: World
    node: str
    request: bytes
    reply: bytes

    @property
    def answers(self) -> list[Answer]:
        return [codec.decode_answer(one.item) for one in codec.decode_batch(self.reply).items]

    @property
    def qid(self) -> bytes:
        return codec.decode_header(codec.envelope_of(self.reply).payload).qid

    def instead(self, answers: Sequence[Answer]) -> tuple[signed.Unsigned, bytes]:
        """Sign other answers in the place of these, under the same header."""
        before = signed.claimed_header(codec.decode_batch(self.reply))
        unsigned = signed.prepare(before, [codec.encode_answer(one) for one in answers])
        key = self.world.nodes[self.node]._node.party.key
        return unsigned, codec.encode_batch(signed.sign(unsigned, key))

    def write(self, job: Callable[[Connection], object]) -> None:
        """Change the department's own books."""
        self.world.nodes[self.node]._node.store.writer.write(job)


Twist = Callable[[Told], tuple[bytes, str] | None]
"""Gives what is said instead and the lie's name; None where this answer does not suit it."""


def hide(told: Told) -> tuple[bytes, str] | None:
    """Answer, and keep no trace of it."""
    if all(one.outcome in SAYS_NOTHING for one in told.answers):
        return None

    def job(c: Connection) -> None:
        c.execute("DELETE FROM log WHERE seq = (SELECT max(seq) FROM log)")
        c.execute("DELETE FROM answered WHERE qid = ?", (told.qid,))

    told.write(job)
    return told.reply, "hidden_exchange"


def say_otherwise(told: Told) -> tuple[bytes, str] | None:
    """Tell the opposite of what stands in the log."""
    opposite = {Outcome.YES: Outcome.NO, Outcome.NO: Outcome.YES}
    if opposite.keys().isdisjoint(one.outcome for one in told.answers):
        return None
    changed = [replace(one, outcome=opposite.get(one.outcome, one.outcome)) for one in told.answers]
    _, reply = told.instead(changed)
    return reply, "logged_otherwise"


def overrule(told: Told) -> tuple[bytes, str] | None:
    """Answer a question that has to be refused, and log it as if that were right."""
    why = [one.refusal for one in told.answers if one.refusal in OVERRULED]
    if not why:
        return None
    yes = Answer(
        outcome=Outcome.YES, as_of=20261117, policy_version=1, use_no=1, enrolled_to=20261118
    )
    changed = [yes if one.refusal is why[0] else one for one in told.answers]
    unsigned, reply = told.instead(changed)

    def job(c: Connection) -> None:
        last = "SELECT seq, salt, record, beside FROM log ORDER BY seq DESC LIMIT 1"
        seq, salt, record, beside = c.execute(last).fetchone()
        items = replace(read_items(beside), answer_leaves=unsigned.leaves).write()
        entry = replace(
            codec.decode_entry(record), answer=unsigned.payload, beside=ledger.digest(items)
        )
        record = codec.encode_entry(entry)
        sql = "UPDATE log SET leaf = ?, record = ?, beside = ? WHERE seq = ?"
        c.execute(sql, (item_leaf(salt, record), record, items, seq))
        stored = b"".join(one.salt + one.item for one in unsigned.items)
        sql = "UPDATE answered SET payload = ?, items = ? WHERE qid = ?"
        c.execute(sql, (unsigned.payload, stored, told.qid))

    told.write(job)
    return reply, OVERRULED[why[0]]


OVERRULED: Final[Mapping[Refusal, str]] = {
    Refusal.CONSENT_REVOKED: "answered_after_end",
    Refusal.CONSENT_SUSPENDED: "answered_at_rest",
    Refusal.CONSENT_EXPIRED: "answered_expired",
    Refusal.STATUS_LIST_STALE: "answered_by_old_list",
    Refusal.USES_EXHAUSTED: "answered_beyond_uses",
}
"""Refusals that a department can pass over, and what that is called."""


def lie_once(world: World, node: str, twist: Twist, done: Done) -> None:
    """Let a department lie about the next answer that suits it."""

    def trick(caller: str, request: bytes, honest: Handler) -> bytes:
        before = files.size(world, node)
        reply = honest(caller, request)
        told = Told(world, node, request, reply)
        if files.size(world, node) == before or places[0] not in world.network.tricks:
            return reply
        said = twist(told)
        if said is None:
            return reply
        for place in places:
            del world.network.tricks[place]
        instead, name = said
        done(Lie(name=name, party=node, qid=told.qid, reply=instead))
        return instead

    places = [(node, method) for method in ASKS]
    for place in places:
        world.network.tricks[place] = trick


# ── the registrar ─────────────────────────────────────────────────────────────────────────────────


def _forget(world: World, since: int, kind: str) -> int:
    """Take the newest entries of a kind out of the registrar's log; give how many there were."""
    with files.opened(world, REGISTRAR) as c:
        like = f'%"kind":"{kind}"%'.encode()
        sql = "DELETE FROM log WHERE seq > ? AND CAST(record AS TEXT) LIKE CAST(? AS TEXT)"
        gone = c.execute(sql, (since, like)).rowcount
        left = c.execute("SELECT seq FROM log WHERE seq > ? ORDER BY seq", (since,)).fetchall()
        for place, (seq,) in enumerate(left, since + 1):
            c.execute("UPDATE log SET seq = ? WHERE seq = ?", (place, seq))
    return gone


def _registrar_once(world: World, method: str, done: Callable[[bytes, bytes, int], bool]) -> None:
    """Let the registrar do as it likes once it has answered; ``done`` tells whether it has."""
    place = REGISTRAR, method

    def trick(caller: str, request: bytes, honest: Handler) -> bytes:
        before = files.size(world, REGISTRAR)
        reply = honest(caller, request)
        if done(request, reply, before):
            del world.network.tricks[place]
        return reply

    world.network.tricks[place] = trick


def issue_unrecorded(world: World, done: Done) -> None:
    """Let the registrar issue the next tokens without a trace of them."""

    def forget(_: bytes, reply: bytes, before: int) -> bool:
        if not _forget(world, before, "token.issued"):
            return False
        found = [one.item for one in codec.decode_batch(reply).items]
        jtis = tuple(jti for item in found for jti in _issued_in(item))
        with files.opened(world, REGISTRAR) as c:
            c.executemany("DELETE FROM token WHERE jti = ?", [(jti,) for jti in jtis])
        done(Lie(name="unrecorded_token", party=REGISTRAR, tokens=jtis))
        return True

    _registrar_once(world, ISSUE, forget)


def publish_unlogged(world: World, done: Done) -> None:
    """Let the registrar hand out its next new status list without a trace of it."""

    def forget(_: bytes, reply: bytes, before: int) -> bool:
        if not _forget(world, before, "status.published"):
            return False
        digest = sha256(messages.decode_status_list(reply).jwt).digest()
        done(Lie(name="unlogged_list", party=REGISTRAR, signed_list=digest))
        return True

    _registrar_once(world, LIST, forget)


def forget_revocation(world: World, done: Done) -> None:
    """Let the registrar say that it has revoked the next consents, and not do so."""

    def forget(request: bytes, _: bytes, before: int) -> bool:
        if not _forget(world, before, "consent.revoked"):
            return False
        for one in codec.decode_batch(request).items:
            origin = world.origin(messages.decode_order(one.item))
            revive(world, origin)
            done(Lie(name="forgotten_revocation", party=REGISTRAR, origin=origin))
        return True

    _registrar_once(world, REVOKE, forget)


def revive(world: World, origin: str) -> None:
    """Bring a consent, and all that goes by its signatures, back to life in the books."""
    with files.opened(world, REGISTRAR) as c:
        find = "SELECT sql FROM sqlite_master WHERE name = 'revoked_is_final'"
        (trigger,) = c.execute(find).fetchone()
        c.execute("DROP TRIGGER revoked_is_final")
        c.execute("UPDATE consent SET revoked = NULL WHERE origin = ?", (origin,))
        c.execute(
            "UPDATE status_entry SET state = 0 WHERE (department, series, status_index) IN"
            " (SELECT department, series, status_index FROM token JOIN consent USING (consent_no)"
            " WHERE origin = ?)",
            (origin,),
        )
        c.execute(trigger)


def _issued_in(item: bytes) -> list[bytes]:
    return [jti_of(one.token) for one in messages.decode_tokens(item).tokens]


# ── a witness ─────────────────────────────────────────────────────────────────────────────────────


def collude(world: World, name: str) -> None:
    """Let a witness put its name to whatever it is shown, and remember nothing."""

    def trick(_caller: str, request: bytes, _honest: Handler) -> bytes:
        shown = note.parse(log_messages.decode_checkpoint(request).checkpoint)
        party = world.party(name)
        now = world.clocks[name].now()
        line = note.cosign(shown.text, party.manifest.note_name(name), party.key, now)
        lines = note.write(Note(text=shown.text, signatures=(line,))).decode()
        said = Cosigned(lines=lines.removeprefix(shown.text + "\n"))
        return log_messages.encode_cosigned(said)

    world.network.tricks[name, log_messages.ADD_CHECKPOINT] = trick
