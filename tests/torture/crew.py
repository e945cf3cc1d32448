"""The processes of a run: started, watched, killed and started again, each by its own pid."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from localstack.children import Child, ChildFailed
from localstack.stack import Addresses, LocalStack, ProcessSpec
from starter.settings import Settings

READY_SECONDS = 30.0
COMES_BACK_SECONDS = 180.0
"""How long a process may need until it is up again: what it depends on may have been killed too."""


def durable_world(folder: Path) -> ProcessSpec:
    """The sandbox world with its books on disk, so that it may be killed as well."""

    def port(addresses: Addresses) -> Mapping[str, str]:
        return {"SANDBOX_PORT": addresses.processes["world"].rpartition(":")[2]}

    return ProcessSpec(
        "world", [sys.executable, "-m", "sandbox", "--data", str(folder)], env=port, ready_path="/healthz"
    )


@dataclass
class Member:
    """Something that can be killed with -9 and started again; `busy` while somebody does."""

    name: str
    kind: str
    alive: Callable[[], bool]
    kill: Callable[[], Awaitable[None]]
    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]
    busy: bool = False
    ended_by_itself: int = 0

    async def come_back(self) -> None:
        """Starts it until it is ready; raises ChildFailed when it is not within three minutes."""
        give_up_at = time.monotonic() + COMES_BACK_SECONDS
        while True:
            try:
                await self.start()
                return
            except ChildFailed:
                if time.monotonic() > give_up_at:
                    raise
                await asyncio.sleep(0.3)


@dataclass
class Crew:
    """All members of a run; `environment` is what our own processes find their servers by."""

    stack: LocalStack
    folder: Path
    environment: dict[str, str]
    members: list[Member] = field(default_factory=list)

    @classmethod
    def of(cls, stack: LocalStack, settings: Settings, folder: Path) -> Crew:
        """The servers of `stack`; our own processes are added with `add`."""
        environment = {
            f"DISPUTES_{name.upper()}": str(value)
            for name, value in settings.model_dump(exclude={"database_dsn"}, exclude_none=True).items()
        }
        environment["DISPUTES_DATABASE_DSN"] = settings.database_dsn.get_secret_value()
        crew = cls(stack, folder, environment)
        temporal, world = stack.temporal, stack.processes["world"]
        assert temporal is not None

        async def start_world() -> None:
            await stack.restart("world")

        postgres = stack.postgres
        crew.members += [
            Member(
                "temporal", "temporal", lambda: temporal.child.running, temporal.kill, temporal.start, temporal.stop
            ),
            Member(
                "postgres", "postgres", lambda: postgres.child.running, postgres.kill, postgres.start, postgres.stop
            ),
            Member("world", "world", lambda: world.running, world.kill, start_world, world.stop),
        ]
        return crew

    async def add(self, kind: str, number: int, argv: list[str], ready_line: str) -> Member:
        """Starts one of our own processes and takes it in."""
        name = f"{kind}-{number}"
        child = Child(name, argv, log=self.folder / f"{name}.log", env={**os.environ, **self.environment})

        async def ready() -> bool:
            return ready_line in child.output()

        async def start() -> None:
            child.start()
            try:
                await child.wait_until(ready, timeout=READY_SECONDS)
            except BaseException:
                await child.kill()
                raise

        async def stop() -> None:
            await child.stop(timeout=30)

        member = Member(name, kind, lambda: child.running, child.kill, start, stop)
        await member.come_back()
        self.members.append(member)
        return member

    async def watch(self) -> None:
        """Starts again what ended without anybody killing it, as a supervisor would, and counts it; never returns."""
        while True:
            for member in self.members:
                if not member.busy and not member.alive():
                    member.busy = True
                    member.ended_by_itself += 1
                    await member.come_back()
                    member.busy = False
            await asyncio.sleep(0.2)

    async def stop(self, kind: str) -> None:
        """Stops all members of a kind in order; they are gone afterwards."""
        leaving = [member for member in self.members if member.kind == kind]
        self.members = [member for member in self.members if member.kind != kind]
        await asyncio.gather(*(member.stop() for member in leaving))
