"""Building a Go program once per user, into the cache folder, by its public package name."""

import asyncio
import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from localstack.children import Child
from localstack.progress import Progress

_POLL = 0.5  # seconds between two looks at the compiler or the lock


class BuildFailed(RuntimeError):
    """The program could not be built; the message says why in the compiler's words."""


@dataclass(frozen=True)
class GoProgram:
    """A released Go program whose package installs a binary called `server`; `version` without the v."""

    name: str
    title: str
    package: str
    version: str

    def cached(self, cache: Path) -> Path:
        """Where its binary is kept."""
        return cache / f"{self.name}-{self.version}" / "server"


def cache_folder() -> Path:
    """This user's folder for programs too costly to build twice: $XDG_CACHE_HOME or ~/.cache, `disputes`."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says to ignore relative paths.
    root = Path(configured) if os.path.isabs(configured) else Path.home() / ".cache"
    return root / "disputes"


@asynccontextmanager
async def sole_user(lock: Path, progress: Progress, waiting: str) -> AsyncIterator[None]:
    """Hold the file `lock` while the block runs; shows `waiting` while another process has it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        if not _try_lock(file.fileno()):
            with progress.step(waiting):
                # flock has no way to wait that an event loop could join.
                while not _try_lock(file.fileno()):  # noqa: ASYNC110
                    await asyncio.sleep(_POLL)
        yield


async def build(program: GoProgram, cache: Path, progress: Progress) -> Path:
    """Build `program` into `cache` unless it is there already; gives the binary's path.

    Takes minutes the first time. Raises BuildFailed when Go is missing or the build fails.
    """
    target = program.cached(cache)
    name = target.parent.name
    waiting = f"Waiting for another process that is getting {program.title}"
    async with sole_user(cache / f"{name}.lock", progress, waiting):
        if target.exists():
            return target
        go = shutil.which("go")
        if go is None:
            raise BuildFailed("go is not on PATH")
        # Beside the target, so that moving it into place is one rename.
        unfinished = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
        try:
            await _install(go, program, unfinished, cache / f"{name}.log", progress)
            move_into_place(unfinished, target.parent)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return target


def move_into_place(unfinished: Path, target: Path) -> None:
    """Make the finished folder `unfinished` visible as `target`, in one step."""
    # mkdtemp made it private; the cache folder's own mode decides who may enter.
    unfinished.chmod(0o755)
    # What is there lacks its binary: the rest of something deleted by hand.
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)


async def _install(go: str, program: GoProgram, folder: Path, log: Path, progress: Progress) -> None:
    package = f"{program.package}@v{program.version}"
    compiler = Child(
        f"Building {program.title}",
        [go, "install", "-v", "-ldflags", "-s -w", package],
        log=log,
        env={**os.environ, "GOBIN": str(folder)},
        cwd=folder,
        # go stops its compilers on an interrupt.
        stop_signal=signal.SIGINT,
    )
    with progress.step(f"Building {program.title} {program.version} with Go (minutes, the first time)") as step:
        compiler.start()
        try:
            while compiler.running:
                said = compiler.output().splitlines()
                step.detail(said[-1] if said else "go says nothing while it links")
                await asyncio.sleep(_POLL)
        finally:
            await compiler.stop()
        if compiler.exit_code != 0 or not (folder / "server").exists():
            raise BuildFailed(f"go install {package} failed: {compiler.last_words()}")


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
