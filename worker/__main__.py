"""`python -m worker`: one worker process, set up by the environment."""

from __future__ import annotations

import asyncio

from starter.settings import Settings
from worker.running import run

asyncio.run(run(Settings()))
