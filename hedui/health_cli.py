"""``hedui health``: whether the party of a folder answers, for whoever keeps it running.

Knows the one question. Starts and mends nothing.
"""

import typer

from federation import party
from federation.clock import SystemClock
from federation.terminal import FolderOption, JsonOption, LangOption, reporting, terminal
from federation.wire import health as wire

app = typer.Typer()


@app.command()
def health(folder: FolderOption, lang: LangOption = None, json: JsonOption = False) -> None:
    """检查本方是否在应答 Ask this party's own server whether it answers; ends with 0 if so."""
    at = terminal(lang, json)
    with reporting(at):
        found = party.load(folder, None, SystemClock().now())
        wire.check(found)
        at.emit({"party": found.id, "serving": True})
        at.say(f"{found.id} 正在应答", f"{found.id} answers")


if __name__ == "__main__":  # by itself, every half minute: without what the other commands load
    app()
