"""How consents end, for good or for a while: withdrawal, a household's change, suspension.

Knows who may do what: a coordinator with consents that it recorded, the registrar's operator with
all. What was done once is found done when asked for again. Does not know the wire or tokens.
"""

from collections.abc import Sequence

from federation.clock import Clock
from federation.consenting import ConsentReceipt
from federation.errors import Refused
from registrar.consents import Consent
from registrar.journal import Asked
from registrar.store import Store
from registrar.transaction import Call, Transaction


class Endings:
    """What a coordinator may do to its own consents besides using them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def revoke(self, call: Call, numbers: Sequence[str]) -> list[ConsentReceipt]:
        """End consents and their tokens for good.

        Raises:
            Refused: REPLAYED or CONSENT_UNKNOWN.
            Unavailable: LOG_UNAVAILABLE.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            tx.claim(call, now)
            for number in numbers:
                tx.revoke(tx.own(call.caller, number), call.asked(now))
            return [tx.own(call.caller, number).receipt() for number in numbers]

    def suspend(self, call: Call, numbers: Sequence[str]) -> list[ConsentReceipt]:
        """Let consents rest until the caller resumes them.

        Raises:
            Refused: REPLAYED, CONSENT_UNKNOWN or CONSENT_REVOKED.
            Unavailable: LOG_UNAVAILABLE.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            tx.claim(call, now)
            for number in numbers:
                suspend(tx, tx.own(call.caller, number), call.asked(now))
            return [tx.own(call.caller, number).receipt() for number in numbers]

    def resume(self, call: Call, numbers: Sequence[str]) -> list[ConsentReceipt]:
        """Lift the caller's suspension; what the registrar suspended stays so.

        Raises:
            Refused: REPLAYED, CONSENT_UNKNOWN or CONSENT_REVOKED.
            Unavailable: LOG_UNAVAILABLE.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            tx.claim(call, now)
            for number in numbers:
                resume(tx, tx.own(call.caller, number), call.asked(now))
            return [tx.own(call.caller, number).receipt() for number in numbers]

    def change_household(self, call: Call, numbers: Sequence[str]) -> list[tuple[str, ...]]:
        """End all of the caller's consents of each consent's household.

        Raises:
            Refused: REPLAYED or CONSENT_UNKNOWN.
            Unavailable: LOG_UNAVAILABLE.
        """
        now = self._clock.now()
        with self._store.write() as tx:
            tx.claim(call, now)
            own = [tx.own(call.caller, number) for number in numbers]
            asked = call.asked(now)
            return [end_household(tx, one, asked, of=call.caller) for one in own]


def suspend(tx: Transaction, consent: Consent, asked: Asked) -> None:
    """Let a consent rest until the party that asks resumes it.

    Raises:
        Refused: CONSENT_REVOKED.
    """
    _check_alive(consent)
    tx.suspend(consent, asked)


def resume(tx: Transaction, consent: Consent, asked: Asked) -> None:
    """Lift the suspension of the party that asks, and nobody else's.

    Raises:
        Refused: CONSENT_REVOKED.
    """
    _check_alive(consent)
    tx.resume(consent, asked)


def end_household(
    tx: Transaction, consent: Consent, asked: Asked, *, of: str = ""
) -> tuple[str, ...]:
    """End all consents of a household, those ``of`` one coordinator or all; give their numbers.

    Reported again, it ends nothing more: what was consented to since is the changed household's.
    """
    household = [one for one in tx.of_household(consent) if of in {"", one.coordinator}]
    if consent.revoked:
        return tuple(one.consent_no for one in household if one.revoked)
    for one in household:
        tx.revoke(one, asked, household=True)
    return tuple(one.consent_no for one in household)


def _check_alive(consent: Consent) -> None:
    if consent.revoked:
        raise Refused("CONSENT_REVOKED", consent=consent.consent_no)
