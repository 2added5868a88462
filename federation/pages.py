"""Pages that are looked at and printed: where a template lies, and what all of them look like.

Knows files of packages. Does not know what any page says.
"""

from functools import cache
from importlib import resources
from string import Template
from typing import Final

_HOUSE: Final = "/* house */"
"""Where a template wants the style that all pages share; what follows it changes that."""


@cache
def template(package: str, *place: str) -> Template:
    """Read the template of a page: an HTML file of a package."""
    style = resources.files("federation").joinpath("data", "page.css").read_text("utf-8")
    page = resources.files(package).joinpath(*place).read_text("utf-8")
    return Template(page.replace(_HOUSE, style.rstrip()))
