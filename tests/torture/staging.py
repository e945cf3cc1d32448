"""A stage under a policy with short clocks, a worker that died after its commit, and the checker's verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from activities.records import CaseFile
from domain.commands import COMMANDS, Actor
from domain.deciding import decide
from domain.dispute import Dispute, WaitKind
from domain.envelope import Answered
from domain.evolving import evolve
from domain.headline import headline, units_after
from domain.notices import ended_waits, notices
from domain.policy import Policy
from localstack.stack import LocalStack
from starter.intake import receive
from tests.stage import Case, Stage, stage
from tests.strict import importing_runner
from tests.torture.checker import check_stored
from tests.torture.findings import Finding
from tests.torture.recorder import Call
from tests.torture.short_clocks import client_under
from tests.torture.snapshot import take_snapshot
from tests.torture.workflow_checker import check_workflows
from worker.running import working
from workflows.ports import Recorded, Recording


@asynccontextmanager
async def stage_under(
    stack: LocalStack, policy: Policy, *, worker: bool = True, update_timeout: float = 20
) -> AsyncIterator[Stage]:
    """A stage whose disputes pin `policy`; without a worker until `at_work` brings one."""
    async with AsyncExitStack() as opened:
        built = await opened.enter_async_context(stage(stack, worker=False))
        settings = built.settings.model_copy(update={"update_timeout_seconds": update_timeout})
        client = await opened.enter_async_context(client_under(settings, policy, built.database))
        built = replace(built, settings=settings, client=client)
        if worker:
            await opened.enter_async_context(at_work(built))
        yield built


@asynccontextmanager
async def at_work(built: Stage) -> AsyncIterator[None]:
    """A worker for the stage while the block runs."""
    async with working(built.temporal, built.settings, runner=importing_runner(), cached=200):
        yield


async def until(look: Callable[[], Awaitable[bool]], what: str, *, within: float = 20.0, every: float = 0.02) -> None:
    """Waits for a condition; fails after `within` seconds and says what was waited for."""
    give_up_at = time.monotonic() + within
    while not await look():
        assert time.monotonic() < give_up_at, f"not within {within:.0f} s: {what}"
        await asyncio.sleep(every)


async def deadline(case: Case, kind: WaitKind) -> datetime:
    """The instant (UTC) the dispute's clock of this kind runs out at."""
    dispute = await case.now()
    return min(wait.until for wait in dispute.waits if wait.kind is kind)


async def passed(case: Case, at: datetime) -> None:
    """Waits until PostgreSQL's clock is past `at`."""

    async def look() -> bool:
        rows = await case.stage.database.fetch("select clock_timestamp() > %(at)s as passed", {"at": at})
        return bool(rows[0]["passed"])

    await until(look, f"{at} to pass")


async def committed_by_a_dead_worker(case: Case, name: str, fields: dict[str, Any], actor: Actor, key: str) -> Dispute:
    """Receives and commits a command as a worker does that is killed before Temporal hears of it.

    Gives the dispute after it; the workflow knows nothing of it.
    """
    database = case.stage.database
    command = COMMANDS[name].model_validate(fields)
    receipt = await receive(database, case.id, command, actor=actor, key=key, seen_version=None, daily_limit=10_000)
    before = await case.now()
    events = tuple(decide(before, command, actor, receipt.received_at))
    after = before
    for event in events:
        after = evolve(after, event)
    recorded = await CaseFile(database).record(
        Recording(
            dispute_id=str(case.id),
            expected_version=before.version,
            events=events,
            command_id=receipt.command_id,
            answer=Answered(status="accepted", version=after.version, events=tuple(event.type for event in events)),
            headline=headline(after),
            notices=notices(before, after, events),
            void_waits=ended_waits(before, after),
            units=units_after(after),
        )
    )
    assert isinstance(recorded, Recorded)
    return after


async def left_to_the_relay(built: Stage) -> None:
    """Waits until the relay may take every row: it leaves young ones to the client that sent them."""

    async def look() -> bool:
        rows = await built.database.fetch(
            "select coalesce(max(real_received_at) < clock_timestamp() - interval '2 s', true) as old from inbox", {}
        )
        return bool(rows[0]["old"])

    await until(look, "the rows to be the relay's")


async def verdict(built: Stage, calls: Iterable[Call] = (), *, workflows: bool = True) -> list[Finding]:
    """What the checker finds among the disputes of this stage."""
    snapshot = await take_snapshot(built.settings.database_dsn.get_secret_value(), built.settings.world_url)
    findings = check_stored(snapshot, tuple(calls))
    if workflows:
        findings += await check_workflows(built.database, built.temporal, snapshot.disputes)
    return findings


async def acknowledged(built: Stage) -> None:
    """Waits until every answered command is acknowledged: a client does so 100 ms after its answer."""

    async def look() -> bool:
        rows = await built.database.fetch(
            "select count(*) as left from inbox where acknowledged_at is null or answered_at is null", {}
        )
        return not rows[0]["left"]

    await until(look, "every command to be acknowledged")
