"""One call of the Python client, recorded before it is made and after it was answered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from domain.commands import Actor
from domain.envelope import Answered
from starter.client import DisputeClient
from starter.failures import KeyReused, Refused, Unavailable, Unknown
from tests.torture.plan import Wanted
from tests.torture.recorder import Outcome, Recorder


class Asking:
    """A client whose every call is on record."""

    def __init__(self, client: DisputeClient, recorder: Recorder) -> None:
        self._client = client
        self._recorder = recorder

    async def open(self, actor: Actor, key: str, claim: dict[str, Any]) -> tuple[str, ...]:
        """The ids of the disputes that were opened, none when nobody knows."""
        call = self._recorder.invoke(None, actor, key, "open", claim)
        try:
            opened = await self._client.open(claim, actor=actor, key=key)
        except Unavailable as error:
            self._recorder.outcome(call, "unavailable", detail=str(error))
            return ()
        ids = tuple(str(view.id) for view in opened)
        self._recorder.outcome(call, "ok", opened=ids)
        return ids

    async def send(self, dispute_id: UUID, wanted: Wanted, key: str) -> Outcome:
        """How the call ended."""
        call = self._recorder.invoke(str(dispute_id), wanted.actor, key, wanted.name, wanted.fields)
        outcome, answer, detail = await self._ask(dispute_id, wanted, key)
        self._recorder.outcome(call, outcome, answer=answer, detail=detail)
        return outcome

    async def _ask(self, dispute_id: UUID, wanted: Wanted, key: str) -> tuple[Outcome, Answered | None, str]:
        try:
            answer = await self._client.send(dispute_id, wanted.name, wanted.fields, actor=wanted.actor, key=key)
        except Refused as refused:
            if refused.version is None:
                return "turned_away", None, str(refused)
            told = Answered(status="refused", version=refused.version, code=refused.code, detail=refused.detail)
            return "refused", told, ""
        except KeyReused as error:
            return "key_reused", None, str(error)
        except Unknown as error:
            return "unknown", None, str(error)
        except Unavailable as error:
            return "unavailable", None, str(error)
        return "ok", answer, ""
