"""The registrar over real sockets: who may do what, what is refused, what is given again."""

import os
from collections.abc import Sequence
from dataclasses import replace

import pytest

from crypto import labels, oprf
from federation import exchange, limits, status
from federation.clock import epoch_of
from federation.consenting import ConsentState, SignatureMethod
from federation.enrolment import BlindBatch
from federation.errors import PeerFault, Refused
from federation.status import Status
from federation.wire import codec, signed
from federation.wire import registrar_messages as messages
from registrar.config import Settings
from tests.registrar.town import (
    CHILD,
    FATHER,
    METHODS,
    MOTHER,
    NOW,
    UNCLE,
    Town,
    a_form,
    ask,
    couple,
    someone,
)

YEAR = epoch_of(NOW)
NEXT_YEARS_CIVIL_AFFAIRS = ("civil_affairs", YEAR + 1)


def blinded(town: Town, people: Sequence[str], **changes: object) -> tuple[BlindBatch, list[bytes]]:
    inputs = [labels.id_input(person) for person in people]
    blinds = oprf.derive_blinds(os.urandom(32), 0, len(inputs))
    batch = BlindBatch(
        tag="id",
        epoch=YEAR,
        batch_no=int.from_bytes(os.urandom(3), "big"),
        roll=1000,
        commitment=os.urandom(32),
        elements=tuple(oprf.blind(inputs, blinds)),
    )
    return replace(batch, **changes), blinds  # type: ignore[arg-type]


def test_a_missing_signature_blocks_all_tokens_until_it_is_added(town: Town) -> None:
    father, mother = couple()
    child = someone(CHILD, method=SignatureMethod.GUARDIAN, signer=FATHER)
    unsigned = [father, replace(mother, evidence=b""), replace(child, signer_id="")]
    form = a_form(unsigned, members=3)
    client = town.client()
    (receipt,) = client.record([form])
    assert (receipt.state, receipt.missing) == (ConsentState.SIGNATURE_MISSING, (1, 2))
    assert receipt.consent_no[:9] == "20261118-"
    with pytest.raises(Refused, match="SIGNATURE_MISSING"):
        client.tokens([receipt.consent_no])
    (receipt,) = client.record([replace(form, persons=(father, mother, unsigned[2]))])
    assert receipt.missing == (2,)
    with pytest.raises(Refused, match="SIGNATURE_MISSING"):
        client.tokens([receipt.consent_no])
    (receipt,) = client.record([replace(form, persons=(father, mother, child))])
    assert receipt.state is ConsentState.COMPLETE
    assert client.tokens([receipt.consent_no])[0].tokens


def test_one_incomplete_consent_holds_back_the_call(town: Town) -> None:
    father, mother = couple()
    forms = [a_form(), a_form([father, replace(mother, evidence=b"")])]
    complete, incomplete = (r.consent_no for r in town.client().record(forms))
    with pytest.raises(Refused, match="SIGNATURE_MISSING"):
        town.client().tokens([complete, incomplete])
    assert town.client().tokens([complete])


def test_a_call_is_recorded_whole_or_not_at_all(town: Town) -> None:
    good, bad = a_form(), a_form(grants=[ask(0, "bank_a", "P40")])
    with pytest.raises(Refused, match="POLICY_NOT_ANSWERED"):
        town.client().record([good, bad])
    with town.running._store.read() as view:
        assert view.by_reference("coordinator", good.reference) is None


def test_a_call_costs_one_transaction_however_many_consents(town: Town) -> None:
    statements: list[str] = []
    writer = town.running._store._writer
    writer.set_trace_callback(statements.append)
    try:
        receipts = town.client().record([a_form() for _ in range(20)])
        town.client().tokens([receipt.consent_no for receipt in receipts])
    finally:
        writer.set_trace_callback(None)
    assert statements.count("COMMIT") == 2


def test_a_changed_form_is_refused(town: Town) -> None:
    form = a_form()
    town.client().record([form])
    with pytest.raises(Refused, match="CONSENT_CHANGED"):
        town.client().record([replace(form, members=3)])


def test_a_signed_paper_stands_on_one_consent(town: Town) -> None:
    form = a_form()
    copied = replace(form, reference=os.urandom(16))
    (receipt,) = town.client().record([form])
    for coordinator in ("coordinator", "stranger"):
        with pytest.raises(Refused, match="EVIDENCE_REUSED"):
            town.client(coordinator).record([copied])
    assert town.client().record([form]) == [receipt]
    with pytest.raises(Refused, match="EVIDENCE_REUSED"):
        town.client().record([one := a_form(), replace(one, reference=os.urandom(16))])
    with town.running._store.read() as view:
        assert view.by_reference("coordinator", one.reference) is None


def test_a_paper_of_a_revoked_consent_revives_nothing(town: Town) -> None:
    form = a_form()
    issued = town.issued(form)
    town.client().revoke([issued.consent_no])
    for coordinator in ("coordinator", "stranger"):
        with pytest.raises(Refused, match="CONSENT_REVOKED"):
            town.client(coordinator).record([replace(form, reference=os.urandom(16))])
    (receipt,) = town.client().record([form])
    assert receipt.state is ConsentState.REVOKED


def test_a_signature_added_later_brings_its_own_paper(town: Town) -> None:
    taken = a_form()
    father, mother = couple()
    form = a_form([father, replace(mother, evidence=b"")])
    town.client().record([taken, form])
    copied = replace(mother, evidence=taken.persons[0].evidence)
    with pytest.raises(Refused, match="EVIDENCE_REUSED"):
        town.client().record([replace(form, persons=(father, copied))])
    (receipt,) = town.client().record([replace(form, persons=(father, mother))])
    assert receipt.state is ConsentState.COMPLETE


@pytest.mark.parametrize("not_after", [-1, limits.CONSENT_END + 1, 2**62])
def test_an_end_that_no_calendar_knows_is_malformed(town: Town, not_after: int) -> None:
    with pytest.raises(PeerFault, match="MALFORMED"):
        town.client().record([a_form(not_after=not_after)])


def test_the_latest_end_gives_tokens_like_any_other(town: Town) -> None:
    assert town.issued(a_form(not_after=limits.CONSENT_END)).tokens


def test_tokens_are_the_same_bytes_for_ever(town: Town) -> None:
    (receipt,) = town.client().record([a_form()])
    first = town.client().tokens([receipt.consent_no])
    town.clock.seconds += 3 * 86_400
    assert town.client().tokens([receipt.consent_no]) == first
    town.restart()
    assert town.client().tokens([receipt.consent_no]) == first


def test_tokens_that_have_ended_with_their_consent_are_not_given_again(town: Town) -> None:
    ended = 1_798_732_799  # 2026-12-31T23:59:59+08:00
    issued = town.issued(a_form(not_after=ended))
    town.clock.seconds = ended - 1
    assert town.client().tokens([issued.consent_no]) == [issued]
    town.clock.seconds = ended
    with pytest.raises(Refused, match="CONSENT_EXPIRED"):
        town.client().tokens([issued.consent_no])


def test_a_revoked_consent_ends_its_tokens_at_every_department(town: Town) -> None:
    kept, ended = (r.consent_no for r in town.client().record([a_form(), a_form()]))
    (keep,), (end,) = town.client().tokens([kept]), town.client().tokens([ended])
    assert {town.status(t.token) for t in [*keep.tokens, *end.tokens]} == {Status.VALID}
    (receipt,) = town.client().revoke([ended])
    assert (receipt.state, receipt.missing) == (ConsentState.REVOKED, ())
    assert {town.status(t.token) for t in end.tokens} == {Status.INVALID}
    assert {town.status(t.token) for t in keep.tokens} == {Status.VALID}
    with pytest.raises(Refused, match="CONSENT_REVOKED"):
        town.client().tokens([ended])
    assert town.client().revoke([ended]) == [receipt]


def test_a_coordinator_reaches_only_its_own_consents(town: Town) -> None:
    form = a_form()
    (receipt,) = town.client().record([form])
    stranger = town.client("stranger")
    for call in (stranger.tokens, stranger.revoke, stranger.suspend, stranger.resume):
        with pytest.raises(Refused, match="CONSENT_UNKNOWN"):
            call([receipt.consent_no])
    with pytest.raises(Refused, match="CONSENT_UNKNOWN"):
        town.client().tokens(["20261118-999999"])
    other = replace(a_form(), reference=form.reference)
    assert stranger.record([other])[0].consent_no != receipt.consent_no
    assert town.client().record([form]) == [receipt]


@pytest.mark.parametrize(
    ("caller", "method"),
    [
        ("bank_a", "record"),
        ("bank_a", "issue"),
        ("bank_a", "revoke"),
        ("bank_a", "suspend"),
        ("bank_a", "resume"),
        ("bank_a", "household"),
        ("bank_a", "object"),
        ("coordinator", "evaluate"),
        ("registrar", "record"),
        ("registrar", "evaluate"),
    ],
)
def test_each_role_has_its_own_calls(town: Town, caller: str, method: str) -> None:
    request = town.request(town.header(METHODS[method], caller), [b"x"])
    with pytest.raises(PeerFault, match="WRONG_PARTY"):
        town.call(caller, METHODS[method], request)


def test_a_request_of_another_party_is_refused_whoever_signed(town: Town) -> None:
    item = messages.encode_form(a_form())
    header = town.header(exchange.RECORD_CONSENT)
    with pytest.raises(PeerFault, match="WRONG_PARTY"):
        town.call("stranger", exchange.RECORD_CONSENT, town.request(header, [item]))
    forged = town.request(header, [item], signer="stranger")
    with pytest.raises(PeerFault, match="BAD_SIGNATURE"):
        town.call("coordinator", exchange.RECORD_CONSENT, forged)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"audience": "bank_a"}, "WRONG_AUDIENCE"),
        ({"method": exchange.ISSUE_TOKENS}, "WRONG_METHOD"),
        ({"issued": NOW - 600, "expires": NOW - 300}, "REQUEST_NOT_FRESH"),
        ({"issued": NOW + 600, "expires": NOW + 900}, "REQUEST_NOT_FRESH"),
        ({"expires": NOW + limits.REQUEST_LIFE + 1}, "REQUEST_NOT_FRESH"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(
    town: Town, change: dict[str, object], code: str
) -> None:
    header = replace(town.header(exchange.RECORD_CONSENT), **change)  # type: ignore[arg-type]
    request = town.request(header, [messages.encode_form(a_form())])
    with pytest.raises(Refused, match=code):
        town.call("coordinator", exchange.RECORD_CONSENT, request)


def test_a_query_id_stands_for_one_request(town: Town) -> None:
    header = town.header(exchange.RECORD_CONSENT)
    first = town.request(header, [messages.encode_form(a_form())])
    method = exchange.RECORD_CONSENT

    def receipt(reply: bytes) -> bytes:
        return codec.decode_batch(reply).items[0].item

    answered = receipt(town.call("coordinator", method, first))
    assert receipt(town.call("coordinator", method, first)) == answered
    town.restart()
    assert receipt(town.call("coordinator", method, first)) == answered
    other = town.request(header, [messages.encode_form(a_form())])
    with pytest.raises(Refused, match="REPLAYED"):
        town.call("coordinator", method, other)
    town.clock.seconds += limits.REQUEST_LIFE + limits.SKEW
    with pytest.raises(Refused, match="REQUEST_NOT_FRESH"):
        town.call("coordinator", method, first)


@pytest.mark.parametrize("method", METHODS.values())
def test_an_item_that_is_not_canonical_is_refused(town: Town, method: str) -> None:
    caller = "bank_a" if method == exchange.EVALUATE else "coordinator"
    request = town.request(town.header(method, caller), [b"\xff\xff"])
    with pytest.raises(PeerFault, match="MALFORMED"):
        town.call(caller, method, request)


def test_an_empty_request_and_stray_presentations_are_refused(town: Town) -> None:
    header = town.header(exchange.ISSUE_TOKENS)
    with pytest.raises(PeerFault, match="MALFORMED"):
        town.call("coordinator", exchange.ISSUE_TOKENS, town.request(header, []))
    batch = signed.sign(
        signed.prepare(header, [messages.encode_order("x")]),
        town.parties["coordinator"].key,
        (b"presentation",),
    )
    with pytest.raises(PeerFault, match="MALFORMED"):
        town.call("coordinator", exchange.ISSUE_TOKENS, codec.encode_batch(batch))


def test_blind_enrolment_gives_the_pseudonyms_of_the_tokens(town: Town) -> None:
    people = [FATHER, MOTHER]
    batch, blinds = blinded(town, people)
    done = town.client("public_security").evaluate(batch)
    outputs = oprf.finalize(
        [labels.id_input(person) for person in people],
        blinds,
        batch.elements,
        oprf.Evaluation(elements=done.elements, proof=done.proof),
        town.registrar.manifest.pseudonym_keys["public_security", YEAR],
    )
    roll = {oprf.psn(output): person for output, person in zip(outputs, people, strict=True)}
    issued = town.issued(a_form())
    subs = {
        t.person: town.read(t.token).claims.sub
        for t in issued.tokens
        if t.department == "public_security"
    }
    assert {i: roll[sub] for i, sub in subs.items()} == {0: FATHER, 1: MOTHER}
    assert set(roll) == {town.id_psn("public_security", person) for person in people}


def test_a_department_gets_its_own_key_only(town: Town) -> None:
    batch, _ = blinded(town, [FATHER])
    elements = {
        name: town.client(name).evaluate(batch).elements for name in ("bank_a", "civil_affairs")
    }
    assert elements["bank_a"] != elements["civil_affairs"]


def test_a_batch_is_resumed_without_cost_and_never_changed(town: Town) -> None:
    department = town.client("civil_affairs")
    batch, _ = blinded(town, [FATHER, MOTHER], tag="name", roll=3, epoch=YEAR + 1)
    first = department.evaluate(batch)
    town.restart()
    for _ in range(3):
        assert department.evaluate(batch).elements == first.elements
    swapped = replace(batch, elements=batch.elements[::-1])
    with pytest.raises(Refused, match="BATCH_CHANGED"):
        department.evaluate(swapped)
    third, _ = blinded(town, [CHILD], tag="name", roll=3, epoch=YEAR + 1)
    assert department.evaluate(third)
    fourth, _ = blinded(town, [CHILD], tag="name", roll=3, epoch=YEAR + 1)
    with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
        department.evaluate(fourth)
    assert department.evaluate(replace(fourth, tag="id"))
    assert department.evaluate(replace(fourth, epoch=YEAR))
    assert department.evaluate(replace(fourth, roll=4))
    fifth, _ = blinded(town, [CHILD], tag="name", roll=3, epoch=YEAR + 1)
    with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
        department.evaluate(fifth)
    with town.running._store.read() as view:
        grown = [
            g.roll
            for g in view.rolls.growths()
            if (g.department, g.epoch) == NEXT_YEARS_CIVIL_AFFAIRS
        ]
    assert grown == [3, 4]


def test_a_department_cannot_declare_more_than_its_ceiling(town: Town) -> None:
    most = Settings().roll_most
    batch, _ = blinded(town, [FATHER], roll=most + 1)
    with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
        town.client("public_security").evaluate(batch)
    with pytest.raises(Refused, match="QUOTA_EXCEEDED"):
        town.client("public_security").evaluate(replace(batch, roll=2**32 - 1))
    assert town.client("public_security").evaluate(replace(batch, roll=1000))


def test_a_call_carries_at_most_four_batches(town: Town) -> None:
    batches = [blinded(town, [person])[0] for person in (FATHER, MOTHER, CHILD, UNCLE, FATHER)]
    items = [messages.encode_blind(batch) for batch in batches]
    department = "bank_a"

    def call(count: int) -> int:
        header = town.header(exchange.EVALUATE, department)
        reply = town.call(department, exchange.EVALUATE, town.request(header, items[:count]))
        return len(codec.decode_batch(reply).items)

    with pytest.raises(PeerFault, match="OVERSIZE"):
        call(5)
    assert call(4) == 4


@pytest.mark.parametrize("year", [YEAR - 1, YEAR + 2])
def test_no_other_year_is_enrolled(town: Town, year: int) -> None:
    batch, _ = blinded(town, [FATHER], epoch=year)
    with pytest.raises(Refused, match="EPOCH_NOT_LIVE"):
        town.client("bank_a").evaluate(batch)


def test_a_broken_batch_uses_no_quota(town: Town) -> None:
    batch, _ = blinded(town, [FATHER])
    broken = replace(batch, elements=(b"\xff" * 32,))
    with pytest.raises(PeerFault, match="BATCH_MALFORMED"):
        town.client("bank_a").evaluate(broken)
    assert town.client("bank_a").evaluate(batch)


def test_any_party_reads_any_departments_list(town: Town) -> None:
    keys = town.registrar.entry.keys
    for reader in ("bank_a", "coordinator"):
        jwt = town.client(reader).status_lists("civil_affairs")[0]
        uri = status.uri_of("registrar", "civil_affairs")
        assert status.read(jwt, uri=uri, issuers=keys).issued == NOW
    for nobody in ("coordinator", "nowhere"):
        with pytest.raises(PeerFault, match="PARTY_UNKNOWN"):
            town.client("bank_a").status_lists(nobody)


def test_a_list_that_is_none_is_malformed(town: Town) -> None:
    request = messages.encode_status_request("bank_a", 2)
    with pytest.raises(PeerFault, match="MALFORMED"):
        town.call("bank_a", messages.STATUS_LIST, request)
