"""What can go wrong for a caller of the client: a closed set of exceptions, each one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from domain.model import Frozen
from domain.refusals import Code, Language, sentence

_SHOWN_ERRORS = 20
_SHOWN_CHARACTERS = 80


class ClientError(Exception):
    """Everything the client raises on purpose."""


class Refused(ClientError):
    """The rules say no: a stable code, the values behind it, and the dispute's version, None when none was opened."""

    def __init__(self, code: Code, detail: dict[str, str | int], *, version: int | None = None) -> None:
        super().__init__(sentence(code, "en", detail))
        self.code = code
        self.detail = detail
        self.version = version

    def told(self, language: Language) -> str:
        """The sentence to the code in `language`."""
        return sentence(self.code, language, self.detail)


class Unknown(ClientError):
    """Received, but nobody knows yet what became of it; the same call with the same key asks again, safely."""

    def __init__(self, key: str, cause: str) -> None:
        super().__init__(f"The outcome is not known yet ({cause}); ask again with the same key {key}.")
        self.key = key
        self.cause = cause


class NotFound(ClientError):
    """There is no such dispute."""

    def __init__(self, which: object) -> None:
        super().__init__(f"There is no dispute {_printable(str(which))}; check the id.")


class KeyReused(ClientError):
    """This actor used the key for other content before."""

    def __init__(self, key: str) -> None:
        super().__init__(f"The key {key} was used for other content; send new content under a new key.")
        self.key = key


class Unavailable(ClientError):
    """Something that is needed does not answer; nothing was received."""


class FieldError(Frozen):
    """What is wrong with one field; `field` is its dotted path, empty for the command as a whole."""

    field: str
    message: str


class BadCommand(ClientError):
    """The command cannot be read; nothing was written. `errors` say which fields are wrong, at most 20 of them."""

    def __init__(self, name: str, errors: Sequence[FieldError]) -> None:
        self.name = _printable(name)
        self.errors = tuple(errors)
        first = "; ".join(f"{error.field or self.name}: {error.message}" for error in self.errors[:3])
        more = f" and {len(self.errors) - 3} more" if len(self.errors) > 3 else ""
        super().__init__(f"Correct the fields of {self.name}: {first}{more}.")

    @classmethod
    def from_validation(cls, name: str, error: ValidationError) -> BadCommand:
        """The same errors without the values that caused them, which may be anything."""
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return cls(
            name,
            [
                FieldError(
                    field=_printable(".".join(str(part) for part in one["loc"])),
                    message=_printable(one["msg"].removeprefix("Value error, "), limit=200),
                )
                for one in found[:_SHOWN_ERRORS]
            ],
        )


def _printable(text: str, *, limit: int = _SHOWN_CHARACTERS) -> str:
    """The beginning of a text somebody else chose, safe for any terminal or log."""
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:limit])
    return shown + ("…" if len(text) > limit else "")
