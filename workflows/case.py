"""The follower that writes: decides on its copy of the dispute, commits to the timeline, and evolves after that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, FailureError

from domain.canonical import canonical
from domain.commands import COMMANDS, Actor, Command
from domain.deadlines import extend_late, lapse, next_deadline
from domain.deciding import decide, remark
from domain.dispute import Dispute
from domain.envelope import Answered, RefusedEntry
from domain.events import Event
from domain.evolving import evolve
from domain.headline import headline, units_after
from domain.notices import ended_waits, notices
from domain.refusals import Code, Refused
from domain.working_time import span
from workflows.ports import (
    AlreadyAnswered,
    Behind,
    Early,
    InTime,
    Move,
    OurFault,
    ReceivedInTime,
    Recorded,
    Recording,
    RecordResult,
    Records,
    Signalled,
)

BRIEF = RetryPolicy(
    initial_interval=timedelta(milliseconds=100), maximum_interval=timedelta(seconds=1), maximum_attempts=4
)
LASTING = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=10))


class Case:
    """One dispute in this run: the state, the lock that orders its writers, and the last refusal for the operators.

    The state holds only what PostgreSQL holds: it changes after a commit, never before (house, The log).
    """

    def __init__(self, dispute: Dispute, group: Callable[[], AbstractContextManager[None]]) -> None:
        self.dispute = dispute
        self.lock = asyncio.Lock()
        self.answered = 0
        self.last_refusal: str | None = None
        self.changed: Callable[[], None] = lambda: None
        self._group = group

    async def answer(self, command_id: str, command: Command, actor: Actor, received_at: datetime) -> Answered:
        """Answers one command as of its receipt: deadlines that passed before it are settled first."""
        async with self.lock:
            await self.settle_deadlines(lambda until: until < received_at)
            return await self._decide(command_id, command, actor, received_at)

    async def answer_signal(self, command_id: str, command: Command, actor: Actor) -> Answered:
        """Answers a command that came by signal; it is received when it holds the lock, not when it arrives."""
        async with self.lock:
            now = workflow.now()
            await self.settle_deadlines(lambda until: until < now)
            signalled = Signalled(name=command.name, actor=actor, command=canonical(command), received_at=now)
            answer = await self._decide(command_id, command, actor, now, signalled)
            if answer.code is Code.KEY_REUSED:
                # Nobody hears a signal's answer, so that its content was not looked at must stand where people look.
                await self._put_on_record(command_id, command.name, Code.KEY_REUSED, actor)
            return answer

    async def refuse(self, command_id: str, name: str, code: Code) -> None:
        """Puts a message that is no command at all on record, so that nothing a tool sent is lost without a trace."""
        async with self.lock:
            await self._put_on_record(command_id, name, code)

    async def _put_on_record(self, command_id: str, name: str, code: Code, by: Actor | None = None) -> None:
        # A name somebody else chose: what no timeline can hold is shown as a question mark.
        printable = "".join(letter if letter.isprintable() else "?" for letter in name[:64])
        entry = RefusedEntry(at=workflow.now(), name=printable, command_id=command_id, by=by, code=code)
        await self._until_recorded(lambda: self._recording((), refusal=entry))
        self._refused(entry)

    async def happen(self, events: Callable[[], list[Event]]) -> None:
        """Commits what the platform itself did; `events` is asked again whenever the timeline was ahead."""
        async with self.lock:
            while found := events():
                result = await self._record(self._recording(found), "writes what the platform did")
                if isinstance(result, Recorded):
                    self._follow(found)
                    return
                self._catch_up(result)

    async def settle_deadlines(self, passed: Callable[[datetime], bool]) -> timedelta:
        """Lapses every deadline that `passed`, oldest first; the caller holds the lock.

        Whatever was received in time is applied first; lateness of our own moves the deadline instead. Answers how
        long the next one is still away by the database's clock, zero when none is left.
        """
        while (wait := next_deadline(self.dispute)) is not None and passed(wait.until):
            events = lapse(self.dispute, max(workflow.now(), wait.until))
            assert events, f"{wait.wait_id} is due and nothing lapses"
            move = Move(
                at=wait.until,
                late_after_seconds=span(self.dispute.policy.clocks.late_after).total_seconds(),
                graced=wait.graced or not wait.awaits_a_party,
            )
            result = await self._record(
                self._recording(events, move=move), f"settles the deadline {wait.wait_id} of {wait.until.isoformat()}"
            )
            match result:
                case Recorded():
                    self._follow(events)
                case Early(milliseconds=milliseconds):
                    return timedelta(milliseconds=milliseconds)
                case ReceivedInTime(rows=rows):
                    for row in rows:
                        await self._apply(row)
                case OurFault(cause=cause, seconds=seconds):
                    extension = extend_late(self.dispute, wait.wait_id, cause, seconds, workflow.now())
                    again = await self._record(self._recording(extension), "puts the deadline off, we were late")
                    self._follow(extension) if isinstance(again, Recorded) else self._catch_up(again)
                case _:
                    self._catch_up(result)
        return timedelta(0)

    async def _apply(self, row: InTime) -> None:
        try:
            command = COMMANDS[row.name].model_validate_json(row.command)
        except (KeyError, ValidationError):
            await self._decide(row.command_id, Unreadable(row.name), row.actor, row.received_at)
        else:
            await self._decide(row.command_id, command, row.actor, row.received_at)

    async def _decide(
        self,
        command_id: str,
        command: Command | Unreadable,
        actor: Actor,
        received_at: datetime,
        signalled: Signalled | None = None,
    ) -> Answered:
        while True:
            events, refusal = self._outcome(command_id, command, actor, received_at)
            answer = (
                Answered(status="refused", version=self.dispute.version, code=refusal.code, detail=refusal.detail)
                if refusal
                else Answered(
                    status="accepted",
                    version=self.dispute.version + len(events),
                    events=tuple(event.type for event in events),
                    remark=remark(self.dispute, events),
                )
            )
            result = await self._record(
                self._recording(events, refusal, command_id, answer, signalled),
                f"refuses {command.name}, {refusal.code}" if refusal else f"writes {command.name} by {actor.role}",
            )
            match result:
                case Recorded():
                    self.answered += 1
                    self._follow(events)
                    if refusal:
                        self._refused(refusal)
                    return answer
                case AlreadyAnswered(answer=stored):
                    self._catch_up(result)
                    return stored
                case _:
                    self._catch_up(result)
                    # What was missing may have started a clock that ran out before this receipt.
                    await self.settle_deadlines(lambda until: until < received_at)

    def _outcome(
        self, command_id: str, command: Command | Unreadable, actor: Actor, received_at: datetime
    ) -> tuple[list[Event], RefusedEntry | None]:
        try:
            if isinstance(command, Unreadable):
                raise Refused(Code.BAD_COMMAND)
            return decide(self.dispute, command, actor, received_at), None
        except Refused as refused:
            return [], RefusedEntry(
                at=received_at,
                name=command.name,
                command_id=command_id,
                by=actor,
                code=refused.code,
                detail=refused.detail,
            )

    def _recording(
        self,
        events: Iterable[Event],
        refusal: RefusedEntry | None = None,
        command_id: str | None = None,
        answer: Answered | None = None,
        signalled: Signalled | None = None,
        move: Move | None = None,
    ) -> Recording:
        events = tuple(events)
        after = self.dispute
        for event in events:
            after = evolve(after, event)
        return Recording(
            dispute_id=self.dispute.dispute_id,
            expected_version=self.dispute.version,
            events=events,
            refusal=refusal,
            command_id=command_id,
            answer=answer,
            headline=headline(after) if events else None,
            notices=notices(self.dispute, after, events) if events else (),
            void_waits=ended_waits(self.dispute, after) if events else (),
            units=units_after(after) if events else None,
            virtual_now=workflow.now() if self.dispute.test_clock else None,
            signalled=signalled,
            move=move,
        )

    async def _until_recorded(self, recording: Callable[[], Recording]) -> None:
        while not isinstance(result := await self._record(recording(), "writes a refusal"), Recorded):
            self._catch_up(result)

    async def _record(self, recording: Recording, summary: str) -> RecordResult:
        """One local activity, one transaction; with PostgreSQL away a regular one, whose retries leave no events."""
        # Not every UI shows event groups yet, so the phase stands in the words too.
        summary = f"{self.dispute.phase.capitalize()}: {summary}"
        with self._group():
            try:
                return await workflow.execute_local_activity_method(
                    Records.record,
                    recording,
                    start_to_close_timeout=timedelta(seconds=2),
                    retry_policy=BRIEF,
                    summary=summary,
                )
            except FailureError as failed:
                if (final := _final(failed)) is not None:
                    raise final from None
                return await workflow.execute_activity_method(
                    Records.record,
                    recording,
                    start_to_close_timeout=timedelta(seconds=10),
                    retry_policy=LASTING,
                    summary=f"{summary}, once the database is back",
                )

    def _catch_up(self, result: RecordResult) -> None:
        if isinstance(result, AlreadyAnswered | Behind):
            self._follow(result.missing)
        else:
            raise AssertionError(f"a commit without a deadline was answered {result.kind}")

    def _follow(self, events: Iterable[Event]) -> None:
        for event in events:
            self.dispute = evolve(self.dispute, event)
        self.changed()

    def _refused(self, refusal: RefusedEntry) -> None:
        who = refusal.by.role if refusal.by else "somebody"
        self.last_refusal = f"{refusal.name} by {who} was refused: {refusal.code}"
        self.changed()


def _final(failed: FailureError) -> ApplicationError | None:
    """The failure that no retry makes better, if it is one: it fails the one update, never the dispute."""
    cause: BaseException | None = failed
    while cause is not None:
        if isinstance(cause, ApplicationError) and cause.non_retryable:
            return cause
        cause = cause.__cause__
    return None


class Unreadable:
    """A message in the inbox that is no command of this version; it is answered, never dropped."""

    def __init__(self, name: str) -> None:
        self.name = name


def readable(name: str, fields: object) -> Command:
    """The command `name` from its decoded fields; raises ValueError with the fields' errors, never their content."""
    if name not in COMMANDS:
        raise ValueError(f"there is no command {name!r}; commands are {', '.join(COMMANDS)}")
    try:
        return COMMANDS[name].model_validate(fields)
    except ValidationError as wrong:
        raise ValueError(said(wrong)) from None


def said(wrong: ValidationError) -> str:
    """The errors of a validation as one sentence, without the values that were sent."""
    places = [
        f"{'.'.join(str(part) for part in error['loc'])}: {error['msg']}"
        for error in wrong.errors(include_input=False, include_context=False, include_url=False)
    ]
    return "; ".join(places[:8])
