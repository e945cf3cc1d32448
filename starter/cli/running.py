"""The commands that run processes: up, worker, relay, sandbox, migrate."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

import starter
from localstack.binaries import NotFound as NoServer
from localstack.children import ChildFailed
from localstack.data_folder import InUse
from localstack.postgres_binaries import NotReachable
from localstack.progress import on_terminal
from localstack.stack import Addresses, LocalStack, ProcessSpec
from starter import relay as relaying
from starter.cli.speaking import ERROR, AsJson, fail, say, write_json, write_table
from starter.delivery import SEARCH_ATTRIBUTES
from starter.stack_file import NoStack, announced, data_folder, find_settings
from store.errors import StoreUnavailable

ROOT = Path(starter.__file__).parents[1]
SAMPLE_ORDERS = ROOT / "sandbox" / "orders" / "marketplace.ndjson"

Data = Annotated[Path | None, typer.Option("--data", help="Folder of everything durable; default: .data here.")]


def up(
    data: Data = None,
    orders: Annotated[Path | None, typer.Option("--orders", help="Orders of the sandbox world, NDJSON.")] = None,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="Leave the Temporal UI out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the whole local stack until Ctrl-C; what happened is kept for the next time."""
    folder = data or data_folder()
    if orders is not None and not orders.is_file():
        say(f"There is no file {orders}; check --orders.")
        raise typer.Exit(ERROR)
    try:
        asyncio.run(_until_told(folder, orders or SAMPLE_ORDERS, ui=not no_ui, as_json=as_json))
    except asyncio.CancelledError:
        say("Stopped; `disputes up` goes on from here.")
    except (ChildFailed, InUse, NoServer, NotReachable) as error:
        fail(error, as_json=as_json)


def demo(
    orders: Annotated[Path | None, typer.Option("--orders", help="Orders to dispute, NDJSON; default: ours.")] = None,
    json_to: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Leave the records here, - for stdout.")
    ] = None,
) -> None:
    """Tell the stories of the protocol on a fresh stack."""
    # It builds on this module.
    from starter.demo import telling

    raise typer.Exit(telling.run(orders, json_to))


def worker() -> None:
    """Run one worker process."""
    _check_settings()
    _become("-m", "worker")


def relay() -> None:
    """Run the relay."""
    _check_settings()
    raise typer.Exit(relaying.main())


def sandbox(context: typer.Context) -> None:
    """Run the outside world of the sandbox; its own options are passed through."""
    _become("-m", "sandbox", *context.args)


def migrate() -> None:
    """Bring the database to the current schema."""
    # Takes half a second to import; other commands need not wait for it.
    from store.migrate import migrate as upgrade

    try:
        upgrade(find_settings().database_dsn.get_secret_value())
    except (NoStack, StoreUnavailable) as error:
        fail(error, as_json=False)
    say("The database has the current schema.")


def stack_processes(folder: Path, orders: Path) -> list[ProcessSpec]:
    """Our own processes as a local stack runs them: migrations once, then the world, a worker and the relay."""
    python, command = [sys.executable, "-m"], [sys.executable, "-m", "starter.cli.main"]
    world = [*python, "sandbox", "--orders", str(orders.absolute()), "--data", str(folder.absolute() / "world")]
    return [
        ProcessSpec("migrate", [*command, "migrate"], stack_environment, one_shot=True),
        ProcessSpec("sandbox", world, stack_environment, ready_path="/healthz"),
        ProcessSpec("worker", [*python, "worker"], stack_environment, ready_line="worker ready"),
        ProcessSpec("relay", [*python, "starter.relay"], stack_environment, ready_line="relay ready"),
    ]


def stack_environment(addresses: Addresses) -> dict[str, str]:
    """What our processes find in their environment beside ours."""
    port = str(urlsplit(addresses.processes["sandbox"]).port)
    return {**_settings_of(addresses), "SANDBOX_PORT": port, "PYTHONPATH": _python_path()}


def _python_path() -> str:
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])


def _settings_of(addresses: Addresses) -> dict[str, str]:
    settings = {
        "DISPUTES_DATABASE_DSN": addresses.dsn,
        "DISPUTES_TEMPORAL_ADDRESS": addresses.temporal,
        "DISPUTES_TEMPORAL_NAMESPACE": "default",
        "DISPUTES_WORLD_URL": addresses.processes["sandbox"],
        "DISPUTES_SANDBOX": "true",
    }
    return settings if addresses.ui is None else settings | {"DISPUTES_TEMPORAL_UI_URL": addresses.ui}


async def _until_told(folder: Path, orders: Path, *, ui: bool, as_json: bool) -> None:
    """Run the stack until a signal cancels this task; raises CancelledError then, once everything has stopped."""
    here = asyncio.current_task()
    assert here is not None
    loop = asyncio.get_running_loop()

    def leave() -> None:
        # Once only: a second Ctrl-C must not break off the stopping in order.
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, lambda: None)
        here.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, leave)
    stack = LocalStack(
        folder,
        ui=ui,
        processes=stack_processes(folder, orders),
        search_attributes=SEARCH_ATTRIBUTES,
        progress=on_terminal(),
    )
    async with stack:
        with announced(folder, _settings_of(stack.addresses)):
            _tell(_told(stack.addresses, folder), as_json=as_json)
            await stack.supervise()


def _told(addresses: Addresses, folder: Path) -> dict[str, str]:
    """The addresses for people: none of them holds the password."""
    told = {"data": str(folder), "temporal": addresses.temporal, **addresses.processes}
    return told if addresses.ui is None else {**told, "temporal_ui": addresses.ui}


def _tell(told: Mapping[str, str], *, as_json: bool) -> None:
    if as_json:
        write_json(dict(told))
    else:
        write_table(("PART", "WHERE"), list(told.items()))
        say("Ready. Ctrl-C stops everything in order.")
    sys.stdout.flush()


def _check_settings() -> None:
    try:
        settings = find_settings()
    except NoStack as error:
        fail(error, as_json=False)
    # The process reads its settings from the environment alone, also those that came from a stack's file.
    os.environ["DISPUTES_DATABASE_DSN"] = settings.database_dsn.get_secret_value()
    for name, value in settings.model_dump(mode="json", exclude={"database_dsn"}, exclude_none=True).items():
        os.environ[f"DISPUTES_{name.upper()}"] = str(value)


def _become(*arguments: str) -> None:
    """Go on as another program of ours, so that signals reach it and its exit code is ours."""
    os.environ["PYTHONPATH"] = _python_path()
    os.execv(sys.executable, [sys.executable, *arguments])
