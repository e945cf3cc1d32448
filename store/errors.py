"""What the store raises: refusals that are the caller's to answer, and faults that are ours."""

from __future__ import annotations

from typing import Literal
from uuid import UUID


class StoreError(Exception):
    """Every exception the store raises on purpose."""


class StoreUnavailable(StoreError):
    """PostgreSQL did not answer in time or refused the connection.

    `perhaps_done` is true when the connection broke with the statement under way: it may have been committed.
    """

    def __init__(self, detail: str, *, perhaps_done: bool = False) -> None:
        super().__init__(f"PostgreSQL is not available ({detail}); ask again with the same key.")
        self.perhaps_done = perhaps_done


class NotFound(StoreError):
    """There is no such dispute, command or policy."""

    def __init__(self, what: str, which: object) -> None:
        super().__init__(f"There is no {what} {which}; check the id.")
        self.what = what
        self.which = str(which)


class KeyReused(StoreError):
    """The same key came with other content (rule: same key and other content is an error)."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The key {key} was used for other content; send new content under a new key.")
        self.key = key


class TooMany(StoreError):
    """This side has sent as many commands in 24 hours of the dispute's clock as the policy allows."""

    def __init__(self, actor_role: str, limit: int) -> None:
        super().__init__(f"The {actor_role} has sent {limit} commands in 24 hours; wait before the next one.")
        self.actor_role = actor_role
        self.limit = limit


class UnitTaken(StoreError):
    """A unit is in a live dispute (`unit_in_dispute`) or was decided before (`unit_spent`)."""

    def __init__(
        self,
        code: Literal["unit_in_dispute", "unit_spent"],
        *,
        order_id: str,
        line: str,
        unit: int,
        dispute_id: UUID,
    ) -> None:
        super().__init__(
            f"Unit {unit} of line {line} of order {order_id} belongs to dispute {dispute_id} ({code}); "
            "open the dispute without it."
        )
        self.code = code
        self.order_id = order_id
        self.line = line
        self.unit = unit
        self.dispute_id = dispute_id


class TimelineShort(StoreError):
    """The timeline ends before the version the workflow holds: a bug, or a database restored from the past."""

    def __init__(self, dispute_id: UUID, expected: int, stored: int) -> None:
        super().__init__(
            f"Dispute {dispute_id} is at version {expected} in its workflow and at {stored} in the database; "
            "restore the missing entries before it goes on."
        )
        self.expected = expected
        self.stored = stored


class NoInboxRow(StoreError):
    """A command to be answered stands in no inbox row: a bug, or a database restored from the past."""

    def __init__(self, dispute_id: UUID, command_id: str) -> None:
        super().__init__(
            f"Command {command_id} of dispute {dispute_id} is in no inbox; receive it before it is answered."
        )


class NotClosed(StoreError):
    """The dispute is still open, so its workflow, and nobody else, answers its commands."""

    def __init__(self, dispute_id: UUID) -> None:
        super().__init__(f"Dispute {dispute_id} is not closed; deliver the command to its workflow.")


class RealClock(StoreError):
    """The dispute does not run on a test clock, so nobody may move its time."""

    def __init__(self, dispute_id: UUID) -> None:
        super().__init__(f"Dispute {dispute_id} runs on the real clock; open one on a test clock to move time.")
