"""The corpus: recorded histories of whole stories, one compressed JSON file each, and how they are kept and read."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner

from worker.running import MISREAD_START
from workflows.dispute_workflow import DisputeWorkflow

FOLDER = Path(__file__).parent / "corpus"
RECORDED_BY = "recorder"


def names() -> list[str]:
    """The recorded stories, sorted."""
    return sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz"))


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.json.gz"


def read(name: str) -> WorkflowHistory:
    """One recorded history; its workflow id is the one it ran under."""
    content = json.loads(gzip.decompress(path_of(name).read_bytes()))
    return WorkflowHistory.from_json(content["workflow_id"], content["history"])


def write(name: str, history: WorkflowHistory) -> None:
    """Keeps a history; the same history gives the same bytes on every machine."""
    told = anonymous(history.to_json_dict())
    content = json.dumps({"workflow_id": history.workflow_id, "history": told}, sort_keys=True, separators=(",", ":"))
    path_of(name).write_bytes(gzip.compress(content.encode(), mtime=0))


def anonymous(value: Any) -> Any:
    """Without the names of process and machine that ran it, and the places in its files: no replay reads them."""
    if isinstance(value, list):
        return [anonymous(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    named = {"identity"} | ({"name"} if value.get("kind") == "TASK_QUEUE_KIND_STICKY" else set())
    return {
        key: RECORDED_BY if key in named else anonymous(inner) for key, inner in value.items() if key != "stackTrace"
    }


def replayer(runner: WorkflowRunner | None = None, *, workflows: Sequence[type] = (DisputeWorkflow,)) -> Replayer:
    """Replays as our worker runs: same converter, same failures (house, fact 2)."""
    return Replayer(
        workflows=workflows,
        workflow_runner=runner or UnsandboxedWorkflowRunner(),
        data_converter=pydantic_data_converter,
        workflow_failure_exception_types=MISREAD_START,
    )
