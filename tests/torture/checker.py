"""Compares timeline, answers stored, answers told and the world's books; every disagreement is a finding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from domain.canonical import canonical
from domain.commands import COMMANDS
from domain.dispute import Dispute, LegState
from domain.envelope import Answered, content_digest
from starter.intake import command_id
from tests.torture.findings import Finding
from tests.torture.recorder import OPEN_QUESTIONS, Call
from tests.torture.rejudging import Rejudging
from tests.torture.snapshot import Row, Snapshot, Stored


def check_stored(snapshot: Snapshot, calls: Sequence[Call] = ()) -> list[Finding]:
    """What PostgreSQL, the books and the recorded calls say about each other, once everything has been answered."""
    told: defaultdict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.dispute_id is not None:
            told[call.dispute_id].append(call)
    findings = [*_opened(snapshot, calls)]
    for stored in snapshot.disputes.values():
        judged = Rejudging(stored)
        findings += judged.findings
        findings += _head(stored, judged.dispute)
        findings += _inbox(stored)
        findings += _answers(stored, told[stored.dispute_id])
        findings += _money(stored, judged.dispute, snapshot)
    return findings


def _head(stored: Stored, folded: Dispute) -> Iterator[Finding]:
    head = stored.head
    said = (head["version"], head["phase"], head["outcome"])
    fold = (folded.version, folded.phase.value, folded.outcome.value if folded.outcome else None)
    if said != fold:
        yield Finding("head_follows", stored.dispute_id, f"head {said}", f"fold {fold}")


def _inbox(stored: Stored) -> Iterator[Finding]:
    """Everything received is answered, acknowledged, and on the timeline in one commit."""
    on_timeline = {row["command_id"] for row in stored.timeline} - {None}
    receipts = [row["receipt"] for row in stored.inbox]
    if receipts != list(range(1, stored.head["receipts"] + 1)):
        yield Finding("receipts_gapless", stored.dispute_id, f"{receipts}", f"head {stored.head['receipts']}")
    last = stored.inbox[0]["received_at"]
    for row in stored.inbox:
        key = row["command_id"]
        if row["answer"] is None:
            yield Finding("answered", stored.dispute_id, f"{row['name']} of {row['received_at']}", "no answer", key)
        if row["acknowledged_at"] is None:
            why = row["last_error"] or "no error noted"
            yield Finding("acknowledged", stored.dispute_id, f"{row['name']} of {row['received_at']}", why, key)
        if row["answer"] is not None and row["name"] != "open" and key not in on_timeline:
            yield Finding("on_the_timeline", stored.dispute_id, f"answered {row['answer']}", "no entry", key)
        if row["received_at"] < last:
            yield Finding("receipts_rise", stored.dispute_id, f"{last}", f"then {row['received_at']}", key)
        last = row["received_at"]


def _answers(stored: Stored, calls: Iterable[Call]) -> Iterator[Finding]:
    """What callers were told is what stands in the inbox, and the same for every call under one key."""
    rows = {row["command_id"]: row for row in stored.inbox}
    for call in calls:
        key = command_id(call.actor, call.key)
        row = rows.get(key)
        if call.outcome in OPEN_QUESTIONS or call.outcome == "turned_away":
            continue
        if row is None:
            yield Finding("told_is_stored", stored.dispute_id, f"{call.name} was told {call.outcome}", "no row", key)
        elif call.outcome == "key_reused":
            if _digest(call) == row["digest"]:
                yield Finding("same_key_same_answer", stored.dispute_id, "same content", "told key_reused", key)
        elif _digest(call) != row["digest"]:
            yield Finding("other_content_refused", stored.dispute_id, f"{call.fields}", f"{row['body']}", key)
        elif row["answer"] is None or Answered.model_validate_json(row["answer"]) != call.answer:
            yield Finding("told_is_stored", stored.dispute_id, f"told {call.answer}", f"stored {row['answer']}", key)


def _digest(call: Call) -> bytes:
    body = canonical(COMMANDS[call.name].model_validate(call.fields))
    return bytes.fromhex(content_digest(call.name, call.actor, body))


def _opened(snapshot: Snapshot, calls: Iterable[Call]) -> Iterator[Finding]:
    """One key opens the same disputes for ever, and all that was told exists."""
    by_key: dict[tuple[str, str], tuple[str, ...]] = {}
    for call in calls:
        if call.name != "open" or call.outcome != "ok":
            continue
        first = by_key.setdefault((call.actor.id, call.key), call.opened)
        missing = [dispute for dispute in call.opened if dispute not in snapshot.disputes]
        if first != call.opened or missing:
            yield Finding("opened_once", ",".join(call.opened), f"first {first}", f"missing {missing}", call.key)


def _money(stored: Stored, folded: Dispute, snapshot: Snapshot) -> Iterator[Finding]:
    """One refund per leg, under the leg's own reference, of its amount; the timeline tells the settled ones."""
    planned = {leg.leg: leg for leg in folded.settlement.legs} if folded.settlement else {}
    written = {leg["leg"]: leg for leg in stored.legs}
    for name, row in written.items():
        leg = planned.get(name)
        if leg is None or (leg.amount.amount_minor, leg.payment_id) != (row["amount_minor"], row["payment_id"]):
            yield Finding("leg_as_planned", stored.dispute_id, f"planned {leg}", f"written {row}", name)
    if not stored.closed:
        # It may be moving money right now: what was in the books before must have been written down.
        for refund in _of(stored, snapshot.refunds_before):
            if refund["reference"].partition(":")[2] not in written:
                yield Finding("intent_first", stored.dispute_id, f"{refund}", f"legs {sorted(written)}")
        return
    told = {name for name, leg in planned.items() if leg.state is LegState.SETTLED}
    settled = {name for name, row in written.items() if row["state"] == "settled"}
    if told != settled or told != set(planned):
        yield Finding("legs_settled", stored.dispute_id, f"timeline {told} of {set(planned)}", f"legs {settled}")
    books = sorted(
        (refund["reference"], refund["idempotency_key"], refund["payment_id"], refund["amount_minor"])
        for refund in _of(stored, snapshot.refunds_after)
    )
    keys = {name: f"{stored.dispute_id}:{name}" for name in planned}
    plan = sorted((keys[n], keys[n], leg.payment_id, leg.amount.amount_minor) for n, leg in planned.items())
    if books != plan:
        yield Finding("one_refund_a_leg", stored.dispute_id, f"books {books}", f"plan {plan}")


def _of(stored: Stored, refunds: Iterable[Row]) -> Iterator[Row]:
    return (refund for refund in refunds if refund["reference"].partition(":")[0] == stored.dispute_id)


def nothing_else_paid(snapshot: Snapshot) -> Iterator[Finding]:
    """The books hold no refund of a dispute that this database does not know."""
    for refund in snapshot.refunds_after:
        if refund["reference"].partition(":")[0] not in snapshot.disputes:
            yield Finding("nothing_else_paid", "-", f"{refund}", "no such dispute")
