"""What the workflow asks of the world: signature-only activities and the messages that go in and come out.

The implementations in `activities` subclass these; the workflow imports nothing of them (house fact 6).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from temporalio import activity

from domain.commands import Actor
from domain.dispute import Leg
from domain.envelope import Answered, RefusedEntry
from domain.events import Event
from domain.facts import Facts
from domain.headline import Headline
from domain.model import Frozen, Identifier, Instant
from domain.notices import Notice


class Move(Frozen):
    """The lapse of a deadline: its instant on the dispute's clock, and how late silence may still count."""

    at: Instant
    late_after_seconds: float
    graced: bool


class Signalled(Frozen):
    """A decision that came by signal: its inbox row is written by the commit that answers it."""

    name: Identifier
    actor: Actor
    command: str
    received_at: Instant


class Recording(Frozen):
    """Everything one commit writes: events or a refusal, the answer, the headline, notices and ended waits."""

    dispute_id: Identifier
    expected_version: int
    events: tuple[Event, ...] = ()
    refusal: RefusedEntry | None = None
    command_id: str | None = None
    answer: Answered | None = None
    headline: Headline | None = None
    notices: tuple[Notice, ...] = ()
    void_waits: tuple[str, ...] = ()
    units: Literal["spent", "free"] | None = None
    virtual_now: Instant | None = None
    signalled: Signalled | None = None
    move: Move | None = None


class Recorded(Frozen):
    """Written; the timeline ends at `version`."""

    kind: Literal["done"] = "done"
    version: int


class AlreadyAnswered(Frozen):
    """The command had been answered; `missing` are the events this follower has not seen."""

    kind: Literal["known"] = "known"
    answer: Answered
    missing: tuple[Event, ...]


class Behind(Frozen):
    """The timeline is ahead of this follower by `missing`; evolve them and decide again."""

    kind: Literal["behind"] = "behind"
    missing: tuple[Event, ...]


class Early(Frozen):
    """By PostgreSQL's clock the deadline is still `milliseconds` away."""

    kind: Literal["early"] = "early"
    milliseconds: int


class InTime(Frozen):
    """One command that the inbox received before the deadline and nobody has answered yet."""

    command_id: Identifier
    name: Identifier
    actor: Actor
    command: str
    received_at: Instant


class ReceivedInTime(Frozen):
    """Commands to apply, in this order, before the deadline may lapse."""

    kind: Literal["received"] = "received"
    rows: tuple[InTime, ...]


class OurFault(Frozen):
    """We were late ourselves: silence does not count yet (protocol, Clocks and silence)."""

    kind: Literal["late"] = "late"
    cause: Literal["worker", "intake"]
    seconds: int


RecordResult = Annotated[
    Recorded | AlreadyAnswered | Behind | Early | ReceivedInTime | OurFault, Field(discriminator="kind")
]


class Records:
    """The case file in PostgreSQL."""

    @activity.defn(name="record")
    async def record(self, recording: Recording) -> RecordResult:
        """Writes one decision in one transaction, or says what stands in its way; safe to repeat."""
        raise NotImplementedError


class FactsWanted(Frozen):
    """`at` is the dispute's own time when it runs on a test clock, else None."""

    dispute_id: Identifier
    order_id: Identifier
    payment_ids: tuple[Identifier, ...]
    parcel_ids: tuple[Identifier, ...]
    at: Instant | None = None


class RefundWanted(Frozen):
    """One leg to settle; its key towards the provider is `dispute_id:leg`."""

    dispute_id: Identifier
    leg: Leg
    at: Instant | None = None


class RefundResult(Frozen):
    """`settled` with the provider's reference, or `stuck` with the provider's reason."""

    kind: Literal["settled", "stuck"]
    provider_reference: Identifier | None = None
    because: Identifier | None = None


class World:
    """The outside: order system, carrier and payment provider."""

    @activity.defn(name="gather_facts")
    async def gather_facts(self, wanted: FactsWanted) -> Facts:
        """Order, payments, and both directions of every parcel; who cannot be reached yields `unknown`, no error."""
        raise NotImplementedError

    @activity.defn(name="refund")
    async def refund(self, wanted: RefundWanted) -> RefundResult:
        """Settles one leg once, whatever happens between: intent before the call, outcome after it."""
        raise NotImplementedError
