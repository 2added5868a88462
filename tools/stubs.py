"""Generate ``federation/v1`` from ``proto/``; ``--check`` refuses when the committed stubs differ.

Knows protoc and the layout. Does not edit what protoc writes.
"""

import sys
import sysconfig
import tempfile
from filecmp import cmpfiles
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parents[1]


def generate(target: Path) -> None:
    """Write the stubs below ``target``."""
    sources = sorted((ROOT / "proto" / "federation" / "v1").glob("*.proto"))
    include = resources.files("grpc_tools") / "_proto"
    plugin = Path(sysconfig.get_path("scripts")) / "protoc-gen-mypy"
    arguments = [f"-I{ROOT / 'proto'}", f"-I{include}", f"--python_out={target}"]
    arguments += [f"--plugin=protoc-gen-mypy={plugin}", f"--mypy_out=quiet:{target}"]
    done = protoc.main(["protoc", *arguments, *map(str, sources)])
    if done:
        sys.exit(done)


def check() -> None:
    """Refuse when the committed stubs are not what the sources say."""
    committed = ROOT / "federation" / "v1"
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = Path(folder) / "federation" / "v1"
        names = sorted(path.name for path in fresh.iterdir())
        _, different, missing = cmpfiles(committed, fresh, names, shallow=False)
    if different or missing:
        sys.exit(f"stubs are not up to date, run make proto: {different + missing}")


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        check()
    else:
        generate(ROOT)
