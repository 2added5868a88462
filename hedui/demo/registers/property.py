"""Registers of what people own: real estate, housing, companies, bank accounts.

Knows these departments' tables, words and file forms. Knows no outcome.
"""

from hedui.demo.tables import Table, day, ten_thousand_yuan, two_decimals
from hedui.demo.world import (
    Account,
    HousingFund,
    Known,
    Land,
    PublicHousing,
    Realty,
    SoleTrader,
    Stake,
    World,
)

_USES = {"dwelling": "住宅", "shop": "商业", "office": "办公", "parking": "车位"}
_STRUCTURES = {"concrete": "钢筋混凝土", "brick": "砖混", "mud": "土木"}
_LAND = {"homestead": "宅基地", "farmland": "承包地", "forest": "林地", "construction": "建设用地"}
_STATUS = {"active": "在营", "cancelled": "注销", "revoked": "吊销"}
_ROLES = {"legal_representative": "法定代表人", "shareholder": "股东", "supervisor": "监事"}
_ACCOUNTS = {
    "current": "活期",
    "fixed": "定期",
    "passbook": "存折",
    "wealth_product": "理财",
}


def natural_resources(world: World, party: str) -> list[Table]:
    """Write one city's real estate and land into one database, areas in square metres."""
    people = sorted(
        {k.person for k in world.every(Known) if k.department == party}
        | {unit.person for unit in world.every(Realty) if unit.register == party}
        | {right.person for right in world.every(Land) if right.register == party}
    )
    file = "budongchan.sqlite"
    return [
        Table(
            name="holder",
            file=file,
            columns=("id_number", "name"),
            rows=tuple((number, world.person(number).name) for number in people),
            id_column="id_number",
        ),
        _units(world, party, file),
        Table(
            name="land",
            file=file,
            columns=("parcel_no", "holder_id_number", "right_kind", "registered_on", "ended_on"),
            rows=tuple(
                (one.parcel, one.person, _LAND[one.kind], day(one.since), day(one.until))
                for one in world.every(Land)
                if one.register == party
            ),
            id_column="holder_id_number",
            required=("right_kind", "registered_on"),
        ),
    ]


def _units(world: World, party: str, file: str) -> Table:
    return Table(
        name="unit",
        file=file,
        columns=(
            "unit_no",
            "holder_id_number",
            "use",
            "structure",
            "area_m2",
            "share_percent",
            "registered_on",
            "transferred_on",
        ),
        rows=tuple(
            (
                r.unit,
                r.person,
                _USES[r.use],
                _STRUCTURES[r.structure],
                two_decimals(r.area_m2_hundredths),
                r.share_percent,
                day(r.acquired),
                day(r.disposed),
            )
            for r in world.every(Realty)
            if r.register == party
        ),
        id_column="holder_id_number",
        required=("unit_no", "use", "area_m2", "share_percent", "registered_on"),
    )


def housing(world: World) -> list[Table]:
    """Write tenancies of public housing and the provident fund, whose books are in fen."""
    return [
        Table(
            name="tenancy",
            file="gongzufang.sqlite",
            columns=("tenant_id_number", "monthly_rent_yuan", "start_on", "end_on"),
            rows=tuple(
                (p.person, two_decimals(p.rent_fen), day(p.since), day(p.until))
                for p in world.every(PublicHousing)
            ),
            id_column="tenant_id_number",
            required=("start_on",),
        ),
        Table(
            name="fund",
            file="gongjijin.sqlite",
            columns=("id_number", "name", "base_fen", "balance_fen", "last_paid_on"),
            rows=tuple(
                (
                    f.person,
                    world.person(f.person).name,
                    f.base_fen,
                    f.balance_fen,
                    day(f.last_paid),
                )
                for f in world.every(HousingFund)
            ),
            id_column="id_number",
            required=("base_fen", "balance_fen", "last_paid_on"),
        ),
    ]


def market_regulation(world: World) -> list[Table]:
    """Write the old house's exports: CSV in GBK, capital in units of ten thousand yuan."""
    return [
        Table(
            name="stake",
            file="企业人员.csv",
            columns=("企业名称", "登记状态", "身份证号", "姓名", "职务", "认缴出资额(万元)"),
            rows=tuple(
                (
                    s.company,
                    _STATUS[s.status],
                    s.person,
                    world.person(s.person).name,
                    _ROLES[s.role],
                    ten_thousand_yuan(s.subscribed_fen),
                )
                for s in world.every(Stake)
            ),
            id_column="身份证号",
            required=("登记状态", "职务", "认缴出资额(万元)"),
            encoding="gbk",
        ),
        Table(
            name="sole_trader",
            file="个体工商户.csv",
            columns=("字号名称", "登记状态", "身份证号", "姓名", "雇工人数"),
            rows=tuple(
                (
                    t.shop,
                    _STATUS[t.status],
                    t.person,
                    world.person(t.person).name,
                    t.employees,
                )
                for t in world.every(SoleTrader)
            ),
            id_column="身份证号",
            required=("登记状态", "雇工人数"),
            encoding="gbk",
        ),
    ]


def bank(world: World, party: str) -> list[Table]:
    """Write the accounts of one bank."""
    return [
        Table(
            name="account",
            file="accounts.sqlite",
            columns=("account_no", "cert_no", "cust_name", "product", "balance_fen", "status"),
            rows=tuple(
                (
                    a.number,
                    a.person,
                    world.person(a.person).name,
                    _ACCOUNTS[a.kind],
                    a.balance_fen,
                    "销户" if a.closed else "正常",
                )
                for a in world.every(Account)
                if a.bank == party
            ),
            id_column="cert_no",
            required=("account_no", "balance_fen", "status"),
        )
    ]
