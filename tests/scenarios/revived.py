"""A copy of a played federation started again: real processes, real sockets, real TLS.

The copy moves to free ports by a manifest of its own, as the old ones may be somebody's by now.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from coordinator.asking.journal import Journal
from coordinator.asking.requests import Asker, compose
from coordinator.database import open_database, url_of
from crypto.keys import SigningKey
from federation import keyfile, root
from federation import manifest as manifests
from federation import party as parties
from federation.certificates import Authority
from federation.clock import SystemClock
from federation.exchange import ASK
from federation.founding import CA_KEY, ROOT_KEY
from federation.manifest import PartyRole
from federation.party import Party
from federation.wire.channel import Peers, TlsIdentity
from hedui.demo.processes import Troupe
from hedui.demo.stage import free_ports
from tests.scenarios.played import CENTRE, REGISTRAR, Played

NODE: Final = "public_security"
TIMEOUT: Final = 20.0
_DROPPED: Final = ("record_wire", "listen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """A federation whose registrar and one node are running."""

    played: Played
    troupe: Troupe
    centre: Party
    now: int

    def request(self) -> bytes:
        """Sign a fresh request with everything that the centre may ask this node."""
        asker = Asker(party=CENTRE, key=self.centre.key, policy_version=self.centre.policy.version)
        with closing(open_database(url_of("", self.centre.data))) as database:
            journal = Journal(database)
            cases = [case for (case,) in self.played.books("SELECT case_id FROM case_file")]
            asks = journal.open_questions(cases, again=True)
            mine = sorted(one.ask_id for one in asks if one.department == NODE)
            return compose(asker, NODE, journal.wanted(mine), self.now, os.urandom).data

    def send(self, tls: TlsIdentity, request: bytes) -> bytes:
        """Call the node with a certificate.

        Raises:
            HeduiError: what came back instead of an answer.
        """
        with closing(Peers(tls)) as peers:
            return peers.call(self.centre.manifest.party(NODE), ASK, request, timeout=TIMEOUT)

    def uses(self) -> dict[tuple[bytes, str], int]:
        """Read what the node has counted."""
        return {
            (jti, name): used
            for jti, name, used in self.played.node(NODE, "SELECT chain, name, used FROM uses")
        }

    def party(self, name: str, role: PartyRole) -> Party:
        """Open another party's installation."""
        return parties.load(self.played.folder(name), role, self.now)

    def authority(self) -> Authority:
        """Borrow the federation's own certificate authority from its offline folder."""
        folder = self.played.folder("root")
        key = keyfile.load(folder / "ca.key", parties.passphrase(folder), purpose=CA_KEY)
        return Authority(certificate=(folder / "ca.pem").read_bytes(), key=key)


@contextmanager
def revived(demo: Played, home: Path) -> Iterator[Town]:
    """Start the registrar and one node again on a copy of what a demonstration left."""
    shutil.copytree(demo.home / "federation", home / "federation")
    played = _moved(Played(home, 0, "", "", None))
    now = SystemClock().now()
    centre = parties.load(played.folder(CENTRE), PartyRole.COORDINATOR, now)
    with Troupe(home / "logs") as troupe:
        for name, kind in ((REGISTRAR, "registrar"), (NODE, "node")):
            troupe.start(name, [kind, "serve", "--folder", str(played.folder(name)), "--json"])
        list(troupe.ready())
        yield Town(played=played, troupe=troupe, centre=centre, now=now)


def _moved(played: Played) -> Played:
    """Sign a manifest with new endpoints and hand it to everybody; nobody is recorded any more."""
    old = played.manifest
    ports = free_ports(len(old.parties))
    entries = {
        entry.id: replace(entry, endpoint=f"127.0.0.1:{port}")
        for entry, port in zip(old.parties.values(), ports, strict=True)
    }
    payload = manifests.write(replace(old, version=old.version + 1, parties=entries))
    document = root.sign(payload, manifests.PAYLOAD_TYPE, _root_keys(played))
    for party in entries:
        (played.folder(party) / "manifest.json").write_bytes(document)
        settings = played.folder(party) / "party.toml"
        lines = settings.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(_DROPPED)]
        settings.write_text("".join(kept), "utf-8")
    return Played(played.home, 0, "", "", None)


def _root_keys(played: Played) -> list[SigningKey]:
    folder = played.folder("root")
    secret = parties.passphrase(folder)
    return [
        SigningKey.from_seed(keyfile.load(file, secret, purpose=ROOT_KEY))
        for file in sorted(folder.glob("root-*.key"))
    ]
