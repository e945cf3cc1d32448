"""Where a running local stack tells the other commands how to reach it: `stack.json` in its data folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from starter.failures import ClientError
from starter.settings import Settings

DEFAULT_DATA = Path(".data")
_NAME = "stack.json"


class NoStack(ClientError):
    """The commands do not know where the stack is, or what they know is wrong."""


def data_folder() -> Path:
    """The data folder that `DISPUTES_DATA` names, else `.data` in the current folder."""
    return Path(os.environ.get("DISPUTES_DATA") or DEFAULT_DATA)


@contextmanager
def announced(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Keep the stack's environment readable, for its owner alone, while the block runs: it holds a password."""
    file = folder / _NAME
    unfinished = file.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as text:
        json.dump(dict(environment), text, indent=2)
    unfinished.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def find_settings() -> Settings:
    """The settings from the environment, else those of the local stack that runs here.

    Raises:
        NoStack: neither says where PostgreSQL is, or a setting does not fit.
    """
    try:
        if os.environ.get("DISPUTES_DATABASE_DSN"):
            return Settings()
        file = data_folder() / _NAME
        try:
            known = json.loads(file.read_text())
        except FileNotFoundError:
            raise NoStack(
                f"No local stack runs on {data_folder()}; start one with `disputes up`, or set DISPUTES_DATABASE_DSN "
                "and DISPUTES_WORLD_URL."
            ) from None
        except (OSError, ValueError) as error:
            raise NoStack(f"{file} cannot be read ({type(error).__name__}); start the stack again.") from None
        # What the environment sets wins over the stack's own settings.
        fields = {name: value for name, value in known.items() if name not in os.environ}
        return Settings(**{name.removeprefix("DISPUTES_").lower(): value for name, value in fields.items()})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise NoStack(f"The setting DISPUTES_{name} does not fit ({first['msg']}); set it right.") from None
