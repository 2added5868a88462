"""The public halves of pseudonym keys, as the registrar gives them to the holders of root keys.

Knows the registrar's sealed seeds and a signed file without secrets. Seeds never leave the
registrar's folder; what does cannot be turned into one. Does not know the manifest they will stand
in beyond the registrar's own keys.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from crypto import envelope
from crypto.errors import CryptoError
from crypto.keys import SealCost, SigningKey
from federation import founding, keyfile, limits
from federation.changes import PseudonymKeys
from federation.errors import BadInput, PeerFault
from federation.manifest import PartyEntry
from federation.party import SIGNING, passphrase
from federation.strictjson import b64, dumps, exactly, loads, unb64

PAYLOAD_TYPE: Final = "application/vnd.hedui.pseudonym-keys.v1+json"

_FIELDS: Final = frozenset({"department", "epoch", "public"})


def derive(
    folder: Path, wanted: Iterable[tuple[str, int]], cost: SealCost = SealCost.INTERACTIVE
) -> PseudonymKeys:
    """Derive public keys of departments and years from the registrar's seeds; a new year gets one.

    Raises:
        BadInput: as ``keyfile.load``.
    """
    pairs = list(wanted)
    for epoch in sorted({epoch for _, epoch in pairs}):
        if not (folder / founding.seed_file(epoch)).exists():
            founding.write_seeds(folder, {epoch: os.urandom(32)}, cost)
    seeds = {epoch: founding.read_seed(folder, epoch) for _, epoch in pairs}
    return {
        (department, epoch): founding.public_key(seeds[epoch], department, epoch)
        for department, epoch in pairs
    }


def write(folder: Path, keys: PseudonymKeys) -> bytes:
    """Write public keys, signed with the registrar's key.

    Raises:
        BadInput: as ``keyfile.load``.
    """
    seed = keyfile.load(folder / "signing.key", passphrase(folder), purpose=SIGNING)
    rows = [
        {"department": department, "epoch": epoch, "public": b64(public)}
        for (department, epoch), public in sorted(keys.items())
    ]
    signed = envelope.sign(dumps(rows), PAYLOAD_TYPE, SigningKey.from_seed(seed))
    return envelope.to_json(signed)


def read(document: bytes, registrar: PartyEntry) -> PseudonymKeys:
    """Verify public keys that the registrar signed.

    Raises:
        BadInput: PSEUDONYM_KEYS_INVALID.
    """
    try:
        signed = envelope.from_json(document, max_bytes=limits.MANIFEST_BYTES)
        payload = envelope.verify(signed, registrar.keys, payload_type=PAYLOAD_TYPE)
        rows = [_row(row) for row in loads(payload, "pseudonym keys")]
    except (CryptoError, PeerFault, TypeError, ValueError) as e:
        raise BadInput("PSEUDONYM_KEYS_INVALID", party=registrar.id) from e
    return dict(rows)


def _row(value: Any) -> tuple[tuple[str, int], bytes]:
    row = exactly(value, _FIELDS, "pseudonym key")
    department, epoch = row["department"], row["epoch"]
    if type(department) is not str or type(epoch) is not int:
        raise TypeError("pseudonym key")
    return (department, epoch), unb64(row["public"], "key")
