"""FIELD=VALUE becomes what the command's own model wants, and nothing is guessed."""

from __future__ import annotations

import pytest

from domain.commands import Decide, Offer, Open, Say, SubmitEvidence
from starter.cli.fields import BadFields, fields_from_arguments


def test_a_number_is_one_only_where_the_model_wants_one() -> None:
    fields = fields_from_arguments(Offer, ["terms.amount.amount_minor=500", "terms.amount.currency=CNY", "text=500"])
    assert fields == {"terms": {"amount": {"amount_minor": 500, "currency": "CNY"}}, "text": "500"}
    assert Offer.model_validate(fields).terms.amount.amount_minor == 500


def test_an_optional_number_is_found_behind_its_constraints() -> None:
    fields = fields_from_arguments(Open, ["lines.0.line=1", "lines.0.quantity=2", "amount.amount_minor=7"])
    assert fields == {"lines": [{"line": 1, "quantity": 2}], "amount": {"amount_minor": 7}}


def test_items_of_a_list_are_counted() -> None:
    digest = "0" * 64
    fields = fields_from_arguments(
        SubmitEvidence,
        ["items.0.kind=photo", f"items.0.sha256={digest}", "items.1.kind=video", f"items.1.sha256={digest}"],
    )
    assert [item.kind for item in SubmitEvidence.model_validate(fields).items] == ["photo", "video"]


def test_a_value_may_hold_an_equals_sign_and_be_empty() -> None:
    assert fields_from_arguments(Say, ["text=a=b"]) == {"text": "a=b"}
    assert fields_from_arguments(Say, ["text="]) == {"text": ""}


@pytest.mark.parametrize("text", ["", "1.5", "1e3", "٣", "0x10", " 1", "1" * 5000, "NaN"])
def test_what_is_no_integer_stays_text_for_the_model_to_refuse(text: str) -> None:
    fields = fields_from_arguments(Decide, [f"evidence_version={text}"])
    assert fields == {"evidence_version": text}


def test_an_unknown_field_stays_for_the_model_to_refuse() -> None:
    assert fields_from_arguments(Say, ["colour=3", "text.deep.er=1"]) == {
        "colour": "3",
        "text": {"deep": {"er": "1"}},
    }


@pytest.mark.parametrize(
    "arguments",
    [["text"], ["=x"], ["a..b=x"], ["text=a", "text=b"], ["text=a", "text.b=c"], ["text.b=c", "text=a"]],
)
def test_what_cannot_be_meant_is_told(arguments: list[str]) -> None:
    with pytest.raises(BadFields, match=r"FIELD=VALUE|twice|inside"):
        fields_from_arguments(Say, arguments)
