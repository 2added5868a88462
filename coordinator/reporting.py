"""Reports of what is known of cases now, as many as are wanted at a time.

Knows the books to be read, and who turns what they say into lines. Changes nothing: that somebody
has a report before him is for ``desk`` to note.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.asking.planner import Surroundings, plan
from coordinator.asking.questions import SumTold, Told
from coordinator.asking.record import Record
from coordinator.asking.sum_record import SumRecord
from coordinator.casework.filed import FiledCase, FiledConsent
from coordinator.findings import composites, weighing
from coordinator.findings.assess import assess
from coordinator.findings.report import Report, make
from coordinator.store import Store
from federation.clock import Clock, business_date


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting:
    """Makes reports."""

    store: Store
    record: Record
    sums: SumRecord
    around: Surroundings
    clock: Clock

    def reports(self, case_ids: Sequence[str]) -> list[Report]:
        """Make households' reports, in the order asked for.

        Raises:
            BadInput: CASE_UNKNOWN or CASE_ERASED.
        """
        told, summed = self.record.told(case_ids), self.sums.told(case_ids)
        consents = self.store.consents(case_ids)
        return [
            self._report(one, told[one.id], summed[one.id], consents.get(one.id))
            for one in self.store.cases(case_ids)
        ]

    def _report(
        self,
        filed: FiledCase,
        told: Sequence[Told],
        summed: Sequence[SumTold],
        consent: FiledConsent | None,
    ) -> Report:
        planned = plan(filed.case, filed.plan, self.around, business_date(filed.opened))
        rows = assess(filed.case, filed.plan, planned, told, self.around)
        rows += composites.assess(filed.case, planned, told, summed, self.around)
        programme = self.around.programme(filed.case, planned.day)
        rows = weighing.weigh(filed.case, rows, programme, self.around.catalogue)
        took = max([0, *(one.millis for one in told), *(one.millis for one in summed)])
        return make(filed, consent, rows, self.clock.now(), took)
