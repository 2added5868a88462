"""One request's page of the books: what was spent before it, and what it spends in its turn.

Knows uses, cells, thresholds and rechecks as numbers and names. Does not know SQL and looks at no
record. First every question is checked, before any record is read; then each is spent in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from department_node import gate
from department_node.evaluate import Person
from department_node.gate import Admitted, Opening
from department_node.ledger import Ledger, Look, Seen, Writes
from federation import limits
from federation.errors import Refused
from federation.exchange import Answer, Outcome
from federation.wire import codec

Wanted = tuple[Admitted, Look, Seen]
_FROZEN: Final = frozenset(
    {Outcome.YES, Outcome.NO, Outcome.BAND, Outcome.COUNT, Outcome.ENUM, Outcome.CONTRIBUTED}
)


@dataclass(slots=True)
class Entry:
    """One admitted question on the page; ``fresh`` when a record has to be read for it."""

    admitted: Admitted
    look: Look
    person: Person | None
    subject: bytes = field(repr=False)
    opening: Opening | None
    fresh: bool = True


class Page:
    """What decides about the questions of one request, as it was read at one moment."""

    def __init__(self, wanted: Sequence[Wanted], ledger: Ledger, writes: Writes) -> None:
        """Enter questions with what was seen of each; ``writes`` takes what they spend."""
        self.writes = writes
        self.entries: list[Entry] = []
        self._uses: dict[tuple[bytes, str], int] = {}
        self._cells: dict[bytes, int] = {}
        self._frozen: dict[tuple[bytes, bytes], bytes] = {}
        for admitted, look, seen in wanted:
            self._enter(admitted, look, seen)
        self._opened = self._read_opened(ledger, writes.year)
        self._rechecked = self._read_rechecked(ledger, writes.year)
        self._checked: dict[tuple[bytes, str], int] = {}
        self._wanted: dict[bytes, set[bytes]] = {}

    def check(self, entry: Entry) -> None:
        """Hold a question to all limits, counting those before it as if each were answered anew.

        Raises:
            Refused: USES_EXHAUSTED, RECHECK_EXHAUSTED, THRESHOLDS_EXHAUSTED or BUDGET_EXHAUSTED.
        """
        admitted, look, subject = entry.admitted, entry.look, entry.subject
        name, month = (look.chain, look.name), (look.chain, look.month)
        used, in_month = self._checked.get(name, 0), self._checked.get(month, 0)
        gate.check_usage(admitted, self._uses[name] + used, self._uses[month] + in_month)
        recheck = admitted.grant.recheck
        if recheck and (subject, admitted.grant.predicate) in self._rechecked:
            raise Refused("RECHECK_EXHAUSTED")
        wanted = self._wanted.setdefault(subject, set())
        frozen = (subject, look.cell) in self._frozen
        if look.cell not in wanted and not frozen:
            self._check_new(entry, len(wanted))
            wanted.add(look.cell)
        if recheck:
            self._rechecked.add((subject, admitted.grant.predicate))
        entry.fresh = recheck or not frozen
        self._checked[name], self._checked[month] = used + 1, in_month + 1

    def repeat(self, entry: Entry) -> bytes:
        """Spend a checked question whose answer is frozen."""
        frozen = self._frozen[entry.subject, entry.look.cell]
        return codec.encode_answer(codec.decode_answer(frozen), self._used(entry))

    def spend(self, entry: Entry, answer: Answer) -> bytes:
        """Spend a checked question; its record says ``answer``, but what is frozen stands."""
        subject, predicate = entry.subject, entry.admitted.grant.predicate
        recheck = entry.admitted.grant.recheck
        if not recheck and (subject, entry.look.cell) in self._frozen:
            return self.repeat(entry)
        said = codec.encode_answer(answer, self._used(entry))
        if answer.outcome in _FROZEN:
            self._freeze(entry, said)
            if recheck:
                self.writes.rechecked.append((subject, predicate))
        return said

    def _enter(self, admitted: Admitted, look: Look, seen: Seen) -> None:
        person = seen.person
        subject = person.key.encode() if person else look.psn
        opening = gate.opening(admitted)
        self.entries.append(Entry(admitted, look, person, subject, opening))
        self._uses[look.chain, look.name] = seen.name_uses
        self._uses[look.chain, look.month] = seen.month_uses
        self._cells[subject] = seen.cells
        if seen.frozen is not None:
            self._frozen[subject, look.cell] = seen.frozen

    def _read_opened(self, ledger: Ledger, year: int) -> dict[bytes, set[Opening]]:
        opened: dict[bytes, set[Opening]] = {e.subject: set() for e in self.entries if e.opening}
        if not opened:
            return opened
        for subject, quantity, line, size in ledger.opened(opened, year):
            opened[subject].add((quantity, line, size))
        return opened

    def _read_rechecked(self, ledger: Ledger, year: int) -> set[tuple[bytes, str]]:
        subjects = {e.subject for e in self.entries if e.admitted.grant.recheck}
        return set(ledger.rechecked(subjects, year)) if subjects else set()

    def _check_new(self, entry: Entry, before: int) -> None:
        cells = self._cells[entry.subject] + before
        gate.check_budget(cells, recheck=entry.admitted.grant.recheck)
        if entry.opening is not None:
            opened = self._opened[entry.subject]
            gate.check_opening(entry.opening, opened)
            opened.add(entry.opening)

    def _used(self, entry: Entry) -> int:
        """Count one use of the grant and of the month; give its number in the grant's row."""
        look = entry.look
        for counter in ((look.chain, look.month), (look.chain, look.name)):
            used = self._uses[counter] = self._uses[counter] + 1
            self.writes.uses[counter] = used
        return used

    def _freeze(self, entry: Entry, said: bytes) -> None:
        subject, cell = entry.subject, entry.look.cell
        self.writes.cells.append((subject, cell, said))
        if (subject, cell) not in self._frozen:
            self._cells[subject] += 1
            if self._cells[subject] == limits.CELLS_ALERT:
                self.writes.alerts.append(subject)
        self._frozen[subject, cell] = said
        if entry.opening is not None:
            self.writes.opened.append((subject, *entry.opening))
