"""Scripted faults: which coming call of which kind goes wrong, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sandbox.shapes import Id, Shape

Kind = Literal["order", "order_event", "parcel", "refund", "refund_lookup", "notice"]

MATCHABLE: dict[Kind, frozenset[str]] = {
    "order": frozenset({"order_id"}),
    "order_event": frozenset({"event_id", "order_id", "dispute_id"}),
    "parcel": frozenset({"parcel_id", "direction"}),
    "refund": frozenset({"payment_id", "reference", "idempotency_key"}),
    "refund_lookup": frozenset({"idempotency_key"}),
    "notice": frozenset({"notice_id", "dispute_id"}),
}


class Entry(Shape):
    """The next `times` calls of `kind` that carry what `match` names go wrong in one way."""

    kind: Kind
    fault: Literal[
        "timeout_before",
        "timeout_after",
        "error_500",
        "error_500_after",
        "rate_limited",
        "garbage",
        "other_amount",
        "late",
    ]
    match: dict[str, Id] = Field(default_factory=dict)
    times: Annotated[int, Field(ge=1, le=10_000)] = 1
    delay_seconds: Annotated[float, Field(gt=0, le=60)] | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if foreign := sorted(set(self.match) - MATCHABLE[self.kind]):
            allowed = ", ".join(sorted(MATCHABLE[self.kind]))
            raise ValueError(f"a {self.kind} call carries no {foreign[0][:64]}; match one of: {allowed}")
        if self.fault == "other_amount" and self.kind not in ("refund", "refund_lookup"):
            raise ValueError(f"a {self.kind} call answers no amount; other_amount is for refunds and look-ups")
        if (self.fault == "late") != (self.delay_seconds is not None):
            raise ValueError("delay_seconds belongs to late, and only to it")
        return self


class Calls(Shape):
    """The body of PUT /script."""

    calls: Annotated[tuple[Entry, ...], Field(max_length=1000)]


class Script:
    """What is still to go wrong, in order, and what already has; it lives as long as the process."""

    def __init__(self) -> None:
        self._left: list[Entry] = []
        self._fired: list[dict[str, Any]] = []

    def replace(self, calls: Calls) -> None:
        self._left, self._fired = list(calls.calls), []

    def take(self, kind: Kind, named: Mapping[str, str]) -> Entry | None:
        """Spends one time of the first entry that fits the call, or gives None."""
        for place, entry in enumerate(self._left):
            if entry.kind == kind and entry.match.items() <= named.items():
                if entry.times == 1:
                    del self._left[place]
                else:
                    self._left[place] = entry.model_copy(update={"times": entry.times - 1})
                self._fired.append({"kind": kind, "fault": entry.fault, "call": dict(named)})
                return entry
        return None

    def content(self) -> dict[str, Any]:
        return {"left": [entry.content() for entry in self._left], "fired": list(self._fired)}
