"""Finds or builds the programs of the local stack: the Temporal server and its UI."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import temporalio.service

from localstack.children import Child, ChildFailed
from localstack.go_build import BuildFailed, GoProgram, build, cache_folder, move_into_place, sole_user
from localstack.namespace import skips_time
from localstack.progress import Progress, on_terminal
from localstack.temporal import TemporalBinary, TemporalServer

# The newest server that skips time and builds with Go 1.26; later ones want a newer Go.
SERVER = GoProgram("temporal-server", "the Temporal server", "go.temporal.io/server/cmd/server", "1.32.1")
UI = GoProgram("temporal-ui", "the Temporal UI", "github.com/temporalio/ui-server/v2/cmd/server", "2.54.1")

_DOWNLOAD_TIMEOUT = 300.0  # seconds


class NotFound(RuntimeError):
    """A program is neither here nor can it be had; the message names every way to get it."""


async def find_temporal(progress: Progress) -> TemporalBinary:
    """The Temporal server to run, got ready when necessary; says on `progress` which one was taken.

    In this order: built before (cache folder), downloaded before, a `temporal` CLI on PATH, the SDK's own
    download, a build with Go. A CLI is taken only when its server skips time, which is tried, not read from
    its version. Raises NotFound when none works.
    """
    cache = cache_folder()
    built = SERVER.cached(cache)
    if built.exists():
        progress.say(f"Temporal server: {built}")
        return TemporalBinary(built, is_cli=False)
    downloaded = _cached_download(cache)
    if downloaded.exists():
        progress.say(f"Temporal server: {downloaded} (CLI, downloaded before)")
        return TemporalBinary(downloaded, is_cli=True)
    on_path, why_not_path = await _on_path(progress)
    if on_path is not None:
        progress.say(f"Temporal server: {on_path} (CLI on PATH)")
        return TemporalBinary(on_path, is_cli=True)
    why_not_download = await _download(cache, progress)
    if why_not_download is None:
        progress.say(f"Temporal server: {downloaded} (CLI, downloaded by the SDK)")
        return TemporalBinary(downloaded, is_cli=True)
    try:
        built = await build(SERVER, cache, progress)
    except BuildFailed as why_not_build:
        raise NotFound(
            "There is no Temporal server to run: give the address of a running one, "
            f"or put a current temporal CLI on PATH ({why_not_path}), "
            f"or let the SDK download it ({why_not_download}), "
            f"or install Go so that it can be built ({why_not_build})."
        ) from why_not_build
    progress.say(f"Temporal server: {built} (built with Go)")
    return TemporalBinary(built, is_cli=False)


async def find_ui(progress: Progress) -> Path:
    """The Temporal UI's server, built with Go when it is not cached; the CLI needs none, its UI is inside.

    Raises NotFound when it cannot be built.
    """
    try:
        path = await build(UI, cache_folder(), progress)
    except BuildFailed as error:
        raise NotFound(
            f"There is no Temporal UI to run: install Go so that it can be built ({error}), or go without it."
        ) from error
    progress.say(f"Temporal UI: {path}")
    return path


def _cached_download(cache: Path) -> Path:
    return cache / f"temporal-cli-of-sdk-{temporalio.service.__version__}" / "temporal"


async def _on_path(progress: Progress) -> tuple[Path | None, str]:
    found = shutil.which("temporal")
    if found is None:
        return None, "there is none"
    with progress.step(f"Trying whether {found} skips time"):
        refused = await _why_not(Path(found))
    return (Path(found), "") if refused is None else (None, f"{found} {refused}")


async def _download(cache: Path, progress: Progress) -> str | None:
    """Put the SDK's CLI into the cache; gives the reason when that does not work."""
    target = _cached_download(cache)
    name = target.parent.name
    waiting = "Waiting for another process that is downloading the Temporal CLI"
    async with sole_user(cache / f"{name}.lock", progress, waiting):
        if target.exists():
            return None
        unfinished = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
        try:
            with progress.step("Downloading the Temporal CLI the SDK's way"):
                failed = await _run_download(unfinished, cache / f"{name}.log")
            if failed is not None:
                return failed
            _name_like_target(unfinished, target)
            with progress.step("Trying whether the downloaded CLI skips time"):
                refused = await _why_not(unfinished / target.name)
            if refused is not None:
                return f"the CLI it brought {refused}"
            move_into_place(unfinished, target.parent)
            return None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


async def _run_download(folder: Path, log: Path) -> str | None:
    argv = [sys.executable, "-m", "localstack.sdk_download", str(folder)]
    download = Child("The SDK's download", argv, log=log, cwd=Path(__file__).parent.parent)
    download.start()
    try:
        async with asyncio.timeout(_DOWNLOAD_TIMEOUT):
            code = await download.wait()
    except TimeoutError:
        return f"not done after {_DOWNLOAD_TIMEOUT:.0f} s"
    finally:
        await download.stop()
    return None if code == 0 else download.last_words(lines=1)


def _name_like_target(folder: Path, target: Path) -> None:
    # The SDK names the file after itself and its version; it is the only one there.
    (downloaded,) = folder.iterdir()
    downloaded.rename(folder / target.name)


async def _why_not(cli: Path) -> str | None:
    """Run the CLI's server for a moment; gives why it does not do, None when it does."""
    with tempfile.TemporaryDirectory(prefix="disputes-probe-") as folder:
        server = TemporalServer(TemporalBinary(cli, is_cli=True), Path(folder), in_memory=True)
        try:
            await server.start()
            return None if await skips_time(await server.client()) else "does not skip time"
        except ChildFailed as error:
            return f"does not start a server: {error}"
        finally:
            await server.stop()


async def _main() -> int:
    progress = on_terminal()
    try:
        temporal = await find_temporal(progress)
        # For stdout, where data goes: what `up` would run.
        print(f"temporal {temporal.path}")  # noqa: T201
        if not temporal.is_cli:
            print(f"ui {await find_ui(progress)}")  # noqa: T201
    except NotFound as error:
        progress.say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(_main()))
    except KeyboardInterrupt:
        # What a shell gives for a command ended by Ctrl-C.
        sys.exit(130)
