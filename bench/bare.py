"""The floor: a workflow of a dispute's shape, seven updates with one local activity each, and nothing else."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

COMMANDS = 7
TASK_QUEUE = "bare"


@activity.defn(name="nothing")
async def nothing(_what: str) -> str:
    """Commits nothing."""
    return "done"


@workflow.defn(name="Bare", sandboxed=False)
class Bare:
    """Takes `COMMANDS` updates, each with one local activity under a lock, beside one long timer."""

    def __init__(self) -> None:
        self._taken = 0
        self._lock = asyncio.Lock()

    @workflow.run
    async def run(self) -> str:
        """Waits for its updates."""
        await workflow.wait_condition(lambda: self._taken == COMMANDS, timeout=timedelta(days=60))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return "done"

    @workflow.update(dynamic=True)
    async def command(self, name: str, args: Sequence[RawValue]) -> str:
        """One command."""
        async with self._lock:
            done = await workflow.execute_local_activity(nothing, name, start_to_close_timeout=timedelta(seconds=2))
            self._taken += 1
            return done


async def _work(address: str) -> None:
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    async with Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[Bare],
        activities=[nothing],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=2_000,
        max_concurrent_local_activities=8,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
    ):
        print("bare worker ready", file=sys.stderr, flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_work(os.environ["DISPUTES_TEMPORAL_ADDRESS"]))
