"""The tables of the centre's own people, as the newest migration leaves them.

Knows columns and keys. No table holds a password, a session's token or a relative's number: only
what each can be held to.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from coordinator.schema import metadata

operator = Table(
    "operator",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("areas", Text, nullable=False),  # prefixes of area codes, a space between them
    Column("password", Text, nullable=False),  # Argon2id
    Column("initial", Integer, nullable=False),  # set by somebody else, to be changed first
    Column("failures", Integer, nullable=False),  # wrong passwords since the last right one
    Column("locked_until", BigInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("disabled", BigInteger),
)

operator_relative = Table(
    "operator_relative",
    metadata,
    Column("name", String(64), ForeignKey("operator.name"), primary_key=True),
    Column("digest", LargeBinary(32), primary_key=True),  # keyed; the key is not in the database
)

operator_session = Table(
    "operator_session",
    metadata,
    Column("token", LargeBinary(32), primary_key=True),  # its SHA-256
    Column("name", String(64), ForeignKey("operator.name"), nullable=False),
    Column("account", BigInteger, nullable=False),  # of the operating system
    Column("since", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

operator_act = Table(
    "operator_act",
    metadata,
    Column("subject", String(64), primary_key=True),  # a case, or what else another confirms
    Column("action", String(32), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("matter", Text, nullable=False, server_default=""),  # what exactly is to be confirmed
)
