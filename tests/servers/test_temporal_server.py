"""The embedded Temporal server: what it keeps, how it skips time, what it is told."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.testing import TimeSkipper
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from localstack.namespace import skips_time
from localstack.temporal import TemporalBinary, TemporalServer

QUEUE = "test"


@workflow.defn
class FiveDays:
    @workflow.run
    async def run(self) -> float:
        began = workflow.now()
        for _ in range(5):
            await workflow.sleep(timedelta(days=1))
        return (workflow.now() - began).total_seconds()


@workflow.defn
class Deadlines:
    """Has a deadline after one day and another after two, and waits to be told to end."""

    def __init__(self) -> None:
        self._passed: list[str] = []
        self._ended = False

    @workflow.run
    async def run(self) -> list[str]:
        await workflow.sleep(timedelta(days=1))
        self._passed.append("first")
        await workflow.sleep(timedelta(days=1))
        self._passed.append("second")
        await workflow.wait_condition(lambda: self._ended)
        return self._passed

    @workflow.query
    def passed(self) -> list[str]:
        return self._passed

    @workflow.signal
    def end(self) -> None:
        self._ended = True


@workflow.defn
class Suggested:
    @workflow.run
    async def run(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()


@pytest.fixture(scope="module")
async def client(temporal: TemporalServer) -> AsyncIterator[Client]:
    client = await temporal.client()
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[FiveDays, Deadlines, Suggested],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield client


async def test_killed_under_load_it_keeps_every_start_it_acknowledged(temporal: TemporalServer) -> None:
    client = await temporal.client()
    acknowledged: list[str] = []

    async def start_workflows() -> None:
        while True:
            name = f"kept-{len(acknowledged)}"
            # The client itself asks again while the server is away.
            await client.start_workflow(FiveDays.run, id=name, task_queue="nobody")
            acknowledged.append(name)

    async def until_acknowledged(count: int) -> None:
        async with asyncio.timeout(20):
            while len(acknowledged) < count:
                assert not starting.done()
                await asyncio.sleep(0.001)

    starting = asyncio.create_task(start_workflows())
    await until_acknowledged(50)
    address, first = temporal.address, temporal.child.pid
    await temporal.kill()
    before = len(acknowledged)
    await temporal.restart()
    assert (temporal.address, temporal.child.pid != first) == (address, True)
    await until_acknowledged(before + 10)
    starting.cancel()
    for name in acknowledged:
        description = await client.get_workflow_handle(name).describe()
        assert description.status is WorkflowExecutionStatus.RUNNING


async def test_five_days_of_timers_pass_in_a_moment(client: Client) -> None:
    skipper = TimeSkipper(client)
    began = time.monotonic()
    slept = await skipper.client.execute_workflow(FiveDays.run, id="five-days", task_queue=QUEUE)
    assert slept >= 5 * 24 * 3600
    assert time.monotonic() - began < 10


async def test_a_workflow_started_on_real_time_is_moved_by_hand(client: Client) -> None:
    skipper = TimeSkipper(client)
    with skipper.with_time_skipping_disabled():
        handle = await skipper.client.start_workflow(Deadlines.run, id="deadlines", task_queue=QUEUE)
    assert await handle.query(Deadlines.passed) == []
    began = await skipper.get_current_time(handle)

    await skipper.fast_forward(handle, timedelta(hours=30))
    assert await handle.query(Deadlines.passed) == ["first"]
    assert await skipper.get_current_time(handle) - began >= timedelta(hours=30)

    await skipper.fast_forward(handle, timedelta(hours=30))
    assert await handle.query(Deadlines.passed) == ["first", "second"]
    await handle.signal(Deadlines.end)
    assert await handle.result() == ["first", "second"]


async def test_search_attributes_find_a_workflow(client: Client) -> None:
    seller = SearchAttributeKey.for_keyword("SellerId")
    await client.start_workflow(
        FiveDays.run,
        id="findable",
        task_queue="nobody",
        search_attributes=TypedSearchAttributes([SearchAttributePair(seller, "seller-7")]),
    )

    async def found(query: str) -> list[str]:
        return [execution.id async for execution in client.list_workflows(query)]

    # What is listed follows what happened with a small delay.
    deadline = time.monotonic() + 10
    while not (ids := await found("SellerId = 'seller-7'")):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert ids == ["findable"]
    assert await found("SellerId = 'seller-8'") == []


async def test_the_caller_can_tune_it(temporal_binary: TemporalBinary, folder: Path) -> None:
    server = TemporalServer(
        temporal_binary,
        folder / "temporal",
        in_memory=True,
        dynamic_config={
            "limit.historyCount.suggestContinueAsNew": 1,
            "frontend.WorkflowTimeSkippingEnabled": False,
            "system.workflowTimeSkippingEnabled": False,
        },
    )
    await server.start()
    try:
        client = await server.client()
        assert not await skips_time(client)
        runner = UnsandboxedWorkflowRunner()
        async with Worker(client, task_queue=QUEUE, workflows=[Suggested], workflow_runner=runner):
            assert await client.execute_workflow(Suggested.run, id="suggested", task_queue=QUEUE)
    finally:
        await server.kill()
    assert not (folder / "temporal" / "temporal.db").exists()


async def test_it_says_that_it_skips_time_and_by_default_suggests_nothing(client: Client) -> None:
    assert await skips_time(client)
    assert not await client.execute_workflow(Suggested.run, id="not-suggested", task_queue=QUEUE)
