"""What the package as a whole must not collide with or reach for."""

import ast
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import crypto

MODULES = sorted(Path(crypto.__path__[0]).glob("*.py"))


@pytest.mark.parametrize("name", ["crypto", "Crypto", "proto"])
def test_no_other_distribution_provides_the_name(name: str) -> None:
    assert set(packages_distributions().get(name, [])) <= {"hedui"}


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_it_knows_neither_clocks_nor_logs_nor_the_wire(module: Path) -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    kept_out = {"time", "datetime", "logging", "socket", "google", "grpc", "sqlite3", "federation"}
    assert imported.isdisjoint(kept_out)
