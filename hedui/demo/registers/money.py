"""Registers of money elsewhere: securities, insurers, the finance bureau.

Knows these departments' tables, words and file forms. Knows no outcome.
"""

from hedui.demo.holdings import FarmSubsidy, Insurance, PublicPay, Security
from hedui.demo.tables import Table, day, two_decimals
from hedui.demo.world import World

_STATUS = {"active": "有效", "surrendered": "退保", "lapsed": "失效"}


def securities(world: World) -> list[Table]:
    """Write the depository's holdings, valued in yuan at the last close."""
    return [
        Table(
            name="holding",
            file="holdings.csv",
            columns=("account_no", "id_no", "holder", "paper", "value_yuan"),
            rows=tuple(
                (
                    one.account,
                    one.person,
                    world.person(one.person).name,
                    one.paper,
                    two_decimals(one.value_fen),
                )
                for one in world.every(Security)
            ),
            id_column="id_no",
            required=("account_no", "value_yuan"),
        )
    ]


def insurer(world: World) -> list[Table]:
    """Write the policies of one insurer, cash values in fen."""
    return [
        Table(
            name="policy",
            file="policies.sqlite",
            columns=("policy_no", "holder_id", "holder_name", "status", "cash_value_fen"),
            rows=tuple(
                (
                    one.policy,
                    one.person,
                    world.person(one.person).name,
                    _STATUS[one.status],
                    one.cash_fen,
                )
                for one in world.every(Insurance)
            ),
            id_column="holder_id",
            required=("policy_no", "status", "cash_value_fen"),
        )
    ]


def finance(world: World) -> list[Table]:
    """Write what was paid for farmland, and who is on the public payroll: CSV in GBK."""
    return [
        Table(
            name="subsidy",
            file="惠农补贴发放.csv",
            columns=("流水号", "身份证号", "姓名", "发放日期", "金额(元)"),
            rows=tuple(
                (
                    f"HN{number:06d}",
                    one.person,
                    world.person(one.person).name,
                    day(one.paid),
                    two_decimals(one.amount_fen),
                )
                for number, one in enumerate(world.every(FarmSubsidy), 1)
            ),
            id_column="身份证号",
            required=("发放日期", "金额(元)"),
            encoding="gbk",
        ),
        Table(
            name="payroll",
            file="财政供养人员.csv",
            columns=("身份证号", "姓名", "单位", "起始日期", "终止日期"),
            rows=tuple(
                (
                    one.person,
                    world.person(one.person).name,
                    one.office,
                    day(one.since),
                    day(one.until),
                )
                for one in world.every(PublicPay)
            ),
            id_column="身份证号",
            required=("起始日期",),
            encoding="gbk",
        ),
    ]
