"""The long run, short: streams of commands under kill -9, an outage in the middle, and nothing to be found."""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import pytest

from tests.torture.report import write_report
from tests.torture.run import Plan, torture


@pytest.mark.timeout(240)
async def test_a_short_run_finds_nothing() -> None:
    seed = random.SystemRandom().randrange(2**32)
    with tempfile.TemporaryDirectory(prefix="disputes-torture-") as folder:
        result = await torture(Plan(seed=seed, commands=250, kills=12, outage=10, clients=2, tables=3), Path(folder))
    write_report(result, sys.stdout)
    assert result.findings == []
    assert result.killed.total() >= 12
    assert len({call.outcome for call in result.calls}) > 2, "everything went well, so nothing was tried"
