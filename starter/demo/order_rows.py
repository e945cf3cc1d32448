"""Which orders of a file are disputed in the demo, and how: the same file always gives the same choice."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.policy import Reason


class Situation(StrEnum):
    """Where an order got to and what its buyer thought of it; disputes are drawn evenly from the first four."""

    UNSHIPPED = "unshipped"
    ON_ITS_WAY = "on_its_way"
    ARRIVED_LATE = "arrived_late"
    DISAPPOINTED = "disappointed"
    CONTENT = "content"


class Course(StrEnum):
    """How a dispute about an order goes."""

    SILENCE = "silence"
    OFFER_ACCEPTED = "offer_accepted"
    DECISION = "decision"
    APPEAL = "appeal"
    WITHDRAWAL = "withdrawal"


_BY_SCORE = {1: Reason.DEFECTIVE, 2: Reason.NOT_AS_DESCRIBED, 3: Reason.DAMAGED_IN_TRANSIT}
"""What a buyer with this review claims; a better review is no complaint."""


class Unreadable(Exception):
    """The order file cannot be read; the message says which and what to do."""


class _Part(BaseModel):
    """What the demo reads of a row; the outside world reads the rest, and says what is wrong with a row."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Line(_Part):
    line: int
    seller_id: str
    freight_minor: int
    kind: Literal["physical", "virtual"] = "physical"


class _Review(_Part):
    score: int | None = None


class OrderRow(_Part):
    """One order of the file; instants without a zone, all local to one market."""

    order_id: str
    handed_to_carrier_at: datetime | None = None
    delivered_at: datetime | None = None
    promised_by: datetime
    lines: tuple[_Line, ...] = Field(min_length=1)
    currency: str
    reviews: tuple[_Review, ...] = ()

    @property
    def lowest_score(self) -> int | None:
        return min((review.score for review in self.reviews if review.score is not None), default=None)

    @property
    def situation(self) -> Situation:
        if self.delivered_at is None:
            return Situation.UNSHIPPED if self.handed_to_carrier_at is None else Situation.ON_ITS_WAY
        if self.lowest_score in _BY_SCORE:
            return Situation.DISAPPOINTED
        return Situation.ARRIVED_LATE if self.delivered_at > self.promised_by else Situation.CONTENT


class OrderFile(NamedTuple):
    """The readable rows of a file; `seed` is made of its content and decides what is chosen."""

    rows: tuple[OrderRow, ...]
    seed: str


class Candidate(NamedTuple):
    """An order, the claim its buyer makes, and the course of the dispute.

    `lines` are those of one seller in one parcel; `ask_minor` None asks for what they cost.
    """

    row: OrderRow
    reason: Reason
    lines: tuple[int, ...]
    ask_minor: int | None
    course: Course

    @property
    def claim(self) -> dict[str, object]:
        """The claim as `open` takes it."""
        order = {"order_id": self.row.order_id, "lines": [{"line": line} for line in self.lines]}
        words = f"Order state: {self.row.situation.value.replace('_', ' ')}; review: {self.row.lowest_score or 'none'}."
        claim: dict[str, object] = {**order, "reason": self.reason.value, "statement": words}
        if self.ask_minor is None:
            return claim
        return claim | {"amount": {"amount_minor": self.ask_minor, "currency": self.row.currency}}


def read_orders(path: Path) -> OrderFile:
    """The orders of a file, plain or gzipped; rows that cannot be read are left out. Raises Unreadable."""
    content, rows = hashlib.sha256(), []
    try:
        for line in _lines(path):
            content.update(line)
            try:
                rows.append(OrderRow.model_validate_json(line))
            except ValidationError:
                continue
    except OSError as error:
        raise Unreadable(f"The orders cannot be read ({error}); check --orders.") from None
    return OrderFile(tuple(rows), content.hexdigest()[:12])


def choose(file: OrderFile, known: AbstractSet[str]) -> list[Candidate]:
    """The orders to dispute, best first, of those the outside world knows; take as many as are wanted.

    Drawn in turn from every situation, each seller's first order before any second one, otherwise in an order that
    only the file's content decides. Content buyers come last.
    """
    drawn = sorted(
        (row for row in file.rows if row.order_id in known),
        key=lambda row: hashlib.sha256(f"{file.seed}:{row.order_id}".encode()).digest(),
    )
    piles = [_spread([row for row in drawn if row.situation is situation]) for situation in Situation]
    *complaining, content = piles
    rows = [row for turn in zip_longest(*complaining) for row in turn if row is not None] + content
    courses = tuple(Course)
    return [_candidate(row, courses[number % len(courses)]) for number, row in enumerate(rows)]


def _lines(path: Path) -> Iterator[bytes]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as file:
        try:
            yield from (line for line in file if line.strip())
        except (gzip.BadGzipFile, EOFError, zlib.error):
            # The outside world says so; what stands before the damage counts.
            return


def _spread(rows: Sequence[OrderRow]) -> list[OrderRow]:
    """The first order of each seller, then the others."""
    seen: set[str] = set()
    first: list[OrderRow] = []
    later: list[OrderRow] = []
    for row in rows:
        (later if row.lines[0].seller_id in seen else first).append(row)
        seen.add(row.lines[0].seller_id)
    return first + later


def _candidate(row: OrderRow, course: Course) -> Candidate:
    first = row.lines[0]
    claimed = [line for line in row.lines if (line.seller_id, line.kind) == (first.seller_id, first.kind)]
    reason = _reason(row, first)
    freight = sum(line.freight_minor for line in claimed)
    return Candidate(
        row=row,
        reason=reason,
        lines=tuple(line.line for line in claimed),
        # Who only waited too long asks for the freight.
        ask_minor=freight if reason is Reason.LATE and freight else None,
        course=course,
    )


def _reason(row: OrderRow, line: _Line) -> Reason:
    if line.kind == "virtual":
        return Reason.ENTITLEMENT_UNUSABLE
    match row.situation:
        case Situation.UNSHIPPED:
            return Reason.NOT_SHIPPED
        case Situation.ON_ITS_WAY:
            return Reason.NOT_RECEIVED
        case Situation.ARRIVED_LATE:
            return Reason.LATE
        case Situation.DISAPPOINTED:
            assert row.lowest_score is not None
            return _BY_SCORE[row.lowest_score]
        case Situation.CONTENT:
            return Reason.CHANGE_OF_MIND
