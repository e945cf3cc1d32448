"""What cannot be read is told with its fields, and leaves nothing behind."""

from __future__ import annotations

from uuid import uuid4

import pytest

from domain.commands import Actor, Role
from starter.failures import BadCommand, NotFound
from tests.entry.conftest import written
from tests.stage import Stage

SELLER = Actor(role=Role.SELLER, id="seller-1")


def _nested(levels: int) -> object:
    deep: object = "end"
    for _ in range(levels):
        deep = {"deep": deep}
    return deep


TERMS = {"amount": {"amount_minor": 1, "currency": "CNY"}}

HOSTILE: dict[str, tuple[str, dict[str, object], str]] = {
    "missing": ("offer", {}, "terms"),
    "unknown field": ("say", {"text": "x", "colour": "red"}, "colour"),
    "wrong type": ("say", {"text": 5}, "text"),
    "empty": ("say", {"text": ""}, "text"),
    "text for a number": ("offer", {"terms": {"amount": {"amount_minor": "5", "currency": "CNY"}}}, "terms.amount"),
    "float": ("offer", {"terms": {"amount": {"amount_minor": 5.0, "currency": "CNY"}}}, "terms.amount"),
    "true": ("offer", {"terms": {"amount": {"amount_minor": True, "currency": "CNY"}}}, "terms.amount"),
    "negative": ("offer", {"terms": {"amount": {"amount_minor": -1, "currency": "CNY"}}}, "terms.amount"),
    "huge": ("offer", {"terms": {"amount": {"amount_minor": 10**30, "currency": "CNY"}}}, "terms.amount"),
    "unknown word": ("answer", {"verdict": "perhaps"}, "verdict"),
    "unknown remedy": ("offer", {"terms": {"remedy": "revenge", **TERMS}}, "terms.remedy"),
    "NUL": ("say", {"text": "a\x00b"}, "text"),
    "lone surrogate": ("say", {"text": "a\ud800b"}, "text"),
    "three megabytes": ("say", {"text": "x" * 3_000_000}, "text"),
    "a thousand levels": ("say", {"text": _nested(1_000)}, "text"),
    "a thousand levels beside": ("say", {"text": "x", "more": _nested(1_000)}, "more"),
    "terminal codes in a name": ("say", {"text": "x", "\x1b[31mred": 1}, "\N{REPLACEMENT CHARACTER}[31mred"),
    "no such command": ("explode", {"text": "x"}, ""),
    "open is no such command": ("open", {"text": "x"}, ""),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_a_bad_command_is_told_and_writes_nothing(scene: Stage, case: str) -> None:
    name, fields, place = HOSTILE[case]
    before = await written(scene.database)
    with pytest.raises(BadCommand) as caught:
        await scene.client.send(uuid4(), name, fields, actor=SELLER, key="k")
    assert any(error.field.startswith(place) for error in caught.value.errors)
    assert len(str(caught.value)) < 1_000
    assert str(caught.value).isprintable()
    assert await written(scene.database) == before


@pytest.mark.parametrize("key", ["", "-x", "a b", "a\x00", "\ud800", "x" * 65, "ключ"])
async def test_a_bad_key_is_told_and_writes_nothing(scene: Stage, key: str) -> None:
    before = await written(scene.database)
    with pytest.raises(BadCommand, match="key"):
        await scene.client.send(uuid4(), "say", {"text": "x"}, actor=SELLER, key=key)
    with pytest.raises(BadCommand, match="key"):
        await scene.client.open(
            {"order_id": "o-1", "lines": [{"line": 1}], "reason": "late", "statement": "x"}, actor=SELLER, key=key
        )
    assert await written(scene.database) == before


@pytest.mark.parametrize("version", [-1, 2**31, 10**30])
async def test_a_version_nobody_can_have_seen_is_told(scene: Stage, version: int) -> None:
    with pytest.raises(BadCommand, match="seen_version"):
        await scene.client.send(uuid4(), "say", {"text": "x"}, actor=SELLER, key="k", seen_version=version)


@pytest.mark.parametrize("claim", [{}, {"order_id": "../../etc"}, {"order_id": "o", "lines": "all"}])
async def test_a_bad_claim_is_told_and_writes_nothing(scene: Stage, claim: dict[str, object]) -> None:
    before = await written(scene.database)
    with pytest.raises(BadCommand):
        await scene.client.open(claim, actor=SELLER, key="k")
    assert await written(scene.database) == before


@pytest.mark.parametrize("dispute_id", ["", "nothing", "\x00", "\ud800", "x" * 3_000_000, str(uuid4())])
async def test_what_is_no_dispute_is_not_found(scene: Stage, dispute_id: str) -> None:
    before = await written(scene.database)
    with pytest.raises(NotFound):
        await scene.client.send(dispute_id, "say", {"text": "x"}, actor=SELLER, key="k")
    with pytest.raises(NotFound):
        await scene.client.view(dispute_id)
    with pytest.raises(NotFound):
        await scene.client.timeline(dispute_id)
    assert await written(scene.database) == before
