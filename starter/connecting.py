"""The only place that connects to Temporal."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from starter.failures import Unavailable
from starter.settings import Settings


async def connect(settings: Settings, *, lazy: bool = False) -> Client:
    """A Temporal client of our namespace that speaks pydantic; it reconnects by itself once it was connected.

    Args:
        lazy: connect with the first call instead of now, for processes that have to live without Temporal.

    Raises:
        Unavailable: nothing answers at the address, unless `lazy`.
    """
    try:
        return await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            data_converter=pydantic_data_converter,
            lazy=lazy,
        )
    except RuntimeError as error:
        raise Unavailable(
            f"Temporal does not answer at {settings.temporal_address}; start it, or set DISPUTES_TEMPORAL_ADDRESS."
        ) from error
