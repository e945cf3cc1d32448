"""The whole local stack: up in order, down in order, durable, alone in its folder."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from psycopg import AsyncConnection
from temporalio.client import WorkflowExecutionStatus

from localstack.children import ChildFailed
from localstack.data_folder import InUse, temporary
from localstack.stack import Addresses, LocalStack, ProcessSpec
from localstack.temporal import TemporalServer
from localstack.temporal_ui import serves

# One of "our own" processes: answers every GET with what its environment told it.
WEB = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["TEMPORAL"].encode())
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
# A migration: leaves its mark in the database, fails when there is none.
MIGRATE = """
import os, psycopg
with psycopg.connect(os.environ["DSN"]) as connection:
    connection.execute("create table if not exists migrated ()")
"""
LINE = "import signal; print('polling', flush=True); signal.pause()"
# `up`, as a command of its own; prints what runs when it is ready.
UP = f"""
import asyncio, json, pathlib, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from localstack.progress import on_terminal
from localstack.stack import LocalStack
from test_whole_stack import processes, pids

async def up():
    async with LocalStack(pathlib.Path(sys.argv[1]), processes=processes(), progress=on_terminal()) as stack:
        print(json.dumps(pids(stack)), flush=True)
        await stack.supervise()

asyncio.run(up())
"""


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    """One data folder for all tests: each is one more run in it, and only the first has to create it."""
    with temporary() as folder:
        yield folder


def processes() -> list[ProcessSpec]:
    def env(addresses: Addresses) -> dict[str, str]:
        port = addresses.processes["web"].rpartition(":")[2]
        return {"DSN": addresses.dsn, "TEMPORAL": addresses.temporal, "PORT": port}

    return [
        ProcessSpec("migrate", [sys.executable, "-c", MIGRATE], env, one_shot=True),
        ProcessSpec("web", [sys.executable, "-c", WEB], env, ready_path="/"),
        ProcessSpec("worker", [sys.executable, "-c", LINE], env, ready_line="polling"),
    ]


def pids(stack: LocalStack) -> list[int]:
    assert stack.temporal is not None
    children = [stack.postgres.child, stack.temporal.child, *stack.processes.values()]
    # PostgreSQL's own children count too.
    backends = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(stack.postgres.child.pid)], capture_output=True, text=True
    )
    return [child.pid for child in children] + [int(pid) for pid in backends.stdout.split()]


@contextmanager
def up(folder: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """`up` in a process group of its own, ready, with the pids of its children."""
    with subprocess.Popen(
        [sys.executable, "-c", UP, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as command:
        assert command.stdout is not None
        try:
            line = command.stdout.readline()
            assert line, command.communicate()[1]
            yield command, json.loads(line)
        finally:
            command.kill()


async def test_it_brings_everything_up_and_the_parts_know_each_other(data: Path) -> None:
    async with LocalStack(data, processes=processes(), search_attributes=["SellerId"]) as stack:
        addresses = stack.addresses
        async with httpx.AsyncClient(trust_env=False) as http:
            told = await http.get(addresses.processes["web"])
            assert told.text == addresses.temporal
            assert addresses.ui is not None
            namespaces: dict[str, Any] = (await http.get(f"{addresses.ui}/api/v1/namespaces")).json()
        assert "default" in [each["namespaceInfo"]["name"] for each in namespaces["namespaces"]]
        async with await AsyncConnection.connect(addresses.dsn) as connection:
            await connection.execute("select from migrated")
        # The password is in the DSN, and addresses get printed.
        assert "postgresql://" not in repr(addresses)

        # A server restarted on purpose is no alarm.
        await stack.postgres.restart()


def main_pids(stack: LocalStack) -> list[int]:
    """The pids of the children themselves, without PostgreSQL's own."""
    assert stack.temporal is not None
    children = [stack.postgres.child, stack.temporal.child, *stack.processes.values()]
    return [child.pid for child in children if child.running]


async def test_what_is_killed_is_started_again(data: Path) -> None:
    async with LocalStack(data, ui=False, processes=processes()) as stack:
        before = main_pids(stack)
        supervising = asyncio.create_task(stack.supervise())
        for pid in before:
            os.kill(pid, signal.SIGKILL)

        async def all_new() -> bool:
            now = main_pids(stack)
            if len(now) < len(before) or set(now) & set(before):
                return False
            async with httpx.AsyncClient(trust_env=False) as http:
                return await serves(http, stack.addresses.processes["web"])

        async with asyncio.timeout(30):
            while not await all_new():
                assert not supervising.done()
                await asyncio.sleep(0.05)
        supervising.cancel()
        with suppress(asyncio.CancelledError):
            await supervising
        async with await AsyncConnection.connect(stack.addresses.dsn) as connection:
            await connection.execute("select from migrated")
        assert await (await stack.client()).service_client.check_health()


async def test_what_ends_again_and_again_is_given_up(data: Path) -> None:
    async with LocalStack(data, ui=False, processes=processes()) as stack:
        stack.processes["worker"].argv = [sys.executable, "-c", "import sys; sys.exit('no')"]
        await stack.processes["worker"].kill()
        with pytest.raises(ChildFailed, match="Again and again, worker ended with code 1: no"):
            async with asyncio.timeout(60):
                await stack.supervise()


async def test_a_second_run_finds_everything_where_it_was(data: Path) -> None:
    async with LocalStack(data, ui=False, processes=processes()) as stack:
        first = stack.addresses
        assert first.ui is None
        client = await stack.client()
        await client.start_workflow("Unknown", id="kept", task_queue="nobody")
        async with await AsyncConnection.connect(first.dsn) as connection:
            await connection.execute("create table kept ()")
    async with LocalStack(data, ui=False, processes=processes()) as stack:
        assert stack.addresses == first
        handle = (await stack.client()).get_workflow_handle("kept")
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        async with await AsyncConnection.connect(stack.addresses.dsn) as connection:
            await connection.execute("select from kept")


async def test_ctrl_c_stops_everything_in_order_and_a_second_up_is_refused_until_then(
    data: Path, wait_until_gone: Callable[[Iterable[int]], None]
) -> None:
    with up(data) as (command, running):
        with pytest.raises(InUse, match=rf"in use by the local stack with pid {command.pid}: stop that one"):
            async with LocalStack(data, ui=False):
                pass
        os.killpg(command.pid, signal.SIGINT)
        _, talk = command.communicate(timeout=30)
    stopped = [line.split(":")[0] for line in talk.splitlines() if line.startswith("Stopping")]
    assert stopped == [f"Stopping {name}" for name in ("worker", "web", "Temporal UI", "Temporal", "PostgreSQL")]
    assert "failed" not in talk
    wait_until_gone(running)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
async def test_killed_with_9_it_leaves_nothing_running_and_comes_up_again(
    data: Path, wait_until_gone: Callable[[Iterable[int]], None]
) -> None:
    with up(data) as (command, running):
        command.kill()
        command.wait()
    wait_until_gone(running)
    async with LocalStack(data, ui=False, processes=processes()):
        pass


async def test_a_migration_that_fails_takes_the_rest_down(
    wait_until_gone: Callable[[Iterable[int]], None],
) -> None:
    broken = ProcessSpec("migrate", [sys.executable, "-c", "import sys; sys.exit('bad')"], lambda _: {}, one_shot=True)
    stack = LocalStack(ui=False, processes=[broken])
    with pytest.raises(ChildFailed, match="migrate failed with code 1: bad"):
        async with stack:
            pass
    wait_until_gone([stack.postgres.child.pid])
    # A stack without a data folder leaves no folder behind.
    assert not stack.postgres.folder.parent.exists()


async def test_a_server_given_by_address_is_used_and_left_running(temporal: TemporalServer) -> None:
    async with LocalStack(ui=False, temporal_address=temporal.address, search_attributes=["Given"]) as stack:
        assert stack.addresses.temporal == temporal.address
        assert stack.temporal is None
        client = await stack.client()
        assert [found async for found in client.list_workflows("Given = 'x'")] == []
    assert temporal.child.running


async def test_an_address_where_no_server_is_is_refused_by_name() -> None:
    with pytest.raises(ChildFailed, match=r"^The Temporal server at 127\.0\.0\.1:1 cannot be used: "):
        async with LocalStack(ui=False, temporal_address="127.0.0.1:1"):
            pass
