"""Notices: what a party is told outside its inbox."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gateways.errors import Mismatch
from gateways.line import Line, Wire, instant


class _Accepted(Wire):
    notice_id: str


class Notices(Line):
    """Notices to buyers, sellers, arbiters and operators, each sent once under its id."""

    def __init__(self, base_url: str, *, connect_seconds: float = 2.0, total_seconds: float = 5.0) -> None:
        super().__init__("notices", base_url, connect_seconds=connect_seconds, total_seconds=total_seconds)

    async def send(
        self,
        notice_id: str,
        *,
        role: str,
        party_id: str,
        kind: str,
        dispute_id: str,
        text: Mapping[str, str],
        issued_at: datetime,
        at: datetime | None,
    ) -> None:
        """Sends one notice; `text` holds `zh-CN` and `en`, `issued_at` is when it was written.

        Raises Unavailable, Rejected, OutcomeUnknown (send it again with the same id), and Mismatch.
        """
        content = {
            "notice_id": notice_id,
            "to": {"role": role, "id": party_id},
            "kind": kind,
            "dispute_id": dispute_id,
            "text": dict(text),
            "at": instant(issued_at),
        }
        accepted = await self.act("/notices", content, _Accepted, at=at)
        if accepted.notice_id != notice_id:
            raise Mismatch(self.system, f"sent notice {notice_id} and another was confirmed")
