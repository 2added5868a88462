"""Signed requests by the thousand, each about another person, and the answers they must get.

Knows tokens and envelopes. Does not know how a request travels.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from benchmarks.town import Town, has_car
from crypto import labels, oprf
from crypto.oprf import Evaluator
from federation import clock, consent, exchange, founding, limits, status
from federation.clock import SystemClock
from federation.consent import Claims, Grant
from federation.exchange import Header, Outcome, Purpose, Question
from federation.manifest import PartyEntry
from federation.wire import codec, signed

Pair = tuple[str, str]
"""A question: predicate and policy parameter."""

CAR: Final[Pair] = ("P40", "")
NEW_CAR: Final[Pair] = ("P42", "w12m")
_FORMS: Final = {CAR: "boolean", NEW_CAR: "window"}
_YES_NO: Final = {True: Outcome.YES, False: Outcome.NO}


class WrongAnswer(Exception):
    """An answer that is not the one the records give: what was measured was not the work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The token of one person; ``number`` is the person's place on the roll."""

    number: int
    jti: bytes
    sub: bytes = field(repr=False)
    token: bytes = field(repr=False)


class Asking:
    """Makes requests to one department about one person after another."""

    def __init__(self, town: Town, department: PartyEntry) -> None:
        self._town = town
        self._department = department
        self._now = SystemClock().now()
        self._evaluator = _evaluator(town, department.id, self._now)
        self._people = iter(enumerate(town.people))

    def hold(self, people: int) -> list[Held]:
        """Make the tokens of the next people, each for both questions."""
        return [self._token(*next(self._people)) for _ in range(people)]

    def presenting(self, held: Sequence[Held], pair: Pair, *more: Pair) -> bytes:
        """Ask one question of each person, showing the tokens; ``more`` pairs are shown only."""
        shown = [consent.disclose(one.token, [pair, *more]) for one in held]
        questions = [
            self._question(pair, presentation=hashlib.sha256(one).digest()) for one in shown
        ]
        return self._signed(questions, tuple(shown))

    def naming(self, held: Sequence[Held], pair: Pair) -> bytes:
        """Ask one question of each person, naming tokens that were shown before."""
        return self._signed([self._question(pair, jti=one.jti) for one in held], ())

    def check(self, request: bytes, reply: bytes, held: Sequence[Held]) -> None:
        """Verify one reply as the coordinator does, and hold it to the records.

        Raises:
            PeerFault: the reply is not a signed answer to this request.
            WrongAnswer: it says something else than the records.
        """
        header = signed.claimed_header(codec.decode_batch(request))
        opened = signed.open_answer(codec.decode_batch(reply), header, self._department.keys)
        answers = [codec.decode_answer(item) for item in opened.items]
        for answer, one in zip(answers, held, strict=True):
            if answer.outcome is not _YES_NO[has_car(one.number)] or answer.use_no < 1:
                raise WrongAnswer(f"person {one.number}: {exchange.outcome_text(answer)}")

    def _token(self, number: int, person: str) -> Held:
        now, registrar = self._now, self._town.registrar
        jti, salt = os.urandom(16), os.urandom(16)
        sub = oprf.psn(self._evaluator.evaluate_known(labels.id_input(person)))
        claims = Claims(
            issuer=registrar.id,
            audience=self._department.id,
            sub=sub,
            issued=clock.day_start(now),
            not_before=clock.day_start(now),
            expires=clock.month_end(now + limits.REQUEST_LIFE),
            jti=jti,
            holder=self._town.coordinator.key.verify_key.raw,
            status_index=number,
            status_uri=status.uri_of(registrar.id, self._department.id),
            purpose=Purpose.ENTRY,
            basis="CONSENT",
            policy_family=registrar.policy.family,
            policy_version=registrar.policy.version,
            uses_a_month=100,
            data_life_days=0,
            role="APPLICANT",
            household_salt=salt,
            household_commitment=consent.household_commitment(salt, [sub]),
            members=1,
            evidence=os.urandom(32),
            chain=jti,
        )
        grants = {
            os.urandom(16): Grant(predicate=p, parameter=parameter, form=form, max_uses=12)
            for (p, parameter), form in _FORMS.items()
        }
        return Held(
            number=number, jti=jti, sub=sub, token=consent.issue(claims, grants, registrar.key)
        )

    def _question(self, pair: Pair, *, presentation: bytes = b"", jti: bytes = b"") -> bytes:
        question = Question(
            predicate=pair[0],
            parameter=pair[1],
            presentation=presentation,
            jti=jti,
            case_ref=os.urandom(32),
        )
        return codec.encode_question(question)

    def _signed(self, questions: Sequence[bytes], shown: tuple[bytes, ...]) -> bytes:
        now = SystemClock().now()
        header = Header(
            method=exchange.ASK,
            sender=self._town.coordinator.id,
            audience=self._department.id,
            qid=os.urandom(limits.QID_BYTES),
            issued=now,
            expires=now + limits.REQUEST_LIFE,
            n=len(questions),
            root=signed.UNSET_ROOT,
            purpose=Purpose.ENTRY,
            policy_version=self._town.coordinator.policy.version,
        )
        prepared = signed.prepare(header, questions)
        return codec.encode_batch(signed.sign(prepared, self._town.coordinator.key, shown))


def _evaluator(town: Town, department: str, now: int) -> Evaluator:
    epoch = clock.epoch_of(now)
    seed = town.registrar.secret(f"pseudonym-{epoch}.key", f"{founding.PSEUDONYM_SEED}/{epoch}")
    return Evaluator.from_seed(seed, labels.voprf_info(department, epoch))
