"""Hostile and undecodable messages straight at Temporal: a clear error or a refusal on record, and nothing wedged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from starter.delivery import WORKFLOW
from tests.stage import Case, Stage
from tests.stories.acting import happened, refusals, ruling, to_review
from tests.stories.quarrels import eventually_recorded, signal_decision

Message = tuple[str, Sequence[Any]]


def json_payload(text: str) -> RawValue:
    return RawValue(Payload(metadata={"encoding": b"json/plain"}, data=text.encode()))


def envelope(case: Case, **command: object) -> dict[str, object]:
    return {
        "actor": case.buyer.model_dump(mode="json"),
        "received_at": "2026-11-22T08:00:00Z",
        "command": command,
    }


def written(text: str) -> str:
    """An envelope as JSON with whatever JSON as its text."""
    actor = '{"role": "buyer", "id": "b"}'
    return f'{{"actor": {actor}, "received_at": "2026-11-22T08:00:00Z", "command": {{"text": {text}}}}}'


def offering(case: Case, amount_minor: object) -> Message:
    return "offer", [envelope(case, terms={"amount": {"amount_minor": amount_minor, "currency": "CNY"}})]


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


UPDATES: dict[str, Callable[[Case], Message]] = {
    "unknown_name": lambda case: ("steal", [envelope(case, text="x")]),
    "name_of_another_world": lambda case: ("__proto__", [envelope(case, text="x")]),
    "no_argument": lambda case: ("say", []),
    "two_arguments": lambda case: ("say", [envelope(case, text="x"), envelope(case, text="y")]),
    "wrong_types": lambda case: ("say", [{"actor": 7, "received_at": [], "command": "text"}]),
    "not_an_object": lambda case: ("say", ["say something"]),
    "null": lambda case: ("say", [None]),
    "unknown_field": lambda case: ("say", [envelope(case, text="x", loud=True)]),
    "unknown_role": lambda case: ("say", [{**envelope(case, text="x"), "actor": {"role": "king", "id": "k"}}]),
    "unknown_remedy": lambda case: (
        "offer",
        [envelope(case, terms={"remedy": "flowers", "amount": {"amount_minor": 1, "currency": "CNY"}})],
    ),
    "no_time_zone": lambda case: ("say", [{**envelope(case, text="x"), "received_at": "2026-11-22T08:00:00"}]),
    "end_of_time": lambda case: ("say", [{**envelope(case, text="x"), "received_at": "99999-01-01T00:00:00Z"}]),
    "nul": lambda case: ("say", [envelope(case, text="a\x00b")]),
    "lone_surrogate": lambda case: ("say", [json_payload(written('"\\ud800"'))]),
    "huge_number": lambda case: offering(case, 10**30),
    "negative_money": lambda case: offering(case, -1),
    "money_as_float": lambda case: offering(case, 1.5),
    "a_thousand_levels": lambda case: ("say", [json_payload(nested(1_000))]),
    "a_thousand_levels_in_a_field": lambda case: ("say", [json_payload(written(nested(1_000)))]),
    "not_json": lambda case: ("say", [json_payload("{half")]),
    "not_utf8": lambda case: ("say", [RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"\xff\xfe"))]),
    "unknown_encoding": lambda case: ("say", [RawValue(Payload(metadata={"encoding": b"rot/13"}, data=b"fnl"))]),
    "no_encoding": lambda case: ("say", [RawValue(Payload(data=b"say"))]),
    "three_megabytes": lambda case: ("say", [envelope(case, text="x" * 3_000_000)]),
}
"""What may come as an update, each by what is wrong with it."""


@pytest.mark.parametrize("wrong", UPDATES)
async def test_a_hostile_update_is_an_error_for_its_sender_alone(scene: Stage, wrong: str) -> None:
    case = await scene.open()
    name, arguments = UPDATES[wrong](case)
    with pytest.raises((WorkflowUpdateFailedError, RPCError)) as failed:
        async with asyncio.timeout(20):
            await case.handle.execute_update(name, args=arguments, id=f"hostile-{wrong}", result_type=dict)
    if isinstance(failed.value, WorkflowUpdateFailedError):
        told = str(failed.value.cause)
        assert told, "an error must say what is wrong"
        assert len(told) < 2_000
    await still_well(case)


async def test_a_command_that_nobody_received_fails_alone(scene: Stage) -> None:
    case = await scene.open()
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await case.handle.execute_update("say", envelope(case, text="Past the inbox."), id="never-received")
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "NoInboxRow"
    await still_well(case)


async def test_a_signal_under_a_used_id_stands_on_the_timeline(scene: Stage) -> None:
    case = await scene.open()
    await to_review(case)
    version = (await case.now()).evidence_version
    await signal_decision(case, "tool-1", ruling(7_000, version - 1))
    await eventually_recorded(case, "stale_evidence")
    await signal_decision(case, "tool-1", ruling(7_000, version))
    await eventually_recorded(case, "key_reused")
    await still_well(case)


SIGNALS: dict[str, Callable[[Case], Message]] = {
    **{wrong: UPDATES[wrong] for wrong in UPDATES if wrong != "three_megabytes"},
    "decision_of_nothing": lambda case: ("decision", []),
    "decision_twice": lambda case: ("decision", [{}, {}]),
    "decision_by_nobody": lambda case: ("decision", [{"command_id": "c", "command": {}}]),
    "decision_with_a_long_id": lambda case: (
        "decision",
        [{"command_id": "c" * 5_000, "actor": case.buyer.model_dump(mode="json"), "command": {}}],
    ),
    "decision_of_a_thousand_levels": lambda case: ("decision", [json_payload(nested(1_000))]),
    "decision_unknown_encoding": lambda case: (
        "decision",
        [RawValue(Payload(metadata={"encoding": b"rot/13"}, data=b"fnl"))],
    ),
    "decision_lone_surrogate": lambda case: ("decision", [json_payload(written('"\\ud800"'))]),
    "very_long_name": lambda case: ("n" * 900, [1]),
}
"""What may come as a signal: nobody waits for an answer, so a refusal must stand on the timeline."""


@pytest.mark.parametrize("wrong", SIGNALS)
async def test_a_hostile_signal_is_put_on_record_as_refused(scene: Stage, wrong: str) -> None:
    case = await scene.open()
    name, arguments = SIGNALS[wrong](case)
    await case.handle.signal(name, args=arguments)
    async with asyncio.timeout(20):
        while not (told := await refusals(case)):
            await asyncio.sleep(0.02)
    assert [(entry.body["code"], entry.body["name"]) for entry in told] == [("bad_command", name[:64])]
    await still_well(case)


async def test_a_signal_too_large_for_temporal_is_an_error_for_its_sender_alone(scene: Stage) -> None:
    case = await scene.open()
    with pytest.raises(RPCError):
        await case.handle.signal("decision", envelope(case, text="x" * 3_000_000))
    await still_well(case)


STARTS: dict[str, Sequence[Any]] = {
    "no_input": [],
    "null": [None],
    "wrong_types": [{"policy": 7, "opened": "yes"}],
    "not_an_object": ["start"],
    "neither_opened_nor_resumed": [{"test_clock": True}],
    "not_json": [json_payload("{half")],
    "a_thousand_levels": [json_payload(nested(1_000))],
    "unknown_encoding": [RawValue(Payload(metadata={"encoding": b"binary/riddle"}, data=b"?"))],
}
"""What a dispute may be started from by mistake."""


@pytest.mark.parametrize("wrong", STARTS)
async def test_a_hostile_start_fails_at_once_and_says_why(scene: Stage, wrong: str) -> None:
    await fails_to_start(scene, STARTS[wrong])


async def test_a_start_that_is_both_opened_and_resumed_fails(scene: Stage) -> None:
    case = await scene.open()
    dispute = (await case.now()).model_dump(mode="json")
    opened = (await happened(case))[0].model_dump(mode="json")
    both = {"policy": dispute["policy"], "calendar": dispute["calendar"], "opened": opened, "resumed": dispute}
    await fails_to_start(scene, [both])


async def fails_to_start(scene: Stage, arguments: Sequence[Any]) -> None:
    handle = await scene.temporal.start_workflow(
        WORKFLOW,
        args=arguments,
        id=f"dispute/{uuid4()}",
        task_queue=scene.settings.task_queue,
        task_timeout=timedelta(seconds=3),
        retry_policy=RetryPolicy(maximum_attempts=1),
    )
    try:
        with pytest.raises(WorkflowFailureError) as failed:
            async with asyncio.timeout(10):
                await handle.result()
    except BaseException:
        await handle.terminate("its test is over")
        raise
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.message
    await no_task_failed(handle.fetch_history)


async def still_well(case: Case) -> None:
    """The dispute takes its next command, and nothing in its history has failed."""
    before = len(await happened(case))
    async with asyncio.timeout(20):
        await case.act("say", case.buyer, text="Are you there?")
    assert [event.type for event in await happened(case)][before:] == ["said"]
    await no_task_failed(case.handle.fetch_history)
    await case.act("withdraw", case.buyer)


async def no_task_failed(history: Callable[[], Awaitable[Any]]) -> None:
    kinds = {event.event_type for event in (await history()).events}
    assert not kinds & {
        EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT,
    }
