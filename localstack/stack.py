"""The whole local stack: PostgreSQL, Temporal, its UI and our own processes as children of one command."""

import asyncio
import os
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import httpx
from temporalio.client import Client
from temporalio.service import RPCError

from localstack import data_folder
from localstack.binaries import find_temporal, find_ui
from localstack.children import Child, ChildFailed
from localstack.namespace import NAMESPACE, prepare_namespace, skips_time
from localstack.ports import Ports
from localstack.postgres import Postgres
from localstack.progress import Progress, silent
from localstack.temporal import TemporalBinary, TemporalServer
from localstack.temporal_ui import TemporalUi, serves

_READY_TIMEOUT = 60.0  # seconds for one of our own processes
_WATCH = 0.2  # seconds between two looks at the children
_ENDS_A_MINUTE = 5  # so often one part may end by itself and be started again
_MINUTE = 60.0  # seconds


@dataclass(frozen=True)
class Addresses:
    """Where the parts of a running stack are."""

    dsn: str = field(repr=False)
    """Our database, as its owner; holds the password."""
    temporal: str
    """host:port of the Temporal server."""
    ui: str | None
    """URL of the Temporal UI; None without one."""
    processes: Mapping[str, str]
    """URL of each of our processes that listens, by its name."""


@dataclass(frozen=True)
class ProcessSpec:
    """One of our own processes, as the caller wants it run.

    `env` is added to our environment and made from the stack's addresses, so that a process learns where the
    others and its own port are. `ready_path` is asked over HTTP until it answers with success and gives the
    process a port; `ready_line` is waited for in its output; with neither it is taken as ready at once. A
    `one_shot` runs to its end, with code 0, before Temporal starts.
    """

    name: str
    argv: Sequence[str]
    env: Callable[[Addresses], Mapping[str, str]]
    ready_path: str | None = None
    ready_line: str | None = None
    one_shot: bool = False


class LocalStack:
    """Starts everything on entering, in order, and stops it in the reverse order on leaving.

    Order: PostgreSQL, the one-shot processes (migrations), Temporal, its UI, the other processes. Entering
    raises ChildFailed when a part does not come up, InUse when another stack has the folder, NotFound when
    there is no Temporal server to run; whatever had started is stopped then.
    """

    def __init__(
        self,
        data: Path | None = None,
        *,
        ui: bool = True,
        processes: Sequence[ProcessSpec] = (),
        temporal_address: str | None = None,
        search_attributes: Sequence[str] = (),
        retention: timedelta = timedelta(days=30),
        dynamic_config: Mapping[str, object] | None = None,
        database: str = "disputes",
        progress: Progress | None = None,
    ) -> None:
        """Prepare a stack; nothing runs yet.

        `data` is the folder everything durable lives in, with the ports of the last run; None takes a
        temporary one. `temporal_address` (host:port) uses a running server instead of one of our own.
        `search_attributes` (keywords) and `retention` are the namespace's; `dynamic_config` goes to our own
        Temporal server. `database` is created empty when it is missing.
        """
        self._data = None if data is None else data.absolute()
        self._ui = ui
        self._specs = tuple(processes)
        self._temporal_address = temporal_address
        self._search_attributes = tuple(search_attributes)
        self._retention = retention
        self._dynamic_config = dynamic_config
        self._database = database
        self._progress = progress or silent()
        self._running = AsyncExitStack()
        self._temporal_ui: TemporalUi | None = None
        self.processes: dict[str, Child] = {}
        """Our own processes by name, to kill and restart in tests."""

    postgres: Postgres
    """The database server; set while the stack runs."""
    temporal: TemporalServer | None = None
    """The Temporal server; None when one was given by address."""
    addresses: Addresses
    """Where everything is; set while the stack runs."""

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._running.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._running.aclose()

    async def client(self) -> Client:
        """A client of the stack's namespace."""
        return await Client.connect(self.addresses.temporal, namespace=NAMESPACE)

    async def supervise(self) -> NoReturn:
        """Never returns: what ends by itself is started again, servers first.

        Raises ChildFailed when one part ends for the sixth time within a minute.
        """
        ends: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_ENDS_A_MINUTE))
        while True:
            for child, start_again in self._parts():
                if child.running:
                    continue
                ended, now = ends[child.name], time.monotonic()
                told = f"{child.name} ended with code {child.exit_code}"
                if len(ended) == _ENDS_A_MINUTE and now - ended[0] < _MINUTE:
                    raise ChildFailed(f"Again and again, {told}: {child.last_words()}")
                ended.append(now)
                self._progress.say(f"{told} (log: {child.log}); starting it again.")
                # One that does not come up has ended once more, and is looked at in the next round.
                with suppress(ChildFailed):
                    await start_again()
            await asyncio.sleep(_WATCH)

    async def restart(self, name: str) -> None:
        """Stop process `name` when it runs, start it again, wait until it is ready."""
        (spec,) = (spec for spec in self._specs if spec.name == name)
        await self.processes[name].stop()
        await self._start_process(spec)

    async def _start(self) -> None:
        folder = self._data or self._running.enter_context(data_folder.temporary())
        self._running.enter_context(data_folder.held(folder))
        ports = Ports(data_folder.known_ports(folder))
        log = data_folder.fresh_log_folder(folder)

        # Programs and the given server first: getting a program may take minutes, the address may be wrong.
        if self._temporal_address is None:
            binary = await find_temporal(self._progress)
            self.temporal = self._temporal_server(binary, folder, ports, log)
            temporal_address, brings_ui = self.temporal.address, binary.is_cli
        else:
            temporal_address, brings_ui = self._temporal_address, False
            await self._check_given_server(temporal_address)
        if self._ui and not brings_ui:
            self._temporal_ui = TemporalUi(
                await find_ui(self._progress),
                folder / "ui",
                temporal_address=temporal_address,
                port=ports.port("temporal-ui"),
                log=log / "ui.log",
            )

        self.postgres = Postgres(folder / "postgresql", ports=ports, log=log / "postgresql.log")
        if self._data is None:
            self._running.push_async_callback(self.postgres.remove)
        await self._bring_up("PostgreSQL", self.postgres.start, self.postgres.stop)
        self.addresses = Addresses(
            dsn=await self.postgres.create_database(self._database),
            temporal=temporal_address,
            ui=f"http://127.0.0.1:{ports.port('temporal-ui')}" if self._ui else None,
            processes={
                spec.name: f"http://127.0.0.1:{ports.port(spec.name)}"
                for spec in self._specs
                if spec.ready_path is not None
            },
        )
        data_folder.remember_ports(folder, ports.assigned)

        for spec in self._specs:
            if spec.one_shot:
                await self._run_to_end(self._child(spec, log))
        if self.temporal is not None:
            await self._bring_up("Temporal", self.temporal.start, self.temporal.stop)
        if self._temporal_ui is not None:
            await self._bring_up("Temporal UI", self._temporal_ui.start, self._temporal_ui.stop)
        for spec in self._specs:
            if not spec.one_shot:
                child = self._child(spec, log)
                self.processes[spec.name] = child
                await self._bring_up(spec.name, partial(self._start_process, spec), child.stop)

    def _temporal_server(self, binary: TemporalBinary, folder: Path, ports: Ports, log: Path) -> TemporalServer:
        return TemporalServer(
            binary,
            folder / "temporal",
            ports=ports,
            ui_port=ports.port("temporal-ui") if self._ui and binary.is_cli else None,
            search_attributes=self._search_attributes,
            retention=self._retention,
            dynamic_config=self._dynamic_config,
            log=log / "temporal.log",
        )

    def _parts(self) -> list[tuple[Child, Callable[[], Awaitable[None]]]]:
        """What runs, and how to start it again; asked anew each time, as PostgreSQL's restart makes a new child."""
        parts: list[tuple[Child, Callable[[], Awaitable[None]]]] = [(self.postgres.child, self.postgres.restart)]
        for server in (self.temporal, self._temporal_ui):
            if server is not None:
                parts.append((server.child, server.restart))
        return parts + [(child, partial(self.restart, name)) for name, child in self.processes.items()]

    async def _bring_up(
        self, name: str, start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]
    ) -> None:
        async def stop_visibly() -> None:
            with self._progress.step(f"Stopping {name}"):
                await stop()

        with self._progress.step(f"Starting {name}"):
            await start()
        self._running.push_async_callback(stop_visibly)

    def _child(self, spec: ProcessSpec, log: Path) -> Child:
        env = {**os.environ, **spec.env(self.addresses)}
        return Child(spec.name, spec.argv, log=log / f"{spec.name}.log", env=env)

    async def _run_to_end(self, child: Child) -> None:
        with self._progress.step(f"Running {child.name}"):
            child.start()
            try:
                code = await child.wait()
            finally:
                await child.stop()
            if code != 0:
                raise ChildFailed(f"{child.name} failed with code {code}: {child.last_words()}")

    async def _start_process(self, spec: ProcessSpec) -> None:
        child = self.processes[spec.name]
        child.start()
        try:
            async with httpx.AsyncClient(trust_env=False) as http:

                async def ready() -> bool:
                    if spec.ready_path is not None:
                        return await serves(http, self.addresses.processes[spec.name] + spec.ready_path)
                    return spec.ready_line is None or spec.ready_line in child.output()

                await child.wait_until(ready, timeout=_READY_TIMEOUT)
        except BaseException:
            await child.stop()
            raise

    async def _check_given_server(self, address: str) -> None:
        with self._progress.step(f"Preparing the Temporal server at {address}"):
            try:
                async with asyncio.timeout(_READY_TIMEOUT):
                    client = await Client.connect(address, namespace=NAMESPACE)
                    await prepare_namespace(client, self._search_attributes, retention=self._retention)
            except (RuntimeError, RPCError, TimeoutError) as error:
                raise ChildFailed(f"The Temporal server at {address} cannot be used: {error or 'timeout'}") from error
        if not await skips_time(client):
            self._progress.say(f"The Temporal server at {address} does not skip time: test clocks will not work.")
