"""The page docs/lifecycle.md says what the rules do: all of it, and nothing they were not seen to do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from domain.deadlines import LAPSES
from domain.deciding import REGISTRY
from domain.dispute import Phase, WaitKind
from domain.refusals import SENTENCES, Code
from domain.working_time import span
from policies.shipped import load
from scripts import lifecycle
from scripts.lifecycle import PAGE, durations, main, page, seen


def section(title: str) -> list[list[str]]:
    """The rows of the table under a heading, as cells, without the head."""
    _, _, below = PAGE.read_text(encoding="utf-8").partition(f"# {title}\n")
    assert below, f"{PAGE} has no section {title}"
    lines = below.partition("\n#")[0].splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][2:]


def first_cells(title: str) -> list[str]:
    return [row[0].strip("`") for row in section(title)]


def test_the_page_on_disk_is_what_the_rules_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
    assert main(["--check"]) == 0


def test_every_phase_command_clock_and_code_has_its_row() -> None:
    assert first_cells("Phases") == list(Phase)
    assert first_cells("Commands") == list(REGISTRY)
    assert first_cells("Clocks") == list(WaitKind)
    assert first_cells("Codes") == list(Code)


def test_a_code_is_told_in_both_languages() -> None:
    told = {row[0].strip("`"): row[1:] for row in section("Codes")}
    assert told == {code: [SENTENCES[code]["en"], SENTENCES[code]["zh-CN"]] for code in Code}


def test_every_move_stands_there_with_a_rule_and_a_cause() -> None:
    rows = section("Moves")
    assert [tuple(cell.strip("`") for cell in row[:3]) for row in rows] == sorted(
        seen().moves, key=lambda move: (list(Phase).index(move.source), list(Phase).index(move.target), move.rule)
    )
    assert all(row[2].strip("`").startswith(row[0].strip("`")) and row[3] for row in rows)
    diagram = PAGE.read_text(encoding="utf-8").partition("```mermaid")[2].partition("```")[0]
    arrows = {tuple(line.split(" : ")[0].split()) for line in diagram.splitlines() if " : " in line}
    assert arrows == {("[*]", "-->", Phase.NEGOTIATION), *((row[0][1:-1], "-->", row[1][1:-1]) for row in rows)}


def test_the_exploration_came_everywhere() -> None:
    """What the registry allows was done, every clock ran out, every phase but the first and last was entered and left.

    A narrower exploration would make the page shorter without making it wrong; this is what notices.
    """
    for name, rule in REGISTRY.items():
        for phase in rule.phases:
            assert seen().accepted[name, phase] == set(rule.roles), (name, phase)
    assert set(LAPSES) == {kind for kind in WaitKind if seen().lapses[kind]}
    assert {move.target for move in seen().moves} == set(Phase) - {Phase.NEGOTIATION}
    assert {move.source for move in seen().moves} == set(Phase) - {Phase.CLOSED}


@pytest.mark.parametrize("kind", WaitKind)
def test_a_clock_lasts_what_the_policy_says(kind: WaitKind) -> None:
    clocks = load().clocks
    told = [getattr(clocks, name) for name in durations(kind)]
    lengths = seen().lengths[kind]
    assert told
    assert lengths
    if any(duration.endswith("wd") for duration in told):
        (working_days,) = (int(duration.removesuffix("wd")) for duration in told)
        assert lengths <= {timedelta(days=working_days + free) for free in range(3)}
    elif kind is WaitKind.REFUND_RETRY:
        assert lengths == {span(clocks.refund_retry) * times for times in (1, 2)}
    else:
        assert lengths <= {span(duration) for duration in told}


@pytest.mark.parametrize("row", ["| `say` |", "| `cap` |", "| `closed` |", "| `negotiation` | `review` |"])
def test_a_row_that_is_missing_is_noticed(
    row: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = page().splitlines(keepends=True)
    removed = next(line for line in lines if line.startswith(row))
    copy = tmp_path / "lifecycle.md"
    copy.write_text("".join(line for line in lines if line is not removed), encoding="utf-8")
    monkeypatch.setattr(lifecycle, "PAGE", copy)
    assert main(["--check"]) == 1
    assert lifecycle.COMMAND in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0


def test_a_page_that_is_not_there_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "PAGE", tmp_path / "lifecycle.md")
    assert main(["--check"]) == 1
