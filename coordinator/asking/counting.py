"""Counting what becomes of questions while they are asked.

Knows what an event says. Asks nobody.
"""

from collections import Counter

from coordinator.asking.conductor import Event, Progress, State


def counting(counts: Counter[str], progress: Progress) -> Progress:
    """Count what becomes of questions, and pass it on."""

    def count(event: Event) -> None:
        if event.state is State.SILENT:
            counts["silent"] += event.questions
        elif event.code:
            counts["refused"] += event.questions
            counts["failed"] += event.questions
        elif event.state is not State.WAITING:
            counts["refused"] += event.refused
            counts["answered"] += event.questions - event.refused
        progress(event)

    return count
