"""Reads policy documents: shipped ones by name, others from a file; each whole, or an overlay on a shipped one."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from domain.policy import Policy

_SHIPPED = Path(__file__).parent


class PolicyError(ValueError):
    """A policy document cannot be used; the message says which one, where, and what to change."""


@cache
def load(name: str = "marketplace-default") -> Policy:
    """The shipped policy of this name; raises PolicyError when there is none."""
    return load_file(_shipped_file(name))


def load_file(path: Path | str) -> Policy:
    """The policy in a TOML file; `based_on = "<shipped name>"` makes it an overlay that holds only what differs.

    Raises PolicyError for a file that cannot be read, a key the policy does not know, and a value that does not fit.
    """
    document = _read(Path(path))
    base = document.pop("based_on", None)
    if base is not None:
        whole = _read(_shipped_file(str(base)))
        if "based_on" in whole:
            raise PolicyError(f"{path} is based on {base}, an overlay itself: base it on {whole['based_on']} instead.")
        document = _overlaid(whole, document)
    try:
        policy = Policy.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise PolicyError(f"{path}: the value of {where} does not fit: {first['msg']}.") from error
    unknown = next(_unknown(document, policy.model_dump(mode="json"), ""), None)
    if unknown is not None:
        raise PolicyError(f"{path}: the key {unknown} is not known to any policy: remove it or correct its spelling.")
    return policy


def _shipped_file(name: str) -> Path:
    names = sorted(file.stem for file in _SHIPPED.glob("*.toml"))
    if name not in names:
        raise PolicyError(f"There is no shipped policy {name}: choose one of {', '.join(names)}.")
    return _SHIPPED / f"{name}.toml"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PolicyError(f"{path} cannot be read as a TOML document: {error}.") from error


def _overlaid(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """`base` with the overlay's values; tables are merged, everything else (lists too) is replaced."""
    merged = dict(base)
    for key, value in overlay.items():
        below = merged.get(key)
        merged[key] = _overlaid(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _unknown(document: dict[str, Any], known: dict[str, Any], prefix: str) -> Iterator[str]:
    """Dotted keys of the document that the policy's model dropped."""
    for key, value in document.items():
        if key not in known:
            yield prefix + key
        elif isinstance(value, dict) and isinstance(known[key], dict):
            yield from _unknown(value, known[key], f"{prefix}{key}.")
