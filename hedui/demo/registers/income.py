"""Registers of money coming and going: tax, human resources, medical insurance.

Knows these three departments' tables, words and file forms. Knows no outcome.
"""

from hedui.demo.tables import Table, day, two_decimals
from hedui.demo.world import (
    Contribution,
    Income,
    Job,
    JoblessBenefit,
    Known,
    MedicalBill,
    Pension,
    RefusedOffer,
    SeriousDisease,
    World,
)

_ITEMS = {"wage": "工资薪金", "business": "经营所得", "property": "财产租赁及股息转让"}
_PAYERS = {"employee": "职工", "flexible": "灵活就业", "resident": "城乡居民"}
_PENSIONS = {"employee": "职工养老", "resident": "居民养老"}


def tax(world: World) -> list[Table]:
    """Write declarations and turnover tax into a database, in yuan and by period yyyymm."""
    file = "jinshui.sqlite"
    taxpayers = sorted({income.person for income in world.every(Income)})
    return [
        Table(
            name="nsr",
            file=file,
            columns=("nsrsbh", "xm"),
            rows=tuple((number, world.person(number).name) for number in taxpayers),
            id_column="nsrsbh",
            required=("xm",),
        ),
        Table(
            name="geshui",
            file=file,
            columns=("nsrsbh", "sdxm", "skssq", "sre", "kjywr"),
            rows=tuple(
                (i.person, _ITEMS[i.kind], f"{i.month:%Y%m}", two_decimals(i.amount_fen), i.payer)
                for i in world.every(Income)
                if i.kind in _ITEMS
            ),
            id_column="nsrsbh",
            required=("sdxm", "skssq", "sre"),
        ),
        Table(
            name="zengzhishui",
            file=file,
            columns=("fr_sfzh", "qymc", "skssq", "sjse"),
            rows=tuple(
                (i.person, i.payer, f"{i.month:%Y%m}", two_decimals(i.amount_fen))
                for i in world.every(Income)
                if i.kind == "vat"
            ),
            id_column="fr_sfzh",
            required=("skssq", "sjse"),
        ),
    ]


_LABOUR = (Contribution, Pension, Job, RefusedOffer, JoblessBenefit)


def human_resources(world: World) -> list[Table]:
    """Write the exports of social insurance and the job centre: CSV in UTF-8, Chinese headers."""
    people = sorted(
        {k.person for k in world.every(Known) if k.department == "human_resources"}
        | {f.person for kind in _LABOUR for f in world.every(kind)}
    )
    return [
        Table(
            name="insured",
            file="参保人员.csv",
            columns=("身份证号", "姓名"),
            rows=tuple((number, world.person(number).name) for number in people),
            id_column="身份证号",
            required=("姓名",),
        ),
        Table(
            name="contribution",
            file="缴费记录.csv",
            columns=("身份证号", "缴费日期", "缴费基数", "缴费身份"),
            rows=tuple(
                (c.person, day(c.paid), two_decimals(c.base_fen), _PAYERS[c.payer])
                for c in world.every(Contribution)
            ),
            id_column="身份证号",
            required=("缴费日期", "缴费基数", "缴费身份"),
        ),
        Table(
            name="pension",
            file="待遇发放.csv",
            columns=("身份证号", "险种", "月待遇", "起始日期", "终止日期"),
            rows=tuple(
                (
                    p.person,
                    _PENSIONS[p.kind],
                    two_decimals(p.monthly_fen),
                    day(p.since),
                    day(p.until),
                )
                for p in world.every(Pension)
            ),
            id_column="身份证号",
            required=("月待遇", "起始日期"),
        ),
        *_job_centre(world),
    ]


def _job_centre(world: World) -> list[Table]:
    return [
        Table(
            name="employment",
            file="就业登记.csv",
            columns=("身份证号", "用人单位", "登记日期", "注销日期"),
            rows=tuple(
                (j.person, j.employer, day(j.since), day(j.until)) for j in world.every(Job)
            ),
            id_column="身份证号",
            required=("登记日期",),
        ),
        Table(
            name="refusal",
            file="拒绝就业.csv",
            columns=("编号", "身份证号", "拒绝日期"),
            rows=tuple(
                (f"JJ{number:05d}", r.person, day(r.on))
                for number, r in enumerate(world.every(RefusedOffer), 1)
            ),
            id_column="身份证号",
            required=("拒绝日期",),
        ),
        Table(
            name="benefit",
            file="失业保险金.csv",
            columns=("身份证号", "起始日期", "终止日期"),
            rows=tuple((b.person, day(b.since), day(b.until)) for b in world.every(JoblessBenefit)),
            id_column="身份证号",
            required=("起始日期", "终止日期"),
        ),
    ]


def medical_insurance(world: World) -> list[Table]:
    """Write the insured, their settlements and filed diseases: CSV in UTF-8."""
    people = sorted(
        {k.person for k in world.every(Known) if k.department == "medical_insurance"}
        | {f.person for kind in (MedicalBill, SeriousDisease) for f in world.every(kind)}
    )
    return [
        Table(
            name="insured",
            file="insured.csv",
            columns=("psn_certno", "psn_name"),
            rows=tuple((number, world.person(number).name) for number in people),
            id_column="psn_certno",
            required=("psn_name",),
        ),
        Table(
            name="settlement",
            file="settlement.csv",
            columns=("setl_id", "psn_certno", "setl_date", "psn_pay_yuan"),
            rows=tuple(
                (f"S{number:06d}", m.person, day(m.settled), two_decimals(m.self_paid_fen))
                for number, m in enumerate(world.every(MedicalBill), 1)
            ),
            id_column="psn_certno",
            required=("setl_date", "psn_pay_yuan"),
        ),
        Table(
            name="filing",
            file="disease_filing.csv",
            columns=("psn_certno", "dise_code", "begndate", "enddate"),
            rows=tuple(
                (s.person, s.disease, day(s.filed), day(s.until))
                for s in world.every(SeriousDisease)
            ),
            id_column="psn_certno",
            required=("dise_code", "begndate"),
        ),
    ]
