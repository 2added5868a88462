"""The district's review: everybody asked about, whatever is wrong there, held to the oracle.

Knows the order of events: waves of cases, a consent withdrawn in between, departments that answer
later. Does not know how any party works, nor what is shown (``district_screen``).
"""

import subprocess
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from federation.errors import Unavailable
from federation.terminal import Terminal
from hedui.demo import run as runs
from hedui.demo import stage as stages
from hedui.demo.attacks import Attack
from hedui.demo.centre import TRIES, Asked, Centre
from hedui.demo.drill import Drill, Flapping
from hedui.demo.flaws import Condition
from hedui.demo.processes import Troupe, command
from hedui.demo.run import Options
from hedui.demo.stage import COORDINATOR, REGISTRAR, Stage
from hedui.demo.verdict import Verdict, compare, read_oracle
from hedui.demo.watch import Glance, Watch

WAVE: Final = 127
"""Cases that are opened together: four waves make the district."""
GROUP: Final = 20
"""Cases a request."""
REVOKED: Final = "R"
_AGAIN: Final = 8  # times a wave is asked again while kills are left; a grant has 12 uses
_PAUSE: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the review ended; ``asked`` is every planned question with what came back."""

    stage: Stage
    asked: tuple[Asked, ...]
    verdict: Verdict
    attacks: tuple[Attack, ...]
    killed: tuple[str, ...]
    flapped: int
    seconds: float

    @property
    def refused(self) -> int:
        """Count the attacks that were refused for their reason."""
        return sum(attack.refused for attack in self.attacks)

    @property
    def people(self) -> int:
        """Count everybody who was asked about."""
        return len({one.key[1] for one in self.asked} - {""})

    @property
    def answers(self) -> int:
        """Count the questions that came back."""
        return sum(bool(one.outcome) for one in self.asked)

    @property
    def wrong(self) -> int:
        """Count what the oracle does not expect, and attacks with another end than expected."""
        return len(self.verdict.wrong) + len(self.attacks) - self.refused


def run(options: Options, at: Terminal) -> Outcome:
    """Play the whole review."""
    began = time.monotonic()
    stage = stages.build(
        options.folder,
        seed=options.seed,
        households=options.households,
        record=options.record,
    )
    at.say(
        f"已生成演示区:{len(stage.nodes)} 个部门、{len(stage.cases)} 户(合成数据,证件号以 79 开头)",
        f"made the demonstration district: {len(stage.nodes)} departments, {len(stage.cases)}"
        " households (synthetic people, ids begin with 79)",
    )
    home = stage.party(COORDINATOR)
    with (
        Troupe(options.folder / "logs") as troupe,
        Centre(home, patient=True, quiet=True, lang=at.lang) as centre,
    ):
        runs.start(troupe, stage, at)
        review = _Review(troupe, stage, centre, options, at)
        review.run()
        attacks, _ = runs.attack(stage, centre)
        asked = tuple(centre.asked(centre.labels(stage.cases)))
    given = ((one.key, one.outcome or "UNAVAILABLE") for one in asked)
    return Outcome(
        stage=stage,
        asked=asked,
        verdict=compare(given, read_oracle(stage.oracle), kills=options.kills > 0),
        attacks=tuple(attacks),
        killed=tuple(review.drill.killed),
        flapped=review.flapping.times,
        seconds=time.monotonic() - began,
    )


class _Review:
    """All cases through consent, questions and answers, while processes come and go."""

    def __init__(
        self, troupe: Troupe, stage: Stage, centre: Centre, options: Options, at: Terminal
    ) -> None:
        self._troupe = troupe
        self._stage = stage
        self._centre = centre
        self._at = at
        self._wave: list[str] = []
        self.drill = Drill(
            troupe, centre, kills=options.kills, seed=options.seed, done=self._share_done
        )
        flapping = stage.having(Condition.FLAPPING)
        self.flapping = Flapping(troupe, flapping, seed=options.seed)

    def run(self) -> None:
        """Ask until everything is settled that can be, and all kills are done."""
        for node in self._stage.having(Condition.PAUSED):
            self._node(node, "pause")
        with Watch(self._glance, self._stage, self._at), self.drill:
            with self.flapping:
                self._ask_in_waves()
                self._let_answer()
            self._settle(self._centre.case_ids())
            self._use_up()
        list(self._troupe.ready())  # the last one killed may still be starting

    def _glance(self) -> Glance:
        asked, answered = self._centre.counts()
        return Glance(
            asked=asked,
            answered=answered,
            kills=len(self.drill.killed),
            away=tuple(name for name in self._troupe.names if not self._troupe.runs(name)),
        )

    def _share_done(self) -> float:
        asked, answered = self._centre.counts()
        opened = len(self._centre.case_ids()) / len(self._stage.cases)
        return opened * answered / max(asked, 1)

    def _ask_in_waves(self) -> None:
        cases = self._stage.cases
        for start in range(0, len(cases), WAVE):
            self._centre.open(cases[start : start + WAVE], start)
            self._wave = self._centre.case_ids()[start:]
            self._centre.do("consent", *self._wave)
            self._ask(self._wave)

    def _ask(self, case_ids: Sequence[str], *more: str) -> None:
        self._centre.attempt("run", *case_ids, "--group", str(GROUP), *more)

    def _let_answer(self) -> None:
        """Enrol who is late and end the pauses; in between, a consent is withdrawn.

        What that consent's person was refused for the moment is answered about by those who
        enrolled, and never by those who had paused: started anew, they know of the withdrawal.
        """
        labels = self._centre.labels(self._stage.cases)
        mine = [case_id for case_id, label in labels.items() if label == REVOKED]
        self._wave = [case_id for case_id in self._wave if case_id not in mine]
        self._settle(mine, {"SOURCE_UNAVAILABLE", "NODE_PAUSED"})
        self._meanwhile(Condition.LATE, "enrol")
        self._settle(mine, {"NODE_PAUSED"})
        for case_id in mine:
            number = self._centre.consent_number(case_id)
            _do(REGISTRAR, "consent", "revoke", number, "-C", str(self._stage.party(REGISTRAR)))
        self._meanwhile(Condition.PAUSED, "pause", "--off")

    def _meanwhile(self, condition: Condition, *words: str) -> None:
        """Run a command of nodes in a condition while they are stopped."""
        for node in self._stage.having(condition):
            self._troupe.hold(node)
            self._node(node, *words)
            self._troupe.release(node)

    def _node(self, node: str, *words: str) -> None:
        _do("node", *words, "-C", str(self._stage.party(node)))

    def _settle(self, case_ids: Sequence[str], for_now: Collection[str] = ()) -> None:
        """Ask until only refusals ``for_now`` and the absent are left, and no consent in doubt.

        Raises:
            Unavailable: DEMO_PROCESS names those who never answer.
        """
        waiting: set[str] = set()
        for _ in range(TRIES):
            self._ask(case_ids)
            waiting = set(self._waiting(case_ids, for_now))
            if not waiting:
                return
            time.sleep(_PAUSE)
        raise Unavailable("DEMO_PROCESS", process=", ".join(sorted(waiting)), log="case run")

    def _waiting(self, case_ids: Sequence[str], for_now: Collection[str]) -> Iterator[str]:
        """Name who has yet to answer something."""
        if self._centre.doubted(case_ids):
            yield REGISTRAR
        for department, why in self._centre.unsettled(case_ids):
            flaws = self._stage.flaws[department]
            absent = not why and flaws.condition is Condition.OFFLINE
            broken = why == "SOURCE_UNAVAILABLE" and flaws.garbled
            if not (absent or broken or why in for_now):
                yield department
        never = set(self._stage.having(Condition.OFFLINE))
        for parties, why in self._centre.unsummed(case_ids):
            if not never & set(parties) and why not in for_now:
                yield parties[0]

    def _use_up(self) -> None:
        """Ask the last wave again while kills are left, so that they meet some work."""
        self.drill.hurry()
        for _ in range(_AGAIN):
            if not self.drill.unfinished:
                return
            self._ask(self._wave, "--again")
            self._settle(self._wave)
        self.drill.wait()


def _do(*words: str) -> None:
    """Run somebody's command until it ends well.

    Raises:
        Unavailable: DEMO_PROCESS when it never does.
    """
    for _ in range(TRIES):
        done = subprocess.run(  # noqa: S603 - our own command line
            command(*words), check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if done.returncode == 0:
            return
        time.sleep(_PAUSE)
    raise Unavailable("DEMO_PROCESS", process=words[0], log=" ".join(words))
