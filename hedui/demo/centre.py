"""The verification centre of the demonstration: its own process, run command by command.

Knows the commands and how to go on when one was killed. What the centre learnt is read back from
its database.
"""

import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Final, Self

from coordinator.asking.questions import HOUSEHOLD, SumTold
from coordinator.asking.record import Record
from coordinator.asking.sum_record import CONDITION, SumRecord
from coordinator.asking.waiting import TRANSIENT
from coordinator.casework import cases
from coordinator.casework.filed import ConsentStage
from coordinator.database import Database, open_database, url_of
from coordinator.store import Store
from federation import catalogue
from federation.clock import SystemClock, business_date
from federation.errors import Unavailable
from federation.exchange import Outcome, Refusal, outcome_text
from hedui.demo import lives
from hedui.demo.processes import command
from hedui.demo.verdict import Key

TRIES: Final = 60
_PAUSE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Asked:
    """One question or sum with its outcome; ``outcome`` is empty where nothing came back."""

    key: Key
    outcome: str


class Centre:
    """Runs the coordinator's commands, again and again until each has ended well."""

    def __init__(self, folder: Path, *, patient: bool, quiet: bool, lang: str) -> None:
        self._folder = folder
        self._tries = TRIES if patient else 1
        self._quiet = quiet
        self._lang = lang
        self._running: subprocess.Popen[bytes] | None = None
        self._lock = Lock()
        self._database: Database | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._database:
            self._database.close()

    def open(self, files: Sequence[Path], number: int) -> None:
        """Open cases from files; ``number`` cases are in the books before."""
        for _ in range(self._tries):
            if len(self.case_ids()) >= number + len(files):
                return
            self._once(["new", *map(str, files), "--plan", "demonstration"], quiet=True)
        if len(self.case_ids()) < number + len(files):
            raise Unavailable("DEMO_PROCESS", process="coordinator", log="case new")

    def begin(self) -> None:
        """Accept and commission whatever has not been yet."""
        lives.begin(self._folder, self.case_ids())

    def do(self, *words: str) -> None:
        """Run a command that may be repeated until it ends well.

        Raises:
            Unavailable: DEMO_PROCESS when it never does.
        """
        for _ in range(self._tries):
            if self._once(list(words), quiet=self._quiet) == 0:
                return
            time.sleep(_PAUSE)
        raise Unavailable("DEMO_PROCESS", process="coordinator", log=" ".join(words))

    def attempt(self, *words: str) -> None:
        """Run a command once, however it ends."""
        self._once(list(words), quiet=self._quiet)

    def kill(self) -> bool:
        """Kill the running command, if there is one."""
        with self._lock:
            if self._running is None or self._running.poll() is not None:
                return False
            self._running.kill()
            return True

    def case_ids(self) -> list[str]:
        """List the cases in the order they were opened."""
        return Store(self._books()).case_ids()

    def labels(self, files: Sequence[Path]) -> dict[str, str]:
        """Name each case as its file is named, found by the applicant."""
        today = business_date(SystemClock().now())
        stems = {cases.read(f.read_bytes(), today).case.applicant.id: f.stem for f in files}
        store = Store(self._books())
        filed = store.cases(store.case_ids())
        return {one.id: stems[one.case.applicant.id] for one in filed}

    def counts(self) -> tuple[int, int]:
        """Count all planned questions and sums, and those with an outcome, however it reads."""
        books = self._books()
        case_ids = Store(books).case_ids()
        counted = Record(books).counts(case_ids).values()
        sums = [one for told in SumRecord(books).told(case_ids).values() for one in told]
        return (
            sum(asked for asked, _ in counted) + len(sums),
            sum(answered for _, answered in counted) + sum(bool(_outcome(one)) for one in sums),
        )

    def unsettled(self, case_ids: Sequence[str]) -> Counter[tuple[str, str]]:
        """Count what is open by department and by what stands in the way; empty: silence."""
        found: Counter[tuple[str, str]] = Counter()
        for told in chain.from_iterable(Record(self._books()).told(case_ids).values()):
            if told.answer is None:
                found[told.ask.department, ""] += 1
            elif told.answer.refusal in TRANSIENT:
                found[told.ask.department, told.answer.refusal.name] += 1
        return found

    def unsummed(self, case_ids: Sequence[str]) -> list[tuple[tuple[str, ...], str]]:
        """List, for each sum that may still be had, who has not given, and what the first said."""
        found = Store(self._books()).consents(case_ids).items()
        ready = [case_id for case_id, one in found if one.stage is ConsentStage.READY]
        told = chain.from_iterable(SumRecord(self._books()).told(ready).values())
        return [(one.absent or (one.ask.tally,), one.code) for one in told if not _outcome(one)]

    def doubted(self, case_ids: Sequence[str]) -> bool:
        """Tell whether a consent has yet to be confirmed by the registrar, who was away."""
        found = Store(self._books()).consents(case_ids).values()
        return any(one.stage is ConsentStage.RECORDED for one in found)

    def consent_number(self, case_id: str) -> str:
        """Give the registrar's number of a case's consent."""
        return Store(self._books()).consents([case_id])[case_id].consent_no

    def asked(self, labels: dict[str, str]) -> Iterator[Asked]:
        """Give each planned question and sum; ``labels`` name cases as the oracle does."""
        predicates = catalogue.load()
        sums = SumRecord(self._books()).told(list(labels))
        for filed in Store(self._books()).cases(list(labels)):
            for one in sums[filed.id]:
                whole = one.ask.subject == HOUSEHOLD
                person = "" if whole else filed.case.persons[one.ask.subject].id
                key = (labels[filed.id], person, "", one.ask.predicate, one.ask.parameter)
                if (outcome := _outcome(one)) != CONDITION:
                    yield Asked(key, outcome)
            for told in Record(self._books()).told([filed.id])[filed.id]:
                person = filed.case.persons[told.ask.person].id
                values = predicates.predicate(told.ask.predicate).values
                yield Asked(
                    (
                        labels[filed.id],
                        person,
                        told.ask.department,
                        told.ask.predicate,
                        told.ask.parameter,
                    ),
                    outcome_text(told.answer, values) if told.answer else "",
                )

    def _books(self) -> Database:
        """Open the books beside the commands that write them; they stay open."""
        if self._database is None:
            data = self._folder / "data"
            data.mkdir(mode=0o700, exist_ok=True)
            self._database = open_database(url_of("", data))
        return self._database

    def _once(self, words: list[str], *, quiet: bool) -> int:
        line = command("case", *words, "--folder", str(self._folder), "--lang", self._lang)
        sink = subprocess.DEVNULL if quiet else None
        with self._lock:
            running = subprocess.Popen(line, stdout=sink, stderr=sink)  # noqa: S603 - our own
            self._running = running
        return running.wait()


def _outcome(told: SumTold) -> str:
    """Write what became of a sum: nothing while somebody is absent or refuses for the moment."""
    if told.answer:
        return outcome_text(told.answer)
    if told.code in {CONDITION, Outcome.STALE.name}:
        return told.code
    refusal = Refusal.__members__.get(told.code)
    return f"REFUSED({told.code})" if refusal and refusal not in TRANSIENT else ""
