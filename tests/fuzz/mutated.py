"""Fuzzing without atheris: hypothesis edits known inputs for a while, guided by nothing.

It finds what a few edits of a known input reach; branches that nobody has reached before it does
not look for.
"""

import time
from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import Target, attempt

ROUND = 500
"""Inputs between two looks at the clock."""


def edited(known: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Cut, lengthen and overwrite a known input, or draw another."""

    @st.composite
    def draw(draw: st.DrawFn) -> bytes:
        data = draw(st.sampled_from(known))
        for _ in range(draw(st.integers(1, 4))):
            at = draw(st.integers(0, len(data)))
            less, more = draw(st.integers(0, 8)), draw(st.binary(max_size=8))
            data = data[:at] + more + data[at + less :]
        return data

    return st.one_of(draw(), st.binary(max_size=300)) if known else st.binary(max_size=300)


def fuzz(target: Target, known: Sequence[bytes], seconds: float) -> int:
    """Try edited inputs for some seconds; give how many. A finding is raised, made small."""
    tried = 0

    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(edited(known))
    def one_round(data: bytes) -> None:
        nonlocal tried
        tried += 1
        attempt(target, data)

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        one_round()
    return tried
