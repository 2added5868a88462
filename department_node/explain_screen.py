"""How an explanation is shown: of an answered request, and of a predicate's conditions.

Knows labels and layout. Decides nothing.
"""

from collections.abc import Sequence

from department_node import explaining
from department_node.beside import Decided
from department_node.explaining import Step
from department_node.looks_screen import MARKS
from department_node.screen import columns
from federation import words
from federation.catalogue import Predicate
from federation.clock import business_time
from federation.errors import HeduiError
from federation.exchange import Answer, Outcome, Question, outcome_text
from federation.policy import Policy
from federation.summing import SumOrder
from federation.terminal import Terminal


def decided(at: Terminal, one: Decided, policy: Policy, reads: Sequence[str] = ()) -> None:
    """Show who asked, what was answered to each question, and why where it was refused.

    ``reads`` are the columns behind a share of a sum.
    """
    _head(at, one)
    if one.order:
        _order(at, one.order, reads)
    rows = []
    for number, (question, answer) in enumerate(zip(one.questions, one.answers, strict=True), 1):
        rows.append((f"{number:>4}", *_row(at, number, question, answer, policy)))
    text = columns(rows)
    at.say(text, text)
    for basis in dict.fromkeys(_basis(at, answer) for answer in one.answers if answer.as_of):
        at.say(basis, basis)
    for code in dict.fromkeys(a.refusal.name for a in one.answers if a.refusal):
        error = HeduiError(code)
        text = columns(
            [(code, f"{error.title(at.lang)}{at.pick('。', '. ')}{error.help(at.lang)}")]
        )
        at.say(text, text)


def conditions(at: Terminal, predicate: Predicate, steps: Sequence[Step]) -> None:
    """Show each condition of an answer, and what would come of the first that does not hold."""
    at.say(
        f"{predicate.id} {predicate.question('zh')}", f"{predicate.id} {predicate.question('en')}"
    )
    for step in steps:
        said = at.pick(step.zh, step.en)
        at.emit({"condition": said, "ok": step.ok, "code": None if step.ok else step.code})
    text = columns([(MARKS[step.ok], at.pick(step.zh, step.en)) for step in steps], indent=2)
    at.say(text, text)
    code = next((step.code for step in steps if not step.ok), "")
    at.emit({"predicate": predicate.id, "would_answer": not code, "code": code or None})
    if not code:
        at.say("→ 授权齐备时会回答", "→ answered, given a consent that grants it")
    elif code == Outcome.STALE.name:
        at.say("→ 会答:数据过期 STALE", "→ answered: data too old STALE")
    else:
        error = HeduiError(code)
        why = f"{code} {error.title(at.lang)}{at.pick('。', '. ')}{error.help(at.lang)}"
        text = columns([(at.pick("→ 会拒绝:", "→ refused:"), why)])
        at.say(text, text)


def _head(at: Terminal, one: Decided) -> None:
    h = one.header
    when = business_time(one.at).strftime("%Y-%m-%d %H:%M:%S")
    purpose = words.purpose(h.purpose, at.lang)
    at.emit(
        {
            "qid": h.qid.hex(),
            "at": when,
            "caller": h.audience,
            "purpose": purpose,
            "policy_version": h.policy_version,
            "items": len(one.answers),
        }
    )
    at.say(
        f"查询 {h.qid.hex()}\n{when},{h.audience} 为“{purpose}”提问,政策第 {h.policy_version} 版",
        f"query {h.qid.hex()}\n{when}, asked by {h.audience} for: {purpose};"
        f" policy version {h.policy_version}",
    )


def _order(at: Terminal, order: SumOrder, reads: Sequence[str]) -> None:
    month = f"{order.period // 100}-{order.period % 100:02}"
    at.emit({"period": month, "attempt": order.attempt, "columns": list(reads)})
    at.say(
        f"合计:{month} 月,第 {order.attempt + 1} 次", f"sum of {month}, attempt {order.attempt + 1}"
    )
    if reads:
        at.say(
            f"离开本机:一个加密、加掩码的数,全户一个;读取 {'、'.join(reads)}",
            "what left: one encrypted, masked number for the whole household;"
            f" reads {', '.join(reads)}",
        )


def _row(
    at: Terminal, number: int, question: Question | None, answer: Answer, policy: Policy
) -> tuple[str, str, str, str]:
    predicate = explaining.predicate_of(question)
    code = outcome_text(answer, predicate.values if predicate else ())
    name, named, asked, said = "?", "", "?", code
    if question is not None and predicate is not None:
        parameter = policy.parameters.get(question.parameter)
        name, named = predicate.id, question.parameter
        asked = words.question(predicate, parameter, at.lang)
        said = words.outcome(answer, predicate, parameter, at.lang)
    at.emit(
        {
            "item": number,
            "predicate": name,
            "parameter": named,
            "question": asked,
            "answer": code,
            "words": said,
            "as_of": words.day(answer.as_of) or None,
            "use": answer.use_no,
            "help": HeduiError(answer.refusal.name).help(at.lang) if answer.refusal else None,
        }
    )
    use = at.pick(f"第 {answer.use_no} 次", f"use {answer.use_no}") if answer.use_no else ""
    return name, said, use, asked


def _basis(at: Terminal, answer: Answer) -> str:
    as_of, first = words.day(answer.as_of), words.day(answer.period_from)
    before = words.day(answer.period_to)
    return at.pick(
        f"数据截至 {as_of},口径期间 {first} 起、{before} 前",
        f"data as of {as_of}, for the period from {first} to before {before}",
    )
