"""Commands from the command line: FIELD=VALUE by the command's own model, or a JSON file."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

MAX_FILE_BYTES = 256 * 1024
_INTEGER = re.compile(r"-?[0-9]{1,4000}")
_INDEX = re.compile(r"[0-9]{1,3}")


class BadFields(ValueError):
    """The fields cannot be read from the command line or file; the message says which and how to write them."""


def fields_from_arguments(model: type[BaseModel], arguments: Sequence[str]) -> dict[str, object]:
    """The fields of `model` from arguments such as `terms.amount.amount_minor=500` or `items.0.kind=photo`.

    A value is a number only where the model wants one; whatever the model does not know stays text, for the model to
    refuse. Raises BadFields for what has no `=`, is given twice, or is a value and has fields at once.
    """
    tree: dict[str, object] = {}
    for argument in arguments:
        path, equals, text = argument.partition("=")
        if not equals or not path or not all(path.split(".")):
            raise BadFields("Write each field as FIELD=VALUE, such as text=hello or terms.amount.currency=CNY.")
        _put(tree, path, _value(model, path.split("."), text))
    return {name: _lists(value) for name, value in tree.items()}


def fields_from_file(path: Path) -> dict[str, object]:
    """The JSON object in a file, `-` for standard input; raises BadFields when it holds anything else."""
    try:
        if str(path) == "-":
            content = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise BadFields(f"The file cannot be read ({error.strerror}); check its path.") from None
    if len(content) > MAX_FILE_BYTES:
        raise BadFields("The file is larger than 256 KB; name evidence by its digest, not its content.")
    try:
        fields = json.loads(content)
    except RecursionError:
        raise BadFields("The file is nested too deeply; write the command's fields only.") from None
    except ValueError as error:
        place = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "its encoding or a number"
        raise BadFields(f"The file is no JSON; correct {place}.") from None
    if not isinstance(fields, dict):
        raise BadFields('The file must hold one JSON object, such as {"text": "hello"}.')
    return fields


def _put(tree: dict[str, object], path: str, value: object) -> None:
    *parents, last = path.split(".")
    at = tree
    for parent in parents:
        below = at.setdefault(parent, {})
        if not isinstance(below, dict):
            raise BadFields(f"The field {_shown(path)} lies inside a field that has a value; give one of them.")
        at = below
    if last in at:
        raise BadFields(f"The field {_shown(path)} is given twice; give it once.")
    at[last] = value


def _shown(path: str) -> str:
    return ascii(path[:80])


def _value(model: type[BaseModel], path: Sequence[str], text: str) -> object:
    annotation: Any = model
    for name in path:
        annotation = _below(annotation, name)
    if int in _choices(annotation) and _INTEGER.fullmatch(text):
        return int(text)
    return text


def _below(annotation: Any, name: str) -> Any:
    """The type of the field or item `name` of a type; None when it has none."""
    for choice in _choices(annotation):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            field = choice.model_fields.get(name)
            return None if field is None else field.annotation
        if get_origin(choice) is tuple and _INDEX.fullmatch(name):
            return get_args(choice)[0]
    return None


def _choices(annotation: Any) -> tuple[Any, ...]:
    """What a type may be, without its constraints and `| None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _choices(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return tuple(choice for part in get_args(annotation) for choice in _choices(part))
    return (annotation,)


def _lists(value: object) -> object:
    """Objects whose names count 0, 1, 2 … are lists; a gap stays an object, for the model to refuse."""
    if not isinstance(value, Mapping):
        return value
    inner = {name: _lists(below) for name, below in value.items()}
    if inner and list(inner) == [str(number) for number in range(len(inner))]:
        return list(inner.values())
    return inner
