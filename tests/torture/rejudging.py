"""Judges every entry of a timeline again: in its order, by its receipt, on the state it met."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from domain.canonical import canonical
from domain.commands import COMMANDS, Actor
from domain.deadlines import lapse, next_deadline
from domain.deciding import decide
from domain.dispute import Dispute
from domain.envelope import DisputeInput
from domain.events import EVENT, Event, Extended
from domain.evolving import begin, evolve
from domain.refusals import Refused
from domain.working_time import span
from tests.torture.findings import Finding
from tests.torture.snapshot import Row, Stored

REPORTED = frozenset({"facts_gathered", "leg_settled", "execution.all-legs-settled", "execution.leg-stuck"})
"""Events of the platform's own work, by type or rule: they come from outside and are not derived from the state."""

COMMIT_TAKES = timedelta(seconds=1)
"""At most so much passes between the instant a lapse is judged at and the one its entry is stamped with."""


class Rejudging:
    """One dispute's timeline, gone through once; `findings` and the folded `dispute` are there afterwards."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._rows = {row["command_id"]: row for row in stored.inbox}
        self._answered: set[str] = set()
        self.findings: list[Finding] = []
        start = DisputeInput.model_validate_json(stored.inbox[0]["body"])
        assert start.opened
        assert start.policy
        assert start.calendar
        self.dispute = begin(start.opened, start.policy, start.calendar, test_clock=start.test_clock)
        self._check_numbers()
        self._go_through()

    def _check_numbers(self) -> None:
        entries = [row["entry"] for row in self._stored.timeline]
        versions = [row["version"] for row in self._stored.timeline if row["version"] is not None]
        head = self._stored.head
        if entries != list(range(1, head["entry"] + 1)):
            self._found("entries_gapless", f"entries {entries}", f"the head says {head['entry']}")
        if versions != list(range(1, head["version"] + 1)):
            self._found("versions_gapless", f"versions {versions}", f"the head says {head['version']}")

    def _go_through(self) -> None:
        later = self._stored.timeline[1:]
        for command_id, group in groupby(later, key=lambda row: row["command_id"]):
            entries = list(group)
            if command_id is None:
                self._system(entries)
            else:
                self._command(command_id, entries)

    def _command(self, command_id: str, entries: list[Row]) -> None:
        row = self._rows.get(command_id)
        if row is None:
            self._found("in_an_inbox", "on the timeline", "in no inbox", command_id)
            self._fold(entries)
            return
        if command_id in self._answered:
            self._found("once", f"again at entry {entries[0]['entry']}", _told(entries), command_id)
        self._answered.add(command_id)
        now = row["received_at"]
        late = [wait for wait in self.dispute.waits if wait.until < now]
        if late:
            self._found("deadline_first", f"{late[0].wait_id} until {late[0].until}", f"received {now}", command_id)
        expected, told = _judged(self.dispute, row), _told(entries)
        # Whoever delivers to a dispute that has ended answers `closed` to everybody, a stranger too.
        if expected != told and not (self.dispute.closed_at and told == "refused closed"):
            self._found("judged_by_receipt", expected, told, command_id)
        self._fold(entries)

    def _system(self, entries: list[Row]) -> None:
        waiting = list(entries)
        while waiting:
            event = EVENT.validate_json(waiting[0]["body"])
            if {event.type, event.rule} & REPORTED:
                count = 1
            elif isinstance(event, Extended):
                self._extension(event)
                count = 1
            else:
                count = self._lapse(event, waiting)
            self._fold(waiting[:count])
            waiting = waiting[count:]

    def _extension(self, event: Extended) -> None:
        late_after = span(self.dispute.policy.clocks.late_after)
        wait = self.dispute.wait(event.wait_id)
        if wait is None or wait.graced or event.late_seconds < int(late_after.total_seconds()):
            self._found("extended_when_late", f"{wait}", f"late by {event.late_seconds} s of {late_after}")

    def _lapse(self, event: Event, entries: list[Row]) -> int:
        """Checks that silence took effect where it should; gives the number of its entries."""
        wait = next_deadline(self.dispute)
        expected = lapse(self.dispute, event.at)
        told = [entry["body"] for entry in entries[: len(expected)]]
        if wait is None or not expected or [canonical(one) for one in expected] != told:
            self._found("lapse_derived", f"{[one.type for one in expected]} at {event.at}", entries[0]["body"])
            return 1
        recorded_at: datetime = entries[0]["recorded_at"] + self._stored.head["clock_offset"]
        if recorded_at < wait.until:
            self._found("never_early", f"{wait.wait_id} until {wait.until}", f"lapsed at {recorded_at}")
        late_after = span(self.dispute.policy.clocks.late_after)
        graced = wait.graced or not wait.awaits_a_party or self.dispute.test_clock
        if not graced and recorded_at - wait.until > late_after + COMMIT_TAKES:
            self._found("silence_counts", f"{wait.wait_id} until {wait.until}", f"lapsed at {recorded_at}, no grace")
        for row in self._stored.inbox[1:]:
            if row["received_at"] <= wait.until and row["command_id"] not in self._answered:
                self._found(
                    "received_in_time",
                    f"{row['name']} received {row['received_at']}",
                    f"{wait.wait_id} lapsed at its deadline {wait.until}",
                    row["command_id"],
                )
        return len(expected)

    def _fold(self, entries: list[Row]) -> None:
        for entry in entries:
            if entry["kind"] != "event":
                continue
            try:
                self.dispute = evolve(self.dispute, EVENT.validate_json(entry["body"]))
            except (ValueError, AssertionError) as error:
                self._found("folds", f"entry {entry['entry']}: {entry['body']}", repr(error))

    def _found(self, rule: str, one: str, other: str, key: str = "-") -> None:
        self.findings.append(Finding(rule, self._stored.dispute_id, one, other, key))


def _judged(dispute: Dispute, row: Row) -> str:
    try:
        command = COMMANDS[row["name"]].model_validate_json(row["body"])
        actor = Actor.model_validate({"role": row["actor_role"], "id": row["actor_id"]})
        events = decide(dispute, command, actor, row["received_at"])
    except Refused as refused:
        return f"refused {refused.code}"
    return " ".join(canonical(event) for event in events)


def _told(entries: list[Row]) -> str:
    return " ".join(_told_entries(entries))


def _told_entries(entries: list[Row]) -> Iterator[str]:
    for entry in entries:
        if entry["kind"] == "refusal":
            yield f"refused {json.loads(entry['body'])['code']}"
        else:
            yield entry["body"]
