"""The leanest dispute there can be on Temporal: an update and one local activity a command, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.replay.corpus import anonymous

COMMANDS = 7


@activity.defn
async def note(text: str) -> int:
    """Stands for the transaction that records a command."""
    return len(text)


@workflow.defn
class SlimWorkflow:
    """Takes seven commands and ends."""

    def __init__(self) -> None:
        self.taken = 0

    @workflow.run
    async def run(self) -> int:
        await workflow.wait_condition(lambda: self.taken == COMMANDS and workflow.all_handlers_finished())
        return self.taken

    @workflow.update
    async def command(self, text: str) -> int:
        noted = await workflow.execute_local_activity(note, text, start_to_close_timeout=timedelta(seconds=2))
        self.taken += 1
        return noted


async def slim_history(client: Client) -> WorkflowHistory:
    """Its history as this server writes it, with names as short as those of the corpus."""
    queue = f"slim-{uuid4()}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=[SlimWorkflow],
        activities=[note],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        handle = await client.start_workflow(SlimWorkflow.run, id=queue, task_queue=queue)
        for number in range(COMMANDS):
            await handle.execute_update(SlimWorkflow.command, f"Command number {number}", id=uuid4().hex)
        async with asyncio.timeout(20):
            await handle.result()
    history = await handle.fetch_history()
    return WorkflowHistory.from_json(queue, anonymous(history.to_json_dict()))
