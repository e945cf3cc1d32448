"""Every row of the protocol's table of silences, played; that the forecast came true is checked on the way."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeVar

import pytest

from domain.events import Complained, ComplaintAnswered, Happened, ReviewBegan, ReviewOverdue
from tests.stage import Case, Stage
from tests.stories import silences
from tests.stories.acting import closed, happened, lapses, refunds
from tests.stories.repertoire import Story

Kind = TypeVar("Kind", bound=Happened)


@pytest.mark.parametrize(
    ("story", "outcome", "how", "paid", "rule"),
    [
        (silences.seller_silent_unshipped, "settled", "silence", silences.LARGE, "negotiation.silence-accepted"),
        (silences.seller_silent_in_transit, "settled", "silence", silences.SMALL, "negotiation.silence-accepted"),
        (silences.seller_silent_small_claim, "settled", "silence", silences.SMALL, "negotiation.silence-accepted"),
        (silences.seller_silent_in_complaint, "settled", "silence", silences.SMALL, "complaint.silence-accepted"),
        (silences.seller_silent_large_claim, "upheld", "platform", silences.LARGE, "review.cap-platform-pays"),
        (silences.buyer_silent_after_refusal, "lapsed", "silence", 0, "negotiation.buyer-silent"),
        (silences.appeal_undecided, "partly_upheld", "arbiter", 7_000, "review.appeal-cap"),
        (silences.cap_with_decision, "partly_upheld", "arbiter", 7_000, "proposal.cap-decision-final"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
async def test_silence_ends_it(scene: Stage, story: Story, outcome: str, how: str, paid: int, rule: str) -> None:
    case = await story(scene)
    dispute = await closed(case)
    assert (dispute.outcome, dispute.how) == (outcome, how)
    assert (await lapses(case))[-1].rule == rule
    assert await refunds(case) == ([("refund", paid)] if paid else [])


async def test_a_large_claim_is_looked_at_by_people_before_the_platform_pays(scene: Stage) -> None:
    case = await silences.seller_silent_large_claim(scene)
    rules = [event.rule for event in await lapses(case)]
    assert rules == [
        "negotiation.silence-to-review",
        "review.review-target",
        "review.review-hard",
        "review.cap-alarm",
        "review.cap-platform-pays",
    ]
    (began,) = await _of(case, ReviewBegan)
    assert (began.silent, began.nearest) == ("seller", "negotiation.silence-accepted")


async def test_talks_that_run_out_are_filed_in_the_buyers_name(scene: Stage) -> None:
    case = await silences.talks_run_out(scene)
    assert [event.rule for event in await lapses(case)] == [
        "negotiation.offer-lapsed",
        "negotiation.time-over",
        "complaint.both-silent-to-review",
    ]
    (filed,) = await _of(case, Complained)
    assert (filed.by.role, filed.statement) == ("system", None)
    dispute = await closed(case)
    assert dispute.offers[0].state == "lapsed"


async def test_a_complaint_that_is_not_answered_goes_on_without_the_answer(scene: Stage) -> None:
    case = await silences.complaint_unanswered(scene)
    (began,) = await _of(case, ReviewBegan)
    assert (began.rule, began.silent) == ("complaint.answer-missed-to-review", "seller")
    assert not await _of(case, ComplaintAnswered)


async def test_a_late_review_loses_its_arbiter(scene: Stage) -> None:
    case = await silences.review_overdue(scene)
    assert [event.rule for event in await lapses(case)] == [
        "review.lease-lapsed",
        "review.review-target",
        "review.review-hard",
        "proposal.deemed-both-silent",
    ]
    assert [event.hard for event in await _of(case, ReviewOverdue)] == [False, True]
    dispute = await closed(case)
    assert [decision.arbiter_id for decision in dispute.decisions] == ["arbiter-2"]


async def test_above_the_advance_limit_the_alarm_comes_daily(scene: Stage) -> None:
    case = await silences.cap_above_advance(scene)
    alarms = [event.at for event in await lapses(case) if event.rule == "review.cap-above-advance"]
    assert [(later - earlier).days for earlier, later in pairwise(alarms)] == [1, 1]
    dispute = await closed(case)
    assert (dispute.outcome, await refunds(case)) == ("withdrawn", [])


async def _of(case: Case, kind: type[Kind]) -> list[Kind]:
    return [event for event in await happened(case) if isinstance(event, kind)]
