"""The style budget and the house's names, counted (architecture note, section 2)."""

import ast
from importlib.metadata import packages_distributions
from pathlib import Path
from statistics import median, quantiles

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    *("crypto", "federation", "registrar", "department_node", "coordinator"),
    *("tally", "auditor", "hedui"),
)
MODULES = sorted(
    path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if not {"v1", "versions"} & set(path.relative_to(ROOT).parts)  # generated; history
)
FORBIDDEN = {"utils", "common", "helpers", "manager", "base"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def functions(tree: ast.AST) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def length(node: Function | ast.ClassDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_keeps_the_budget(path: Path) -> None:
    tree = parse(path)
    assert len(path.read_text("utf-8").splitlines()) <= 400
    assert path.stem not in FORBIDDEN
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            assert length(node) <= 250, node.name
    for function in functions(tree):
        assert length(function) <= 50, function.name
        inner = [n for n in ast.walk(function) if isinstance(n, ast.Import | ast.ImportFrom)]
        assert not inner, f"{function.name} imports locally"


def is_command(function: Function) -> bool:
    """A typer command takes its options as parameters: their number is its user's, not ours."""
    return any(
        isinstance(d, ast.Call) and "command" in ast.unparse(d) for d in function.decorator_list
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_few_parameters(path: Path) -> None:
    for function in functions(parse(path)):
        arguments = function.args
        names = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
        count = len([a for a in names if a.arg not in {"self", "cls"}])
        assert count <= 6 or is_command(function), function.name


def test_the_tail_is_thin() -> None:
    lines = [len(path.read_text("utf-8").splitlines()) for path in MODULES]
    assert median(lines) <= 150
    lengths = [length(f) for path in MODULES for f in functions(parse(path))]
    assert quantiles(lengths, n=10)[-1] <= 25


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_says_what_it_knows(path: Path) -> None:
    tree = parse(path)
    if path.name == "__init__.py" and not tree.body:
        return
    assert ast.get_docstring(tree)


def test_nobody_else_provides_our_names() -> None:
    provided = packages_distributions()
    for name in ("Crypto", "proto"):
        assert not provided.get(name), name
    for name in PACKAGES:
        assert set(provided.get(name, [])) <= {"hedui"}, name


def test_only_the_boundary_catches_everything() -> None:
    broad = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) == "Exception")
    ]
    assert [place.partition(":")[0] for place in broad] == ["federation/wire/server.py"]
