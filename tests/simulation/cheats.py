"""The life of a federation some of whose parties cheat.

Knows when each lie is told, and judges whether it was found. Does not know how it is made:
``parties``, ``forger`` and ``files`` do.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from federation import limits
from tests.simulation import files, parties, verifiers
from tests.simulation.forger import FORGERIES, Forged, Forger
from tests.simulation.life import Life, chosen, clocks, households, logs, nodes, numbers
from tests.simulation.parties import Betrayal, Lie, Twist
from tests.simulation.threats import FOUND_BY, RECONCILE
from tests.simulation.truth import SAYS_NOTHING, Held, Released
from tests.simulation.world import CENTRE, LOGS, NODES, REGISTRAR, USES, WITNESSES

CASTS: Final = ("centre", "department", "registrar", "files")
"""Who may cheat in a life; a witness may in any."""


class Cheats(Life):
    """What was done, to whom, and by what it is to be found."""

    def __init__(self) -> None:
        super().__init__()
        self.cast: set[str] = set()
        self.colluding = ""
        self.lies: list[Lie] = []
        self.forged: set[bytes] = set()
        self.spoilt: set[str] = set()
        self.copies: dict[str, Path] = {}
        self.mischief = False

    @initialize(
        offs=clocks,
        household=households,
        cast=st.sets(st.sampled_from(CASTS), min_size=1, max_size=2),
        colluding=st.sampled_from(["", "", *WITNESSES]),
    )
    def begin(self, offs: dict[str, int], household: int, cast: set[str], colluding: str) -> None:
        self.cast, self.colluding = cast, colluding
        super().begin(offs, household)
        self.forger = Forger(self.world)
        if colluding:
            parties.collude(self.world, colluding)

    # ── a centre that asks what it must not ───────────────────────────────────────────────────────

    @precondition(lambda self: "centre" in self.cast and self.truth.tokens)
    @rule(which=numbers, how=st.sampled_from(sorted(FORGERIES)))
    def forge(self, which: int, how: str) -> None:
        """Ask with a token as it must not be used: nothing is told."""
        self.refused(how, getattr(self.forger, how)(self.token(which)))

    @precondition(lambda self: "centre" in self.cast and self.truth.released)
    @rule(which=numbers)
    def send_elsewhere(self, which: int) -> None:
        """Send a request to a department that it was not for."""
        before = chosen(self.truth.released, which)
        self.refused("replayed_elsewhere", self.forger.replayed_elsewhere(before))

    @precondition(lambda self: "centre" in self.cast and self.truth.released)
    @rule(which=numbers, of=numbers)
    def same_query(self, which: int, of: int) -> None:
        """Put another question under an old query id."""
        before = chosen(self.truth.released, which)
        forged = self.forger.same_query(self.token(of), before)
        if forged.node == before.node:
            self.refused("same_query", forged)

    @precondition(lambda self: "centre" in self.cast and self.truth.released)
    @rule(which=numbers)
    def replay(self, which: int) -> None:
        """Send an old request again: it gets its old answer, or none."""
        before = chosen(self.truth.released, which)
        reply, code = self.forger.send(self.forger.replayed(before))
        if before.node not in self.truth.turned:
            assert code or reply == before.reply

    @precondition(lambda self: "centre" in self.cast and self.truth.tokens)
    @rule(which=numbers)
    def ask_past_the_books(self, which: int) -> None:
        """Ask what a token allows, and write it down nowhere."""
        held = self.token(which)
        for one in self.send(self.forger.plain(held, purpose=held.consent.claims.purpose))[1]:
            self.done(Lie(name="hidden_request", party=CENTRE, qid=one.header.qid))

    # ── a department, a registrar ─────────────────────────────────────────────────────────────────

    @precondition(lambda self: "department" in self.cast)
    @rule(node=nodes, how=st.sampled_from([parties.hide, parties.say_otherwise]), who=households)
    def lie(self, node: str, how: Twist, who: int) -> None:
        """Let a department lie about the next case."""
        parties.lie_once(self.world, node, how, self.done)
        self.serve(who)

    @precondition(lambda self: "department" in self.cast and self.truth.consents)
    @rule(node=nodes, what=st.sampled_from(["ended", "rests", "old", "used"]), which=numbers)
    def overrule(self, node: str, what: str, which: int) -> None:
        """Let a department answer what it has to refuse."""
        match what:
            case "ended":
                self.operator(which, "revoke")
            case "rests":
                self.operator(which, "suspend")
            case "old":
                self.world.clock.seconds += limits.STATUS_AGE + 2 * limits.SKEW
            case _:
                for _ in range(USES - 1):
                    self.ask_once_more()
        if what != "old":
            self.usual_round()
        parties.lie_once(self.world, node, parties.overrule, self.done)
        self.ask_once_more()

    @precondition(lambda self: "registrar" in self.cast)
    @rule(how=st.sampled_from([parties.issue_unrecorded, parties.publish_unlogged]), who=households)
    def betray(self, how: Betrayal, who: int) -> None:
        """Let the registrar leave no trace of what it does for the next case."""
        how(self.world, self.done)
        self.open_case(who)
        self.usual_round()
        self.ask_once_more()

    @precondition(lambda self: "registrar" in self.cast)
    @rule(which=numbers)
    def forget(self, which: int) -> None:
        """Let the registrar forget the next revocation that the centre asks for."""
        parties.forget_revocation(self.world, self.done)
        self.change(which, "revoke")

    @precondition(lambda self: "registrar" in self.cast and self.truth.consents)
    @rule(which=numbers)
    def revive(self, which: int) -> None:
        """Let the registrar bring back what its own desk has ended, before anybody knows."""
        self.operator(which, "revoke")
        ended = sorted(self.truth.ended.keys() - self.truth.excused)
        if ended:
            origin = chosen(ended, which)
            parties.revive(self.world, origin)
            self.done(Lie(name="unrevoked", party=REGISTRAR, origin=origin))
            self.world.clock.seconds += limits.STATUS_AGE + 2 * limits.SKEW
            self.usual_round()
            self.ask_once_more()

    # ── somebody with access to the files ─────────────────────────────────────────────────────────

    @precondition(lambda self: "files" in self.cast and len(self.spoilt) < len(LOGS))
    @rule(party=logs, how=st.sampled_from(sorted(files.EDITS)), row=numbers)
    def edit_log(self, party: str, how: str, row: int) -> None:
        """Change a log behind its party's back, in a row that stands under a checkpoint."""
        covered = files.covered(self.world, party)
        if party in self.spoilt or not covered:
            return
        with files.opened(self.world, party) as c:
            if files.EDITS[how](c, party, row % covered):
                self.spoil(Lie(name=how, party=party))

    @precondition(lambda self: "files" in self.cast and len(self.spoilt) < len(LOGS))
    @rule(party=logs, row=numbers)
    def forge_log(self, party: str, row: int) -> None:
        """Rewrite a log that witnesses have seen, and sign it anew."""
        seen = self.seen(party)
        if party not in self.spoilt and seen and files.forge(self.world, party, row % seen):
            self.spoil(Lie(name="forged_log", party=party))

    @precondition(lambda self: "files" in self.cast)
    @rule(party=logs)
    def copy_aside(self, party: str) -> None:
        place = self.world.folder / f"{party}.aside"
        place.unlink(missing_ok=True)
        files.copy_of(self.world, party, place)
        self.copies[party] = place

    @precondition(lambda self: self.copies.keys() - self.spoilt)
    @rule(which=numbers)
    def put_back(self, which: int) -> None:
        """Put an older copy of a log back that witnesses have seen longer."""
        party = chosen(sorted(self.copies.keys() - self.spoilt), which)
        if files.length(self.copies[party]) < self.seen(party):
            files.put_back(self.world, party, self.copies[party])
            self.spoil(Lie(name="rolled_back", party=party))

    # ── who is found ──────────────────────────────────────────────────────────────────────────────

    def tended(self, party: str, code: str) -> None:
        """A file that was edited is found at once, and nobody is accused who did nothing."""
        edited = [lie.name for lie in self.lies if lie.party == party and lie.name in files.EDITS]
        assert not edited or code == "LOG_ALTERED", (edited, code)
        assert code != "LOG_ALTERED" or party in self.spoilt, party

    def audit(self) -> None:
        """Let nobody lie any more, and look at everything."""
        self.world.network.drop_tricks()
        super().audit()

    def judge(self, found: Sequence[verifiers.Finding]) -> None:
        """Every lie that has left its trace is named by one of its verifiers."""
        for lie in self.lies:
            due = lie.name in files.LIES or (not self.spoilt and self.due(lie))
            event(f"{lie.name}: {'found' if due else 'no trace'}")
            assert not due or found_out(lie, found), (lie, found)
        assert self.mischief or not found, found
        for party in self.spoilt:  # whom most witnesses accuse has stopped by then
            by = {one.evidence.get("witness") for one in found if one.parties == (party,)} - {None}
            enough = len(by) >= self.world.manifest.quorum
            assert not enough or self.world.tend(party) == "LOG_ALTERED", (party, by)

    def due(self, lie: Lie) -> bool:
        """Tell whether enough logs have a trace of a lie."""
        heard = [
            one
            for one in self.truth.released
            if not one.lost and one.caller == CENTRE and one.header.qid not in self.forged
        ]
        match lie.name:
            case "hidden_request":  # else it is hidden by both
                return all(one.qid != lie.qid for one in self.lies if one.party != CENTRE)
            case "unrecorded_token":
                return any(set(lie.tokens) & set(one.tokens) for one in heard)
            case "unlogged_list":
                return any(one.signed_list == lie.signed_list for one in heard)
            case "forgotten_revocation":  # else its log tells of another end
                told = {one.origin for one in self.lies if one.name == "unrevoked"}
                return lie.origin not in told and not self.world.has_ended(lie.origin)
            case "unrevoked":
                return any(self.truth.late(one, lie.origin) for one in heard)
        return any(one.reply == lie.reply for one in heard)

    # ── by hand ───────────────────────────────────────────────────────────────────────────────────

    def done(self, lie: Lie) -> None:
        """Note a lie, and whom to believe no more."""
        self.lies.append(lie)
        self.mischief = True
        if lie.party in NODES:
            self.truth.turned.add(lie.party)
        if lie.origin:
            self.truth.excused.add(lie.origin)

    def spoil(self, lie: Lie) -> None:
        """Note what was done to a party's file."""
        self.spoilt.add(lie.party)
        self.done(lie)
        self.truth.lost |= lie.party == REGISTRAR and lie.name == "rolled_back"

    def token(self, which: int) -> Held:
        return chosen(list(self.truth.tokens.values()), which)

    def send(self, forged: Forged) -> tuple[str, list[Released]]:
        """Send a request past the centre's books; give its refusal, and what was answered."""
        self.mischief = True
        before = len(self.truth.released)
        _, code = self.forger.send(forged)
        fresh = self.truth.released[before:]
        self.forged |= {one.header.qid for one in fresh}
        return code, fresh

    def refused(self, how: str, forged: Forged) -> str:
        """Send a forged request, to which nothing may be told; give what it was refused as."""
        code, fresh = self.send(forged)
        for one in fresh:
            code = code or one.answers[0].refusal.name
            if one.node not in self.truth.turned:
                assert all(answer.outcome in SAYS_NOTHING for answer in one.answers), how
        event(f"{how}: {code}")
        return code

    def seen(self, party: str) -> int:
        """Tell how far honest witnesses have followed a log."""
        honest = [one for one in WITNESSES if one != self.colluding]
        return max(verifiers.seen(self.world, one, party) for one in honest)


def found_out(lie: Lie, found: Sequence[verifiers.Finding]) -> bool:
    """Tell whether a lie is named: by the auditor who compares all logs, wherever these show it."""
    by = {one.by for one in found if names(lie, one)}
    shown = RECONCILE in FOUND_BY[lie.name] and lie.name not in files.EDITS
    return RECONCILE in by if shown else bool(by)


def names(lie: Lie, finding: verifiers.Finding) -> bool:
    """Tell whether a finding is about a lie."""
    said = FOUND_BY[lie.name].get(finding.by, frozenset())
    about = not finding.qid or not lie.qid or finding.qid == lie.qid
    return finding.code in said and about
