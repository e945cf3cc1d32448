"""SIGKILL at random moments to every kind of process, several at once, and each is started again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from tests.torture.crew import Crew, Member
from tests.torture.plan import dice

WEIGHTS = {"worker": 5, "relay": 4, "client": 4, "temporal": 4, "postgres": 4, "world": 2}
"""How often each kind is hit."""

ARMS = 2
"""Killers at work at the same time, so that two things may be down together."""

LONGEST_ABSENCE = 1.5
LONGEST_PEACE = 4.0


class Killer:
    """Kills until it has killed `kills` times; `killed` counts by kind."""

    def __init__(self, crew: Crew, seed: int, kills: int) -> None:
        self._crew = crew
        self._seed = seed
        self._left = kills
        self.killed: Counter[str] = Counter()

    async def run(self) -> None:
        """Returns when the last victim is up again."""
        async with asyncio.TaskGroup() as arms:
            for arm in range(ARMS):
                arms.create_task(self._arm(arm))

    async def _arm(self, arm: int) -> None:
        throw = dice(self._seed, "killer", arm)
        while self._left > 0:
            kind = throw.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
            victims = [member for member in self._crew.members if member.kind == kind and not member.busy]
            absence, peace, place = throw.uniform(0, LONGEST_ABSENCE), throw.uniform(0.2, LONGEST_PEACE), throw.random()
            if victims:
                self._left -= 1
                await self._hit(victims[int(place * len(victims))], absence)
            await asyncio.sleep(peace)

    async def _hit(self, victim: Member, absence: float) -> None:
        victim.busy = True
        await victim.kill()
        self.killed[victim.kind] += 1
        await asyncio.sleep(absence)
        await victim.come_back()
        victim.busy = False


async def postgres_away(crew: Crew, seconds: float) -> tuple[float, float]:
    """PostgreSQL is stopped in order and left away; gives the instants (seconds since 1970) it was away between."""
    postgres = next(member for member in crew.members if member.kind == "postgres")
    # The killer may have it in its hands.
    while postgres.busy:
        await asyncio.sleep(0.05)
    postgres.busy = True
    await postgres.stop()
    began = time.time()
    await asyncio.sleep(seconds)
    ended = time.time()
    await postgres.come_back()
    postgres.busy = False
    return began, ended
