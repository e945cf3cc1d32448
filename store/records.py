"""The records that opening and commit share; every `body` and `answer` is opaque canonical JSON text."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

EntryKind = Literal["event", "refusal", "fact", "receipt"]
MessageKind = Literal["notice", "reminder", "order_event"]


class Record(BaseModel):
    """A frozen record that knows all its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(Record):
    """One timeline entry to append; only an `event` takes a version."""

    kind: EntryKind
    body: str


class Event(Record):
    """One stored event, in the order of `version`."""

    version: int
    body: str


class Head(Record):
    """The dispute as lists show it; a commit that carries one replaces all of these columns.

    `amount_minor` is in minor units of `currency`, `due_at` on the dispute's clock.
    """

    phase: str
    reason: str
    amount_minor: int
    currency: str
    policy_digest: str
    outcome: str | None = None
    how: str | None = None
    arbiter_id: str | None = None
    waiting_for: str | None = None
    whose_turn: str | None = None
    due_at: AwareDatetime | None = None
    needs_attention: bool = False
    evidence_version: int = Field(default=0, ge=0)
    closed_at: AwareDatetime | None = None


class Policy(Record):
    """A policy document as pinned by disputes; `digest` identifies `body`."""

    digest: str
    id: str
    version: str
    body: str


class Message(Record):
    """A notice, reminder or order event to send once `due_at` has come on the dispute's clock.

    `message_id` is unique over all disputes; a second one with the same id is ignored. A message with a
    `wait_id` is dropped when that wait ends before it was sent.
    """

    message_id: str
    kind: MessageKind
    recipient_role: str
    recipient_id: str
    body: str
    due_at: AwareDatetime
    wait_id: str | None = None


class Command(Record):
    """A command as intake received it; `digest` is the SHA-256 of its content in hexadecimal."""

    dispute_id: UUID
    command_id: str
    name: str
    actor_role: str
    actor_id: str
    body: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    seen_version: int | None = None
