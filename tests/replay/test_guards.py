"""What the replay tests and the strict sandbox are there for: each catches its kind of mistake."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.worker import Worker
from temporalio.workflow import NondeterminismError

from domain.deadlines import next_deadline
from tests.replay import corpus
from tests.stage import Stage
from tests.strict import clock_guarding_runner, importing_runner
from workflows import dispute_workflow
from workflows.dispute_workflow import NOTHING, DisputeWorkflow

HISTORY = "crossing_offers"


@workflow.defn(name="DisputeWorkflow")
class HesitatingWorkflow(DisputeWorkflow):
    """The dispute with one command more at its beginning: a timer nobody's history holds."""

    @workflow.init
    def __init__(self, start: RawValue = NOTHING) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: RawValue = NOTHING) -> str:
        await workflow.sleep(1)
        return await super().run(start)


async def test_commands_in_another_order_do_not_replay() -> None:
    history = corpus.read(HISTORY)
    await corpus.replayer().replay_workflow(history)
    with pytest.raises(NondeterminismError):
        await corpus.replayer(workflows=[HesitatingWorkflow]).replay_workflow(history)


@pytest.fixture
def workroom(tmp_path: Path) -> Iterator[Path]:
    """A folder that workflow modules can be imported from, and nothing of it afterwards."""
    sys.path.insert(0, str(tmp_path))
    known = set(sys.modules)
    yield tmp_path
    sys.path.remove(str(tmp_path))
    for name in set(sys.modules) - known:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


def module(room: Path, name: str, text: str) -> ModuleType:
    (room / f"{name}.py").write_text(text)
    importlib.invalidate_caches()
    return importlib.import_module(name)


SUBCLASS = """
from temporalio import workflow
from temporalio.common import RawValue
from workflows.dispute_workflow import NOTHING, DisputeWorkflow

@workflow.defn(name="DisputeWorkflow")
class Other(DisputeWorkflow):
    @workflow.init
    def __init__(self, start: RawValue = NOTHING) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: RawValue = NOTHING) -> str:
        return await super().run(start)
"""


@pytest.mark.parametrize("imported", ["activities.records", "store.database", "gateways.payments", "starter.client"])
async def test_a_workflow_that_imports_what_touches_the_world_is_refused(
    scene: Stage, workroom: Path, imported: str
) -> None:
    reaching = module(workroom, f"reaching_{imported.replace('.', '_')}", f"import {imported}\n{SUBCLASS}")
    with pytest.raises(RuntimeError) as refused:
        Worker(scene.temporal, task_queue="nobody", workflows=[reaching.Other], workflow_runner=importing_runner())
    told = f"{refused.value} {refused.value.__cause__}"
    assert imported in told


async def test_the_same_workflow_without_the_import_is_taken(scene: Stage, workroom: Path) -> None:
    taken = module(workroom, "harmless", SUBCLASS)
    Worker(scene.temporal, task_queue="nobody", workflows=[taken.Other], workflow_runner=importing_runner())


CLOCK_IN_THE_CORE = """
from datetime import UTC, datetime
from workflows import dispute_workflow

next_deadline = dispute_workflow.next_deadline

def by_todays_clock(dispute):
    datetime.now(UTC)
    return next_deadline(dispute)

dispute_workflow.next_deadline = by_todays_clock
"""


async def test_a_clock_in_the_core_is_refused(workroom: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Importing it outside the sandbox patches our own copy, too; this puts it back.
    monkeypatch.setattr(dispute_workflow, "next_deadline", next_deadline)
    hasty = module(workroom, "hasty", CLOCK_IN_THE_CORE + SUBCLASS)
    replaying = corpus.replayer(clock_guarding_runner(), workflows=[hasty.Other])
    result = await replaying.replay_workflow(corpus.read(HISTORY), raise_on_replay_failure=False)
    assert "Cannot access datetime.datetime.now.__call__ from inside a workflow" in str(result.replay_failure)
