"""The image, built by buildah, and services of a compose file run from it, without an engine.

Each service is a process with its own mounts and process numbers over the image's root, read-only
to it, as the image's user and without a capability: what an engine does, as far as the kernel alone
can. Control groups, seccomp filters and networks are an engine's, and are not tried.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.docker.reading import DOCKER, ROOT, mounts

NEEDED: Final = ("debootstrap", "buildah", "unshare", "nsenter", "setpriv")
BASE: Final = "localhost/python:3.11-slim-bookworm"
IMAGE: Final = "localhost/hedui:tried"
_PACKAGES: Final = "python3-distutils,python3-venv,ca-certificates"
_PIP: Final = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
"""How this machine reaches its package index; the stand-in for the base image reaches it alike."""
_CONFINE: Final = """
root=$1 tmp=$2; shift 2
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
    [ -e "$root$2" ] || mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    shift 2
done
shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o "$tmp" tmpfs "$root/tmp"
mount -o remount,bind,ro "$root"
exec chroot "$root" "$@"
"""


def lacking() -> str:
    """Say why nothing can be tried here; empty when it can."""
    if os.geteuid() != 0:
        return "building an image without an engine needs root"
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A built image: its root on disk and what it says about itself."""

    root: Path
    settings: Mapping[str, Any]

    @property
    def environment(self) -> list[str]:
        """Give the image's variables, NAME=value."""
        return list(self.settings["Env"])

    @property
    def health(self) -> list[str]:
        """Give the words of the health check."""
        return list(self.settings["Healthcheck"]["Test"][1:])


def build(folder: Path) -> Image:
    """Make a stand-in for the base image, then build ``docker/Dockerfile`` on it."""
    store = _Store(folder)
    base = folder / "base"
    mirror = os.environ.get("DEBIAN_MIRROR", "")
    _run("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", base, mirror)
    (base / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    for name in filter(os.path.exists, _PIP):
        shutil.copy(name, f"{base}{name}")
    made = store("from", "scratch").strip()
    store("add", "--quiet", made, base, "/")
    store("commit", "--quiet", "--rm", made, BASE)
    shutil.rmtree(base)
    store(
        "bud",
        "--pull-never",
        "--format=docker",
        f"--file={DOCKER}/Dockerfile",
        f"--tag={IMAGE}",
        ROOT,
    )
    container = store("from", "--pull-never", IMAGE).strip()
    told = json.loads(store("inspect", "--type=image", IMAGE))["Docker"]["config"]
    return Image(root=Path(store("mount", container).strip()), settings=told)


@dataclass(frozen=True, slots=True)
class _Store:
    """buildah with everything it keeps in one folder."""

    folder: Path

    def __call__(self, *words: object) -> str:
        roots = (f"--root={self.folder}/store", f"--runroot={self.folder}/run")
        return _run("buildah", "--storage-driver=vfs", *roots, *words, BUILDAH_ISOLATION="chroot")


def _run(*words: object, **variables: str) -> str:
    line = [str(word) for word in words if word != ""]
    done = subprocess.run(
        line, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{line}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout


@dataclass(slots=True)
class Container:
    """A service's process; ``inner`` is its number outside, where it is the first of its own."""

    image: Image
    process: subprocess.Popen[bytes]
    log: Path
    identity: Sequence[str]
    inner: int = field(init=False)

    def __post_init__(self) -> None:
        """Wait until the process is there."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        while not (found := children.read_text().split()) and self.process.poll() is None:
            time.sleep(0.01)
        self.inner = int(found[0]) if found else 0

    def execute(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command beside the process, in its mounts and as its user."""
        inside = ("nsenter", f"--target={self.inner}", "--mount", "--pid", "--ipc", "--uts")
        line = [*inside, "chroot", str(self.image.root), *self.identity, *words]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    def healthy(self) -> bool:
        """Run the image's own health check once."""
        return self.execute(*self.image.health).returncode == 0

    def stop(self, seconds: float) -> int:
        """Send the image's stop signal and give the exit status.

        Raises:
            subprocess.TimeoutExpired: it has not ended in that time.
        """
        assert self.process.poll() is None, self.log.read_text("utf-8")[-4000:]
        os.kill(self.inner, signal.Signals[self.image.settings["StopSignal"]])
        return self.process.wait(seconds)

    def kill(self) -> None:
        """End the process if it still runs; its parent's end would not be its own."""
        if self.process.poll() is None:
            os.kill(self.inner, signal.SIGKILL)
            self.process.wait()


@dataclass(slots=True, kw_only=True)
class Engine:
    """Runs services of a compose file; a volume is a folder, a host a loopback address."""

    image: Image
    folder: Path
    services: Mapping[str, Mapping[str, Any]]
    running: list[Container] = field(default_factory=list)

    def start(self, name: str) -> Container:
        """Start a service as the compose file says."""
        service = dict(self.services[name])
        entry = service.get("entrypoint", self.image.settings["Entrypoint"])
        words = [str(word).replace("$$", "$") for word in (*entry, *service["command"])]
        uid = str(service.get("user", self.image.settings["User"])).partition(":")[0]
        kept = ",".join(["-all", *(f"+{one.lower()}" for one in service.get("cap_add", []))])
        drop = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]
        drop += ["--inh-caps=-all", f"--bounding-set={kept}"]
        at = service.get("working_dir", self.image.settings["WorkingDir"])
        identity = [*drop, "env", "-i", "-C", at, *self.image.environment]
        tmp = service["tmpfs"][0].partition(":")[2]
        binds = [
            word
            for target, volume in mounts(service).items()
            for word in (self.volume(volume), target)
        ]
        line = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--fork"]
        line += ["sh", "-euc", _CONFINE, "-", str(self.image.root), tmp]
        line += [*binds, self._hosts(), "/etc/hosts", "--", *identity, *words]
        log = self.folder / f"{name}.log"
        with log.open("ab") as sink:
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
        started = Container(self.image, process, log, identity)
        self.running.append(started)
        return started

    def finish(self, name: str, seconds: float = 120) -> str:
        """Run a service to its end, which must be a good one, and give what it printed."""
        done = self.start(name)
        status = done.process.wait(seconds)
        printed = done.log.read_text("utf-8")
        assert status == 0, f"{name}: {printed[-4000:]}"
        return printed

    def volume(self, name: str) -> str:
        """Give a volume's folder; a new one belongs to root, as an engine makes it."""
        folder = self.folder / "volumes" / name
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        return str(folder)

    def close(self) -> None:
        """Kill what still runs; it was started here."""
        for one in self.running:
            one.kill()

    def _hosts(self) -> str:
        hosts = self.folder / "hosts"
        rows = [f"127.0.76.{n} {name}" for n, name in enumerate(sorted(self.services), 1)]
        hosts.write_text("127.0.0.1 localhost\n" + "\n".join(rows) + "\n", "utf-8")
        return str(hosts)
