"""The workflow sandbox at its strictest: how workflows run in tests and replay, though not in production."""

from __future__ import annotations

import dataclasses

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy


def importing_runner() -> SandboxedWorkflowRunner:
    """Refuses a workflow that imports anything but the core and its own room, when the worker is built."""
    return _runner(
        SandboxRestrictions.default.with_passthrough_modules("domain", "rfc8785", "workflows"),
        SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH,
    )


def clock_guarding_runner() -> SandboxedWorkflowRunner:
    """Loads core and workflow inside the sandbox, where a clock, randomness or the environment raises.

    What is passed through is not guarded (house, fact 5), so nothing of ours is.
    """
    return _runner(
        SandboxRestrictions.default.with_passthrough_modules("rfc8785"), SandboxImportNotificationPolicy.SILENT
    )


def _runner(restrictions: SandboxRestrictions, policy: SandboxImportNotificationPolicy) -> SandboxedWorkflowRunner:
    return SandboxedWorkflowRunner(restrictions=dataclasses.replace(restrictions, import_notification_policy=policy))
