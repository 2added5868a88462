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
    by = {"altered": SELF_CHECK, "receipts": RECEIPTS, "reconcile": RECONCILE, "alarm": WITNESSES}
    return {by[name]: frozenset(words.split()) for name, words in codes.items()}


def _altered(reconcile: str = "") -> Words:
    """Give the words about an edited file; nothing by the auditor where no export shows it."""
    more = {"reconcile": reconcile} if reconcile else {}
    return _said(altered="LOG_ALTERED", **more)


def _shown_twice(reconcile: str) -> Words:
    """Give the words about two histories; a party that most witnesses accuse has stopped."""
    alarm = "LOG_SPLIT LOG_ROLLED_BACK LOG_INCONSISTENT"
    return _said(altered="LOG_ALTERED", alarm=alarm, reconcile=f"{alarm} {reconcile}")


FOUND_BY: Final[Mapping[str, Words]] = {
    "edited_record": _altered("LOG_ROW"),
    "edited_salt": _altered("LOG_ROW"),
    "edited_leaf": _altered(),
    "edited_beside": _altered("LOG_BESIDE"),
    "emptied_row": _altered("LOG_GAP ANSWER_UNLOGGED"),
    "deleted_row": _altered("LOG_PART_MISSING"),
    "exchanged_rows": _altered("LOG_ROW"),
    "edited_tile": _altered("LOG_TILE"),
    "edited_root": _altered(),
    "edited_note": _altered("RECEIPT_CHECKPOINT"),
    "lost_checkpoint": _altered("LOG_PART_MISSING"),
    "forged_log": _shown_twice("RECEIPT_WITNESSES"),
    "rolled_back": _shown_twice("LOG_BEHIND ANSWER_UNLOGGED"),
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
    "forgotten_revocation": _said(reconcile="CONSENT_UNENDED CONSENT_UNREVOKED ANSWER_AFTER_END"),
    "unrevoked": _said(reconcile="CONSENT_UNENDED CONSENT_UNREVOKED ANSWER_AFTER_END"),
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
