"""``python -m hedui``: the same as the command ``hedui``."""

from hedui.cli import main

main()
