"""What the demo leaves behind: one record a dispute, measured on its timeline and on its workflow's history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime

from domain.dispute import How, Outcome, Phase
from domain.model import Frozen
from domain.outlook import View
from starter.delivery import workflow_id
from starter.demo.case import Case
from starter.reading import Told
from store.records import EntryKind


class Line(Frozen):
    """One entry of a timeline: `at` is the dispute's clock, `by` the role, `rule` what an event goes by."""

    entry: int
    version: int | None
    kind: EntryKind
    at: AwareDatetime | None
    by: str | None
    type: str
    rule: str | None


class Record(Frozen):
    """One dispute of the demo.

    `commands` counts what was received for it, the opening and the refused ones included; `virtual_days` are those
    between opening and closing on the dispute's own clock, or up to its last entry while it is not closed.
    """

    story: str
    dispute_id: str
    workflow_id: str
    phases: tuple[Phase, ...]
    outcome: Outcome | None
    how: How | None
    commands: int
    refused: int
    history_events: int
    history_bytes: int
    virtual_days: float
    timeline: tuple[Line, ...]


async def measure(case: Case) -> tuple[View, Record]:
    """The dispute as it stands and its record; raises ClientError, RPCError."""
    view, timeline = await case.look(), await case.timeline()
    history = await case.handle.describe()
    lines = tuple(_line(entry) for entry in timeline)
    last = view.closed_at or max((line.at for line in lines if line.at is not None), default=view.opened_at)
    return view, Record(
        story=case.story,
        dispute_id=view.id,
        workflow_id=workflow_id(case.id),
        phases=_phases(timeline),
        outcome=view.outcome,
        how=_how(timeline),
        commands=len({entry.command_id for entry in timeline if entry.command_id is not None}),
        refused=sum(entry.kind == "refusal" for entry in timeline),
        history_events=history.history_length,
        history_bytes=history.raw_description.workflow_execution_info.history_size_bytes,
        virtual_days=round((last - view.opened_at) / timedelta(days=1), 6),
        timeline=lines,
    )


def disagreements(views: Sequence[View], refunds: Sequence[dict[str, Any]]) -> list[str]:
    """Where the provider's books say otherwise than the disputes, a sentence each; each leg is there exactly once."""
    found: list[str] = []
    for view in views:
        planned = {f"{view.id}:{leg.leg}": leg for leg in view.settlement.legs} if view.settlement else {}
        made = [refund for refund in refunds if str(refund["idempotency_key"]).startswith(f"{view.id}:")]
        paid = [str(refund["idempotency_key"]) for refund in made]
        for key in sorted({*planned, *paid}):
            if paid.count(key) != (key in planned):
                found.append(f"the books hold refund {key} {paid.count(key)} times, planned {int(key in planned)}")
        for refund in made:
            leg = planned.get(str(refund["idempotency_key"]))
            booked = (refund["payment_id"], refund["amount_minor"], refund["currency"])
            if leg and booked != (leg.payment_id, leg.amount.amount_minor, leg.amount.currency):
                found.append(f"the books hold refund {refund['idempotency_key']} as {booked}, the dispute as {leg}")
    return found


def _how(timeline: Sequence[Told]) -> How | None:
    ending = next((entry.body.get("how") for entry in timeline if entry.body.get("type") == "closed"), None)
    return None if ending is None else How(str(ending))


def _phases(timeline: Sequence[Told]) -> tuple[Phase, ...]:
    named = (entry.body.get("phase") for entry in timeline if entry.kind == "event")
    return tuple(Phase(str(name)) for name in named if name is not None)


def _line(entry: Told) -> Line:
    body = entry.body
    by, at, rule = body.get("by"), body.get("at"), body.get("rule")
    return Line(
        entry=entry.entry,
        version=entry.version,
        kind=entry.kind,
        at=datetime.fromisoformat(at) if isinstance(at, str) else None,
        by=str(by["role"]) if isinstance(by, dict) else None,
        type=str(body.get("type", entry.kind)),
        rule=None if rule is None else str(rule),
    )
