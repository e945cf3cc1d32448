"""Assembles the worker and runs it until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pydantic
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker, WorkflowRunner

from activities.records import CaseFile
from activities.world import OutsideWorld
from gateways.carrier import Carrier
from gateways.orders import OrderSystem
from gateways.payments import PaymentProvider
from starter.connecting import connect
from starter.settings import Settings
from store.database import Database
from workflows.dispute_workflow import DisputeWorkflow

STORE_CONNECTIONS = 8
"""Local activities at once and connections to PostgreSQL: one each (performance.md, 5.8)."""

STATEMENT_TIMEOUT = timedelta(milliseconds=900)
"""Getting a connection and one statement fit into the two seconds that Temporal gives a commit."""

CACHED_DISPUTES = 2_000

MISREAD_START: tuple[type[BaseException], ...] = (pydantic.ValidationError,)
"""Malformed start input fails the workflow instead of hanging for ever (house, fact 2); the replayer needs it too."""


@asynccontextmanager
async def working(
    client: Client,
    settings: Settings,
    *,
    runner: WorkflowRunner | None = None,
    cached: int = CACHED_DISPUTES,
) -> AsyncIterator[Worker]:
    """A running worker on `settings.task_queue`, its pool and gateways open.

    Args:
        runner: how workflows are isolated; production runs without the sandbox (docs/adr/0003), tests pass theirs.
        cached: disputes kept in memory between their commands.
    """
    async with AsyncExitStack() as opened:
        database = await opened.enter_async_context(
            Database(
                settings.database_dsn.get_secret_value(), size=STORE_CONNECTIONS, statement_timeout=STATEMENT_TIMEOUT
            )
        )
        carrier = await opened.enter_async_context(Carrier(settings.world_url))
        payments = await opened.enter_async_context(PaymentProvider(settings.world_url))
        orders = await opened.enter_async_context(OrderSystem(settings.world_url))
        case_file, world = CaseFile(database), OutsideWorld(database, orders, carrier, payments)
        worker = Worker(
            client,
            task_queue=settings.task_queue,
            workflows=[DisputeWorkflow],
            activities=[case_file.record, world.gather_facts, world.refund],
            workflow_runner=runner or UnsandboxedWorkflowRunner(),
            workflow_failure_exception_types=MISREAD_START,
            max_cached_workflows=cached,
            max_concurrent_local_activities=STORE_CONNECTIONS,
            # An update that meets a dead worker waits this long for another one (house, Worker killed with -9).
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
            # An update over the limit is rejected in words; the rejection carries it back, and kept back here it
            # would fail the task for ever.
            disable_payload_error_limit=True,
            graceful_shutdown_timeout=timedelta(seconds=15),
        )
        await opened.enter_async_context(worker)
        yield worker


async def run(settings: Settings) -> None:
    """Runs a worker until SIGTERM or SIGINT; what is under way is finished first."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with working(await connect(settings), settings):
        print("worker ready", file=sys.stderr, flush=True)  # noqa: T201
        await stop.wait()
