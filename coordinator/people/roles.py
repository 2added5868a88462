"""Who may do what at the centre, and where: one table, held to by a pure function.

Knows roles, actions and areas. Does not know sessions, cases, or what an action changes. What is
not in the table is refused.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from federation.errors import BadInput, Refused

OWNER: Final = "owner"
"""Who acts while the centre has no operators yet: whoever can open its folder."""
EVERYWHERE: Final = "*"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_AREA: Final = re.compile(r"\*|[0-9]{2,6}")


class Role(StrEnum):
    """What somebody is at the centre, in a county bureau or in a township."""

    CLERK = "CLERK"
    REVIEWER = "REVIEWER"
    CENTRE = "CENTRE"
    DIRECTOR = "DIRECTOR"
    AUDITOR = "AUDITOR"


class Action(StrEnum):
    """What commands do, as the table and the log name it."""

    CASE_OPEN = "CASE_OPEN"
    CASE_READ = "CASE_READ"
    CASE_ASK = "CASE_ASK"
    CASE_MOVE = "CASE_MOVE"
    CASE_RENEW = "CASE_RENEW"
    CASE_RECHECK = "CASE_RECHECK"
    CASE_RETRY = "CASE_RETRY"
    CASE_DECIDE = "CASE_DECIDE"
    CASE_CONFIRM = "CASE_CONFIRM"
    CASE_CLOSE = "CASE_CLOSE"
    CASE_IMPORT = "CASE_IMPORT"
    CONSENT_FILE = "CONSENT_FILE"
    CONSENT_END = "CONSENT_END"
    CONSENT_RESUME = "CONSENT_RESUME"
    DOCUMENT_PRINT = "DOCUMENT_PRINT"
    FEEDBACK_ANSWER = "FEEDBACK_ANSWER"
    FEEDBACK_ASSIGN = "FEEDBACK_ASSIGN"
    STATISTICS_READ = "STATISTICS_READ"
    EVIDENCE_HAND = "EVIDENCE_HAND"
    SEEDS_HAND = "SEEDS_HAND"
    ALERTS_READ = "ALERTS_READ"
    LOG_READ = "LOG_READ"
    MANDATE_READ = "MANDATE_READ"
    MANDATE_WORK = "MANDATE_WORK"
    ERASE_PROPOSE = "ERASE_PROPOSE"
    ERASE_APPROVE = "ERASE_APPROVE"
    BACKUP = "BACKUP"
    RESTORE = "RESTORE"
    STORE_CHECK = "STORE_CHECK"
    STORE_SEAL = "STORE_SEAL"
    OPERATOR_READ = "OPERATOR_READ"
    OPERATOR_MANAGE = "OPERATOR_MANAGE"
    SESSION = "SESSION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who may do something, and how it is called; ``second``: another person has done that before.

    What only ``reads`` changes nothing.
    """

    zh: str
    en: str
    roles: frozenset[Role]
    reads: bool = False
    second: Action | None = None

    def title(self, lang: str) -> str:
        """Give the action's name in ``zh`` or ``en``."""
        return self.zh if lang == "zh" else self.en


TITLES: Final[Mapping[Role, tuple[str, str]]] = {
    Role.CLERK: ("乡镇(街道)经办", "township clerk"),
    Role.REVIEWER: ("县级审核", "county reviewer"),
    Role.CENTRE: ("核对中心", "centre"),
    Role.DIRECTOR: ("主任", "director"),
    Role.AUDITOR: ("审计", "auditor"),
}

_ALL: Final = frozenset(Role)
_OFFICE: Final = frozenset({Role.CLERK, Role.REVIEWER, Role.CENTRE})
_COUNTY: Final = _OFFICE - {Role.CLERK}
_DIRECTOR: Final = frozenset({Role.DIRECTOR})
_CENTRE: Final = frozenset({Role.CENTRE})
_OVERSIGHT: Final = frozenset({Role.DIRECTOR, Role.AUDITOR})

TABLE: Final[Mapping[str, Rule]] = {
    Action.CASE_OPEN: Rule(zh="立案", en="open a case", roles=_OFFICE),
    Action.CASE_READ: Rule(zh="查看案件与报告", en="read cases", roles=_ALL, reads=True),
    Action.CONSENT_FILE: Rule(zh="登记授权、补签", en="record consents", roles=_OFFICE),
    Action.CONSENT_END: Rule(
        zh="撤销、暂停授权,报告家庭变动", en="end or suspend consents", roles=_OFFICE
    ),
    Action.CONSENT_RESUME: Rule(zh="解除暂停", en="resume consents", roles=_COUNTY),
    Action.CASE_ASK: Rule(zh="向部门提问", en="ask departments", roles=_OFFICE),
    Action.CASE_MOVE: Rule(zh="办理各环节", en="move a case on", roles=_OFFICE),
    Action.CASE_RENEW: Rule(zh="立复核案", en="open a review", roles=_OFFICE),
    Action.CASE_RECHECK: Rule(zh="凭异议复核", en="recheck on an objection", roles=_COUNTY),
    Action.CASE_RETRY: Rule(zh="再次合计", en="try a sum again", roles=_CENTRE),
    Action.CASE_DECIDE: Rule(
        zh="提出决定", en="propose a decision", roles=frozenset({Role.CLERK, Role.REVIEWER})
    ),
    Action.CASE_CONFIRM: Rule(
        zh="审核确认决定",
        en="confirm a decision",
        roles=frozenset({Role.REVIEWER}),
        second=Action.CASE_DECIDE,
    ),
    Action.CASE_CLOSE: Rule(zh="结案", en="close a case", roles=_COUNTY),
    Action.CASE_IMPORT: Rule(zh="批量导入", en="import cases", roles=_OFFICE),
    Action.DOCUMENT_PRINT: Rule(zh="打印文书", en="print documents", roles=_OFFICE),
    Action.FEEDBACK_ANSWER: Rule(zh="反馈核实结果", en="answer findings", roles=_OFFICE),
    Action.FEEDBACK_ASSIGN: Rule(zh="交办核实任务", en="assign findings", roles=_COUNTY),
    Action.STATISTICS_READ: Rule(
        zh="查看统计", en="read statistics", roles=_ALL - {Role.CLERK}, reads=True
    ),
    Action.EVIDENCE_HAND: Rule(
        zh="制作证据", en="hand out evidence", roles=_COUNTY | {Role.AUDITOR}
    ),
    Action.SEEDS_HAND: Rule(zh="交出合计种子", en="hand out seeds of sums", roles=_CENTRE),
    Action.ALERTS_READ: Rule(zh="查看告警", en="read alerts", roles=_OVERSIGHT, reads=True),
    Action.LOG_READ: Rule(
        zh="查看、导出日志", en="read and export the log", roles=_OVERSIGHT | _CENTRE, reads=True
    ),
    Action.MANDATE_READ: Rule(
        zh="查看批量授权", en="read mandates", roles=_OVERSIGHT | _CENTRE, reads=True
    ),
    Action.MANDATE_WORK: Rule(zh="办理批量授权", en="draft and run mandates", roles=_CENTRE),
    Action.ERASE_PROPOSE: Rule(zh="提出删除", en="propose an erasure", roles=_CENTRE),
    Action.ERASE_APPROVE: Rule(
        zh="批准删除", en="approve an erasure", roles=_DIRECTOR, second=Action.ERASE_PROPOSE
    ),
    Action.BACKUP: Rule(zh="备份", en="back up", roles=_CENTRE | _DIRECTOR),
    Action.RESTORE: Rule(zh="恢复", en="restore", roles=_DIRECTOR),
    Action.STORE_CHECK: Rule(
        zh="检查数据库", en="check the database", roles=_OVERSIGHT | _CENTRE, reads=True
    ),
    Action.STORE_SEAL: Rule(zh="加密案件数据", en="seal case data", roles=_DIRECTOR),
    Action.OPERATOR_READ: Rule(zh="查看操作员", en="read operators", roles=_OVERSIGHT, reads=True),
    Action.OPERATOR_MANAGE: Rule(zh="管理操作员", en="manage operators", roles=_DIRECTOR),
    Action.SESSION: Rule(
        zh="登录、退出、改本人密码", en="log in and out, change one's password", roles=_ALL
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Somebody who works at the desk; ``areas`` are prefixes of six-digit codes, or everywhere."""

    name: str
    role: Role
    areas: tuple[str, ...]
    initial: bool = False

    def covers(self, area: str) -> bool:
        """Tell whether an area is one of theirs."""
        return any(one == EVERYWHERE or (one and area.startswith(one)) for one in self.areas)


def check(name: str, areas: Sequence[str]) -> None:
    """Hold a name to what a case file may have as its operator, and areas to their form.

    Raises:
        BadInput: OPERATOR_INVALID.
    """
    if not _NAME.fullmatch(name) or name == OWNER:
        raise BadInput("OPERATOR_INVALID", why=name[:64])
    wrong = [area for area in areas if not _AREA.fullmatch(area)]
    if wrong or not areas:
        raise BadInput("OPERATOR_INVALID", why=wrong[0][:64] if wrong else "--area")


def permit(operator: Operator, action: str, areas: tuple[str, ...] = ()) -> None:
    """Let an operator do something in areas.

    Raises:
        Refused: OPERATOR_FORBIDDEN, also for what is not in the table.
    """
    rule = TABLE.get(action)
    if rule is None or operator.role not in rule.roles:
        raise Refused("OPERATOR_FORBIDDEN", operator=operator.name, action=str(action))
    outside = [area for area in areas if not operator.covers(area)]
    if outside:
        raise Refused(
            "OPERATOR_FORBIDDEN", operator=operator.name, action=str(action), area=outside[0]
        )


def reads(action: str) -> bool:
    """Tell whether an action changes nothing."""
    return action in TABLE and TABLE[action].reads
