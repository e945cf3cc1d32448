"""Opening disputes: units claimed, version 1 and the start of the workflow stored in one transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Self
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from store.database import Database
from store.errors import KeyReused, UnitTaken
from store.records import Head, Message, Policy, Record


class Unit(Record):
    """One piece of one line of the group's order; `unit` counts from 1."""

    line: str
    unit: int = Field(ge=1)


class Group(Record):
    """One dispute to be born: the lines of one `open` that are in one state.

    `start` is what the workflow is started from, `event` the body of version 1, `answer` what the caller of
    `open` is told. `command_id` and `digest` (SHA-256, hexadecimal) are those of the inbox row.
    """

    dispute_id: UUID
    command_id: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    start: str
    event: str
    answer: str
    order_id: str
    seller_id: str
    buyer_id: str
    market: str
    head: Head
    units: tuple[Unit, ...] = ()
    messages: tuple[Message, ...] = ()


class Opening(Record):
    """One `open` with all its groups; the key is unique per actor.

    `received_at` comes from `clock.intake_now` plus `clock_offset`; the offset is zero unless the disputes run
    on a test clock that starts ahead.
    """

    actor_role: str
    actor_id: str
    key: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    received_at: AwareDatetime
    policy: Policy
    groups: tuple[Group, ...] = Field(min_length=1)
    test_clock: bool = False
    clock_offset: timedelta = Field(default=timedelta(0), ge=timedelta(0))

    @model_validator(mode="after")
    def _only_test_clocks_run_ahead(self) -> Self:
        if self.clock_offset and not self.test_clock:
            raise ValueError("Give a clock offset to disputes on a test clock only.")
        return self


class OpenedDispute(Record):
    """One stored dispute of an `open`; `started` says whether its workflow is known to run."""

    dispute_id: UUID
    command_id: str
    start: str
    answer: str
    started: bool


class Opened(Record):
    """The stored answer to an `open`; `fresh` is false when the key had been used for the same content."""

    fresh: bool
    disputes: tuple[OpenedDispute, ...]


async def open_disputes(database: Database, opening: Opening) -> Opened:
    """Store all disputes of one `open`, or none.

    The same key with the same content gives the stored disputes again.

    Raises:
        KeyReused: the actor used this key for other content.
        UnitTaken: a unit is in a live dispute or spent (rule: a unit has one live dispute).
        StoreUnavailable: the outcome is unknown; ask again with the same key.
    """
    request = opening.model_dump(mode="json", exclude={"clock_offset"})
    request["offset_seconds"] = opening.clock_offset.total_seconds()
    answer = await database.call("open_disputes", request)
    kind = answer.pop("kind")
    if kind == "key_reused":
        raise KeyReused(opening.key)
    if kind != "opened":
        raise UnitTaken(
            kind,
            order_id=answer["order_id"],
            line=answer["line"],
            unit=answer["unit"],
            dispute_id=UUID(answer["dispute_id"]),
        )
    return Opened.model_validate(answer)
