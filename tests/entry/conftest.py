"""Counting what stands in a database, and the local stack as `disputes up` runs it."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from store.database import Database

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "starter.cli.main"]
PATIENCE = 60.0  # seconds, for things that take one


async def written(database: Database) -> dict[str, int]:
    """How many rows stand in every table that intake writes."""
    rows = await database.fetch(
        """
        select (select count(*) from openings) as openings, (select count(*) from disputes) as disputes,
               (select count(*) from inbox) as inbox, (select count(*) from timeline) as timeline,
               (select count(*) from outbox) as outbox
        """,
        {},
    )
    return dict(rows[0])


async def eventually(holds: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until `holds`, at most a minute; then the test fails with `what`."""
    give_up_at = time.monotonic() + PATIENCE
    while not await holds():
        assert time.monotonic() < give_up_at, f"{what} did not come true within {PATIENCE:.0f} s"
        await asyncio.sleep(0.05)


@dataclass(frozen=True)
class CommandLine:
    """`disputes` as people run it; `environment` says where the stack is."""

    environment: dict[str, str]

    def __call__(
        self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            env={**self.environment, **(environment or {})},
            cwd=self.environment["HOME"],
            timeout=PATIENCE,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def clean_environment(home: Path, **more: str) -> dict[str, str]:
    """Our environment without settings of ours, in a home of its own; the programs' cache stays where it is."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DISPUTES_")}
    cache = inherited.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    return {**inherited, "PYTHONPATH": str(ROOT), "HOME": str(home), "XDG_CACHE_HOME": cache, **more}


@pytest.fixture
def nowhere(tmp_path: Path) -> CommandLine:
    """The command line where no stack runs."""
    return CommandLine(clean_environment(tmp_path))


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """`disputes up` on a new folder; Ctrl-C at the end must stop it in order and leave no address behind."""
    home = tmp_path_factory.mktemp("up")
    if os.geteuid() == 0:
        # PostgreSQL runs as nobody then and must get in.
        for folder in (home, home.parent):
            folder.chmod(0o755)
    environment = clean_environment(home, DISPUTES_DATA=str(home / "data"))
    log = (home / "up.log").open("wb")
    process = subprocess.Popen(
        [*COMMAND, "up", "--no-ui", "--json"], stdout=subprocess.PIPE, stderr=log, env=environment, cwd=home
    )
    try:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], 2 * PATIENCE)
        assert readable, f"the stack was not up in time: {(home / 'up.log').read_text()}"
        told = process.stdout.read1()  # type: ignore[attr-defined]
        assert told, f"the stack did not come up: {(home / 'up.log').read_text()}"
        assert "sandbox" in json.loads(told)
        yield CommandLine(environment)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0, (home / "up.log").read_text()
        assert not (home / "data" / "stack.json").exists()
    finally:
        process.kill()
        process.communicate()
        log.close()
