"""The Temporal UI for the local stack: its server as a child, pointed at one Temporal server."""

import json
from pathlib import Path

import httpx

from localstack.children import Child
from localstack.namespace import NAMESPACE

_START_TIMEOUT = 30.0  # seconds


class TemporalUi:
    """The UI's web server on 127.0.0.1, for people who want to look at workflows."""

    def __init__(
        self, binary: Path, folder: Path, *, temporal_address: str, port: int, log: Path | None = None
    ) -> None:
        self.folder = folder.absolute()
        self._temporal_address = temporal_address
        self._port = port
        self.child = Child(
            "The Temporal UI",
            [str(binary), "--root", str(self.folder), "--env", "local", "start"],
            log=log or self.folder / "ui.log",
            cwd=self.folder,
        )

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start it and wait until it serves; raises ChildFailed when it does not within half a minute."""
        self._write_config()
        self.child.start()
        try:
            async with httpx.AsyncClient(trust_env=False) as http:
                await self.child.wait_until(lambda: serves(http, self.url), timeout=_START_TIMEOUT)
        except BaseException:
            await self.child.kill()
            raise

    async def restart(self) -> None:
        """Start again on the same port, after it ended or while running."""
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        """Stop it in order."""
        await self.child.stop()

    def _write_config(self) -> None:
        # The server reads FOLDER/config/ENV.yaml; JSON is YAML.
        config = {
            "temporalGrpcAddress": self._temporal_address,
            "host": "127.0.0.1",
            "port": self._port,
            "enableUi": True,
            "defaultNamespace": NAMESPACE,
            "disableNewsFetch": True,
        }
        (self.folder / "config").mkdir(parents=True, exist_ok=True)
        (self.folder / "config" / "local.yaml").write_text(json.dumps(config, indent=2))


async def serves(http: httpx.AsyncClient, url: str) -> bool:
    """Whether a GET of `url` is answered with success."""
    try:
        return (await http.get(url)).is_success
    except httpx.TransportError:
        return False
