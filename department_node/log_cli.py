"""``hedui node log``: export, show and check the node's log, also while the node is running.

Knows where a node keeps it; what every party has for its log stands in ``federation.log.log_cli``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from department_node import node as nodes
from department_node import node_log
from federation.log import log_cli
from federation.log.book import Book


@contextmanager
def _opened(folder: Path) -> Iterator[Book]:
    with node_log.look(nodes.data_folder(folder)) as book:
        yield book


app = log_cli.commands(_opened, node_log.RULES)
