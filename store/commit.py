"""The commit: the one way in which a dispute's timeline grows, with its answer, deadlines and messages."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, TypeAdapter, model_validator

from store.database import Database
from store.errors import KeyReused, NoInboxRow, NotFound, TimelineShort
from store.records import Entry, Event, Head, Message, Policy, Record


class Move(Record):
    """The system's move at a deadline: silence until `at` (the dispute's clock) takes effect.

    `late_after_seconds` is how late we may be before silence no longer counts; `graced` says that this
    deadline had its one grace, so that lateness is not asked again.
    """

    at: AwareDatetime
    late_after_seconds: float = Field(ge=0)
    graced: bool


class Signal(Record):
    """A command that came by signal: its inbox row is written by the commit that answers it.

    `received_at` is the instant, on the dispute's clock, it was judged by; `digest` as in `records.Command`.
    """

    name: str
    actor_role: str
    actor_id: str
    body: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    received_at: AwareDatetime
    seen_version: int | None = None


class Commit(Record):
    """What one decision changes; appended as a whole if the timeline still ends at `expected_version`.

    A command carries its `command_id` and `answer`, a lapse its `move`; other system events carry neither.
    `messages` are stored after those of `void_waits` were voided. `units` says what becomes of the units when
    the dispute ends. `policy` comes with a move to another policy. `virtual_now` is the workflow's own time
    and is given for disputes on a test clock, in every commit; it moves the dispute's clock whatever the
    result is.
    """

    dispute_id: UUID
    expected_version: int = Field(ge=0)
    entries: tuple[Entry, ...]
    command_id: str | None = None
    answer: str | None = None
    head: Head | None = None
    policy: Policy | None = None
    messages: tuple[Message, ...] = ()
    void_waits: tuple[str, ...] = ()
    units: Literal["spent", "free"] | None = None
    virtual_now: AwareDatetime | None = None
    signal: Signal | None = None
    move: Move | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.command_id is None) != (self.answer is None):
            raise ValueError("Give a command's id and its answer together.")
        if self.signal is not None and self.command_id is None:
            raise ValueError("Give a signal's command id and answer.")
        if self.move is not None and self.command_id is not None:
            raise ValueError("A commit is either a command's or a deadline's.")
        return self


class Done(Record):
    """Appended; the timeline now ends at this version and entry."""

    kind: Literal["done"] = "done"
    version: int
    entry: int


class Known(Record):
    """The command was answered before; nothing was appended. `entries` are the events the caller lacks."""

    kind: Literal["known"] = "known"
    answer: str
    entries: tuple[Event, ...]


class Behind(Record):
    """The timeline is ahead; evolve `entries` in order and decide again."""

    kind: Literal["behind"] = "behind"
    entries: tuple[Event, ...]


class Early(Record):
    """The deadline is still `milliseconds` away on the dispute's clock."""

    kind: Literal["early"] = "early"
    milliseconds: int


class ReceivedCommand(Record):
    """An unanswered command that was received in time; apply it with `received_at` as now."""

    command_id: str
    receipt: int
    name: str
    actor_role: str
    actor_id: str
    body: str
    digest: str
    received_at: AwareDatetime
    seen_version: int | None


class Received(Record):
    """Commands that arrived at or before the deadline; apply them first, in this order."""

    kind: Literal["received"] = "received"
    rows: tuple[ReceivedCommand, ...]


class Late(Record):
    """Silence does not count: we were `seconds` late at the deadline, or intake was down for that long."""

    kind: Literal["late"] = "late"
    cause: Literal["worker", "intake"]
    seconds: float


CommitResult = Annotated[Done | Known | Behind | Early | Received | Late, Field(discriminator="kind")]

_RESULT: TypeAdapter[Done | Known | Behind | Early | Received | Late] = TypeAdapter(CommitResult)


async def commit(database: Database, change: Commit) -> Done | Known | Behind | Early | Received | Late:
    """Append one decision in one transaction under the dispute's lock, or say what stands in its way.

    Safe to repeat: a command's second commit is `Known`, any other second commit is `Behind`. `Early`,
    `Received` and `Late` answer moves only. A command received exactly at the deadline is in time.

    Raises:
        NotFound: no such dispute.
        NoInboxRow: the command is in no inbox.
        TimelineShort: the timeline ends before `expected_version`.
        KeyReused: a signal's command id was used for other content.
        StoreUnavailable: the outcome is unknown; commit again.
    """
    answer = await database.call("commit_entries", change.model_dump(mode="json"))
    match answer["kind"]:
        case "not_found":
            raise NotFound("dispute", change.dispute_id)
        case "no_row":
            raise NoInboxRow(change.dispute_id, str(change.command_id))
        case "key_reused":
            raise KeyReused(str(change.command_id))
        case "ahead":
            raise TimelineShort(change.dispute_id, change.expected_version, answer["version"])
    return _RESULT.validate_python(answer)
