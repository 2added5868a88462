"""``hedui health``: whether the party of a folder answers, for whoever keeps it running.

Knows the one question. Starts and mends nothing.
"""

from federation import party
from federation.clock import SystemClock
from federation.commands import Commands
from federation.terminal import FolderOption, Terminal
from federation.wire import health as wire

app = Commands()


@app.command()
def health(at: Terminal, folder: FolderOption) -> None:
    """检查本方是否在应答 Ask this party's own server whether it answers; ends with 0 if so."""
    found = party.load(folder, None, SystemClock().now())
    wire.check(found)
    at.emit({"party": found.id, "serving": True})
    at.say(f"{found.id} 正在应答", f"{found.id} answers")


if __name__ == "__main__":  # by itself, every half minute: without what the other commands load
    app()
