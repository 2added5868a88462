"""Set the demonstration city up: a founded federation whose departments hold the city's records.

Knows folders, ports and settings. Starts nothing and asks nothing.
"""

import shutil
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from crypto.keys import SealCost
from federation import founding
from federation.clock import SystemClock, business_date
from federation.founding import FederationPlan, PartyPlan
from federation.manifest import PartyRole
from hedui.demo.city import CityIndex, write_city, write_district
from hedui.demo.flaws import Condition, Flaws
from hedui.demo.rights import CLERK, OPERATOR

REGISTRAR: Final = "registrar"
COORDINATOR: Final = "coordinator"
FOREIGN: Final = "coordinator_neighbour"
AUDITOR: Final = "auditor"
TALLY: Final = "tally"
WITNESSES: Final = {
    "witness_a": ("审计局", "Audit bureau"),
    "witness_b": ("纪检监察", "Discipline inspection"),
    "witness_c": ("大学", "University"),
}
"""Who cosigns everybody's log, with names in zh and en."""
PORT: Final = 7600
"""Where a party listens that has a host of its own."""
_CENTRE_SETTINGS: Final = {
    REGISTRAR: "[registrar]\ncheckpoint_seconds = 1\n",
    COORDINATOR: f'[coordinator]\noperators = {{ {OPERATOR} = "{CLERK.id}" }}\n',
}
_NODE_SETTINGS: Final = "[node]\nstatus_refresh = 1.0\ncheckpoint_seconds = 1.0\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A prepared federation: its folder, its nodes with names in zh and en, cases, the oracle."""

    folder: Path
    nodes: tuple[str, ...]
    names: Mapping[str, tuple[str, str]]
    flaws: Mapping[str, Flaws]
    cases: tuple[Path, ...]
    oracle: Path
    today: date

    def party(self, party: str) -> Path:
        """Give a party's folder."""
        return self.folder / party

    def having(self, *conditions: Condition) -> list[str]:
        """Name the nodes in one of these conditions."""
        return [node for node in self.nodes if self.flaws[node].condition in conditions]


def build(
    folder: Path,
    *,
    seed: int,
    households: int = 0,
    record: Path | None = None,
    apart: bool = False,
) -> Stage:
    """Write a city's records and found a federation around them, each party ``apart`` or not.

    ``households`` is the size of a district; without any it is the tiny city.
    """
    records = folder / "city"
    if households:
        city = write_district(records, seed=seed, today=_today(), households=households)
    else:
        city = write_city(records, seed=seed, today=_today())
    home = folder / "federation"
    found(home, city_parties(city), city.policy, record, apart=apart)
    for department in city.departments:
        shutil.copytree(department.folder, home / department.id, dirs_exist_ok=True)
    return Stage(
        folder=home,
        nodes=tuple(department.id for department in city.departments),
        names={department.id: (department.zh, department.en) for department in city.departments},
        flaws={department.id: department.flaws for department in city.departments},
        cases=city.cases,
        oracle=city.oracle,
        today=_today(),
    )


def _today() -> date:
    return business_date(SystemClock().now())


def city_parties(city: CityIndex) -> list[PartyPlan]:
    """List the city's nodes as parties to be made."""
    return [
        PartyPlan(
            id=d.id,
            role=PartyRole.NODE,
            kind=d.kind,
            zh=d.zh,
            en=d.en,
            endpoint="",
            settings=_NODE_SETTINGS,
        )
        for d in city.departments
    ]


def found(
    folder: Path,
    nodes: list[PartyPlan],
    policy: bytes,
    record: Path | None = None,
    *,
    apart: bool = False,
) -> None:
    """Found a demonstration federation on free ports of this host, or with a host each."""
    centre = [
        _centre(REGISTRAR, PartyRole.REGISTRAR, "数据局登记处", "Data bureau"),
        _centre(COORDINATOR, PartyRole.COORDINATOR, "核对中心", "Verification centre"),
        _centre(FOREIGN, PartyRole.COORDINATOR, "邻市核对中心", "Neighbouring centre"),
        _centre(AUDITOR, PartyRole.AUDITOR, "审计员", "Privacy auditor"),
        _centre(TALLY, PartyRole.TALLY, "统计局", "Statistics bureau"),
        *(_centre(one, PartyRole.WITNESS, zh, en) for one, (zh, en) in WITNESSES.items()),
    ]
    plans = [*centre, *nodes]
    ports = free_ports(len(plans))
    settings = f'record_wire = "{record}"\n' if record else ""
    parties = [
        PartyPlan(
            id=p.id,
            role=p.role,
            kind=p.kind,
            zh=p.zh,
            en=p.en,
            endpoint=own_host(p.id) if apart else f"127.0.0.1:{port}",
            settings=settings + p.settings,
        )
        for p, port in zip(plans, ports, strict=True)
    ]
    founding.found(
        folder,
        FederationPlan(
            federation="demo-city",
            parties=parties,
            policy=policy,
            now=SystemClock().now(),
            demonstration=True,
            cost=SealCost.MINIMAL,
        ),
    )


def own_host(party: str) -> str:
    """Name the address of a party whose host bears its name, as in a network of containers."""
    return f"{party.replace('_', '-')}:{PORT}"


def free_ports(count: int) -> list[int]:
    """Find ports of the loopback address that nobody uses now."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            for _ in range(count)
        ]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _centre(party: str, role: PartyRole, zh: str, en: str) -> PartyPlan:
    settings = _CENTRE_SETTINGS.get(party, "")
    return PartyPlan(id=party, role=role, kind="", zh=zh, en=en, endpoint="", settings=settings)
