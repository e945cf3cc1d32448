"""The Temporal server for the local stack: one process on one SQLite file, on any free ports."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError

from localstack.children import Child, ChildFailed
from localstack.namespace import NAMESPACE, prepare_namespace
from localstack.ports import Ports

# Time skipping's switch changes its name between server releases; each release knows one of the two. Without
# the third line, a skip over a timer takes up to a second instead of 20 ms. The last two make a new namespace
# and its search attributes visible within a second instead of ten.
DYNAMIC_CONFIG: Mapping[str, object] = {
    "frontend.WorkflowTimeSkippingEnabled": True,
    "system.workflowTimeSkippingEnabled": True,
    "history.timerProcessorMaxTimeShift": "1ms",
    "system.forceSearchAttributesCacheRefreshOnRead": True,
    "system.namespaceCacheRefreshInterval": "1s",
}
_START_TIMEOUT = 60.0  # seconds; 2-4 s on an idle machine
_SERVICES = ("frontend", "history", "matching", "worker")


@dataclass(frozen=True)
class TemporalBinary:
    """A program that runs a Temporal server."""

    path: Path
    is_cli: bool
    """True for the `temporal` CLI, whose server takes flags and has the UI inside; False for the bare server."""


class TemporalServer:
    """A Temporal server in a folder, with its namespace and search attributes registered once it has started.

    Every acknowledged event is on disk: the SQLite file is written with synchronous=FULL. Time skipping is on
    for workflows that ask for it.
    """

    def __init__(
        self,
        binary: TemporalBinary,
        folder: Path,
        *,
        in_memory: bool = False,
        ports: Ports | None = None,
        ui_port: int | None = None,
        search_attributes: Sequence[str] = (),
        retention: timedelta = timedelta(days=30),
        dynamic_config: Mapping[str, object] | None = None,
        log: Path | None = None,
    ) -> None:
        """Prepare a server; nothing runs yet.

        `in_memory` keeps the database in memory, for tests. `ui_port` serves the UI there, when `binary` is
        the CLI. `search_attributes` are keywords. `retention` is how long closed workflows are kept.
        `dynamic_config` adds to or replaces DYNAMIC_CONFIG.
        """
        self.folder = folder.absolute()
        ports = ports or Ports()
        self._grpc = {service: ports.port(f"temporal-{service}") for service in _SERVICES}
        self._membership = {service: ports.port(f"temporal-{service}-membership") for service in _SERVICES}
        self._http = ports.port("temporal-http")
        self._binary = binary
        self._ui_port = ui_port
        self._search_attributes = tuple(search_attributes)
        self._retention = retention
        self._dynamic_config = {**DYNAMIC_CONFIG, **(dynamic_config or {})}
        self._database = None if in_memory else self.folder / "temporal.db"
        self.child = Child(
            "The Temporal server",
            self._cli_command() if binary.is_cli else self._server_command(),
            log=log or self.folder / "temporal.log",
            cwd=self.folder,
        )

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self._grpc['frontend']}"

    async def start(self) -> None:
        """Start it and wait until its namespace and search attributes can be used.

        Raises ChildFailed when it ends or is not healthy within a minute.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._binary.is_cli:
            self._write_config()
        self.child.start()
        try:
            await self.child.wait_until(self._healthy, timeout=_START_TIMEOUT)
            client = await self.client()
            try:
                async with asyncio.timeout(_START_TIMEOUT):
                    await prepare_namespace(client, self._search_attributes, retention=self._retention)
            except (RPCError, TimeoutError) as error:
                raise ChildFailed(
                    f"Temporal's namespace was not ready ({error or 'timeout'}): {self.child.last_words()}"
                ) from error
        except BaseException:
            await self.child.kill()
            raise

    async def client(self) -> Client:
        """A client of the namespace."""
        return await Client.connect(self.address, namespace=NAMESPACE)

    async def stop(self) -> None:
        """Stop it in order."""
        await self.child.stop()

    async def kill(self) -> None:
        """Kill it with -9."""
        await self.child.kill()

    async def restart(self) -> None:
        """Start again on the same file and ports, after `stop`, `kill` or while running."""
        await self.stop()
        await self.start()

    async def _healthy(self) -> bool:
        try:
            client = await Client.connect(self.address, namespace=NAMESPACE)
            return await client.service_client.check_health(timeout=timedelta(seconds=2))
        except (RuntimeError, RPCError):
            # Not listening yet, or listening and not serving yet.
            return False

    def _server_command(self) -> list[str]:
        config = str(self.folder / "server.yaml")
        return [str(self._binary.path), "--config-file", config, "--allow-no-auth", "start"]

    def _cli_command(self) -> list[str]:
        argv = [str(self._binary.path), "server", "start-dev", "--ip", "127.0.0.1", "--log-level", "warn"]
        argv += ["--port", str(self._grpc["frontend"]), "--http-port", str(self._http)]
        argv += ["--headless"] if self._ui_port is None else ["--ui-port", str(self._ui_port)]
        if self._database is not None:
            argv += ["--db-filename", str(self._database)]
            argv += ["--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=2"]
        for key, value in self._dynamic_config.items():
            argv += ["--dynamic-config-value", f"{key}={json.dumps(value)}"]
        return argv

    def _write_config(self) -> None:
        # JSON is YAML, and we have a writer for it.
        dynamic = {key: [{"value": value}] for key, value in self._dynamic_config.items()}
        dynamic_file = self.folder / "dynamic.yaml"
        dynamic_file.write_text(json.dumps(dynamic, indent=2))
        (self.folder / "server.yaml").write_text(json.dumps(self._config(dynamic_file), indent=2))

    def _config(self, dynamic_file: Path) -> dict[str, object]:
        services = {
            name: {
                "rpc": {
                    "grpcPort": self._grpc[name],
                    "membershipPort": self._membership[name],
                    "bindOnLocalHost": True,
                    **({"httpPort": self._http} if name == "frontend" else {}),
                }
            }
            for name in _SERVICES
        }
        cluster = {
            "enabled": True,
            "initialFailoverVersion": 1,
            "rpcName": "frontend",
            "rpcAddress": self.address,
            "httpAddress": f"127.0.0.1:{self._http}",
        }
        return {
            "log": {"stdout": True, "level": "warn"},
            "persistence": {
                "defaultStore": "main",
                "visibilityStore": "main",
                "numHistoryShards": 1,
                "datastores": {"main": {"sql": self._sqlite()}},
            },
            "global": {"membership": {"maxJoinDuration": "30s", "broadcastAddress": "127.0.0.1"}},
            "services": services,
            "clusterMetadata": {
                "enableGlobalNamespace": False,
                "failoverVersionIncrement": 10,
                "masterClusterName": "active",
                "currentClusterName": "active",
                "clusterInformation": {"active": cluster},
            },
            "dynamicConfigClient": {"filepath": str(dynamic_file), "pollInterval": "10s"},
        }

    def _sqlite(self) -> dict[str, object]:
        store: dict[str, object] = {
            "pluginName": "sqlite",
            "connectAddr": "localhost",
            "connectProtocol": "tcp",
            "maxConns": 1,
            "maxIdleConns": 1,
        }
        if self._database is None:
            # No maxConnLifetime: the one connection is the database, recycling it would lose everything.
            attributes = {"mode": "memory", "cache": "private"}
            return {**store, "databaseName": "temporal", "connectAttributes": attributes}
        attributes = {
            "mode": "rwc",
            "setup": "true",
            "journal_mode": "wal",
            "synchronous": "2",
            "busy_timeout": "10000",
        }
        return {**store, "databaseName": str(self._database), "connectAttributes": attributes}
