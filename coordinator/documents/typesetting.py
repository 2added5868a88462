"""Make a PDF of a paper: typst with Chinese fonts of its own, both of the extra ``pdf``.

Knows the template ``templates/paper.typ`` and where the fonts lie. Equal papers give equal bytes:
the date is the paper's, no font of the system is used and nothing is fetched. Does not know what a
paper says; what it says is data and never markup.
"""

import json
from datetime import datetime, time
from functools import cache
from importlib import import_module, resources
from pathlib import Path
from typing import Any, Final, NamedTuple

from coordinator.documents.glyphs import GETA, printable
from coordinator.documents.paper import Paper
from federation.clock import BUSINESS_ZONE
from federation.errors import Unavailable

STANDARD: Final = "a-2u"
"""PDF/A-2u: made to be kept, with all fonts inside and every character told."""


class _Press(NamedTuple):
    compile: Any
    fonts: Any
    files: tuple[Path, ...]


def pdf(paper: Paper) -> bytes:
    """Typeset a paper; characters that no font here has become 〓.

    Raises:
        Unavailable: PDF_UNAVAILABLE where the extra is not installed.
    """
    press = _press()
    values = json.dumps(paper.to_json(), ensure_ascii=False, sort_keys=True)
    made: bytes = press.compile(
        _template(),
        font_paths=press.fonts,
        ignore_system_fonts=True,
        sys_inputs={"paper": printable(values, press.files)},
        pdf_standards=STANDARD,
        timestamp=_noon(paper),
    )
    return made


def lacking(text: str) -> list[str]:
    """List the characters of a text that would be printed as 〓.

    Raises:
        Unavailable: PDF_UNAVAILABLE.
    """
    shown = printable(text, _press().files)
    return sorted({one for one, put in zip(text, shown, strict=True) if put == GETA != one})


def _noon(paper: Paper) -> int:
    noon = time(12, tzinfo=BUSINESS_ZONE)
    return int(datetime.combine(paper.day, noon).timestamp())


@cache
def _template() -> bytes:
    return resources.files("coordinator.documents").joinpath("templates", "paper.typ").read_bytes()


@cache
def _press() -> _Press:
    """Find the two packages; they are looked for when a PDF is wanted, not before."""
    try:
        typst = import_module("typst")
        fonts = import_module("pylopdf_fonts_zh_cn")
    except ImportError as e:
        raise Unavailable("PDF_UNAVAILABLE") from e
    files = (fonts.sans_path(), fonts.serif_path())
    known = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(files[0].parent)],
    )
    return _Press(typst.compile, known, files)
