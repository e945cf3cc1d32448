"""Lets the Temporal SDK download its CLI into a folder; a process of its own, because that server writes to stdout."""

import asyncio
import sys

from temporalio.testing import WorkflowEnvironment


async def _download(folder: str) -> None:
    # The SDK offers no download without a start.
    environment = await WorkflowEnvironment.start_local(download_dest_dir=folder)
    await environment.shutdown()


if __name__ == "__main__":
    asyncio.run(_download(sys.argv[1]))
