"""Writes docs/lifecycle.md, the diagram and tables of a dispute's life, from what the core was seen to do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from domain.deciding import REGISTRY
from domain.dispute import Phase, WaitKind
from domain.policy import Clocks, Policy
from domain.refusals import SENTENCES, Code
from policies.shipped import load
from scripts.exploration import Move, Seen, explored
from starter.texts import SILENCES

PAGE = Path(__file__).parents[1] / "docs" / "lifecycle.md"
COMMAND = "python -m scripts.lifecycle"
NOTHING = "–"

_PHASES = list(Phase)


@cache
def seen() -> Seen:
    """What the core did under the shipped policy; explored once a process."""
    return explored(load())


@cache
def page() -> str:
    """The whole page, in Markdown, as it has to stand in `PAGE`."""
    policy, found = load(), seen()
    parts = (
        _introduction(policy),
        _diagram(found),
        _phases(found),
        _moves(found),
        _commands(found),
        _refusals_by_command(found),
        _clocks(policy, found),
        _codes(),
    )
    return "\n".join(line for part in parts for line in part)


def _introduction(policy: Policy) -> Iterator[str]:
    yield "# The life of a dispute"
    yield ""
    yield "What can happen to a dispute, found by playing the rules from made-up openings under the policy"
    yield f"`{policy.policy_id}`, version {policy.version}, until no new kind of state appears. `{COMMAND}` writes"
    yield "this page, and a test holds it to the code."
    yield ""


def _diagram(found: Seen) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"  [*] --> {Phase.NEGOTIATION} : {'<br/>'.join(sorted(found.opened_by))}"
    for source in _PHASES:
        for target in _PHASES:
            rules = [move.rule.removeprefix(f"{source}.") for move in _between(found, source, target)]
            if rules:
                yield f"  {source} --> {target} : {'<br/>'.join(rules)}"
    yield f"  {Phase.CLOSED} --> [*]"
    yield "```"
    yield ""
    yield "Rules are written without the name of the phase they leave."
    yield ""


def _between(found: Seen, source: Phase, target: Phase) -> list[Move]:
    return sorted(move for move in found.moves if (move.source, move.target) == (source, target))


def _phases(found: Seen) -> Iterator[str]:
    yield "## Phases"
    yield ""
    yield from _table(
        ("phase", "entered from", "left for", "clocks that run there"),
        (
            (
                _code(phase),
                _codes_of(source for source in _PHASES if _between(found, source, phase)),
                _codes_of(target for target in _PHASES if _between(found, phase, target)),
                _codes_of(kind for kind in WaitKind if kind in found.running[phase]),
            )
            for phase in _PHASES
        ),
    )


def _moves(found: Seen) -> Iterator[str]:
    yield "## Moves"
    yield ""
    yield "An outcome without money closes at once; one with money goes through execution."
    yield ""
    yield from _table(
        ("from", "to", "rule", "caused by"),
        (
            (_code(source), _code(target), _code(move.rule), ", ".join(sorted(found.moves[move])))
            for source in _PHASES
            for target in _PHASES
            for move in _between(found, source, target)
        ),
    )


def _commands(found: Seen) -> Iterator[str]:
    yield "## Commands"
    yield ""
    yield "Who may use a command where, or the code it is refused with there. A stranger is refused with"
    yield f"`{Code.NOT_A_PARTY}` and another role with `{Code.NOT_YOUR_ROLE}`, in every phase."
    yield ""
    yield from _table(
        ("command", *_PHASES),
        ((_code(name), *(_who(found, name, phase) for phase in _PHASES)) for name in REGISTRY),
    )


def _who(found: Seen, name: str, phase: Phase) -> str:
    rule = REGISTRY[name]
    if phase in rule.phases:
        return ", ".join(role for role in rule.roles if role in found.accepted[name, phase]) or NOTHING
    return _code(Code.CLOSED if phase is Phase.CLOSED else rule.elsewhere)


def _refusals_by_command(found: Seen) -> Iterator[str]:
    yield "### Refusals where a command may be used"
    yield ""
    yield from _table(
        ("command", "phase", "refused with"),
        (
            (_code(name), _code(phase), _codes_of(code for code in Code if code in found.refused[name, phase]))
            for name, rule in REGISTRY.items()
            for phase in _PHASES
            if phase in rule.phases and found.refused[name, phase]
        ),
    )


def _clocks(policy: Policy, found: Seen) -> Iterator[str]:
    yield "## Clocks"
    yield ""
    yield "Several clocks that fall due at one instant are settled in this order. One that waits for nobody is about"
    yield "the platform or the whole case. A resumed negotiation has what was left of its time, and a refund that is"
    yield "refused again is retried later each time."
    yield ""
    yield from _table(
        ("clock", "waits for", "lasts", "silence means", "rules"),
        (
            (
                _code(kind),
                ", ".join(sorted(found.awaited[kind])) or NOTHING,
                ", ".join(f"`{name}` {getattr(policy.clocks, name)}" for name in durations(kind)),
                " ".join(SILENCES[silence]["en"] for silence in sorted({lapsed.silence for lapsed in lapses})),
                _codes_of(sorted({lapsed.rule for lapsed in lapses})),
            )
            for kind in WaitKind
            for lapses in (found.lapses[kind],)
        ),
    )


def durations(kind: WaitKind) -> list[str]:
    """The fields of the policy's clocks that a clock of this kind may last: its own, then those named after it."""
    own = {other.value for other in WaitKind if other is not kind}
    return [name for name in Clocks.model_fields if f"{name}_".startswith(f"{kind}_") and name not in own]


def _codes() -> Iterator[str]:
    yield "## Codes"
    yield ""
    yield "Words in braces are values that come with the refusal."
    yield ""
    yield from _table(
        ("code", "English", "中文"),
        ((_code(code), SENTENCES[code]["en"], SENTENCES[code]["zh-CN"]) for code in Code),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(row)} |"
    yield ""


def _code(word: str) -> str:
    return f"`{word}`"


def _codes_of(words: Iterable[str]) -> str:
    return ", ".join(map(_code, words)) or NOTHING


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the page, or with `--check` only looks whether it stands there as it should: 1 when it does not."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Writes docs/lifecycle.md from the rules.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page differs")
    if not parser.parse_args(arguments).check:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
        return 0
    sys.stderr.write(f"{PAGE} is not what the rules say: write it again with {COMMAND}.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
