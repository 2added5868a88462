"""The desk of statistics: the register brought up to date, then counted.

Composes gathering and counting. Does not know a command line.
"""

from coordinator.desk import Desk
from coordinator.statistics.counting import By, Counting
from coordinator.statistics.figures import Coverage, Statistics
from coordinator.statistics.gathering import Gathering
from coordinator.statistics.layout import Layout
from coordinator.statistics.periods import Period
from federation.clock import Clock


class StatisticsDesk:
    """Everything that is counted at the centre."""

    def __init__(self, desk: Desk, gathering: Gathering, counting: Counting, clock: Clock) -> None:
        self.desk = desk
        self._gathering = gathering
        self._counting = counting
        self._clock = clock

    @property
    def layout(self) -> Layout:
        """Which programmes share a line."""
        return self._counting.layout

    def statistics(self, period: Period, area: str = "", by: By = By.PROGRAMME) -> Statistics:
        """Give the statistics of a period as of now."""
        self._gathering.refresh()
        return self._counting.statistics(period, area, by, self._clock.now())

    def coverage(self, period: Period, area: str = "") -> list[Coverage]:
        """Give the coverage of a period as of now."""
        self._gathering.refresh()
        return self._counting.coverage(period, area)
