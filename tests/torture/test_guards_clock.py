"""A test clock writes its offset before it returns, also after a skip that met no deadline."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from localstack.stack import LocalStack
from starter import clock
from starter.failures import Refused
from store.database import Database
from tests.torture.short_clocks import short_policy
from tests.torture.staging import acknowledged, stage_under, verdict


async def nothing_written(database: Database, dispute_id: UUID, virtual_now: datetime) -> None:
    """`set_clock` taken away."""


@pytest.mark.parametrize("guarded", [True, False])
async def test_receipts_follow_a_skip_without_a_deadline(
    shaken: LocalStack, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(clock, "set_clock", nothing_written)
    async with stage_under(shaken, short_policy()) as built:
        case = await built.open()
        await acknowledged(built)
        await case.skip(timedelta(hours=49))
        # Looked at before the next commit, which brings the clock along, too late for its own receipt.
        findings = await verdict(built)
        if guarded:
            await case.act("complain", case.buyer, statement="49 hours without an answer")
        else:
            with pytest.raises(Refused, match="has not answered yet"):
                await case.act("complain", case.buyer, statement="49 hours without an answer")
    assert {finding.rule for finding in findings} == (set() if guarded else {"one_clock"}), findings
