"""A case is decided: every department says by signature how often its tokens have been used.

Knows which tokens a case has where, and that what was said is kept and logged together. Does not
know who decides, or how. Counts may be fetched again, while a consent lives and after its end: the
newest are kept, and those that were signed after the end are the last word.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, union_all

from coordinator import log_entries
from coordinator.database import Database
from coordinator.log_book import append
from coordinator.schema import ask, case_closing, case_file, closing_count, consent, recheck, token
from federation import closing, limits
from federation.clock import Clock
from federation.closing import ClosingCount
from federation.errors import BadInput, HeduiError, PeerFault
from federation.manifest import Manifest, PartyRole
from federation.wire import count_messages

_AT_ONCE: Final = 16
Count = Callable[[str, bytes], bytes]
"""Asks a department with a ``CountRequest`` for its ``Counted``."""

_TOKENS: Final = union_all(
    select(token.c.department, token.c.jti).where(token.c.case_id == bindparam("of")),
    select(ask.c.department, recheck.c.jti)
    .join(ask, ask.c.ask_id == recheck.c.ask_id)
    .where(ask.c.case_id == bindparam("of")),
)
_NUMBER: Final = select(consent.c.consent_no).where(consent.c.case_id == bindparam("of"))
_KEPT: Final = (
    select(closing_count.c.department, closing_count.c.jti, closing_count.c.document)
    .where(closing_count.c.case_id == bindparam("of"))
    .order_by(closing_count.c.department, closing_count.c.jti)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent:
    """A department whose counts cannot be had now, and why."""

    department: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What came of closing a case."""

    counts: tuple[ClosingCount, ...]
    silent: tuple[Silent, ...]


class Closing:
    """Closes cases."""

    def __init__(self, database: Database, manifest: Manifest, count: Count, clock: Clock) -> None:
        self._database = database
        self._manifest = manifest
        self._count = count
        self._clock = clock

    def close(self, case_id: str) -> Closed:
        """Have the uses of a case's tokens counted, and note that the case is decided.

        A department that is silent is asked when the case is closed again.

        Raises:
            BadInput: CASE_UNKNOWN, or CONSENT_NOT_FILED when there are no tokens.
        """
        tokens = self._tokens(case_id)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="count") as pool:
            said = list(pool.map(self._ask, tokens, tokens.values()))
        counts = [one for found in said if isinstance(found, dict) for one in found.items()]
        with self._database.writing() as connection:
            self._keep(connection, case_id, [document for document, _ in counts], dict(counts))
        return Closed(
            counts=tuple(count for _, count in counts),
            silent=tuple(one for one in said if isinstance(one, Silent)),
        )

    def counts(self, case_id: str) -> list[bytes]:
        """Give the newest signed counts of a case, by department and token; none before closing."""
        with self._database.reading() as connection:
            return [bytes(row.document) for row in connection.execute(_KEPT, {"of": case_id})]

    def _tokens(self, case_id: str) -> Mapping[str, list[bytes]]:
        """List a case's tokens by department."""
        found: dict[str, list[bytes]] = {}
        known = select(case_file.c.case_id).where(case_file.c.case_id == case_id)
        with self._database.reading() as connection:
            if connection.scalar(known) is None:
                raise BadInput("CASE_UNKNOWN", case=case_id[:64])
            for department, jti in connection.execute(_TOKENS, {"of": case_id}):
                if self._counts(department):
                    found.setdefault(department, []).append(bytes(jti))
        if not found:
            raise BadInput("CONSENT_NOT_FILED", case=case_id)
        return dict(sorted(found.items()))

    def _counts(self, party: str) -> bool:
        """Tell whether a party counts uses by itself: of sums the departments do, for the tally."""
        known = self._manifest.parties.get(party)
        return known is None or known.role is not PartyRole.TALLY

    def _ask(self, department: str, tokens: Sequence[bytes]) -> dict[bytes, ClosingCount] | Silent:
        """Give the counts of some tokens by their documents, or why there are none."""
        found: dict[bytes, ClosingCount] = {}
        try:
            for start in range(0, len(tokens), limits.COUNT_TOKENS):
                some = sorted(tokens[start : start + limits.COUNT_TOKENS])
                found |= self._counted(department, some)
        except HeduiError as error:
            return Silent(department=department, code=error.code)
        return found

    def _counted(self, department: str, tokens: Sequence[bytes]) -> dict[bytes, ClosingCount]:
        reply = self._count(department, count_messages.encode_request(tokens))
        documents = count_messages.decode_counted(reply)
        found = {one: closing.read(one, self._manifest, department) for one in documents}
        if [count.token for count in found.values()] != list(tokens):
            raise PeerFault("COUNT_INVALID", department=department, why="token")
        if any(abs(count.at - self._clock.now()) > limits.SKEW for count in found.values()):
            raise PeerFault("COUNT_INVALID", department=department, why="time")
        return found

    def _keep(
        self,
        connection: Connection,
        case_id: str,
        documents: Sequence[bytes],
        counts: Mapping[bytes, ClosingCount],
    ) -> None:
        """Keep counts in place of older ones, and log that the case is decided."""
        now = self._clock.now()
        for one in counts.values():
            connection.execute(
                delete(closing_count).where(
                    closing_count.c.case_id == case_id,
                    closing_count.c.department == one.department,
                    closing_count.c.jti == one.token,
                )
            )
        rows: list[dict[str, Any]] = [
            {
                "case_id": case_id,
                "department": one.department,
                "jti": one.token,
                "document": document,
            }
            for document, one in counts.items()
        ]
        if rows:
            connection.execute(insert(closing_count), rows)
        connection.execute(delete(case_closing).where(case_closing.c.case_id == case_id))
        connection.execute(insert(case_closing), {"case_id": case_id, "at": now})
        number = connection.scalar(_NUMBER, {"of": case_id}) or ""
        append(connection, [log_entries.closed(case_id, number, documents, now)])
