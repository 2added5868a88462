"""A party's server in its process: begins, says where it is, and ends in order when it is told to.

Knows signals. Does not know what is served.
"""

import logging
import signal
from threading import Event
from typing import Final, Protocol

from federation.errors import Said
from federation.party import Party
from federation.terminal import Terminal

ANSWERS: Final = Said("应答", "answers")
WITNESSES: Final = Said("见证", "witnesses")


class Server(Protocol):
    """What runs beside the thread that waits."""

    @property
    def port(self) -> int:
        """The bound port."""
        ...

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """Finish what is running, then let go."""


def log_warnings() -> None:
    """Write warnings to standard error, as service managers read them."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")


def until_stopped(at: Terminal, party: Party, server: Server, does: Said = ANSWERS) -> None:
    """Serve until SIGTERM or SIGINT; the first line that is said or emitted means: ready.

    Raises:
        BadInput, Unavailable: it cannot begin.
    """
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server.start()
    at.emit({"party": party.id, "port": server.port})
    address = party.listen
    at.say(f"{party.id} 正在 {address} {does.zh}", f"{party.id} {does.en} on {address}")
    stop.wait()
    server.stop()
