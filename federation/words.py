"""How every party words a question and an answer, in Chinese and English.

A clerk, a department's administrator and a citizen read the same words for the same answer. Knows
``data/words.toml`` and units. Does not know what is shown where, and decides nothing.
"""

import tomllib
from datetime import date
from functools import cache
from importlib import resources

from federation.catalogue import Form, ParameterKind, Predicate, Register, Unit
from federation.exchange import Answer, Outcome, Purpose
from federation.policy import Parameter

_NAMED = {ParameterKind.WINDOW, ParameterKind.RUNG, ParameterKind.AREA, ParameterKind.VALUE}
_BARE = {
    Outcome.NO_RECORD: "no_record",
    Outcome.UNKNOWN_IDENTITY: "unknown_identity",
    Outcome.STALE: "stale",
    Outcome.PRESENT_AGAIN: "present_again",
    Outcome.CONTRIBUTED: "contributed",
    Outcome.COMPARED: "compared",
    Outcome.ABORTED: "aborted",
}


def say(section: str, key: str, lang: str, **values: object) -> str:
    """Give a word or a sentence in ``zh`` or ``en``."""
    return _words()[section][key][lang].format(**values)


def purpose(number: int, lang: str) -> str:
    """Word a purpose class; an unknown one stands as its number."""
    known = {int(one): one.name for one in Purpose}
    return say("purpose", known[number], lang) if number in known else str(number)


def question(predicate: Predicate, parameter: Parameter | None, lang: str) -> str:
    """Give the question in plain words, with the window, threshold, area or value it is about."""
    text = predicate.question(lang)
    if parameter is None or predicate.parameter not in _NAMED:
        return text
    return f"{text}({parameter.zh})" if lang == "zh" else f"{text} ({parameter.en})"


def outcome(answer: Answer, predicate: Predicate, parameter: Parameter | None, lang: str) -> str:
    """Word an outcome: 有, 未发现, 未婚, 830–1,245 元."""
    match answer.outcome:
        case Outcome.YES | Outcome.NO:
            return _yes_no(predicate, answer.outcome, lang)
        case Outcome.BAND:
            return _band(answer.value, predicate, parameter, lang)
        case Outcome.COUNT:
            return _count(predicate, answer.value, lang)
        case Outcome.ENUM:
            return _value(predicate, answer.value, lang)
        case Outcome.REFUSED:
            return f"{say('answer', 'refused', lang)} {answer.refusal.name}"
        case _:
            return say("answer", _BARE[answer.outcome], lang)


def written(text: str, predicate: Predicate, parameter: Parameter | None, lang: str) -> str:
    """Word an outcome that a rule names: ``NO``, ``COUNT(2)``, ``ENUM(married)``."""
    name, _, inner = text.rstrip(")").partition("(")
    if predicate.form in {Form.SUM, Form.COMPOSITE}:
        return say("answer", "yes" if name == "YES" else "no", lang)
    number = predicate.values.index(inner) if inner in predicate.values else int(inner or 0)
    return outcome(Answer(outcome=Outcome[name], value=number), predicate, parameter, lang)


def day(number: int) -> str:
    """Write a yyyymmdd integer as a date; nothing for 0, and for what is no date."""
    try:
        return date(number // 10_000, number // 100 % 100, number % 100).isoformat()
    except ValueError:
        return ""


def _yes_no(predicate: Predicate, outcome: Outcome, lang: str) -> str:
    """Say "is there any" of a register of events, "is it so" of everything else."""
    yes = outcome is Outcome.YES
    if predicate.register is Register.EVENT and predicate.form in {Form.BOOLEAN, Form.WINDOW}:
        return say("answer", "has" if yes else "none", lang)
    if predicate.form is Form.ENUM:
        return say("answer", "none", lang)
    return say("answer", "yes" if yes else "no", lang)


def _count(predicate: Predicate, count: int, lang: str) -> str:
    if count == 0:
        return say("answer", "none", lang)
    return say("answer", "capped", lang, count=count) if count >= predicate.cap else str(count)


def _value(predicate: Predicate, index: int, lang: str) -> str:
    word = predicate.values[index] if index < len(predicate.values) else str(index)
    key = f"{predicate.id}_{word}"
    return say("value", key, lang) if key in _words()["value"] else word


def _band(band: int, predicate: Predicate, parameter: Parameter | None, lang: str) -> str:
    edges = parameter.edges if parameter else ()
    if not edges or band > len(edges):
        return say("answer", "band_bare", lang, band=band)
    if band == 0 and edges[0] == 0:
        return say("answer", "none", lang)
    unit = say("unit", predicate.unit.value, lang) if predicate.unit is not Unit.NONE else ""
    low = amount(edges[band - 1], predicate.unit) if band else ""
    high = amount(edges[band], predicate.unit) if band < len(edges) else ""
    key = "band_first" if not band else "band_last" if not high else "band_middle"
    return say("answer", key, lang, low=low, high=high, unit=unit).rstrip()


def amount(number: int, unit: Unit) -> str:
    """Write an integer of a hundredths unit without needless decimals."""
    if unit not in {Unit.FEN, Unit.AREA}:
        return f"{number:,}"
    whole, rest = divmod(number, 100)
    return f"{whole:,}.{rest:02d}" if rest else f"{whole:,}"


@cache
def _words() -> dict[str, dict[str, dict[str, str]]]:
    text = resources.files("federation").joinpath("data", "words.toml").read_text("utf-8")
    return tomllib.loads(text)
