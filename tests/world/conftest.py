"""One running world for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.world.running import RunningWorld


@pytest.fixture(scope="session")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningWorld]:
    world = RunningWorld(tmp_path_factory.mktemp("world"))
    yield world
    assert world.stop() == 0
    assert "Traceback" not in world.said


@pytest.fixture
def world(shared_world: RunningWorld) -> RunningWorld:
    shared_world.http.put("/script", json={"calls": []}).raise_for_status()
    return shared_world
