"""What a run costs: uses of its grants, and runs of everybody whom it is about.

Knows the books as numbers. Does not know what is compared. Decided inside the transaction that
writes it down, before anything is computed.
"""

from datetime import date

from federation.errors import Refused
from tally import gate
from tally.books import Begun, Books, Compared
from tally.gate import Admitted


def charge(books: Books, admitted: Admitted, asked: bytes, today: date) -> Begun:
    """Find out what a run costs, and hold it to all budgets; ``asked`` names its blinded sum.

    Raises:
        Refused: USES_EXHAUSTED, SUM_RUNS_EXHAUSTED or BUDGET_EXHAUSTED.
    """
    quantity, month = admitted.group.quantity, f"{today.year}{today.month:02}"
    spent: dict[tuple[bytes, str], int] = {}
    uses = []
    for token, grant in zip(admitted.tokens, admitted.grants, strict=True):
        chain, name = token.claims.chain, f"{grant.predicate} {grant.parameter}"
        used, in_month = books.used(chain, name), books.used(chain, month)
        gate.check_usage(token, grant, used, in_month)
        spent[chain, name], spent[chain, month] = used + 1, in_month + 1
        uses.append(used + 1)
    for subject in admitted.subjects:
        gate.check_budget(*books.charged(subject, quantity, today.year))
    return Begun(
        run=admitted.run,
        rung=admitted.rung.id,
        quantity=quantity,
        year=today.year,
        asked=asked,
        uses=tuple(uses),
        subjects=admitted.subjects,
        spent=spent,
    )


def check_aborted(first: Compared | None) -> None:
    """Refuse a second attempt at what has given a bit, or was never tried.

    Raises:
        Refused: SUM_ATTEMPT.
    """
    if first is None or not first.aborted:
        raise Refused("SUM_ATTEMPT", why="no abort")
