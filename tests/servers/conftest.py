"""Folders, programs and servers for the tests of the local stack."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path

import pytest

from localstack.binaries import find_temporal
from localstack.data_folder import temporary
from localstack.progress import on_terminal
from localstack.temporal import TemporalBinary, TemporalServer
from starter.delivery import SEARCH_ATTRIBUTES


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that PostgreSQL's account may enter, which pytest's tmp_path under root is not."""
    path = Path(tempfile.mkdtemp(prefix="disputes-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
async def temporal_binary() -> TemporalBinary:
    """The program `up` would run; built on the first use on a machine."""
    return await find_temporal(on_terminal())


@pytest.fixture(scope="module")
async def temporal(temporal_binary: TemporalBinary) -> AsyncIterator[TemporalServer]:
    """A Temporal server on a file, running for all tests of a module."""
    with temporary() as path:
        server = TemporalServer(temporal_binary, path / "temporal", search_attributes=SEARCH_ATTRIBUTES)
        await server.start()
        yield server
        await server.kill()


@pytest.fixture
def wait_until_gone() -> Callable[[Iterable[int]], None]:
    """Waits until none of the given pids is a living process; fails after ten seconds."""

    def wait(pids: Iterable[int]) -> None:
        deadline = time.monotonic() + 10
        while left := [pid for pid in pids if _is_alive(pid)]:
            assert time.monotonic() < deadline, f"still running: {left}"
            time.sleep(0.02)

    return wait


def _is_alive(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    # A zombie is dead; whoever took over its parent's duties has only not looked yet.
    return bool(state.strip()) and not state.startswith("Z")
