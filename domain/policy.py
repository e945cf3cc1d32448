"""The policy document: every number and switch of the protocol, pinned in each dispute's input."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from domain.canonical import digest
from domain.model import Frozen, Identifier
from domain.money import Currency, MinorUnits
from domain.order import Goods
from domain.working_time import Duration

Count = Annotated[int, Field(ge=0, le=10_000)]


class Reason(StrEnum):
    """Why a buyer opens a dispute (protocol, Reasons)."""

    NOT_SHIPPED = "not_shipped"
    NOT_RECEIVED = "not_received"
    LATE = "late"
    NOT_AS_DESCRIBED = "not_as_described"
    DEFECTIVE = "defective"
    WRONG_ITEM = "wrong_item"
    SHORT_QUANTITY = "short_quantity"
    DAMAGED_IN_TRANSIT = "damaged_in_transit"
    COUNTERFEIT = "counterfeit"
    PROMISE_NOT_KEPT = "promise_not_kept"
    ESCROW_EVASION = "escrow_evasion"
    ENTITLEMENT_UNUSABLE = "entitlement_unusable"
    CHANGE_OF_MIND = "change_of_mind"


class Remedy(StrEnum):
    """What a dispute can end in; a claim for one that the policy does not offer is refused."""

    REFUND = "refund"


Liable = Literal["buyer", "seller", "carrier", "platform", "nobody"]


class ReasonRule(Frozen):
    """What one reason allows: remedies, when it may be opened, who is presumed liable, who pays return freight."""

    remedies: tuple[Remedy, ...]
    opens: Literal["unshipped", "undelivered", "received", "any"]
    window: Duration
    liable: Liable
    return_freight: Literal["buyer", "seller"]
    silence_accepts: bool = True
    asks_buyer: tuple[Identifier, ...] = ()
    asks_seller: tuple[Identifier, ...] = ()


class Clocks(Frozen):
    """Durations of the table *Clocks and silence* and of the windows around it."""

    first_answer_unshipped: Duration
    first_answer: Duration
    after_refusal: Duration
    offer: Duration
    negotiation: Duration
    negotiation_rest_at_least: Duration
    complain_after_opening: Duration
    complaint_answer: Duration
    requested_evidence: Duration
    evidence_extension: Duration
    review_target: Duration
    review_hard: Duration
    lease: Duration
    approval_target: Duration
    approval_hard: Duration
    appeal_target: Duration
    appeal_hard: Duration
    appeal_cap: Duration
    confirmation: Duration
    late_appeal: Duration
    interception: Duration
    interception_scan: Duration
    return_address: Duration
    return_shipping: Duration
    return_report_express: Duration
    return_report_post: Duration
    return_stalled: Duration
    return_trace: Duration
    contest: Duration
    replacement_shipping: Duration
    replacement_arrival: Duration
    replacement_stalled: Duration
    replacement_check: Duration
    performance_check: Duration
    arbiter_step_target: Duration
    arbiter_step_hard: Duration
    entitlement: Duration
    refund_target: Duration
    refund_manual: Duration
    refund_retry: Duration
    advance_after: Duration
    referred: Duration
    cap_alarm: Duration
    cap: Duration
    cap_repeat: Duration
    ship_within: Duration
    stalled_parcel: Duration
    order_clocks_rest: Duration
    freeze_evidence: Duration
    unknown_fact: Duration
    ask_again: Duration
    pause: Duration
    pauses: Duration
    late_after: Duration
    late_grace: Duration


class Limits(Frozen):
    """Counts and shares; a share is in basis points (1/100 of a percent)."""

    offers_a_side: Count
    messages_a_side_a_day: Count
    openings_a_line: Count
    evidence_rounds_a_side: Count
    evidence_items: Count
    reasons_text: Count
    answering_offer_bp: Count
    damaged_deduction_bp: Count
    fraud_times: Count
    bulk_cases: Count


class Amounts(Frozen):
    """Limits in minor units of one currency."""

    small_claim: MinorUnits
    four_eyes: MinorUnits
    advance: MinorUnits
    fraud_least: MinorUnits
    bulk: MinorUnits
    second_factor: MinorUnits


class Policy(Frozen):
    """One version of the rules; never changes under a running dispute except by an audited command."""

    policy_id: Identifier
    version: Identifier
    clocks: Clocks
    reminders: tuple[Duration, ...]
    reminder_not_before_quarter: Annotated[int, Field(ge=1, le=100)]
    limits: Limits
    amounts: dict[Currency, Amounts]
    silence_accepts: dict[Goods, Literal["full", "small_claim", "nothing"]]
    reasons: dict[Reason, ReasonRule]

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical document, in hex: what a dispute names its policy by."""
        return digest(self)
