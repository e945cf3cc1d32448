"""The folder a local stack lives in: used by one stack at a time, its ports remembered, or temporary."""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path


class InUse(RuntimeError):
    """The data folder belongs to another stack, or cannot be used at all; the message says what to do."""


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Create `folder` when it is missing and keep every other stack out of it while the block runs.

    Raises InUse when another process has it. The lock ends with its process, however that ends.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Not "w": a refused second stack must not wipe out the first one's pid.
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise InUse(f"The data folder {folder} cannot be used ({error}): choose another one.") from error
    with os.fdopen(descriptor, "r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUse(
                f"The data folder {folder} is in use by the local stack with pid {lock.read().strip()}: "
                "stop that one or choose another folder."
            ) from error
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextlib.contextmanager
def temporary() -> Iterator[Path]:
    """A new folder for one run, removed when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="disputes-"))
    if os.geteuid() == 0:
        # PostgreSQL runs as nobody then and must find its folder inside; listing stays root's.
        folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def known_ports(folder: Path) -> dict[str, int]:
    """The ports of the last run in `folder` by name; none for a new folder."""
    try:
        ports: dict[str, int] = json.loads((folder / "ports.json").read_text())
    except FileNotFoundError:
        return {}
    return ports


def remember_ports(folder: Path, ports: Mapping[str, int]) -> None:
    """Keep `ports` for the next run."""
    unfinished = folder / "ports.json.new"
    unfinished.write_text(json.dumps(dict(ports), indent=2))
    unfinished.replace(folder / "ports.json")


def fresh_log_folder(folder: Path) -> Path:
    """An empty folder for this run's logs; those of the run before are kept beside it."""
    log, previous = folder / "log", folder / "log.previous"
    if log.exists():
        shutil.rmtree(previous, ignore_errors=True)
        log.rename(previous)
    log.mkdir()
    return log
