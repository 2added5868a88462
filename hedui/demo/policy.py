"""The demonstrations' policies with amounts and dates filled in.

Knows the marks of the templates beside this file. Does not know what the rules mean.
"""

import re
from datetime import date
from fractions import Fraction
from importlib import resources

_AMOUNT = re.compile(r"@(\d+(?:\.\d)?)S@")


def policy_toml(standard_fen: int, today: date, template: str = "policy.toml") -> bytes:
    """Fill in a policy that is in force this year and next, for a monthly dibao standard."""

    def amount(match: re.Match[str]) -> str:
        return str(int(Fraction(match[1]) * standard_fen))

    text = resources.files("hedui.demo").joinpath(template).read_text("utf-8")
    text = text.replace("= @ISSUED@", f"= {today.year}-01-01")
    text = text.replace("= @EXPIRES@", f"= {today.year + 1}-12-31")
    return _AMOUNT.sub(amount, text).encode()
