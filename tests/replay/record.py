"""Records the corpus: `python -m tests.replay.record` plays the stories that have no file yet, `--again` plays all."""

from __future__ import annotations

import asyncio
import sys

from localstack.stack import LocalStack
from starter.delivery import SEARCH_ATTRIBUTES
from tests.replay import corpus
from tests.stage import Stage, stage, world_process
from tests.stories.repertoire import STORIES


async def record(scene: Stage, name: str) -> None:
    """Plays one story and keeps its history."""
    case = await STORIES[name](scene)
    corpus.write(name, await case.handle.fetch_history())


async def main(again: bool) -> None:
    missing = [name for name in STORIES if again or not corpus.path_of(name).exists()]
    if not missing:
        sys.stderr.write("Every story is recorded.\n")
        return
    corpus.FOLDER.mkdir(exist_ok=True)
    async with (
        LocalStack(None, ui=False, search_attributes=SEARCH_ATTRIBUTES, processes=[world_process()]) as stack,
        stage(stack) as scene,
    ):
        for name in missing:
            await record(scene, name)
            sys.stderr.write(f"recorded {name}\n")


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - {"--again"}:
        sys.exit(f"usage: python -m tests.replay.record [--again]; there is no {sorted(unknown)[0]}")
    asyncio.run(main("--again" in sys.argv))
