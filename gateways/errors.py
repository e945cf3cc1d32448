"""How a call of an outside system can fail, told apart by what the caller may do next."""

from __future__ import annotations


class GatewayError(Exception):
    """A call of `system` gave no usable answer; the text is one sentence for the log."""

    def __init__(self, system: str, what: str) -> None:
        super().__init__(f"{system}: {what}")
        self.system = system


class Unavailable(GatewayError):
    """Nothing took effect; the same call may be made again, after `retry_after` seconds when the other side said so."""

    def __init__(self, system: str, what: str, retry_after: float | None = None) -> None:
        super().__init__(system, what)
        self.retry_after = retry_after


class Rejected(GatewayError):
    """The other side refused, and would again: `code` and `detail` are its own words."""

    def __init__(self, system: str, code: str, detail: str) -> None:
        super().__init__(system, f"refused with {code}: {detail}")
        self.code, self.detail = code, detail


class OutcomeUnknown(GatewayError):
    """The call may have taken effect: ask with the same key before doing anything else."""


class Mismatch(GatewayError):
    """A success that is not the one asked for (another amount, currency, reference): never retried, for a human."""
