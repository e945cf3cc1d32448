"""How the command line speaks: data to stdout, talk to stderr, failures as one sentence and an exit code."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Coroutine, Sequence
from enum import StrEnum
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from domain.refusals import Language
from starter.cli.fields import BadFields
from starter.failures import BadCommand, ClientError, KeyReused, NotFound, Refused, Unavailable, Unknown

ERROR, USAGE, REFUSED, NOT_FOUND, UNKNOWN = 1, 2, 3, 4, 5
"""Exit codes, as the interfaces page fixes them; 0 is success."""

_CODES = {NotFound: "not_found", KeyReused: "key_reused", Unavailable: "unavailable"}

T = TypeVar("T")


class Tongue(StrEnum):
    CHINESE = "zh-CN"
    ENGLISH = "en"

    @property
    def language(self) -> Language:
        return "zh-CN" if self is Tongue.CHINESE else "en"


AsJson = Annotated[bool, typer.Option("--json", help="Write data as JSON to stdout.")]
InTongue = Annotated[Tongue, typer.Option("--lang", envvar="DISPUTES_LANG", help="Language of sentences for people.")]


def say(text: str) -> None:
    """One line of talk to stderr."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text(text))


def write_json(value: object) -> None:
    """A model, a list of models, or plain JSON values, as one JSON document on stdout."""
    sys.stdout.write(json.dumps(_plain(value), ensure_ascii=False, indent=2) + "\n")


def write_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows under their headings on stdout; plain text is kept as it is, markup and all."""
    console = Console(highlight=False)
    if not console.is_terminal:
        # A pipe has no width: nothing is folded there.
        console.width = 10_000
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        # The first column is what people copy.
        table.add_column(column, no_wrap=number == 0, overflow="ignore" if number == 0 else "fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    console.print(table)


def finish(work: Coroutine[Any, Any, T], *, as_json: bool, tongue: Tongue = Tongue.ENGLISH) -> T:
    """Run `work` to its end; what it raises on purpose becomes a sentence on stderr and an exit code."""
    # The pool's warnings about each attempt to connect would stand before that sentence.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    try:
        return asyncio.run(work)
    except (ClientError, BadFields) as error:
        fail(error, as_json=as_json, tongue=tongue)


def fail(error: Exception, *, as_json: bool, tongue: Tongue = Tongue.ENGLISH) -> NoReturn:
    """Tell a failure and leave with its exit code: 1 error, 2 usage, 3 refused, 4 not found, 5 outcome unknown."""
    told = error.told(tongue.language) if isinstance(error, Refused) else str(error)
    if as_json:
        sys.stderr.write(json.dumps({"error": _problem(error, told)}, ensure_ascii=False) + "\n")
    else:
        say(f"{told} ({error.code})" if isinstance(error, Refused) else told)
    raise typer.Exit(_exit_code(error))


def _exit_code(error: Exception) -> int:
    match error:
        case Refused():
            return REFUSED
        case NotFound():
            return NOT_FOUND
        case Unknown():
            return UNKNOWN
        case BadCommand() | BadFields():
            return USAGE
        case _:
            return ERROR


def _problem(error: Exception, told: str) -> dict[str, object]:
    match error:
        case Refused():
            return {"code": error.code.value, "message": told, "detail": error.detail}
        case Unknown():
            return {"code": "unknown", "message": told, "key": error.key}
        case BadCommand():
            return {"code": "bad_command", "message": told, "errors": [one.model_dump() for one in error.errors]}
        case NotFound() | KeyReused() | Unavailable():
            return {"code": _CODES[type(error)], "message": told}
        case _:
            return {"code": "error", "message": told}


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
