"""Every word the coordinator puts on a screen, in Chinese and English.

Knows ``data/words.toml``. Does not know what is shown where.
"""

import tomllib
from functools import cache
from importlib import resources

from federation.errors import table as errors


def say(section: str, key: str, lang: str, **values: object) -> str:
    """Give a word or a sentence in ``zh`` or ``en``."""
    return _words()[section][key][lang].format(**values)


def known(section: str, key: str) -> bool:
    """Tell whether a word is there."""
    return key in _words()[section]


def reason(code: str, lang: str) -> str:
    """Word a refusal's or a failure's code; an unknown one stands as it is."""
    if known("note", code):
        return say("note", code, lang)
    kind = errors().get(code)
    return kind.text(lang).title if kind else code


@cache
def _words() -> dict[str, dict[str, dict[str, str]]]:
    text = resources.files("coordinator").joinpath("data", "words.toml").read_text("utf-8")
    return tomllib.loads(text)
