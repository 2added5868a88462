"""Registers that say who somebody is: police, civil affairs, disabled people, education.

Knows these four departments' tables, words and file forms. Knows no outcome.
"""

from hedui.demo.tables import Table, day
from hedui.demo.world import (
    Aid,
    CadreRelative,
    Death,
    Disability,
    Hukou,
    Known,
    Marriage,
    NgoRole,
    Orphan,
    Residence,
    Schooling,
    Vehicle,
    World,
)

_CANCELLED = {"none": "", "death": "死亡", "moved": "迁出", "other": "其他"}
_VEHICLES = {
    "car": "小型轿车",
    "truck": "轻型货车",
    "motorcycle": "燃油摩托车",
    "e_bike": "电动自行车",
    "mobility_aid": "残疾人代步车",
}
_AID = {"DIBAO": "最低生活保障", "TEKUN": "特困供养", "MARGIN": "低保边缘", "TEMP": "临时救助"}
_DISABILITY = {
    "visual": "视力",
    "hearing": "听力",
    "physical": "肢体",
    "intellectual": "智力",
    "mental": "精神",
}
_STAGES = {
    "compulsory": "义务教育",
    "high": "普通高中",
    "vocational": "职业教育",
    "university": "高等教育",
}


def public_security(world: World) -> list[Table]:
    """Write household books, residence and vehicles under pinyin column names."""
    books = Table(
        name="hukou",
        file="renkou.sqlite",
        columns=("gmsfhm", "xm", "hh", "hzgmsfhm", "hjdxzqh", "zxyy"),
        rows=tuple(
            (h.person, h.name, h.book, h.head, h.area, _CANCELLED[h.cancelled])
            for h in world.every(Hukou)
        ),
        id_column="gmsfhm",
        required=("xm", "hh", "hjdxzqh"),
    )
    residence = Table(
        name="juzhu",
        file="renkou.sqlite",
        columns=("gmsfhm", "jzdxzqh", "qsrq"),
        rows=tuple((r.person, r.area, day(r.since)) for r in world.every(Residence)),
        id_column="gmsfhm",
        required=("jzdxzqh", "qsrq"),
    )
    vehicles = Table(
        name="jidongche",
        file="cheguan.sqlite",
        columns=("hphm", "syr_sfzh", "cllx", "syxz", "ccdjrq", "clzt", "pgjz_yuan"),
        rows=tuple(
            (
                v.plate,
                v.person,
                _VEHICLES[v.kind],
                "营运" if v.operating else "非营运",
                day(v.bought),
                "注销" if v.gone else "正常",
                v.value_fen // 100,
            )
            for v in world.every(Vehicle)
        ),
        id_column="syr_sfzh",
        required=("hphm", "cllx", "ccdjrq", "clzt"),
    )
    return [books, residence, vehicles]


def civil_affairs(world: World) -> list[Table]:
    """Write marriages, deaths and aid of civil affairs into one database."""
    people = sorted(
        {k.person for k in world.every(Known) if k.department == "civil_affairs"}
        | {f.person for kind in _CIVIL for f in world.every(kind)}
    )
    file = "minzheng.sqlite"
    return [
        Table(
            name="resident",
            file=file,
            columns=("id_number", "name"),
            rows=tuple((number, world.person(number).name) for number in people),
            id_column="id_number",
            required=("name",),
        ),
        Table(
            name="marriage",
            file=file,
            columns=("id_number", "spouse_id_number", "registered_on", "ended_on", "ended_by"),
            rows=tuple(
                (
                    m.person,
                    m.spouse,
                    day(m.since),
                    day(m.ended),
                    {"": "", "divorce": "离婚", "death": "丧偶"}[m.end],
                )
                for m in world.every(Marriage)
            ),
            id_column="id_number",
            required=("spouse_id_number", "registered_on"),
        ),
        Table(
            name="cremation",
            file=file,
            columns=("id_number", "died_on"),
            rows=tuple((d.person, day(d.died)) for d in world.every(Death)),
            id_column="id_number",
            required=("died_on",),
        ),
        *_aid_tables(world, file),
    ]


_CIVIL = (Marriage, Death, Aid, CadreRelative, NgoRole, Orphan)


def _aid_tables(world: World, file: str) -> list[Table]:
    return [
        Table(
            name="aid",
            file=file,
            columns=("id_number", "programme", "programme_name", "start_on", "stop_on"),
            rows=tuple(
                (a.person, a.programme, _AID[a.programme], day(a.since), day(a.until))
                for a in world.every(Aid)
            ),
            id_column="id_number",
            required=("programme", "start_on"),
        ),
        Table(
            name="relative_filing",
            file=file,
            columns=("id_number", "office"),
            rows=tuple((c.person, c.office) for c in world.every(CadreRelative)),
            id_column="id_number",
        ),
        Table(
            name="organisation",
            file=file,
            columns=("legal_rep_id_number", "name", "status"),
            rows=tuple(
                (n.person, n.organisation, "正常" if n.active else "注销")
                for n in world.every(NgoRole)
            ),
            id_column="legal_rep_id_number",
            required=("status",),
        ),
        Table(
            name="orphan",
            file=file,
            columns=("id_number", "recognised_on"),
            rows=tuple((o.person, day(o.since)) for o in world.every(Orphan)),
            id_column="id_number",
        ),
    ]


def disabled_federation(world: World) -> list[Table]:
    """Write disability certificates into a spreadsheet; the number leads the certificate's."""
    rows = tuple(
        (
            f"{d.person}{list(_DISABILITY).index(d.category) + 1}{d.grade}",
            d.person,
            world.person(d.person).name,
            _DISABILITY[d.category],
            "一二三四"[d.grade - 1] + "级",
            day(d.expires),
        )
        for d in world.every(Disability)
    )
    return [
        Table(
            name="certificate",
            file="残疾人证.xlsx",
            columns=("残疾人证号", "身份证号", "姓名", "残疾类别", "残疾等级", "有效期至"),
            rows=rows,
            id_column="身份证号",
            required=("残疾类别", "残疾等级", "有效期至"),
        )
    ]


def education(world: World) -> list[Table]:
    """Write the student register into a database."""
    rows = tuple(
        (
            s.person,
            world.person(s.person).name,
            s.school,
            _STAGES[s.stage],
            "高收费" if s.high_fee else "普通",
            day(s.since),
            day(s.left),
        )
        for s in world.every(Schooling)
    )
    return [
        Table(
            name="xueji",
            file="xueji.sqlite",
            columns=("sfzjh", "xm", "xxmc", "xd", "sflx", "rxrq", "lxrq"),
            rows=rows,
            id_column="sfzjh",
            required=("xd", "rxrq"),
        )
    ]
