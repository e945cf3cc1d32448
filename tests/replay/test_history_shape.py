"""What a dispute costs in Temporal: events, bytes and payloads of every recorded story, against the leanest shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from tests.replay import corpus
from tests.replay.slim import COMMANDS, slim_history
from tests.stage import Stage

LARGEST_PAYLOAD, LARGEST_START = 4 * 1024, 20 * 1024
ABOVE_SLIM = 1.5
"""How much heavier a command may be than one of the leanest dispute on the same server (research, goal P6)."""

_PREFIX = "EVENT_TYPE_"
_TEST_CLOCK = {"WORKFLOW_EXECUTION_OPTIONS_UPDATED", "WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED"}
_TASK = {"WORKFLOW_TASK_SCHEDULED", "WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_COMPLETED"}
_COMMAND = _TASK | {"MARKER_RECORDED", "WORKFLOW_EXECUTION_UPDATE_ACCEPTED", "WORKFLOW_EXECUTION_UPDATE_COMPLETED"}


def kind(event: HistoryEvent) -> str:
    return EventType.Name(event.event_type).removeprefix(_PREFIX)


@dataclass
class Shape:
    """One history in numbers; what a test clock adds is left out, because no real dispute has it."""

    name: str
    history: WorkflowHistory

    def __post_init__(self) -> None:
        self.events = list(_without_test_clock(self.history.events))
        self.kinds = Counter(kind(event) for event in self.events)

    @property
    def commands(self) -> int:
        """Updates taken, refused ones too: a refusal is an answer that is on record."""
        return self.kinds["WORKFLOW_EXECUTION_UPDATE_ACCEPTED"]

    @property
    def most_events(self) -> int:
        """5 + 5 C + L + 6 A + 2 · timers cancelled + 5 · timers fired + 4 · signals (research, goal P5).

        A timer that the end of the dispute leaves running is one event more.
        """
        kinds = self.kinds
        left = kinds["TIMER_STARTED"] - kinds["TIMER_CANCELED"] - kinds["TIMER_FIRED"]
        return (
            5
            + 5 * self.commands
            + kinds["MARKER_RECORDED"]
            + 6 * kinds["ACTIVITY_TASK_SCHEDULED"]
            + 2 * kinds["TIMER_CANCELED"]
            + 5 * kinds["TIMER_FIRED"]
            + 4 * kinds["WORKFLOW_EXECUTION_SIGNALED"]
            + left
        )

    @property
    def most_records(self) -> int:
        """Each command, activity, signal and fired timer is written down at most once."""
        kinds = self.kinds
        return (
            self.commands
            + kinds["ACTIVITY_TASK_SCHEDULED"]
            + kinds["TIMER_FIRED"]
            + kinds["WORKFLOW_EXECUTION_SIGNALED"]
        )

    @property
    def bytes(self) -> int:
        """All of it but what the dispute starts from."""
        return sum(event.ByteSize() for event in self.events[1:])

    @property
    def bytes_of_commands(self) -> int:
        """The events of the workflow tasks that a command caused; timers and activities are counted by the formula."""
        whole = 0
        task: list[HistoryEvent] = []
        for event in [*self.events, None]:
            if event is None or kind(event) == "WORKFLOW_TASK_SCHEDULED":
                if any(kind(one) == "WORKFLOW_EXECUTION_UPDATE_ACCEPTED" for one in task):
                    whole += sum(one.ByteSize() for one in task if kind(one) in _COMMAND)
                task = []
            if event is not None:
                task.append(event)
        return whole

    @property
    def largest_payload(self) -> int:
        return max(payload.ByteSize() for event in self.events[1:] for payload in payloads(event))

    @property
    def start_payload(self) -> int:
        return max(payload.ByteSize() for payload in payloads(self.events[0]))


def _without_test_clock(events: Sequence[HistoryEvent]) -> Iterator[HistoryEvent]:
    """A skip that was ordered while a workflow task ran has caused one more, which found nothing to do."""
    dropped = 0
    for before, event in zip([None, *events], events, strict=False):
        if kind(event) in _TEST_CLOCK:
            continue
        if (
            before is not None
            and kind(event) == "WORKFLOW_TASK_SCHEDULED"
            and kind(before) == "WORKFLOW_EXECUTION_OPTIONS_UPDATED"
        ):
            dropped = len(_TASK)
        if dropped:
            dropped -= 1
        else:
            yield event


def payloads(message: Message) -> Iterator[Payload]:
    """Every payload anywhere in a message."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            inner = [one for one in value.values() if isinstance(one, Message)]
        else:
            inner = list(value) if field.is_repeated else [value]
        for one in inner:
            yield from payloads(one)


@pytest.fixture(scope="module")
def shapes() -> list[Shape]:
    found = [Shape(name, corpus.read(name)) for name in corpus.names()]
    lines = [f"{'story':<34}   C events at most  bytes start largest a command"]
    lines += [
        f"{one.name:<34} {one.commands:>3} {len(one.events):>6} {one.most_events:>7} {one.bytes:>6} "
        f"{one.start_payload:>5} {one.largest_payload:>7} {one.bytes_of_commands // max(one.commands, 1):>9}"
        for one in found
    ]
    print("\n".join(lines))  # noqa: T201
    return found


def test_no_history_has_more_events_than_it_must(shapes: list[Shape]) -> None:
    assert [(one.name, len(one.events)) for one in shapes if len(one.events) > one.most_events] == []


def test_everything_is_written_down_once(shapes: list[Shape]) -> None:
    assert [one.name for one in shapes if one.kinds["MARKER_RECORDED"] > one.most_records] == []


def test_payloads_are_small(shapes: list[Shape]) -> None:
    assert [(one.name, one.largest_payload) for one in shapes if one.largest_payload > LARGEST_PAYLOAD] == []
    assert [(one.name, one.start_payload) for one in shapes if one.start_payload > LARGEST_START] == []


async def test_commands_weigh_little_more_than_the_leanest(scene: Stage, shapes: list[Shape]) -> None:
    slim = Shape("slim", await slim_history(scene.temporal))
    assert slim.commands == COMMANDS
    allowed = ABOVE_SLIM * slim.bytes_of_commands / slim.commands
    print(f"slim: {slim.bytes_of_commands // COMMANDS} bytes a command, {slim.bytes} in all")  # noqa: T201
    heavy = [(one.name, one.bytes_of_commands // one.commands) for one in shapes if one.commands]
    assert [(name, weight) for name, weight in heavy if weight > allowed] == []


def test_nothing_costly_and_nothing_broken_is_in_any_history(shapes: list[Shape]) -> None:
    unwanted = {
        "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
        "WORKFLOW_PROPERTIES_MODIFIED",
        "WORKFLOW_TASK_FAILED",
        "WORKFLOW_TASK_TIMED_OUT",
        "WORKFLOW_EXECUTION_FAILED",
    }
    assert [(one.name, sorted(unwanted & set(one.kinds))) for one in shapes if unwanted & set(one.kinds)] == []


def test_every_phase_is_an_event_group() -> None:
    """The label of a group is what a person reads in a history; the appeal goes through all phases but execution."""
    labels = [
        marker.label.label.data.decode().strip('"')
        for event in corpus.read("appeal_decided").events
        for marker in event.event_group_markers
        if marker.HasField("label")
    ]
    assert list(dict.fromkeys(labels)) == [
        "Negotiation",
        "Complaint",
        "Review by the platform",
        "Proposal to both sides",
        "Review at level 2",
    ]
