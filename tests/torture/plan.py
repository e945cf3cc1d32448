"""The seeded plan: which command comes next, by whom, and in what manner; mostly sensible, sometimes not."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from domain.commands import COMMANDS, Actor, Role
from domain.deciding import permitted
from domain.dispute import Dispute, OfferState
from domain.refusals import Refused

Manner = Literal["alone", "together", "twice", "other_content", "again", "silence"]

MANNERS: dict[Manner, int] = {
    "alone": 66,
    "together": 14,
    "twice": 6,
    "other_content": 4,
    "again": 4,
    "silence": 6,
}
"""How a step is taken, by weight: one command, two parties in one instant, the same one twice at once, the same key
with other content, an earlier one again, or nobody acts until a deadline has passed."""

WEIGHTS = {
    "say": 8.0,
    "submit_evidence": 5.0,
    "offer": 6.0,
    "decline_offer": 2.0,
    "accept_offer": 0.5,
    "answer": 2.0,
    "withdraw": 0.2,
    "complain": 1.5,
    "answer_complaint": 3.0,
    "take": 4.0,
    "decide": 4.0,
    "confirm": 1.5,
    "reject": 1.0,
}
"""What a sensible actor does, by weight among what it may do."""

NONSENSE = 0.12
"""The share of commands that do not ask whether they are allowed."""

SHA = "0123456789abcdef"


def dice(seed: int, *what: object) -> random.Random:
    """The dice for one thing of a run: the same seed and thing give the same throws, whatever else happens."""
    return random.Random(":".join(map(str, (seed, *what))))


@dataclass(frozen=True)
class Wanted:
    """A command somebody is going to send."""

    actor: Actor
    name: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Cast:
    """Who acts in one dispute; `strangers` have no business there."""

    buyer: Actor
    seller: Actor
    arbiters: tuple[Actor, ...]
    strangers: tuple[Actor, ...]

    @property
    def everybody(self) -> tuple[Actor, ...]:
        return (self.buyer, self.seller, *self.arbiters)


def next_command(throw: random.Random, dispute: Dispute | None, cast: Cast, *, but: Actor | None = None) -> Wanted:
    """What comes next; `dispute` None means that nobody could look, `but` does not act this time."""
    actors = [actor for actor in cast.everybody if actor != but]
    if dispute is None or throw.random() < NONSENSE:
        return _nonsense(throw, dispute, [*actors, *cast.strangers])
    now = datetime.now(UTC)
    choices = [(actor, name) for actor in actors for name in COMMANDS if _may(dispute, name, actor, now)]
    if not choices:
        return _nonsense(throw, dispute, actors)
    actor, name = throw.choices(choices, [WEIGHTS[name] for _, name in choices])[0]
    return Wanted(actor, name, _fields(throw, dispute, actor, name))


def _nonsense(throw: random.Random, dispute: Dispute | None, actors: list[Actor]) -> Wanted:
    actor, name = throw.choice(actors), throw.choice(list(COMMANDS))
    return Wanted(actor, name, _fields(throw, dispute, actor, name))


def _may(dispute: Dispute, name: str, actor: Actor, now: datetime) -> bool:
    try:
        permitted(dispute, name, actor, now)
    except Refused:
        return False
    return True


def _fields(throw: random.Random, dispute: Dispute | None, actor: Actor, name: str) -> dict[str, Any]:
    disputed = dispute.claim.disputed.amount_minor if dispute else 10_000
    amount = {"amount_minor": throw.randint(0, disputed + disputed // 20), "currency": "CNY"}
    word = f"{throw.getrandbits(32):08x}"
    match name:
        case "answer":
            verdict = "accept" if throw.random() < 0.15 else "refuse"
            dispatch = {"proof_of_dispatch": _item(throw)} if throw.random() < 0.7 else {}
            return {"verdict": verdict, "reason": f"reason {word}", **dispatch}
        case "offer":
            return {"terms": {"amount": amount}, "text": f"offer {word}"}
        case "accept_offer" | "decline_offer":
            return {"offer_id": _offer_id(throw, dispute, actor)}
        case "submit_evidence":
            return {"items": [_item(throw) for _ in range(throw.randint(1, 3))]}
        case "take" | "withdraw":
            return {}
        case "decide":
            seen = dispute.evidence_version if dispute and throw.random() < 0.9 else 0
            return {
                "amount": amount,
                "liable": throw.choice(("buyer", "seller", "carrier", "platform", "nobody")),
                "reason_code": "partly_faulty",
                "reasons": f"The photographs show a scratch on one of both sides, no more: {word}.",
                "evidence_version": seen,
            }
        case "confirm":
            return {"proposal_id": "p1"}
        case "reject":
            return {"proposal_id": "p1", "ground": "error_of_fact", "statement": f"no {word}"}
        case "say":
            return {"text": f"message {word}"}
        case _:
            return {"statement": f"statement {word}"}


def _item(throw: random.Random) -> dict[str, Any]:
    return {"kind": "photo", "sha256": "".join(throw.choices(SHA, k=64))}


def _offer_id(throw: random.Random, dispute: Dispute | None, actor: Actor) -> str:
    offers = dispute.offers if dispute else ()
    live = [offer.offer_id for offer in offers if offer.state is OfferState.LIVE and offer.by != actor.role]
    return throw.choice(live) if live else throw.choice(("claim", "o1", "o2")) if actor.role is Role.SELLER else "o1"
