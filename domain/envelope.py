"""What travels between intake, Temporal and the workflow: the input, the enveloped command, and its answer."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, SerializerFunctionWrapHandler, model_serializer, model_validator

from domain.commands import Actor
from domain.dispute import Dispute
from domain.events import Opened
from domain.model import Frozen, Identifier, Instant
from domain.policy import Policy
from domain.refusals import Code
from domain.working_time import Calendar


class Lean(Frozen):
    """What every history keeps for years: written without absent fields, which weigh as much as present ones."""

    @model_serializer(mode="wrap")
    def _lean(self, whole: SerializerFunctionWrapHandler) -> dict[str, object]:
        return {name: value for name, value in whole(self).items() if value is not None}


class Envelope(Lean):
    """One command on its way: who sent it, when the inbox received it (the dispute's clock, UTC), and its fields.

    `seen_version` is the dispute version the sender had before its eyes; recorded, not enforced. `signature` proves
    the actor once intake signs (house, Signed actors).
    """

    actor: Actor
    received_at: Instant
    command: dict[str, JsonValue]
    seen_version: Annotated[int, Field(ge=0)] | None = None
    signature: str | None = None


class SignalledDecision(Frozen):
    """The tolerant envelope of the `decision` signal, for arbiters' tools that can only signal."""

    command_id: Identifier
    actor: Actor
    command: dict[str, JsonValue]


class Answered(Lean):
    """The answer to a command, stored and told alike: accepted with the events it caused, or refused with a code.

    `version` is the dispute's version after it. `remark` tells an accepted sender what its command did not do. The
    sentences to `code` and `remark` are in `domain.refusals`.
    """

    status: Literal["accepted", "refused"]
    version: int
    events: tuple[Identifier, ...] = ()
    code: Code | None = None
    remark: Code | None = None
    detail: dict[str, str | int] = Field(default_factory=dict)


class RefusedEntry(Frozen):
    """The audit entry of a refusal: what was asked, by whom, when, and why it was refused."""

    type: Literal["refused"] = "refused"
    at: Instant
    name: str
    command_id: str
    by: Actor | None = None
    code: Code
    detail: dict[str, str | int] = Field(default_factory=dict)


def content_digest(name: str, actor: Actor, command: str) -> str:
    """SHA-256 (hex) of what a command says and who says it; `command` is its canonical JSON.

    The same id with another digest is another command, and refused before anything is asked (house, A command's way).
    """
    return hashlib.sha256(f"{name}\n{actor.role}\n{actor.id}\n{command}".encode()).hexdigest()


class DisputeInput(Frozen):
    """The input of `DisputeWorkflow`: the opened case with its pinned policy and calendar, or the carried state.

    `resumed` is set by continue-as-new alone and carries policy and calendar itself.
    """

    opened: Opened | None = None
    resumed: Dispute | None = None
    test_clock: bool = False
    policy: Policy | None = None
    calendar: Calendar | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        opened = self.opened is not None and self.policy is not None and self.calendar is not None
        if opened == (self.resumed is not None):
            raise ValueError("a dispute starts from an opened case with its policy and calendar, or from its state")
        return self
