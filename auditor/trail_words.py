"""How a trail is told to the person whom it is about: plain words, Chinese and English.

Knows sentences, and which questions were asked together. Does not know a screen or a page. Says no
more of a bundle, a count or a log than that a thing holds or does not.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Final

from auditor.trail import Doubt, Entry, Line, Trail
from auditor.trail_consents import Change
from federation import catalogue, words
from federation.catalogue import Predicate
from federation.clock import business_time
from federation.consenting import CONSENT, IN_FORCE_AID
from federation.errors import BadInput, Refused
from federation.exchange import Outcome, Purpose, outcome_text
from federation.parameter import Parameter

Pair = tuple[str, str]
"""The same in Chinese and in English."""

_ROUNDS: Final = frozenset({Outcome.CONTRIBUTED, Outcome.COMPARED, Outcome.ABORTED})
_UNEQUAL: Final = frozenset({Doubt.MISSING, Doubt.BEYOND, Doubt.TWICE})
NONE: Final = "—"
"""Stands where there is nothing to tell."""

_BASES: Final = {
    CONSENT: ("签字的授权", "a signed consent"),
    IN_FORCE_AID: ("延续原先签字的授权", "a signed consent, renewed"),
}
_CHANGES: Final = {
    "consent.suspended": ("暂停", "suspended"),
    "consent.resumed": ("恢复", "resumed"),
    "consent.revoked": ("撤回", "withdrawn"),
    "consent.ended": ("因家庭变动终止", "ended: the household has changed"),
    "objection.recorded": ("登记了您的异议", "your objection was recorded"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Questions that were asked together: by whom, for which case, by which consent.

    ``sums`` say of the rounds among them what they were.
    """

    day: str
    asker: Pair
    why: Pair
    by: Pair
    entries: tuple[Entry, ...]
    sums: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many uses a department has signed, how many are here, and whether that fits."""

    department: Pair
    signed: str
    here: str
    until: str
    whole: bool


def occasions(trail: Trail, entries: Iterable[Entry]) -> Iterator[Occasion]:
    """Put together what was asked on one day in one matter."""
    for _, together in groupby(entries, key=_matter):
        some = tuple(together)
        one = some[0]
        yield Occasion(
            day=day(one.asked),
            asker=party(trail, one.coordinator),
            why=both(partial(words.purpose, one.purpose)),
            by=_ground(one),
            entries=some,
            sums=tuple(_sums(trail, some)),
        )


def who(trail: Trail) -> Pair:
    """Name the person as far as a trail knows: by consent and place."""
    places = [(one.consent_no, one.person + 1) for one in trail.places]
    return (
        "、".join(f"授权书 {number} 第 {place} 人" for number, place in places),
        ", ".join(f"consent {number}, person {place}" for number, place in places),
    )


def verdict(trail: Trail) -> Pair:
    """Say whether it is all, and up to when; or how many doubts there are."""
    n, until = len(trail.entries), time(trail.until)
    if trail.complete:
        return (
            f"完整:截至 {until},各部门就您作出的回答共 {n} 个,全部在此",
            f"COMPLETE: up to {until} the departments gave {n} answers about you; all are here",
        )
    if any(line.doubt in _UNEQUAL for line in trail.lines):
        return (
            f"不完整:这里有 {n} 个回答,与部门签字的次数不符",
            f"INCOMPLETE: {n} answers are here, which is not what the departments sign",
        )
    return (
        f"未能证明完整:这里有 {n} 个回答,是不是全部,证据不足",
        f"NOT PROVEN COMPLETE: {n} answers are here; nothing shows whether they are all",
    )


def doubts(trail: Trail) -> Iterator[Pair]:
    """Say of each department what is not shown, and of answers that no consent explains."""
    for line in trail.lines:
        if line.doubt:
            zh, en = _doubt(trail, line)
            asked = question(line.predicate, trail.values.get(line.parameter))
            yield (f"{zh}:{asked[0]}", f"{en}: {asked[1]}") if line.predicate else (zh, en)
    if trail.strays:
        yield (
            f"{trail.strays} 个回答所依的授权不在登记方的日志中",
            f"{trail.strays} answers rest on consents that are not in the registrar's log",
        )


def remarks(trail: Trail) -> Iterator[Pair]:
    """Say what is left out, and what the reader should know besides."""
    if trail.others:
        yield (
            f"家庭其他成员({trail.others} 人):另有 {trail.hidden} 个问题,内容不在此列出",
            f"another member of the household ({trail.others}): {trail.hidden} questions, hidden",
        )
    if trail.unread:
        yield (
            f"另有 {trail.unread} 个提问没有出示有效的授权,已被拒绝",
            f"{trail.unread} questions showed no genuine consent and were refused",
        )
    if trail.faults:
        yield (
            f"证据中有 {len(trail.faults)} 处不能核验,未采用;是否因此缺少回答,以结论为准",
            f"{len(trail.faults)} faults in the evidence, not used; the verdict takes them in",
        )
    if not all(line.counted for line in trail.lines):
        yield (
            "合计比对方不另出次数证明:它比较的,都是各部门出过的数;审计员对账时核对它的日志",
            "the tally signs no counts: it compares what departments gave; auditors check its log",
        )
    yield (
        "被拒绝的提问不计次数:只列出证据中有的,可能不全",
        "refused questions are not counted: those in the evidence are listed, perhaps not all",
    )
    yield (
        "依法批量核对名单(死亡、救助登记等)不凭您的授权,不在本清单内",
        "lists checked by law (deaths, aid registers) go by no consent and are not in here",
    )


def changes(trail: Trail) -> Iterator[Pair]:
    """Say what each consent is for and until when, and what has become of it."""
    for one in trail.given:
        why = both(partial(_purpose, one.purpose))
        when, last = day(one.recorded), day(one.not_after)
        yield (
            f"授权书 {one.number}:{when} 登记,用途 {why[0]},至 {last}",
            f"consent {one.number}: recorded {when}, purpose {why[1]}, until {last}",
        )
    for change in trail.changes:
        yield _change(change)


def tallies(trail: Trail) -> Iterator[Tally]:
    """Add up by department what was signed and what is here."""
    lines = sorted(trail.lines, key=lambda line: line.department)
    for department, together in groupby(lines, key=lambda line: line.department):
        some = list(together)
        signed = [line.signed for line in some if line.signed is not None]
        times = [line.at for line in some if line.at is not None]
        yield Tally(
            department=party(trail, department),
            signed=str(sum(signed)) if len(signed) == len(some) else NONE,
            here=str(sum(len(line.here) for line in some)),
            until=time(min(times)) if len(times) == len(some) else NONE,
            whole=all(line.doubt is None for line in some),
        )


def unasked(trail: Trail) -> Iterator[tuple[Pair, Pair]]:
    """List department and question of what was consented and never asked."""
    for department, (predicate, parameter) in trail.unasked:
        yield party(trail, department), question(predicate, trail.values.get(parameter))


def values(entry: Entry) -> tuple[str, ...]:
    """Give the closed list of a question's answers, if it has one."""
    predicate = _predicate(entry.predicate)
    return predicate.values if predicate else ()


def question(predicate_id: str, value: Parameter | None) -> Pair:
    """Word a question; one that nobody knows stands as its id."""
    predicate = _predicate(predicate_id)
    if predicate is None:
        return predicate_id, predicate_id
    return both(lambda lang: words.question(predicate, value, lang))


def outcome(entry: Entry) -> Pair:
    """Word an answer, or why there was none."""
    answer, predicate = entry.answer, _predicate(entry.predicate)
    if answer.outcome is Outcome.REFUSED:
        why = both(Refused(answer.refusal.name, predicate=entry.predicate).title)
        return f"拒绝:{why[0]}", f"refused: {why[1]}"
    if predicate is None:
        return outcome_text(answer), outcome_text(answer)
    return both(lambda lang: words.outcome(answer, predicate, entry.value, lang))


def use(entry: Entry) -> Pair:
    """Say which use of how many an answer was; nothing where none was counted."""
    if not entry.use:
        return "", ""
    if entry.recheck:
        return "异议后复核", "recheck"
    return f"第 {entry.use} 次,最多 {entry.most} 次", f"use {entry.use} of {entry.most}"


def party(trail: Trail, party_id: str) -> Pair:
    """Name a party as the manifest does; an unknown one by its id."""
    if party_id not in trail.parties:
        return party_id, party_id
    entry = trail.parties[party_id]
    return entry.name("zh"), entry.name("en")


def day(at: int) -> str:
    """Write the day of a time, as it is in Shanghai."""
    return business_time(at).date().isoformat()


def hour(at: int) -> str:
    """Write the time of the day to the minute, as it is in Shanghai."""
    return business_time(at).strftime("%H:%M")


def time(at: int) -> str:
    """Write a time to the minute, as it is in Shanghai."""
    return business_time(at).strftime("%Y-%m-%d %H:%M")


def both(text: Callable[[str], str]) -> Pair:
    """Say the same in both languages."""
    return text("zh"), text("en")


def _sums(trail: Trail, entries: Sequence[Entry]) -> Iterator[Pair]:
    """Say of each sum who took part, and that nobody learned the amount."""
    rounds = [one for one in entries if one.answer.outcome in _ROUNDS]
    for predicate, parameter in dict.fromkeys((one.predicate, one.parameter) for one in rounds):
        some = [one for one in rounds if (one.predicate, one.parameter) == (predicate, parameter)]
        gave = [one.department for one in some if one.answer.outcome is Outcome.CONTRIBUTED]
        names = [party(trail, one) for one in dict.fromkeys(gave)]
        zh, en = "、".join(name[0] for name in names), ", ".join(name[1] for name in names)
        asked, ended = question(predicate, some[0].value), _compared(trail, some)
        yield (
            f"多部门合计({asked[0]}):{zh}各出一个加密的数,{ended[0]}。没有任何人看到数额",
            f"a sum ({asked[1]}): one encrypted number each of {en}; {ended[1]}. Nobody saw it",
        )


def _compared(trail: Trail, rounds: Sequence[Entry]) -> Pair:
    """Say what became of a sum."""
    said = {one.answer.outcome: one for one in rounds}
    one = said.get(Outcome.COMPARED) or said.get(Outcome.ABORTED)
    if one is None:
        return "尚未比较", "not compared yet"
    zh, en = party(trail, one.department)
    if Outcome.COMPARED not in said:
        return f"{zh}发现不是同一次的数,已中止", f"{en} found them to be no one sum, and aborted"
    return f"{zh}只判断总数是否达到规定线", f"{en} held the total to the line, and no more"


def _ground(one: Entry) -> Pair:
    zh, en = _BASES.get(one.basis, (one.basis, one.basis))
    number, case = one.consent_no, one.case
    return (
        f"经办 {one.operator} · 受托 {one.commission} · 案件 {case} · 依据 {zh} {number}",
        f"operator {one.operator}, commission {one.commission}, case {case}, by {en} {number}",
    )


def _matter(entry: Entry) -> tuple[str, ...]:
    asker = entry.coordinator, entry.operator, entry.commission, entry.case
    return day(entry.asked), *asker, entry.consent_no, str(entry.purpose)


def _doubt(trail: Trail, line: Line) -> Pair:
    zh, en = party(trail, line.department)
    here = len(line.here)
    lacking = "、".join(map(str, line.missing))
    missing = ", ".join(map(str, line.missing))
    match line.doubt:
        case Doubt.MISSING:
            return (
                f"不完整:{zh}签字承认 {line.signed} 次,这里有 {here} 次,缺第 {lacking} 次",
                f"INCOMPLETE: {en} signs {line.signed}, {here} are here; missing: {missing}",
            )
        case Doubt.BEYOND:
            return (
                f"不完整:{zh}签字承认 {line.signed} 次,这里有 {here} 次;请其重新出具次数证明",
                f"INCOMPLETE: {en} signs {line.signed}, {here} are here; have it sign anew",
            )
        case Doubt.TWICE:
            return (
                f"不完整:{zh}签字承认 {line.signed} 次,同一次数却有两个回答",
                f"INCOMPLETE: {en} signs {line.signed}, and one use has two answers",
            )
        case _:
            return _uncounted(line, (zh, en), (lacking, missing))


def _uncounted(line: Line, name: Pair, missing: Pair) -> Pair:
    zh, en = name
    gap = (f",且缺第 {missing[0]} 次", f", and missing: {missing[1]}") if missing[0] else ("", "")
    if line.doubt is Doubt.ERASED:
        return (
            f"不能证明:{zh}已依法删除此授权的记录,不再能签字承认次数{gap[0]}",
            f"NOT PROVEN: {en} has erased this consent by order and signs no count{gap[1]}",
        )
    return (
        f"不能证明:没有{zh}签字的次数证明{gap[0]}",
        f"NOT PROVEN: there is no count signed by {en}{gap[1]}",
    )


def _change(change: Change) -> Pair:
    zh, en = _CHANGES[change.kind]
    when = time(change.at)
    return f"授权书 {change.consent_no}:{when} {zh}", f"consent {change.consent_no}: {when} {en}"


def _purpose(name: str, lang: str) -> str:
    return words.purpose(Purpose[name], lang) if name in Purpose.__members__ else name


def _predicate(predicate_id: str) -> Predicate | None:
    try:
        return catalogue.load().predicate(predicate_id)
    except BadInput:
        return None
