"""All stories by name: what the tests play and the recorder of histories keeps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import get_args

from tests.stage import Case, Stage
from tests.stories import payments, quarrels, silences
from tests.stories.quarrels import Answer, confirmation

Story = Callable[[Stage], Awaitable[Case]]

CELLS = [(buyer, seller) for buyer in get_args(Answer) for seller in get_args(Answer)]


STORIES: dict[str, Story] = {
    **{
        story.__name__: story
        for story in (
            silences.seller_silent_unshipped,
            silences.seller_silent_in_transit,
            silences.seller_silent_small_claim,
            silences.seller_silent_large_claim,
            silences.seller_silent_in_complaint,
            silences.buyer_silent_after_refusal,
            silences.talks_run_out,
            silences.complaint_unanswered,
            silences.review_overdue,
            silences.appeal_undecided,
            silences.cap_with_decision,
            silences.cap_above_advance,
            quarrels.crossing_offers,
            quarrels.claim_accepted,
            quarrels.offers_declined_then_accepted,
            quarrels.offers_crossing_in_one_second,
            quarrels.withdrawn_in_negotiation,
            quarrels.withdrawn_in_complaint,
            quarrels.withdrawn_in_review,
            quarrels.withdrawn_in_proposal,
            quarrels.both_confirm_in_one_second,
            quarrels.appeal_decided,
            quarrels.review_with_refusals,
            quarrels.decided_by_signal,
            quarrels.long_talk,
            payments.several_payments,
            payments.one_of_two_sellers,
        )
    },
    **{f"buyer_{buyer}_seller_{seller}": partial(confirmation, buyer=buyer, seller=seller) for buyer, seller in CELLS},
    **{f"provider_{fault}": partial(payments.faulty_provider, fault=fault) for fault in payments.FAULTS},
}
"""Each plays on a stage with a worker and leaves one dispute, nearly always closed."""
