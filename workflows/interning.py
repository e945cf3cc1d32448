"""One parsed copy of each pinned policy, shared by all disputes that this process holds in memory."""

from __future__ import annotations

from domain.policy import Policy

_by_digest: dict[str, Policy] = {}


def interned(policy: Policy, digest: str) -> Policy:
    """The first policy seen under this digest; equal content is the same rules, so sharing cannot be noticed."""
    return _by_digest.setdefault(digest, policy)
