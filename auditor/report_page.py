"""The audit report as one page that needs nothing else: for the screen and for paper.

Knows HTML and words; the page itself is ``data/report.html``. Signs say what colours might, and
whatever comes from logs is escaped. Decides nothing.
"""

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from auditor import anomalies, reconcile_screen
from auditor.exported import Exported
from auditor.findings import Finding, Severity
from auditor.reconcile import KEEPING, Reconciled
from auditor.tally import Tally
from federation import pages
from federation.clock import business_time
from federation.errors import HeduiError
from federation.manifest import Manifest
from federation.terminal import Language

_WIDTH: Final = 20.0
"""Longest bar of the timeline, em."""
_HEX: Final = 16
_TITLES: Final = {
    "title": ("隐私审计报告", "Privacy audit report"),
    "logs_title": ("证据链是否完整", "Completeness of the chain"),
    "counts_title": ("提问 = 授权 = 委托", "Queries = consents = commissions"),
    "sums_title": ("多部门合计", "Sums over departments"),
    "refused_title": ("拒绝", "Refused questions"),
    "policies_title": ("各版政策的使用", "Policy versions over time"),
    "operators_title": ("经办人", "Operators"),
    "unusual_title": ("异常", "What is unusual"),
    "findings_title": ("不符之处", "Findings"),
}


class _Words:
    """One language, and the manifest's names in it."""

    def __init__(self, document: Manifest, lang: Language) -> None:
        self.document = document
        self.lang = lang

    def pick(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    def name(self, party: str) -> str:
        entry = self.document.parties.get(party)
        return entry.name(self.lang) if entry else party


def write(all_: Reconciled, known: Exported, tally: Tally, lang: Language) -> str:
    """Write the report in a language."""
    words = _Words(all_.papers.newest, lang)
    broken = sum(one.severity is Severity.BROKEN for one in all_.findings)
    doubts = len(all_.findings) - broken
    return pages.template("auditor", "data", "report.html").substitute(
        {name: escape(words.pick(*pair)) for name, pair in _TITLES.items()},
        lang="zh-CN" if lang == "zh" else "en",
        subject=escape(_subject(all_, tally, words)),
        kind="good" if all_.proven else "bad",
        verdict=escape(_verdict(broken, doubts, words)),
        logs=_logs(all_, known, words),
        counts=_counts(tally, words),
        sums=_sums(tally, words),
        refused=_refused(tally, words),
        policies=_policies(tally, words),
        operators=_operators(tally, words),
        unusual=_unusual(all_, words),
        findings=_findings(all_.findings, words),
        footer=escape(
            words.pick(
                "本页由 hedui audit report 依据导出的日志和公钥生成,任何人可用同样的文件重做。"
                "行号从 0 起。",
                "Made by hedui audit report from exported logs and public keys; anybody can make it"
                " again from the same files. Rows count from 0.",
            )
        ),
    )


def _subject(all_: Reconciled, tally: Tally, words: _Words) -> str:
    spans = tally.policies.values()
    first = min((one.first for one in spans), default=0)
    last = max((one.last for one in spans), default=0)
    days = f"{_day(first)} – {_day(last)}" if spans else "—"
    federation = all_.papers.newest.federation
    return words.pick(
        f"联合体 {federation} · 提问 {days}", f"federation {federation} · asked {days}"
    )


def _verdict(broken: int, doubts: int, words: _Words) -> str:
    if broken:
        return words.pick(
            f"✗ 未能证明:{broken} 处不符,{doubts} 处待定",
            f"✗ NOT PROVEN: {broken} findings, {doubts} undecided",
        )
    return words.pick(f"✓ 已证明({doubts} 处待定)", f"✓ PROVEN ({doubts} undecided)")


def _logs(all_: Reconciled, known: Exported, words: _Words) -> str:
    titles = (
        *(("当事方", "party"), ("条数", "rows"), ("根", "root")),
        *(("见证", "witnesses"), ("结果", "result")),
    )
    parties = [one.id for role in KEEPING for one in words.document.having(role)]
    return _table(titles, (_log(party, all_, known, words) for party in parties), words)


def _log(party: str, all_: Reconciled, known: Exported, words: _Words) -> Iterator[str]:
    log = known.logs.get(party)
    yield _cell(words.name(party))
    yield _number(all_.sizes.get(party, 0))
    yield f"<td><code>{log.head.tree.root.hex()[:_HEX] if log else ''}</code></td>"
    cosigners = log.head.cosigners if log else {}
    yield _cell(" · ".join(f"{words.name(one)} {_time(at)}" for one, at in cosigners.items()))
    yield _cell(_state(party, all_, words))


def _state(party: str, all_: Reconciled, words: _Words) -> str:
    """Say whether a log is whole, or the first row at which something does not hold."""
    rows = [
        place.row if place.row is not None else -1
        for one in all_.findings
        if one.severity is Severity.BROKEN
        for place in one.places
        if place.party == party
    ]
    if party not in all_.sizes:
        return words.pick("▲ 没有日志", "▲ no log")
    if not rows:
        return words.pick("✓ 完整", "✓ whole")
    named = [row for row in rows if row >= 0]
    first = f" #{min(named)}" if named else ""
    return words.pick(
        f"✗ {len(rows)} 处不符,首处{first}", f"✗ {len(rows)} findings, the first{first}"
    )


def _counts(tally: Tally, words: _Words) -> str:
    whole = tally.told == tally.consented == tally.commissioned
    mark = "✓" if whole else "✗"
    line = words.pick(
        f"{mark} 作答的问题 {tally.told:,} = 有授权 {tally.consented:,}"
        f" = 有委托 {tally.commissioned:,}",
        f"{mark} answered {tally.told:,} = consented {tally.consented:,} = commissioned"
        f" {tally.commissioned:,}",
    )
    rest = words.pick(
        f"提问 {tally.requests:,} 次、{tally.questions:,} 项;未反馈 {tally.unanswered:,};"
        f"批量 {tally.blocks:,};案件 {tally.cases:,};同意书 {tally.consents:,};"
        f"令牌 {tally.tokens:,}",
        f"{tally.requests:,} requests, {tally.questions:,} questions; unanswered"
        f" {tally.unanswered:,}; blocks {tally.blocks:,}; cases {tally.cases:,}; consents"
        f" {tally.consents:,}; tokens {tally.tokens:,}",
    )
    return f"<p>{escape(line)}</p><p>{escape(rest)}</p>"


def _sums(tally: Tally, words: _Words) -> str:
    """List comparisons by sum and line: how many were replayed from seeds, and aborted."""
    if not tally.sums:
        return _list([words.pick("没有", "none")])
    whole = tally.replayed == tally.sums
    line = words.pick(
        f"{'✓' if whole else '▲'} 比较 {tally.sums:,} 次,按种子重演相同 {tally.replayed:,} 次;"
        "没有任何人看到数额",
        f"{'✓' if whole else '▲'} {tally.sums:,} comparisons, {tally.replayed:,} replayed from"
        " their seeds; nobody saw an amount",
    )
    titles = (
        *(("合计", "sum"), ("规定线", "line"), ("比较", "compared")),
        *(("重演", "replayed"), ("中止", "aborted")),
    )
    rows = (
        (_cell(name), _cell(rung), *map(_number, (one.sums, one.replayed, one.aborted)))
        for (name, rung), one in sorted(tally.lines.items())
    )
    return f"<p>{escape(line)}</p>{_table(titles, rows, words)}"


def _refused(tally: Tally, words: _Words) -> str:
    rows = (
        (_cell(code), _cell(HeduiError(code).title(words.lang)), _number(count))
        for code, count in tally.refused.most_common()
    )
    titles = (("代码", "code"), ("含义", "meaning"), ("次数", "count"))
    return _table(titles, rows, words)


def _policies(tally: Tally, words: _Words) -> str:
    most = max((one.requests for one in tally.policies.values()), default=1)
    titles = (("版本", "version"), ("自", "from"), ("至", "to"), ("提问", "requests"))

    def row(version: int) -> Iterator[str]:
        span = tally.policies[version]
        width = _WIDTH * span.requests / most
        yield _number(version)
        yield _cell(_day(span.first))
        yield _cell(_day(span.last))
        bar = f'<span class="bar" style="width:{width:.1f}em"></span>'
        yield f"<td>{bar} {span.requests:,}</td>"

    return _table(titles, map(row, sorted(tally.policies)), words)


def _operators(tally: Tally, words: _Words) -> str:
    titles = (
        *(("经办人", "operator"), ("案件", "cases"), ("提问", "questions")),
        *(("作答", "answered"), ("拒绝", "refused"), ("07–20 点以外", "outside 07–20")),
    )
    board = sorted(tally.operators.items(), key=lambda one: (-one[1].questions, one[0]))
    rows = (
        (
            _cell(name or words.pick("(无案件)", "(no case)")),
            *map(_number, (len(one.cases), one.questions, one.told, one.refused, one.late)),
        )
        for name, one in board
    )
    return _table(titles, rows, words)


def _unusual(all_: Reconciled, words: _Words) -> str:
    lines = [
        f"▲ {words.pick(*reconcile_screen.KINDS[one.kind])}:{one.about or '?'} {one.level:,}"
        f" {' '.join(f'{name}={value}' for name, value in one.evidence.items())}"
        for one in anomalies.look(all_)
    ]
    if not anomalies.decides(all_):
        lines.append(words.pick("日志中没有结案事件", "no decision events in this log"))
    return _list(lines or [words.pick("✓ 没有", "✓ none")])


def _findings(some: Iterable[Finding], words: _Words) -> str:
    rows = [
        _finding(number, one, words)
        for number, one in enumerate(sorted(some, key=lambda each: each.severity), 1)
    ]
    if not rows:
        return _list([words.pick("✓ 没有", "✓ none")])
    titles = (("", ""), ("不符", "finding"), ("何处", "where"), ("证据", "evidence"))
    return _table(titles, rows, words)


def _finding(number: int, one: Finding, words: _Words) -> Iterator[str]:
    mark = "✗" if one.severity is Severity.BROKEN else "▲"
    yield _cell(f"{mark} {number}")
    title = HeduiError(one.code, **one.evidence).title(words.lang)
    yield f"<td>{escape(title)}<br><code>{escape(one.code)}</code></td>"
    yield _cell(reconcile_screen.rows(one.places, words.document, words.lang))
    told = "<br>".join(f"{escape(name)} {escape(value)}" for name, value in one.evidence.items())
    yield f"<td><code>{told}</code></td>"


def _table(titles: Iterable[tuple[str, str]], rows: Iterable[Iterable[str]], words: _Words) -> str:
    head = "".join(f"<th>{escape(words.pick(*pair))}</th>" for pair in titles)
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _list(lines: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"


def _number(count: int) -> str:
    return f'<td class="number">{count:,}</td>'


def _day(at: int) -> str:
    return business_time(at).date().isoformat()


def _time(at: int) -> str:
    return business_time(at).strftime("%Y-%m-%d %H:%M")
