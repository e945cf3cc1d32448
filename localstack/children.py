"""A child process under our care: started, waited for, stopped, killed and started again by its own pid."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_POLL = 0.02  # seconds between two looks at a child
_PR_SET_PDEATHSIG = 1  # from linux/prctl.h

# Loaded before any fork: the hook below runs between fork and exec, where importing is not safe.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

_SHOWN_CHARACTERS = 300  # of each of a child's last lines


class ChildFailed(RuntimeError):
    """A child ended or was not ready in time; the message says which and where its log is."""


@dataclass(frozen=True)
class Account:
    """The system account a child runs as."""

    uid: int
    gid: int


class Child:
    """One process, its output in a log file.

    It gets a session of its own, so that Ctrl-C in the terminal reaches only us and we stop the children in
    order. On Linux the kernel kills it when the *thread* that started it ends, so that nothing outlives us
    even after kill -9: start children from the main thread. macOS has no such call; there, children of a
    parent killed with -9 stay until they are stopped by hand.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """`env` replaces the environment (None: ours is passed on); `account` needs root."""
        self.name = name
        self.argv = list(argv)
        self.log = log
        self._env = None if env is None else dict(env)
        self._cwd = cwd
        self._account = account
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._log_begin = 0

    @property
    def pid(self) -> int:
        """The pid of the running or last run process; raises ChildFailed before the first start."""
        if self._process is None:
            raise ChildFailed(f"{self.name} was never started.")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive; reaps it when it has just ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs or before the first start."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start the process; raises ChildFailed when it runs already or its program cannot be executed."""
        if self.running:
            raise ChildFailed(f"{self.name} runs already with pid {self.pid}.")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._log_begin = output.tell()
            try:
                self._process = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self._env,
                    cwd=self._cwd,
                    start_new_session=True,
                    user=None if self._account is None else self._account.uid,
                    group=None if self._account is None else self._account.gid,
                    extra_groups=None if self._account is None else [],
                    preexec_fn=None if _libc is None else _die_with_parent(os.getpid()),
                )
            except OSError as error:
                raise ChildFailed(f"{self.name} could not be started with {self.argv[0]}: {error}") from error

    async def wait_until(self, ready: Callable[[], Awaitable[bool]], *, timeout: float) -> None:
        """Wait until `ready()` is true; raises ChildFailed when the process ends or `timeout` seconds pass."""
        deadline = time.monotonic() + timeout
        while not await ready():
            if not self.running:
                raise ChildFailed(f"{self.name} ended with code {self.exit_code}: {self.last_words()}")
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.name} was not ready after {timeout:.0f} s: {self.last_words()}")
            await asyncio.sleep(_POLL)

    async def wait(self) -> int:
        """Wait for the process to end by itself; gives its exit code."""
        # Polled, because asyncio's own child watching binds a child to one event loop; ours outlive loops.
        while (code := self.exit_code) is None:  # noqa: ASYNC110
            await asyncio.sleep(_POLL)
        return code

    async def stop(self, *, timeout: float = 15.0) -> None:
        """Ask it to end and wait; after `timeout` seconds kill it. Does nothing when it does not run."""
        if not self.running:
            return
        os.kill(self.pid, self._stop_signal)
        try:
            async with asyncio.timeout(timeout):
                await self.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Kill it with -9 and reap it. Does nothing when it does not run."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
            await self.wait()

    def output(self) -> str:
        """What it has written to its log since the last start."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(self._log_begin)
            return file.read().decode(errors="replace")

    def last_words(self, lines: int = 5) -> str:
        """The end of its output in one line, and where the rest is."""
        tail = " | ".join(line.strip()[:_SHOWN_CHARACTERS] for line in self.output().splitlines()[-lines:])
        return f"{tail or 'it said nothing'} (log: {self.log})"


def _die_with_parent(parent: int) -> Callable[[], None]:
    def ask_kernel() -> None:
        assert _libc is not None
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # The parent may have died between fork and the call above; then no signal would ever come.
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel
