"""Writes what the workflow decided into the case file: one recording, one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.canonical import canonical
from domain.commands import Actor, Role
from domain.envelope import Answered, content_digest
from domain.events import EVENT, Event
from domain.refusals import Code
from store import commit as committing
from store.database import Database
from store.errors import KeyReused, NoInboxRow, NotFound, StoreUnavailable, TimelineShort
from store.records import Entry, Head, Message
from store.records import Event as StoredEvent
from workflows.ports import (
    AlreadyAnswered,
    Behind,
    Early,
    InTime,
    OurFault,
    ReceivedInTime,
    Recorded,
    Recording,
    RecordResult,
    Records,
)


class CaseFile(Records):
    """`Records` on PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @activity.defn(name="record")
    async def record(self, recording: Recording) -> RecordResult:
        """Writes `recording`, or says what stands in its way; safe to repeat (house, The commit).

        Raises ApplicationError: retryable while PostgreSQL is away, not retryable for a command that no inbox holds.
        """
        try:
            result = await committing.commit(self._database, _commit(recording))
        except KeyReused:
            refused = Answered(status="refused", version=recording.expected_version, code=Code.KEY_REUSED)
            return AlreadyAnswered(answer=refused, missing=())
        except StoreUnavailable as away:
            raise ApplicationError(str(away), type="StoreUnavailable") from None
        except (NoInboxRow, ValueError) as wrong:
            # Nobody received this, or nothing can hold it: no retry makes it better.
            raise ApplicationError(str(wrong), type=type(wrong).__name__, non_retryable=True) from None
        except (NotFound, TimelineShort) as gone:
            # A restored database knows less than this workflow: an operator reconciles, nothing is written meanwhile.
            raise ApplicationError(str(gone), type=type(gone).__name__) from None
        match result:
            case committing.Done(version=version):
                return Recorded(version=version)
            case committing.Known(answer=answer, entries=entries):
                return AlreadyAnswered(answer=Answered.model_validate_json(answer), missing=_events(entries))
            case committing.Behind(entries=entries):
                return Behind(missing=_events(entries))
            case committing.Early(milliseconds=milliseconds):
                return Early(milliseconds=milliseconds)
            case committing.Received(rows=rows):
                return ReceivedInTime(rows=tuple(_in_time(row) for row in rows))
            case committing.Late(cause=cause, seconds=seconds):
                return OurFault(cause=cause, seconds=int(seconds))


def _events(entries: Iterable[StoredEvent]) -> tuple[Event, ...]:
    return tuple(EVENT.validate_json(entry.body) for entry in entries)


def _in_time(row: committing.ReceivedCommand) -> InTime:
    return InTime(
        command_id=row.command_id,
        name=row.name,
        actor=Actor(role=Role(row.actor_role), id=row.actor_id),
        command=row.body,
        received_at=row.received_at,
    )


def _commit(recording: Recording) -> committing.Commit:
    entries = [Entry(kind="event", body=canonical(event)) for event in recording.events]
    if recording.refusal is not None:
        entries.append(Entry(kind="refusal", body=canonical(recording.refusal)))
    signalled, move = recording.signalled, recording.move
    return committing.Commit(
        dispute_id=UUID(recording.dispute_id),
        expected_version=recording.expected_version,
        entries=tuple(entries),
        command_id=recording.command_id if recording.answer else None,
        answer=canonical(recording.answer) if recording.answer else None,
        head=Head(**recording.headline.model_dump()) if recording.headline else None,
        messages=tuple(
            Message(
                message_id=notice.message_id,
                kind=notice.kind,
                recipient_role=notice.recipient_role,
                recipient_id=notice.recipient_id,
                body=canonical(notice.body),
                due_at=notice.due_at,
                wait_id=notice.wait_id,
            )
            for notice in recording.notices
        ),
        void_waits=recording.void_waits,
        units=recording.units,
        virtual_now=recording.virtual_now,
        signal=committing.Signal(
            name=signalled.name,
            actor_role=signalled.actor.role,
            actor_id=signalled.actor.id,
            body=signalled.command,
            digest=content_digest(signalled.name, signalled.actor, signalled.command),
            received_at=signalled.received_at,
        )
        if signalled
        else None,
        move=committing.Move(at=move.at, late_after_seconds=move.late_after_seconds, graced=move.graced)
        if move
        else None,
    )
