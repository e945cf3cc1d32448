"""What people and backends may ask of a dispute: one strict model per command, named as in the protocol."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from domain.model import Identifier, Strict, Text
from domain.money import Money
from domain.policy import Liable, Reason, Remedy


class Role(StrEnum):
    BUYER = "buyer"
    SELLER = "seller"
    ARBITER = "arbiter"
    OPERATOR = "operator"
    SYSTEM = "system"


class Actor(Strict):
    """Who acts: a role and an opaque id."""

    role: Role
    id: Identifier


class Terms(Strict):
    """What a side asks or offers for the disputed lines: a remedy and its amount."""

    remedy: Remedy = Remedy.REFUND
    amount: Money


class EvidenceReference(Strict):
    """Evidence by reference: its kind, the SHA-256 of its content, and what it shows; never the bytes."""

    kind: Literal["photo", "video", "document", "chat_record", "recording", "tracking", "appraisal", "other"]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    note: Text | None = None


class DisputedLine(Strict):
    """Units of one order line; `quantity` None means all of them."""

    line: Annotated[int, Field(ge=1, le=999)]
    quantity: Annotated[int, Field(ge=1, le=9999)] | None = None


class Command(Strict):
    """A message to a running dispute; `name` is the update's name in Temporal."""

    name: ClassVar[str]


class Open(Command):
    """The buyer's claim; `amount` None asks for what the lines cost. Answered by one dispute per group of lines."""

    name = "open"
    order_id: Identifier
    lines: Annotated[tuple[DisputedLine, ...], Field(min_length=1, max_length=100)]
    reason: Reason
    remedy: str = Remedy.REFUND.value
    amount: Money | None = None
    statement: Text


class Say(Command):
    name = "say"
    text: Text


class Answer(Command):
    """The seller's answer to the claim: accept it, or refuse it with a reason.

    While the goods are unshipped a refusal needs `proof_of_dispatch` or `agreed_later` (protocol, What silence may
    accept).
    """

    name = "answer"
    verdict: Literal["accept", "refuse"]
    reason: Text | None = None
    proof_of_dispatch: EvidenceReference | None = None
    agreed_later: EvidenceReference | None = None


class Offer(Command):
    name = "offer"
    terms: Terms
    text: Text | None = None


class AcceptOffer(Command):
    name = "accept_offer"
    offer_id: Identifier


class DeclineOffer(Command):
    name = "decline_offer"
    offer_id: Identifier
    reason: Text | None = None


class Withdraw(Command):
    name = "withdraw"
    reason: Text | None = None


class Complain(Command):
    name = "complain"
    statement: Text


class AnswerComplaint(Command):
    name = "answer_complaint"
    statement: Text


class SubmitEvidence(Command):
    name = "submit_evidence"
    items: Annotated[tuple[EvidenceReference, ...], Field(min_length=1, max_length=20)]


class Take(Command):
    name = "take"


class Decide(Command):
    """A decision on what the evidence of `evidence_version` shows; it becomes a proposal, or is final at level 2."""

    name = "decide"
    amount: Money
    remedy: Remedy = Remedy.REFUND
    liable: Liable
    reason_code: Identifier
    reasons: Text
    evidence_version: Annotated[int, Field(ge=0)]


class Confirm(Command):
    name = "confirm"
    proposal_id: Identifier


class Reject(Command):
    """A rejection names new evidence, or an error of fact, rule or amount."""

    name = "reject"
    proposal_id: Identifier
    ground: Literal["new_evidence", "error_of_fact", "error_of_rule", "error_of_amount"]
    statement: Text
    items: Annotated[tuple[EvidenceReference, ...], Field(max_length=20)] = ()


COMMANDS: dict[str, type[Command]] = {
    command.name: command
    for command in (
        Say,
        Answer,
        Offer,
        AcceptOffer,
        DeclineOffer,
        Withdraw,
        Complain,
        AnswerComplaint,
        SubmitEvidence,
        Take,
        Decide,
        Confirm,
        Reject,
    )
}
"""Commands a running dispute takes, by name; `open` is decided before there is one."""
