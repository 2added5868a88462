"""One line of a node's self-examination.

Knows what a line says. Does not look at anything.
"""

from dataclasses import dataclass

from federation.errors import HeduiError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the checklist; ``ok`` is None for what is no fault, ``more`` lists places."""

    name: str
    ok: bool | None
    zh: str
    en: str
    help_zh: str = ""
    help_en: str = ""
    more: tuple[HeduiError, ...] = ()
