"""Write ``requirements.lock``: every package with its hashes, no addresses, for any platform.

The extra ``fuzz`` is left out: it is large, and for few platforms. Knows uv. Does not install
anything.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMAND = (
    "uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate"
    " --extra dev --extra pdf --extra postgres --quiet"
    " pyproject.toml -o requirements.lock"
)


def main() -> None:
    """Run uv and end with its exit code."""
    line = [sys.executable, "-m", *COMMAND.split()]
    done = subprocess.run(line, cwd=ROOT, check=False)  # noqa: S603 - our own words
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
