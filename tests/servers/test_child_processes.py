"""A child process: ready, stopped, killed, started again, and never left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from localstack.children import Child, ChildFailed

PATIENT = "import signal; print('ready', flush=True); signal.pause()"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {PATIENT}"
PARENT = """
import os, pathlib, signal, sys
from localstack.children import Child
child = Child("sleeper", ["sleep", "1000"], log=pathlib.Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
signal.pause()
"""


def python(name: str, code: str, folder: Path) -> Child:
    return Child(name, [sys.executable, "-c", code], log=folder / f"{name}.log")


async def until_ready(child: Child) -> None:
    async def ready() -> bool:
        return "ready" in child.output()

    await child.wait_until(ready, timeout=10)


async def test_stop_ends_a_child_by_its_signal(tmp_path: Path) -> None:
    child = python("patient", PATIENT, tmp_path)
    child.start()
    await until_ready(child)
    await child.stop()
    assert child.exit_code == -signal.SIGTERM


async def test_stop_kills_a_child_that_does_not_listen(tmp_path: Path) -> None:
    child = python("deaf", DEAF, tmp_path)
    child.start()
    await until_ready(child)
    await child.stop(timeout=0.2)
    assert child.exit_code == -signal.SIGKILL


async def test_a_killed_child_starts_again_and_forgets_what_the_first_one_said(tmp_path: Path) -> None:
    child = python("patient", PATIENT, tmp_path)
    child.start()
    await until_ready(child)
    first = child.pid
    await child.kill()
    assert child.exit_code == -signal.SIGKILL
    child.start()
    await until_ready(child)
    assert child.pid != first
    assert child.output() == "ready\n"
    assert child.log.read_text() == "ready\nready\n"
    await child.stop()


async def test_a_child_that_ends_early_fails_with_its_last_words(tmp_path: Path) -> None:
    child = python("hasty", "import sys; sys.exit('no such table')", tmp_path)
    child.start()
    with pytest.raises(ChildFailed, match=r"hasty ended with code 1: no such table \(log: .*hasty\.log\)"):
        await until_ready(child)


async def test_a_child_that_is_never_ready_fails_in_time(tmp_path: Path) -> None:
    child = python("mute", "import signal; signal.pause()", tmp_path)
    child.start()

    async def never() -> bool:
        return False

    with pytest.raises(ChildFailed, match="mute was not ready after 0 s: it said nothing"):
        await child.wait_until(never, timeout=0.1)
    await child.kill()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match="ghost could not be started with /no/such/program"):
        Child("ghost", ["/no/such/program"], log=tmp_path / "ghost.log").start()


async def test_ctrl_c_in_the_terminal_does_not_reach_a_child(tmp_path: Path) -> None:
    child = python("patient", PATIENT, tmp_path)
    child.start()
    await until_ready(child)
    # The terminal signals its foreground process group, which is always in the terminal's session.
    assert os.getsid(child.pid) != os.getsid(0)
    await child.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
def test_a_child_does_not_outlive_a_parent_killed_with_9(
    tmp_path: Path, wait_until_gone: Callable[[Iterable[int]], None]
) -> None:
    argv = [sys.executable, "-c", PARENT, str(tmp_path / "sleeper.log")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    wait_until_gone([pid])
