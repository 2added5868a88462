"""The protocol's own ceilings on what comes from outside, each with its unit.

Does not know what a deployment would like, nor the narrower bounds of single programs.
"""

from typing import Final

MESSAGE_BYTES: Final = 8 * 1024 * 1024
"""Largest gRPC message (protocol §4)."""
ITEMS: Final = 1_000
"""Most questions in one request (protocol §4)."""
ITEM_BYTES: Final = 512
"""Largest question or answer item, bytes."""
ITEM_MOST: Final = (1 << 16) - 1
"""Longest item that is refused in its place, bytes: longer ones are refused with the request."""
ANSWER_ITEM_BYTES: Final = 96
"""Every answer item is padded to exactly this size, bytes: one size class (protocol §4)."""
ANSWER_NUMBER: Final = (1 << 31) - 1
"""Largest number of an answer: what a column of any database holds."""
SALT_BYTES: Final = 16
"""Salt of an item's leaf, bytes."""
QID_BYTES: Final = 16
"""Length of a query id, bytes."""
HEADER_BYTES: Final = 1_024
"""Largest signed header, bytes."""
TOKEN_BYTES: Final = 32 * 1024
"""Largest presentation of a consent token, bytes."""
TOKEN_GRANTS: Final = 128
"""Most grants in one token."""
GRANT_USES: Final = 10_000
"""Most uses of one grant."""
JSON_DEPTH: Final = 8
"""Deepest nesting of JSON from outside."""
REQUEST_LIFE: Final = 300
"""Longest life of a request, seconds (protocol §4)."""
SKEW: Final = 120
"""Clock difference tolerated between parties, seconds (protocol §4)."""
STATUS_AGE: Final = 900
"""Oldest status list that may be used, seconds (protocol §3)."""
STATUS_ENTRIES: Final = 1 << 20
"""Entries of one status list (protocol §3)."""
STATUS_BYTES: Final = 1024 * 1024
"""Largest signed status list, bytes."""
BATCH: Final = 1_024
"""Most elements in one blind evaluation (protocol §2)."""
BATCHES: Final = 4
"""Most batches in one call for blind evaluation (protocol §2)."""
ROLL_QUOTA_PERCENT: Final = 102
"""Blind evaluations per tag and epoch, percent of the declared roll (protocol §2)."""
MANIFEST_BYTES: Final = 2 * 1024 * 1024
"""Largest manifest or policy document, bytes."""
KEY_FILE_BYTES: Final = 64 * 1024
"""Largest sealed key file, bytes."""
CONSENT_END: Final = 1 << 37
"""Latest end of a consent, UTC seconds (in the year 6325): every calendar can still reckon it."""
HOUSEHOLD_PERSONS: Final = 30
"""Most persons in one case, supporters included."""
CELLS_PER_RECORD_YEAR: Final = 240
"""New answer cells a node opens per record and calendar year (protocol §5)."""
CELLS_RESERVED: Final = 24
"""How many of them are kept for rechecks, a tenth (protocol §5)."""
CELLS_ALERT: Final = 192
"""The cell, four fifths of them, that raises an alert (protocol §5)."""
LINES_A_QUANTITY: Final = 4
"""Most per-head thresholds opened per record, quantity and calendar year (protocol §5)."""
SIZES_A_QUANTITY: Final = 2
"""Most household sizes opened per record, quantity and calendar year (protocol §5)."""
AMOUNT_END: Final = 1 << 39
"""No threshold reaches this at the largest household, in the predicate's unit (protocol §7)."""
MANDATE_BLOCK: Final = 4_096
"""People of a mandate's list that one question is about (the last block may have fewer)."""
MANDATE_PERSONS: Final = 5_000_000
"""Most people on one mandate's list."""
MANDATE_BYTES: Final = 16 * 1024
"""Largest signed batch mandate, bytes."""
MANDATE_LIST_BYTES: Final = 128 * 1024
"""Largest signed list of a mandate, bytes: the digests of its blocks take most of it."""
ERASURE_BYTES: Final = 16 * 1024
"""Largest signed order to erase, bytes."""
COUNT_BYTES: Final = 64 * 1024
"""Largest signed count of a token's uses, bytes."""
COUNT_GRANTS: Final = 4 * TOKEN_GRANTS
"""Most grants of one count: renewals of a token may grant others."""
COUNT_TOKENS: Final = 100
"""Most tokens of one call for counts."""
ALERT_BYTES: Final = 4 * 1024
"""Largest signed alert, bytes."""
TICKET_BYTES: Final = 4 * 1024
"""Largest signed data-quality ticket, bytes."""
SUM_ITEM_BYTES: Final = 256 * 1024
"""Largest last item of a sum's message, bytes: the signed abort takes most of it."""
VERDICT_BYTES: Final = 4 * 1024
"""Largest signed verdict of an auditor on an aborted run, bytes."""
RECEIPT_BYTES: Final = MESSAGE_BYTES
"""Largest receipt, bytes: enclosed status lists take most of it."""
RECEIPT_LISTS: Final = 6
"""Most status lists in one receipt: a department's current ones."""
PROOF_BYTES: Final = 160 * 1024
"""Largest proof that a log holds an entry, bytes: its checkpoint takes most of it."""
ENTRY_BYTES: Final = 4 * 1024
"""Largest record of an exchange in a log, bytes."""
BUNDLE_BYTES: Final = 64 * 1024 * 1024
"""Largest evidence bundle of a case, bytes."""
BUNDLE_FILES: Final = 10_000
"""Most files in one bundle."""
INCLUSION: Final = 60
"""Seconds within which a department promises an answer's place in its log (protocol §6)."""
COSIGNATURE: Final = 600
"""Seconds within which it promises enough witnesses' cosignatures over it (protocol §6)."""
POLICY_MONTHS: Final = 24
"""Longest life of a policy, months."""
EPOCH_GRACE: Final = 31 * 86_400
"""How long after its epoch's end a token may still run, seconds (protocol §3)."""
