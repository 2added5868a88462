"""The rows of a delimited text file.

Knows UTF-8 with and without a mark, GB 18030 (which includes GBK), and how to tell them apart.
Deliberately does not know what the columns mean.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, Final, Literal

from federation.errors import BadInput
from federation.sheets.workbook import Rows

Encoding = Literal["utf-8", "gb18030"]

_LINE_BYTES: Final = 1 << 22
# So many bytes of valid multi-byte UTF-8 are no accident: what follows is damaged, not GBK.
_SURELY_UTF8: Final = 24
_QUOTED: Final = re.compile(r'"[^"]*"')


class EncodingGuess:
    """Guess a text's encoding while its bytes pass by."""

    def __init__(self) -> None:
        self.encoding: Encoding = "utf-8"
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._multibyte = 0
        self._open = True

    def feed(self, block: bytes) -> None:
        """Look at the next bytes; an empty block ends the text."""
        if not self._open:
            return
        try:
            self._multibyte += len(block) - len(self._decoder.decode(block, final=not block))
        except UnicodeDecodeError as error:
            good = error.object[: error.start]
            self._multibyte += len(good) - len(good.decode())
            self._open = False
            if self._multibyte < _SURELY_UTF8:
                self.encoding = "gb18030"


def text_rows(file: BinaryIO, encoding: Encoding) -> Rows:
    """Give row numbers and cells, the header first; blank lines count but are left out.

    Comma, tab or semicolon: whichever the header has most of.

    Raises:
        BadInput: ``IMPORT_ENCODING`` or ``IMPORT_GARBAGE``, with the row.
    """
    row = 0
    try:
        lines = _lines(file, encoding)
        begin = _first_content(lines)
        heading = _QUOTED.sub("", begin[-1]) if begin else ""
        delimiter = max(",\t;", key=heading.count)
        reader = csv.reader(chain(begin, lines), delimiter=delimiter, strict=True)
        for row, cells in enumerate(reader, 1):
            if cells:
                yield row, cells
    except UnicodeDecodeError as error:
        raise BadInput("IMPORT_ENCODING", row=row + 1) from error
    except csv.Error as error:
        raise BadInput("IMPORT_GARBAGE", row=row + 1) from error


def _lines(file: BinaryIO, encoding: Encoding) -> Iterator[str]:
    """Decode line by line: a line feed is never a part of a longer character."""
    if file.read(3) != codecs.BOM_UTF8:
        file.seek(0)
    while line := file.readline(_LINE_BYTES):
        if len(line) == _LINE_BYTES and not line.endswith(b"\n"):
            raise csv.Error("line too long")
        yield line.decode(encoding)


def _first_content(lines: Iterator[str]) -> list[str]:
    """Take lines up to the first that is not blank."""
    taken = []
    for line in lines:
        taken.append(line)
        if line.strip():
            break
    return taken
