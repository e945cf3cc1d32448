"""Compares the workflows in Temporal with the timelines: state, result, and that nothing failed on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import timedelta
from uuid import UUID

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper

from domain.outlook import View
from starter.delivery import workflow_id
from starter.reading import read_dispute
from store import reading
from store.clock import dispute_now
from store.database import Database
from tests.torture.findings import Finding

CATCH_UP_SECONDS = 20.0
"""A workflow whose worker died after a commit follows as soon as the relay or a timer wakes it."""

CLOCKS_AGREE = timedelta(seconds=5)

HARMLESS = {
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_STICKY_TASK_QUEUE,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FAILOVER_CLOSE_COMMAND,
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_GRPC_MESSAGE_TOO_LARGE,
}
"""Why a workflow task may fail without a bug of ours: something arrived in between, or the server took it back."""


async def check_workflows(
    database: Database, temporal: Client, dispute_ids: Iterable[str], *, at_once: int = 8
) -> list[Finding]:
    """One pass over these disputes' workflows; needs running workers for the open ones."""
    places = asyncio.Semaphore(at_once)

    async def one(dispute_id: str) -> list[Finding]:
        async with places:
            return [finding async for finding in _check(database, temporal, dispute_id)]

    found = await asyncio.gather(*(one(dispute_id) for dispute_id in dispute_ids))
    return [finding for findings in found for finding in findings]


async def _check(database: Database, temporal: Client, dispute_id: str) -> AsyncIterator[Finding]:
    handle = temporal.get_workflow_handle(workflow_id(UUID(dispute_id)), result_type=str)
    try:
        described = await handle.describe()
    except RPCError as error:
        yield Finding("started", dispute_id, "on the timeline", f"Temporal says {error.status.name}: {error.message}")
        return
    head = await reading.head(database, UUID(dispute_id))
    if described.status is WorkflowExecutionStatus.COMPLETED:
        if (told := await handle.result()) != f"{head.outcome} by {head.how}":
            yield Finding("result", dispute_id, f"workflow: {told}", f"timeline: {head.outcome} by {head.how}")
    elif described.status is WorkflowExecutionStatus.RUNNING:
        pending = described.raw_description.pending_workflow_task
        if pending.attempt > 3:
            yield Finding("no_stuck_task", dispute_id, f"workflow task attempt {pending.attempt}", "should go on")
            return
        async for finding in _running(database, temporal, dispute_id):
            yield finding
    else:
        yield Finding("no_workflow_failed", dispute_id, f"{described.status}", "RUNNING or COMPLETED")
    for finding in _history(dispute_id, (await handle.fetch_history()).events):
        yield finding


async def _running(database: Database, temporal: Client, dispute_id: str) -> AsyncIterator[Finding]:
    """The workflow's state against the fold, as soon as both hold still between two looks at the timeline."""
    handle = temporal.get_workflow_handle(workflow_id(UUID(dispute_id)))
    give_up_at = time.monotonic() + CATCH_UP_SECONDS
    while True:
        before, _ = await read_dispute(database, UUID(dispute_id), actor=None)
        try:
            seen: View = await handle.query("view", result_type=View, rpc_timeout=timedelta(seconds=10))
        except RPCError as error:
            seen_state = f"no answer: {error.message}"
        else:
            seen_state = f"version {seen.version}, phase {seen.phase}, outcome {seen.outcome}"
        after, told_now = await read_dispute(database, UUID(dispute_id), actor=None)
        fold = f"version {after.version}, phase {after.phase}, outcome {after.outcome}"
        if before.version == after.version and seen_state == fold:
            break
        if time.monotonic() > give_up_at:
            yield Finding("workflow_follows", dispute_id, f"workflow: {seen_state}", f"timeline: {fold}")
            return
        await asyncio.sleep(0.2)
    if after.test_clock:
        told_now = await dispute_now(database, UUID(dispute_id))
        runs_at = await TimeSkipper(temporal).get_current_time(handle)
        if abs(runs_at - told_now) > CLOCKS_AGREE:
            yield Finding("one_clock", dispute_id, f"the workflow's clock {runs_at}", f"the receipts' clock {told_now}")


def _history(dispute_id: str, events: Iterable[HistoryEvent]) -> Iterator[Finding]:
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failed = event.workflow_task_failed_event_attributes
            if failed.cause not in HARMLESS:
                cause = WorkflowTaskFailedCause.Name(failed.cause)
                yield Finding("no_task_failed", dispute_id, f"event {event.event_id}: {cause}", f"{failed.failure}")
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
            done = event.workflow_execution_update_completed_event_attributes
            if done.outcome.HasField("failure"):
                yield Finding(
                    "no_update_failed",
                    dispute_id,
                    f"event {event.event_id}",
                    f"{done.outcome.failure}",
                    done.meta.update_id,
                )
