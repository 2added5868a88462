"""``hedui consent``: print the letters, record who has signed, say how a consent stands.

Knows arguments and what is printed. Scans stay with the centre: only their digests are recorded.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from coordinator import scans
from coordinator.casework.cases import Case, CasePerson, Method, Signature
from coordinator.casework.filed import ConsentStage, FiledConsent
from coordinator.documents import typesetting
from coordinator.documents.consent_forms import Form
from coordinator.documents.office import Office, is_page, printed, write
from coordinator.documents.wording import put
from coordinator.opening import open_office
from coordinator.people.roles import Action
from coordinator.words import say
from federation import ids, words
from federation.clock import business_date
from federation.commands import Commands
from federation.errors import BadInput
from federation.terminal import FolderOption, Terminal

app = Commands(
    no_args_is_help=True, help="Consents 授权: print letters, record signatures, status."
)

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_LINE: Final = 256

CaseId = Annotated[str, typer.Argument(help="case number 案号")]


def _digest(word: str) -> str:
    if not _DIGEST.fullmatch(word):
        raise typer.BadParameter("64 hexadecimal digits")
    return word


@app.command("print")
def print_letter(
    at: Terminal,
    case: CaseId,
    out: Annotated[Path, typer.Option("--out", help="file to write: .pdf, or .html 写成的文件")],
    form: Annotated[
        Form, typer.Option("--form", help="授权书 letter,委托书 commission,重签告知书 renewal")
    ] = Form.LETTER,
    add: Annotated[
        list[str] | None,
        typer.Option("--add", help="a further question, as P40 or P09:w12m 增补的核对项目"),
    ] = None,
    folder: FolderOption = Path(),
) -> None:
    """Print a letter to be signed, with whole names and ids. 打印授权书、委托书,供签字盖章。"""
    with open_office(folder) as office:
        office.desk.gate.acting(Action.DOCUMENT_PRINT, [case])
        paper = office.letter(case, form, tuple(add or ()))
        write(out, printed(paper, out))
        rare = [] if is_page(out) else typesetting.lacking(str(paper.to_json()))
    at.emit({"case": case, "form": form.value, "file": str(out), "lacking": rare})
    at.say(
        f"已写入 {out}({paper.title})。含姓名和证件号码,只交签字人和档案。",
        f"{out} written. It shows names and ids: for those who sign and the file only.",
    )
    if rare:
        at.say(
            f"字库里没有 {'、'.join(rare)},纸上印作 〓,请手写补正。",
            f"The fonts lack {', '.join(rare)}: 〓 stands for it on paper; write it by hand.",
        )


@app.command()
def sign(
    at: Terminal,
    case: CaseId,
    persons: Annotated[
        list[int], typer.Argument(min=1, help="places in the case, who signed on it 第几人")
    ],
    scan: Annotated[
        Path | None, typer.Option("--scan", help="scan or e-signature 签字扫描件或电子签名文件")
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option("--digest", parser=_digest, help="its SHA-256 instead 或其 SHA-256"),
    ] = None,
    method: Annotated[
        Method | None, typer.Option("--method", help="who signed; default as in the case 签字方式")
    ] = None,
    signer: Annotated[
        bool,
        typer.Option(
            "--signer", help="another signs: asks for their id number 代签,证件号另行输入"
        ),
    ] = False,
    folder: FolderOption = Path(),
) -> None:
    """Record who has signed; only the scan's digest is kept. 登记签字:只记扫描件的摘要。"""
    if bool(scan) == bool(digest):
        raise typer.BadParameter("--scan / --digest", param_hint="--scan")
    evidence = _evidence(scan, digest)
    by = str(ids.canonical_id(_typed(at)).id) if signer else ""
    with open_office(folder) as office:
        office.desk.gate.acting(Action.CONSENT_FILE, [case])
        people = office.people(case)
        signed = {
            number - 1: _signature(people, number - 1, method, by, evidence) for number in persons
        }
        if by:
            later = _later(office, case, signed)
            office.desk.gate.acting(Action.CONSENT_FILE, [case], papers=[later])
        office.sign(case, signed)
        _status(at, office, case)
    at.say(f"下一步:hedui case consent {case}", f"Next: hedui case consent {case}")


@app.command()
def status(at: Terminal, case: CaseId, folder: FolderOption = Path()) -> None:
    """Say who has signed, and how the consent stands. 查看签字与授权的情况。"""
    with open_office(folder) as office:
        office.desk.gate.acting(Action.CASE_READ, [case])
        _status(at, office, case)


def _typed(at: Terminal) -> str:
    """Ask for a resident number, or read it: arguments are seen by every account of the machine."""
    if sys.stdin.isatty():
        return str(typer.prompt(at.pick("代签人证件号", "Signer's id number"), err=True))
    return sys.stdin.readline(_LINE)


def _later(office: Office, case: str, signed: Mapping[int, Signature]) -> Case:
    """Give a case as it would be with these signatures, which are not checked yet."""
    (standing,) = office.desk.standing([case])
    before = standing.filed.case
    people = (
        replace(person, signature=signed.get(place, person.signature))
        for place, person in enumerate(before.persons)
    )
    return replace(before, persons=tuple(people))


def _signature(
    people: tuple[CasePerson, ...], place: int, method: Method | None, by: str, evidence: bytes
) -> Signature:
    """Take what the case says of who signs, where nothing else is given."""
    known = people[place].signature if place < len(people) else Signature(method=Method.SELF)
    chosen = method or known.method
    signer = "" if chosen is Method.SELF else by or known.signer
    return Signature(method=chosen, signer=signer, evidence=evidence)


def _evidence(scan: Path | None, digest: str | None) -> bytes:
    """Give the digest of what was signed.

    Raises:
        BadInput: FILE_MISSING, or SCAN_EMPTY where nothing is on it.
    """
    evidence = scans.digest(digest or str(scan))
    if evidence == sha256().digest():
        raise BadInput("SCAN_EMPTY")
    return evidence


def _status(at: Terminal, office: Office, case: str) -> None:
    consent = office.consent(case)
    stage = consent.stage if consent else ConsentStage.DRAFT
    people = office.people(case)
    at.emit(_json(case, people, stage, consent))
    at.say(_head(case, stage, consent, "zh"), _head(case, stage, consent, "en"))
    for number, person in enumerate(people, start=1):
        at.say(_line(number, person, "zh"), _line(number, person, "en"))
    if stage is ConsentStage.REVOKED:
        at.say(put("renewal", "reminder", "zh"), put("renewal", "reminder", "en"))


def _json(
    case: str, people: tuple[CasePerson, ...], stage: ConsentStage, consent: FiledConsent | None
) -> dict[str, Any]:
    return {
        "case": case,
        "stage": stage.value,
        "consent": consent.consent_no if consent else "",
        "until": business_date(consent.not_after).isoformat() if consent else None,
        "people": [
            {
                "number": number,
                "name": person.masked,
                "method": person.signature.method.value,
                "evidence": person.signature.evidence.hex(),
            }
            for number, person in enumerate(people, start=1)
        ],
        "sign_again": stage is ConsentStage.REVOKED,
    }


def _head(case: str, stage: ConsentStage, consent: FiledConsent | None, lang: str) -> str:
    said = f"{case}  {say('stage', stage.value, lang)}"
    if consent is None:
        return said
    until = business_date(consent.not_after).isoformat()
    number = consent.consent_no or put("fact", "no_consent", lang)
    return f"{said}  {put('fact', 'consent', lang)} {number}  {until}"


def _line(number: int, person: CasePerson, lang: str) -> str:
    signature = person.signature
    relation = say("relation", person.relation.value, lang)
    if not signature.evidence:
        return f"  □ {number} {person.masked} {relation}  {put('said', 'unsigned', lang)}"
    method = words.say("signature", signature.method.value, lang)
    return f"  ✓ {number} {person.masked} {relation}  {method} {signature.evidence.hex()[:16]}"
