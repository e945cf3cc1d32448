"""The settings of every process of ours: where PostgreSQL, Temporal and the outside systems are, and the limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Seconds = Annotated[float, Field(gt=0, le=600)]


class Settings(BaseSettings):
    """Read from the environment, `DISPUTES_DATABASE_DSN` and so on; arguments win over it.

    `world_url` is the base URL of the outside systems' HTTP interfaces. `sandbox` allows test clocks. Times out are in
    seconds: `task_timeout_seconds` is Temporal's for one workflow task, `update_timeout_seconds` the whole time a
    caller waits for the answer to a command before its outcome is unknown.
    """

    model_config = SettingsConfigDict(env_prefix="DISPUTES_", frozen=True, extra="ignore")

    database_dsn: SecretStr
    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    task_queue: str = "disputes"
    world_url: str
    policy: str = "marketplace-default"
    sandbox: bool = False
    task_timeout_seconds: Seconds = 10.0
    update_timeout_seconds: Seconds = 10.0
    temporal_ui_url: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
