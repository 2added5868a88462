"""What all events of a log have in common, and what their fields may hold.

Does not know any kind of event, nor how one is written.
"""

from typing import Annotated, ClassVar

Id = Annotated[bytes, 16]
Digest = Annotated[bytes, 32]
MaybeDigest = Annotated[bytes, 0, 32]
"""A SHA-256, or nothing."""


class Kind:
    """A kind's name, and perhaps which field is the SHA-256 of what lies beside the record.

    Its other fields are text, whole numbers, marks, the types above, and tuples of these.
    """

    __slots__ = ()
    kind: ClassVar[str]
    beside: ClassVar[str] = ""
