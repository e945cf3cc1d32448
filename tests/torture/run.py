"""The long run, `python -m tests.torture.run`: streams of commands under kill -9, and what a checker makes of it."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from localstack.stack import LocalStack
from starter.connecting import connect
from starter.delivery import SEARCH_ATTRIBUTES
from starter.settings import Settings
from store.database import Database
from store.migrate import migrate
from tests.torture.checker import check_stored, nothing_else_paid
from tests.torture.crew import Crew, durable_world
from tests.torture.findings import Finding
from tests.torture.killer import Killer, postgres_away
from tests.torture.recorder import Call, Recorder, how_many, recorded
from tests.torture.report import told_in_the_outage, write_report
from tests.torture.settling import NotDrained, ask_again, drained
from tests.torture.short_clocks import CLOCKS, client_under, short_policy
from tests.torture.snapshot import Snapshot, take_snapshot
from tests.torture.workflow_checker import check_workflows

EVENTS_A_RUN = 150
"""Workflows continue as new after about so many events, so that a dispute does so several times."""


@dataclass(frozen=True)
class Plan:
    """How long and how hard: at least so many commands and kills; `outage` is in seconds."""

    seed: int
    commands: int
    kills: int
    outage: float
    clients: int = 3
    tables: int = 3


@dataclass
class Result:
    """What a run came to; nothing is wrong when `findings` is empty."""

    plan: Plan
    killed: Counter[str] = field(default_factory=Counter)
    ended_by_themselves: Counter[str] = field(default_factory=Counter)
    calls: Sequence[Call] = ()
    asked_again: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    snapshot: Snapshot | None = None
    findings: list[Finding] = field(default_factory=list)


def say(text: str) -> None:
    """Progress goes to stderr."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


async def torture(plan: Plan, folder: Path) -> Result:
    """One whole run on a fresh stack, with logs and records in `folder`."""
    stack = LocalStack(
        None,
        ui=False,
        search_attributes=SEARCH_ATTRIBUTES,
        processes=[durable_world(folder / "world")],
        dynamic_config={"limit.historyCount.suggestContinueAsNew": EVENTS_A_RUN},
    )
    async with stack:
        migrate(stack.addresses.dsn)
        settings = Settings(
            database_dsn=SecretStr(stack.addresses.dsn),
            temporal_address=stack.addresses.temporal,
            world_url=stack.addresses.processes["world"],
            task_timeout_seconds=3,
            update_timeout_seconds=5,
        )
        return await _on(stack, settings, plan, folder)


async def _on(stack: LocalStack, settings: Settings, plan: Plan, folder: Path) -> Result:
    result = Result(plan)
    crew = Crew.of(stack, settings, folder)
    began = time.monotonic()
    for number in (1, 2):
        await crew.add("worker", number, [sys.executable, "-m", "worker"], "worker ready")
        await crew.add("relay", number, [sys.executable, "-m", "starter.relay"], "relay ready")
    for number in range(1, plan.clients + 1):
        await crew.add("client", number, _client(plan, folder, number), "client ready")
    records = [folder / f"client-{number}.jsonl" for number in range(1, plan.clients + 1)]
    killer = Killer(crew, plan.seed, plan.kills)
    watching = asyncio.create_task(crew.watch())
    killing = asyncio.create_task(killer.run())
    away = await _outage_half_way(crew, plan, lambda: how_many(records), killer)
    while how_many(records) < plan.commands or not killing.done():
        if watching.done():
            watching.result()
        say(f"{how_many(records)} commands, {killer.killed.total()} kills")
        await asyncio.wait([killing, watching], timeout=5, return_when=asyncio.FIRST_COMPLETED)
        if killing.done():
            killing.result()
            await asyncio.sleep(0.5)
    result.seconds["under fire"] = time.monotonic() - began
    result.killed = killer.killed
    await crew.stop("client")
    say("the faults are over")
    dsn = stack.addresses.dsn
    try:
        result.seconds["until drained"] = await drained(dsn, say)
    except NotDrained as stuck:
        result.findings.append(Finding("goes_on", "-", str(stuck), "everything is up; the checker says which"))
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(Database(dsn))
        client = await opened.enter_async_context(client_under(settings, short_policy(**CLOCKS), database))
        recorder = Recorder(folder / "asked-again.jsonl", "asked-again")
        try:
            result.asked_again = await ask_again(client, recorder, recorded(records))
            await drained(dsn, say)
        except NotDrained as stuck:
            result.findings.append(Finding("answered_when_asked", "-", str(stuck), "everything is up"))
        recorder.close()
        result.calls = recorded([*records, folder / "asked-again.jsonl"])
        result.snapshot = await take_snapshot(dsn, settings.world_url)
        result.findings += check_stored(result.snapshot, result.calls)
        result.findings += nothing_else_paid(result.snapshot)
        result.findings += told_in_the_outage(result.calls, *away)
        temporal = await connect(settings)
        result.findings += await check_workflows(database, temporal, result.snapshot.disputes)
    for member in crew.members:
        result.ended_by_themselves[member.kind] += member.ended_by_itself
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await crew.stop("relay")
    await crew.stop("worker")
    return result


async def _outage_half_way(crew: Crew, plan: Plan, commands: Callable[[], int], killer: Killer) -> tuple[float, float]:
    """PostgreSQL goes away once half of the commands were sent."""
    while commands() < plan.commands / 2:
        say(f"{commands()} commands, {killer.killed.total()} kills")
        await asyncio.sleep(min(5.0, plan.commands / 200))
    say(f"PostgreSQL goes away for {plan.outage:.0f} s")
    return await postgres_away(crew, plan.outage)


def _client(plan: Plan, folder: Path, number: int) -> list[str]:
    told = [str(plan.seed), f"client-{number}", str(folder), str(plan.tables)]
    return [sys.executable, "-m", "tests.torture.streaming", *told]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when nothing was found, 1 with the counter-examples."""
    parser = argparse.ArgumentParser(description="Kills everything at random while commands stream, and checks all.")
    parser.add_argument("--commands", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--outage", type=float, default=60.0, help="seconds PostgreSQL is away in the middle")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    given = parser.parse_args(arguments)
    say(f"seed {given.seed}")
    folder = Path(tempfile.mkdtemp(prefix="disputes-torture-"))
    say(f"logs and records are in {folder}")
    plan = Plan(seed=given.seed, commands=given.commands, kills=given.kills, outage=given.outage)
    result = asyncio.run(torture(plan, folder))
    write_report(result, sys.stdout)
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main())
