"""Intake of commands: checked whole, made canonical, and received by being written to the inbox."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TypeVar
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from domain.canonical import canonical
from domain.commands import COMMANDS, Actor, Command
from domain.envelope import content_digest
from domain.model import Identifier
from domain.refusals import Code
from starter.failures import BadCommand, FieldError, KeyReused, NotFound, Refused, Unavailable, Unknown
from store import errors, inbox
from store.database import Database
from store.inbox import Receipt
from store.records import Command as InboxCommand

Given = TypeVar("Given", bound=Command)

_KEY: TypeAdapter[str] = TypeAdapter(Identifier)
MAX_SEEN_VERSION = 2**31 - 1


def read_command(command: Command | str, fields: Mapping[str, object] | None) -> Command:
    """The command a caller means, by its model or by name and fields.

    Raises:
        BadCommand: no command of this name is sent to a running dispute, or its fields do not fit.
    """
    if isinstance(command, Command):
        if type(command) is not COMMANDS.get(command.name):
            raise BadCommand(command.name, [FieldError(field="", message="this is not sent to a running dispute")])
        return command
    model = COMMANDS.get(command)
    if model is None:
        known = ", ".join(COMMANDS)
        raise BadCommand(command, [FieldError(field="", message=f"there is no such command; choose one of {known}")])
    return read_fields(model, fields or {})


def read_fields(model: type[Given], fields: Mapping[str, object]) -> Given:
    """The fields as their command's model; raises BadCommand that names each wrong one."""
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        raise BadCommand.from_validation(model.name, error) from None


def read_key(name: str, key: str) -> str:
    """The caller's key, 1 to 64 characters of an identifier; raises BadCommand."""
    try:
        return _KEY.validate_python(key)
    except ValidationError:
        raise BadCommand(
            name, [FieldError(field="key", message="a key is 1 to 64 letters, digits and . _ : @ -, not - first")]
        ) from None


def read_dispute_id(dispute_id: UUID | str) -> UUID:
    """The id of a dispute; raises NotFound for what cannot be one."""
    try:
        return dispute_id if isinstance(dispute_id, UUID) else UUID(dispute_id)
    except ValueError:
        raise NotFound(dispute_id) from None


def command_id(actor: Actor, key: str) -> str:
    """The id of the command this actor sends under this key: nobody can take another one's, and it fits any field."""
    return hashlib.sha256(f"{actor.role}\n{actor.id}\n{key}".encode()).hexdigest()[:32]


async def receive(
    database: Database,
    dispute_id: UUID,
    command: Command,
    *,
    actor: Actor,
    key: str,
    seen_version: int | None,
    daily_limit: int,
) -> Receipt:
    """Write a command to the inbox; from then on it will be answered, by whomever it is delivered.

    Args:
        daily_limit: how many commands a side may send in 24 hours (protocol-notes; policy limits).

    Raises:
        BadCommand: the key or the seen version is no such thing.
        NotFound: no such dispute.
        KeyReused: the actor used this key here for other content.
        Refused: `too_many` commands in 24 hours.
        Unavailable: PostgreSQL does not answer, so nothing was received; the same call may be made again.
        Unknown: PostgreSQL went away in the middle; the same call tells whether it was received.
    """
    read_key(command.name, key)
    if seen_version is not None and not 0 <= seen_version <= MAX_SEEN_VERSION:
        raise BadCommand(command.name, [FieldError(field="seen_version", message="a version is 0 or more")])
    body = canonical(command)
    row = InboxCommand(
        dispute_id=dispute_id,
        command_id=command_id(actor, key),
        name=command.name,
        actor_role=actor.role.value,
        actor_id=actor.id,
        body=body,
        digest=content_digest(command.name, actor, body),
        seen_version=seen_version,
    )
    try:
        return await inbox.receive(database, row, daily_limit=daily_limit)
    except errors.NotFound:
        raise NotFound(dispute_id) from None
    except errors.KeyReused:
        raise KeyReused(key) from None
    except errors.TooMany as error:
        raise Refused(Code.TOO_MANY, {"limit": error.limit}) from None
    except errors.StoreUnavailable as error:
        if error.perhaps_done:
            raise Unknown(key, "the connection to PostgreSQL broke while it was received") from error
        raise Unavailable(str(error)) from error
