"""The counts of a run, and its counter-examples."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from starter.intake import command_id
from tests.torture.findings import Finding
from tests.torture.recorder import OPEN_QUESTIONS, Call
from tests.torture.snapshot import Snapshot

if TYPE_CHECKING:
    from tests.torture.run import Result


def told_in_the_outage(calls: Iterable[Call], began: float, ended: float) -> Iterator[Finding]:
    """Nobody who asked and was answered while PostgreSQL was away can have been told anything."""
    for call in calls:
        if call.ended is None or call.began < began or call.ended > ended:
            continue
        if call.outcome not in OPEN_QUESTIONS:
            said = f"{call.name} was told {call.outcome}"
            yield Finding("told_in_the_outage", call.dispute_id or "-", said, "PostgreSQL was away", call.key)


def write_report(result: Result, out: TextIO) -> None:
    """Counts first, then every finding."""
    plan, snapshot = result.plan, result.snapshot
    out.write(f"seed {plan.seed}\n")
    out.write(f"kills: {_counted(result.killed)}\n")
    out.write(f"ended by themselves and started again: {_counted(result.ended_by_themselves)}\n")
    out.write(f"calls: {_counted(Counter(call.outcome for call in result.calls))}\n")
    out.write(f"asked again under the same key: {result.asked_again}\n")
    if snapshot is not None:
        disputes = snapshot.disputes.values()
        rows = [row for stored in disputes for row in stored.inbox]
        out.write(f"disputes: {_counted(Counter(stored.head['phase'] for stored in disputes))}\n")
        out.write(f"commands received: {_counted(Counter(row['name'] for row in rows))}\n")
        entries = [row for stored in disputes for row in stored.timeline]
        extended = sum('"type":"extended"' in row["body"] for row in entries)
        out.write(f"timeline: {_counted(Counter(row['kind'] for row in entries))}, {extended} deadlines put off\n")
        out.write(f"told unavailable though received: {_received_all_the_same(result.calls, snapshot)}\n")
        out.write(f"refunds in the books: {len(snapshot.refunds_after)}\n")
    out.write(", ".join(f"{name}: {seconds:.0f} s" for name, seconds in result.seconds.items()) + "\n")
    out.write(_latencies([call.ended - call.began for call in result.calls if call.ended and call.outcome == "ok"]))
    for finding in result.findings:
        out.write(f"\n{finding}\n")
    out.write(f"\n{len(result.findings)} findings\n")


def _received_all_the_same(calls: Iterable[Call], snapshot: Snapshot) -> int:
    """Calls whose connection broke after the inbox row was committed and before intake heard of it."""
    received = {
        (stored.dispute_id, row["command_id"]): row["real_received_at"].timestamp()
        for stored in snapshot.disputes.values()
        for row in stored.inbox
    }
    hidden = [call for call in calls if call.outcome == "unavailable"]
    stamps = [received.get((call.dispute_id or "", command_id(call.actor, call.key)), 0.0) for call in hidden]
    return sum(call.began <= at <= (call.ended or 0.0) for call, at in zip(hidden, stamps, strict=True))


def _counted(counts: Counter[str]) -> str:
    return f"{counts.total()} ({', '.join(f'{name} {count}' for name, count in counts.most_common() if count)})"


def _latencies(seconds: Sequence[float]) -> str:
    if len(seconds) < 2:
        return "no latencies\n"
    cuts = statistics.quantiles(seconds, n=100)
    return f"answered ones took (for information): p50 {cuts[49]:.2f} s, p90 {cuts[89]:.2f} s, p99 {cuts[98]:.2f} s\n"
