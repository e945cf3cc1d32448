"""Every refusal has a sentence in both languages, and the rules give the values its sentence needs."""

from __future__ import annotations

import ast
from datetime import datetime
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import domain.refusals
from domain.commands import COMMANDS, Actor, Command
from domain.deciding import decide
from domain.dispute import Dispute
from domain.refusals import SENTENCES, Code, Language, Refused, sentence
from tests.outlook.conftest import PEOPLE, Intent, command_of, intents, led, situations

LANGUAGES: tuple[Language, ...] = ("zh-CN", "en")
ROOT = Path(domain.refusals.__file__).parents[1]


def raise_sites() -> list[tuple[str, Code, set[str]]]:
    """Where the code raises `Refused` with a code of its own, and the names of the values it gives."""
    sites = []
    for path in sorted([*ROOT.glob("domain/*.py"), *ROOT.glob("starter/*.py")]):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Refused"):
                continue
            code = call.args[0] if call.args else None
            if not (isinstance(code, ast.Attribute) and ast.unparse(code.value) == "Code"):
                continue
            values = {keyword.arg for keyword in call.keywords if keyword.arg}
            for argument in call.args[1:]:
                if isinstance(argument, ast.Dict):
                    values |= {str(key.value) for key in argument.keys if isinstance(key, ast.Constant)}
            sites.append((f"{path.name}:{call.lineno}", Code[code.attr], values))
    return sites


def places(code: Code, language: Language) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(SENTENCES[code][language]) if name}


def test_every_code_has_a_sentence_in_both_languages() -> None:
    assert set(SENTENCES) == set(Code)
    for sentences in SENTENCES.values():
        assert set(sentences) == set(LANGUAGES)
        assert sentences["zh-CN"].endswith("。")
        assert sentences["en"].endswith(".")
        assert any("\u4e00" <= character <= "\u9fff" for character in sentences["zh-CN"])
        assert sentences["en"].isascii()


@pytest.mark.parametrize("code", Code)
def test_both_languages_tell_the_same_values_and_formatting_never_fails(code: Code) -> None:
    assert places(code, "zh-CN") == places(code, "en")
    for language in LANGUAGES:
        assert sentence(code, language)
        told = sentence(code, language, dict.fromkeys(places(code, language), "value-told"))
        assert ("value-told" in told) == bool(places(code, language))
        assert "{" not in told


def test_every_site_that_refuses_gives_what_its_sentence_needs() -> None:
    sites = raise_sites()
    assert len(sites) > 30
    for where, code, values in sites:
        assert places(code, "en") <= values, f"{where} raises {code} without {places(code, 'en') - values}"


@settings(max_examples=40, deadline=None)
@given(situations, intents, st.sampled_from([0, 100, 110]))
def test_whatever_the_rules_refuse_is_told_with_all_its_values(
    situation: tuple[int, str], plan: list[Intent], percent: int
) -> None:
    now, dispute = led(situation, plan)
    commands = [command_of(dispute, name, percent, yes=False) for name in COMMANDS]
    told = [refusal(dispute, command, person, now) for person in PEOPLE for command in commands]
    # A value that is lacking is told as a question mark.
    assert not [text for text in told if text and "?" in text]
    assert any(told)


def refusal(dispute: Dispute, command: Command, person: Actor, now: datetime) -> str | None:
    try:
        decide(dispute, command, person, now)
    except Refused as refused:
        return sentence(refused.code, "en", refused.detail)
    return None
