"""Canonical JSON (RFC 8785): the one byte form of everything that is stored, hashed or compared."""

from __future__ import annotations

import hashlib

import rfc8785
from pydantic import BaseModel


def canonical(model: BaseModel) -> str:
    """The canonical JSON text of a model: sorted keys, no spaces, instants in UTC, absent fields left out."""
    return rfc8785.dumps(model.model_dump(mode="json", exclude_none=True)).decode()


def digest(model: BaseModel) -> str:
    """SHA-256 of the canonical JSON, in lower-case hex."""
    return hashlib.sha256(canonical(model).encode()).hexdigest()
