"""What clients asked and were told, one JSON line before and one after: kill -9 leaves an open question."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from domain.commands import Actor
from domain.envelope import Answered

Outcome = Literal["ok", "refused", "turned_away", "key_reused", "unknown", "unavailable", "lost"]
"""How a call ended for its caller: `turned_away` was refused at intake, `lost` died with its client's process."""

OPEN_QUESTIONS: frozenset[Outcome] = frozenset({"unknown", "unavailable", "lost"})
"""Outcomes that say nothing: the command may or may not have taken effect."""


@dataclass(frozen=True)
class Call:
    """One call of a client; `began` and `ended` are seconds since 1970, `answer` what it was told, if anything."""

    call_id: str
    dispute_id: str | None
    actor: Actor
    key: str
    name: str
    fields: dict[str, Any]
    began: float
    outcome: Outcome = "lost"
    ended: float | None = None
    answer: Answered | None = None
    opened: tuple[str, ...] = ()
    detail: str = ""


class Recorder:
    """Appends to one file of one client; every line is with the kernel before the call goes on."""

    def __init__(self, path: Path, client: str) -> None:
        self._client = client
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._calls = 0
        self._born = time.time_ns()

    def invoke(self, dispute_id: str | None, actor: Actor, key: str, name: str, fields: dict[str, Any]) -> str:
        """Notes that a call begins; gives the id its outcome is noted under."""
        self._calls += 1
        call_id = f"{self._client}.{self._born}.{self._calls}"
        self._write(
            call_id=call_id,
            began=time.time(),
            dispute_id=dispute_id,
            actor=actor.model_dump(mode="json"),
            key=key,
            name=name,
            fields=fields,
        )
        return call_id

    def outcome(
        self,
        call_id: str,
        outcome: Outcome,
        *,
        answer: Answered | None = None,
        opened: Iterable[str] = (),
        detail: str = "",
    ) -> None:
        """Notes how a call ended."""
        self._write(
            call_id=call_id,
            ended=time.time(),
            outcome=outcome,
            answer=answer.model_dump(mode="json") if answer else None,
            opened=list(opened),
            detail=detail,
        )

    def close(self) -> None:
        os.close(self._file)

    def _write(self, **line: Any) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def recorded(paths: Iterable[Path]) -> list[Call]:
    """All calls of these files, in the order they began."""
    calls: dict[str, dict[str, Any]] = {}
    for path in paths:
        for line in path.read_text().splitlines():
            noted = json.loads(line)
            calls.setdefault(noted["call_id"], {}).update(noted)
    read = [
        Call(
            **noted
            | {
                "actor": Actor.model_validate(noted["actor"]),
                "answer": Answered.model_validate(noted["answer"]) if noted.get("answer") else None,
                "opened": tuple(noted.get("opened", ())),
            }
        )
        for noted in calls.values()
    ]
    return sorted(read, key=lambda call: call.began)


def how_many(paths: Iterable[Path]) -> int:
    """How many calls have begun, without reading them."""
    return sum(path.read_bytes().count(b'"began"') for path in paths if path.exists())
