"""Who acts, from `--as ROLE:ID`; a buyer's or seller's id may be left out where the dispute or order knows it."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import ValidationError

from domain.commands import Actor, Role
from domain.outlook import View
from starter.cli.fields import BadFields

As = Annotated[
    str, typer.Option("--as", envvar="DISPUTES_AS", metavar="ROLE[:ID]", help="Who acts, such as seller:s-1.")
]


def read_actor(text: str, view: View | None) -> Actor:
    """The actor of `ROLE:ID`, or of `ROLE` alone for a party of the dispute `view`; raises BadFields."""
    role, colon, name = text.partition(":")
    if not colon and view is not None and role in (Role.BUYER, Role.SELLER):
        name = view.parties.buyer_id if role == Role.BUYER else view.parties.seller_id
    try:
        return Actor.model_validate({"role": role, "id": name})
    except ValidationError:
        raise BadFields(
            f"Say who acts as ROLE:ID, such as --as arbiter:a-7; a role is one of {', '.join(Role)}."
        ) from None


def needs_view(text: str) -> bool:
    """Whether the id has to be looked up in the dispute."""
    return text in (Role.BUYER, Role.SELLER)
