"""How a party's own alerts are listed: what was suspected, of whom, and what became of it.

Knows words and layout, the same for all parties. Decides nothing.
"""

from collections.abc import Iterable

from federation import words
from federation.alert import Raised
from federation.clock import business_time
from federation.terminal import Terminal


def listed(at: Terminal, changes: Iterable[Raised], *, records: bool = False) -> None:
    """List changes; with ``records`` also which record each is about, where it is about one."""
    none = True
    for one in changes:
        none = False
        record = _record(one.record) if records and one.record else ""
        at.emit(
            {
                "at": one.at,
                "matter": one.matter.hex(),
                "rule": one.rule.value,
                "about": one.about,
                "state": one.state.value,
                "level": one.level,
                **({"record": record} if record else {}),
            }
        )
        when = f"{business_time(one.at):%Y-%m-%d %H:%M}"
        state = words.say("suspicion", one.state.value, at.lang)
        what = words.say("rule", one.rule.value, at.lang, level=f"{one.level:,}")
        line = f"{when}  {one.matter.hex()[:8]}  {state}  {one.about}  {what}  {record}".rstrip()
        at.say(line, line)
    if none:
        at.say("没有告警", "no alert")


def _record(key: bytes) -> str:
    """Show a record's key as it is, and a pseudonym, which is no text, in hex."""
    text = key.decode("utf-8", "replace")
    return text if text.isprintable() and "�" not in text else key.hex()
