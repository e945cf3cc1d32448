"""Every recorded history goes through today's code, isolated in both ways and once on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowRunner

from tests.replay import corpus
from tests.stage import Stage, stage
from tests.stories.quarrels import appeal_decided, crossing_offers
from tests.stories.repertoire import STORIES
from tests.strict import clock_guarding_runner, importing_runner


def test_every_story_is_recorded() -> None:
    assert corpus.names() == sorted(STORIES)


@pytest.mark.parametrize("name", corpus.names())
@pytest.mark.parametrize(
    "runner", [UnsandboxedWorkflowRunner, importing_runner, clock_guarding_runner], ids=lambda runner: runner.__name__
)
async def test_every_history_replays(runner: Callable[[], WorkflowRunner], name: str) -> None:
    await corpus.replayer(runner()).replay_workflow(corpus.read(name))


# Eviction cancels a local activity that has just ended; the SDK then warns of finding none, and goes on.
@pytest.mark.filterwarnings("ignore:Cannot find activity to cancel for token:UserWarning")
async def test_stories_go_on_when_no_task_finds_its_workflow_in_memory(scene: Stage) -> None:
    """With no cache at all every workflow task replays the whole history first, on the real server."""
    async with stage(scene.stack, cached=0) as forgetful:
        first, second = await asyncio.gather(crossing_offers(forgetful), appeal_decided(forgetful))
        for case, outcome in ((first, "settled by agreement"), (second, "dismissed by appeal")):
            assert await case.handle.result() == outcome
