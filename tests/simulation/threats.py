"""What is tried, and who finds it out: every lie of the simulation by its name.

``FOUND_BY`` gives for each the words by which a verifier of the design names it: one of them must,
at the next checkpoint, receipt or audit. ``BEYOND`` are the lies that nobody can find from logs and
signatures, each with its reason; ``docs/threat-model.md`` states them, and no rule tells them.
"""

from collections.abc import Mapping
from typing import Final

SELF_CHECK, WITNESSES, RECEIPTS, RECONCILE = "self-check", "witnesses", "receipts", "reconcile"

Words = Mapping[str, frozenset[str]]
"""Codes by verifier."""


def _said(**codes: str) -> Words:
    verifiers = {"receipts": RECEIPTS, "reconcile": RECONCILE, "witnesses": WITNESSES}
    return {verifiers[name]: frozenset(words.split()) for name, words in codes.items()}


ALTERED: Final[Words] = {SELF_CHECK: frozenset({"LOG_ALTERED"})}
_ALARM: Final = _said(witnesses="LOG_SPLIT LOG_ROLLED_BACK LOG_INCONSISTENT")

FOUND_BY: Final[Mapping[str, Words]] = {
    "edited_record": ALTERED,
    "edited_salt": ALTERED,
    "edited_leaf": ALTERED,
    "edited_beside": ALTERED,
    "emptied_row": ALTERED,
    "deleted_row": ALTERED,
    "exchanged_rows": ALTERED,
    "edited_tile": ALTERED,
    "edited_root": ALTERED,
    "edited_note": ALTERED,
    "lost_checkpoint": ALTERED,
    "forged_log": _ALARM,
    "rolled_back": _ALARM,
    "hidden_request": _said(reconcile="REQUEST_UNLOGGED"),
    "hidden_exchange": _said(receipts="EXCHANGE_UNKNOWN", reconcile="ANSWER_UNLOGGED"),
    "logged_otherwise": _said(receipts="WRONG_ANSWER", reconcile="EXCHANGE_DIFFERS"),
    "answered_after_end": _said(receipts="RECEIPT_REVOKED", reconcile="ANSWER_AFTER_END"),
    "answered_at_rest": _said(receipts="RECEIPT_REVOKED", reconcile="ANSWER_AFTER_END"),
    "answered_expired": _said(receipts="RECEIPT_CONSENT", reconcile="RECEIPT_CONSENT"),
    "answered_by_old_list": _said(receipts="RECEIPT_STATUS_AGE", reconcile="STATUS_STALE"),
    "answered_beyond_uses": _said(reconcile="USES_EXCEEDED USES_BROKEN"),
    "unrecorded_token": _said(reconcile="TOKEN_UNKNOWN"),
    "unlogged_list": _said(reconcile="STATUS_UNPUBLISHED"),
    "forgotten_revocation": _said(reconcile="CONSENT_UNREVOKED ANSWER_AFTER_END"),
    "unrevoked": _said(reconcile="CONSENT_UNREVOKED ANSWER_AFTER_END"),
}
"""Lies by name, each with the words of those who find it."""

BEYOND: Final[Mapping[str, str]] = {
    "false record": "a department tells other than its register has: nobody else has that",
    "invented consent": "registrar and centre together record a paper that nobody signed",
    "silence of two": "a centre and a department both leave an exchange out of their logs",
    "a witness between two": "a log shows two witnesses two histories, and the third signs both",
    "unseen end": "rows are lost that no witness has cosigned and no other party has heard of",
    "a quarter of an hour": "an answer by a list that is older than the end of a consent",
}
"""Lies that nobody finds, by name, with the reason."""
