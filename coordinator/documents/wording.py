"""Every word on the centre's printed papers, in Chinese and English.

Knows ``data/papers.toml``, and that Chinese on paper wants Chinese punctuation. Does not know what
stands where.
"""

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Final

_CHINESE: Final = "\u3400-\u9fff“”《》〔〕"
_PAIR: Final = re.compile(rf"(?<=[{_CHINESE}])\(([^()]*)\)|\(([^()]*[{_CHINESE}][^()]*)\)")
_MARK: Final = re.compile(rf"(?<=[{_CHINESE}\uff09])[,;:]|[,;:](?=[{_CHINESE}])")
_WIDE: Final = str.maketrans(",;:", "\uff0c\uff1b\uff1a")


def put(section: str, key: str, lang: str, **values: object) -> str:
    """Give a word or a sentence in ``zh`` or ``en``."""
    return _words()[section][key][lang].format(**values)


@cache
def _words() -> dict[str, dict[str, dict[str, str]]]:
    text = resources.files("coordinator").joinpath("data", "papers.toml").read_text("utf-8")
    return tomllib.loads(text)


def widened(text: str) -> str:
    """Exchange narrow punctuation beside Chinese for wide; English and numbers stay."""
    paired = _PAIR.sub(lambda m: f"\uff08{m[1] or m[2] or ''}\uff09", text)
    return _MARK.sub(lambda m: m[0].translate(_WIDE), paired)
