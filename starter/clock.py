"""Test clocks: moving one dispute's time forward, in the sandbox only."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper

from starter.delivery import workflow_id
from starter.failures import ClientError, NotFound, Unavailable
from starter.settings import Settings
from store import errors, reading
from store.clock import set_clock
from store.database import Database

SKIP_SECONDS = 30.0
FARTHEST = timedelta(days=365)


class ClockRefused(ClientError):
    """This dispute's time cannot be moved so; the message says why and what to do."""


async def advance(
    database: Database, temporal: Client, settings: Settings, dispute_id: UUID, by: timedelta
) -> datetime:
    """Move a test clock forward; deadlines on the way fire in order. Gives the dispute's new time (UTC).

    Args:
        by: more than nothing and at most 365 days.

    Raises:
        ClockRefused: not the sandbox, not a test clock, not running, or no worker to go on with.
        NotFound: no such dispute.
        Unavailable: PostgreSQL or Temporal does not answer.
    """
    if not settings.sandbox:
        raise ClockRefused("Test clocks move in the sandbox only; set DISPUTES_SANDBOX=true where nothing is real.")
    if not timedelta(0) < by <= FARTHEST:
        raise ClockRefused("A test clock moves forward, by at most 365 days at once; choose such a time.")
    try:
        head = await reading.head(database, dispute_id)
    except errors.NotFound:
        raise NotFound(dispute_id) from None
    except errors.StoreUnavailable as error:
        raise Unavailable(str(error)) from error
    if not head.test_clock:
        raise ClockRefused(f"Dispute {dispute_id} runs on the real clock; open one on a test clock to move its time.")
    if head.closed_at is not None:
        raise ClockRefused(f"Dispute {dispute_id} is closed; its time stands still.")
    try:
        return await _skip(database, temporal, settings, dispute_id, by)
    except errors.StoreUnavailable as error:
        raise Unavailable(str(error)) from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise ClockRefused(f"Dispute {dispute_id} does not run in Temporal yet; wait for the relay.") from error
        raise Unavailable(f"Temporal answered {error.status.name.lower()}; move the clock again.") from error
    except RuntimeError as error:
        raise Unavailable(f"Temporal does not answer at {settings.temporal_address}; start it.") from error


async def _skip(database: Database, temporal: Client, settings: Settings, dispute_id: UUID, by: timedelta) -> datetime:
    skipper = TimeSkipper(temporal)
    handle = temporal.get_workflow_handle(workflow_id(dispute_id))
    stuck = False
    try:
        async with asyncio.timeout(SKIP_SECONDS):
            await skipper.fast_forward(handle, by)
    except TimeoutError:
        stuck = True
    # A skip that met no deadline commits nothing, and one that got stuck has moved some of the way: the offset is
    # written here in any case, or receipts would be stamped with the old time.
    now = await skipper.get_current_time(handle)
    await set_clock(database, dispute_id, now)
    if stuck:
        if not await workers_polling(temporal, settings.task_queue):
            raise ClockRefused("The clock stopped at the first deadline, as no worker is running; start one.")
        raise ClockRefused(f"The clock is at {now.isoformat()} and moves on when the worker has caught up; look again.")
    return now


async def workers_polling(temporal: Client, task_queue: str) -> int:
    """How many workers have asked for this queue's workflow tasks in the last minutes; raises RPCError."""
    described = await temporal.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=temporal.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        ),
        timeout=timedelta(seconds=5),
    )
    return len(described.pollers)
