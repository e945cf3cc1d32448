"""Speed and CPU of whole disputes against the bare workflow of the same shape, in turns on the same servers.

`python -m bench.against_bare [--pairs 5] [--disputes 100] [--at-once 4] [--json FILE]`. Figures are ratios of runs
taken in turns; a development server's absolute figures are never a throughput (research of the floors: README.md here).
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from bench.bare import COMMANDS, TASK_QUEUE, Bare
from domain.commands import Actor
from localstack.stack import Addresses, LocalStack, ProcessSpec
from starter.delivery import SEARCH_ATTRIBUTES
from tests.stage import Stage, put_order, stage, world_process


@dataclass(frozen=True)
class Run:
    """One run: whole disputes a second, milliseconds of CPU a dispute over the whole machine, p50 and p99 in ms."""

    disputes_a_second: float
    cpu_ms_a_dispute: float
    update_p50_ms: float
    update_p99_ms: float


def machine_cpu_seconds() -> float:
    """CPU time spent by everybody on this machine since it started (Linux: /proc/stat, all but idle and iowait)."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


async def measured(one: Callable[[list[float]], Awaitable[None]], disputes: int, at_once: int) -> Run:
    """Runs `one` `disputes` times, `at_once` at a time; `one` appends the seconds of each of its updates."""
    gate, seconds = asyncio.Semaphore(at_once), list[float]()

    async def guarded() -> None:
        async with gate:
            await one(seconds)

    cpu, began = machine_cpu_seconds(), time.perf_counter()
    await asyncio.gather(*(guarded() for _ in range(disputes)))
    elapsed, spent = time.perf_counter() - began, machine_cpu_seconds() - cpu
    cuts = statistics.quantiles(seconds, n=100)
    return Run(disputes / elapsed, 1000 * spent / disputes, 1000 * cuts[49], 1000 * cuts[98])


async def bare(client: Client, seconds: list[float]) -> None:
    """One bare workflow with its updates."""
    handle = await client.start_workflow(Bare.run, id=f"bare/{uuid4()}", task_queue=TASK_QUEUE)
    for _ in range(COMMANDS):
        began = time.perf_counter()
        await handle.execute_update("command", "x", id=str(uuid4()))
        seconds.append(time.perf_counter() - began)
    await handle.result()


async def dispute(scene: Stage, orders: Iterator[str], seconds: list[float]) -> None:
    """One dispute of seven commands about the next of `orders`, from the claim to its withdrawal."""
    case = await scene.open_about(next(orders), reason="not_as_described", test_clock=False)
    money = {"amount_minor": 7_000, "currency": "CNY"}

    async def act(command: str, by: Actor, **fields: object) -> None:
        began = time.perf_counter()
        await case.act(command, by, **fields)
        seconds.append(time.perf_counter() - began)

    await act("say", case.buyer, text="Is anybody there?")
    await act("offer", case.seller, terms={"amount": money})
    await act("say", case.buyer, text="That is half of it.")
    await act("decline_offer", case.buyer, offer_id="o1")
    await act("offer", case.seller, terms={"amount": {**money, "amount_minor": 8_000}})
    await act("say", case.seller, text="It is our last word.")
    await act("withdraw", case.buyer, reason="I keep it.")
    await case.handle.result()


def _processes(queue: str) -> list[ProcessSpec]:
    def environment(addresses: Addresses) -> dict[str, str]:
        return {
            "DISPUTES_DATABASE_DSN": addresses.dsn,
            "DISPUTES_TEMPORAL_ADDRESS": addresses.temporal,
            "DISPUTES_WORLD_URL": addresses.processes["world"],
            "DISPUTES_TASK_QUEUE": queue,
        }

    return [
        world_process(),
        ProcessSpec("bare", [sys.executable, "-m", "bench.bare"], environment, ready_line="ready"),
        ProcessSpec("worker", [sys.executable, "-m", "worker"], environment, ready_line="ready"),
    ]


async def compare(pairs: int, disputes: int, at_once: int) -> list[tuple[Run, Run]]:
    """Pairs of (bare, ours), in turns, after one warm-up of each."""
    results: list[tuple[Run, Run]] = []
    async with (
        LocalStack(
            None, ui=False, database="stage_1", search_attributes=SEARCH_ATTRIBUTES, processes=_processes("stage_1")
        ) as stack,
        stage(stack, worker=False) as scene,
    ):
        client = await stack.client()
        for number in itertools.count():
            size = disputes if number else max(disputes // 5, 5)
            floor = await measured(partial(bare, client), size, at_once)
            orders = iter([await put_order(scene.world) for _ in range(size)])
            ours = await measured(partial(dispute, scene, orders), size, at_once)
            if number:
                results.append((floor, ours))
            if number == pairs:
                return results
            print(f"pair {number} of {pairs}", file=sys.stderr)  # noqa: T201
    raise AssertionError


def main() -> None:
    """Prints the ratios ours ÷ bare with their range over the pairs."""
    parser = argparse.ArgumentParser(prog="python -m bench.against_bare", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--disputes", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = asyncio.run(compare(arguments.pairs, arguments.disputes, arguments.at_once))
    table = Table("figure", "bare", "ours", "ratio", "range", title="Whole disputes of seven commands, in turns")
    for field in Run.__dataclass_fields__:
        floors = [getattr(floor, field) for floor, _ in results]
        ours = [getattr(run, field) for _, run in results]
        ratios = sorted(mine / floor for mine, floor in zip(ours, floors, strict=True))
        table.add_row(
            field.replace("_", " "),
            f"{statistics.median(floors):.1f}",
            f"{statistics.median(ours):.1f}",
            f"{statistics.median(ratios):.2f}",
            f"{ratios[0]:.2f}–{ratios[-1]:.2f}",
        )
    Console().print(table)
    if arguments.json:
        pairs = [{"bare": asdict(floor), "ours": asdict(run)} for floor, run in results]
        arguments.json.write_text(json.dumps(pairs, indent=1) + "\n")


if __name__ == "__main__":
    main()
