"""One pooled HTTP line to one outside system, and what each way of failing means for the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn, Self, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from gateways.errors import OutcomeUnknown, Rejected, Unavailable

_ANSWER_LIMIT = 1024 * 1024
_CONNECT_SECONDS = 2.0
_TOTAL_SECONDS = 5.0


class Wire(BaseModel):
    """What comes back: exact types; a newer other side may say more than we read."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


Answer = TypeVar("Answer", bound=Wire)


class _Problem(Wire):
    code: str
    detail: str = ""


class _TooLong(Exception):
    pass


class Line:
    """Calls of one outside system; nothing is retried here.

    `connect_seconds` bounds reaching the other side (waiting for a free connection included), `total_seconds`
    the whole call. Every method takes `at`, the instant of a dispute on a test clock, sent as `X-Test-Clock`.
    """

    def __init__(
        self,
        system: str,
        base_url: str,
        *,
        connect_seconds: float = _CONNECT_SECONDS,
        total_seconds: float = _TOTAL_SECONDS,
    ) -> None:
        self.system = system
        self._total = total_seconds
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(total_seconds, connect=connect_seconds, pool=connect_seconds),
            # A proxy named in the environment is for browsing, not for money.
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def read(
        self, path: str, answer: type[Answer], *, at: datetime | None, query: Mapping[str, str] | None = None
    ) -> Answer:
        """Asks without effect. Raises Rejected when refused, Unavailable for everything else that goes wrong."""
        request = self._client.build_request("GET", path, params=query, headers=_clock(at))
        status, headers, body = await self._exchange(request, acts=False)
        if status in (408, 429) or status >= 500:
            raise Unavailable(self.system, f"answered {status}", _retry_after(headers))
        if not 200 <= status < 300:
            self._rejected(status, body)
        try:
            return answer.model_validate_json(body)
        except ValidationError as error:
            raise Unavailable(self.system, _unreadable(error)) from None

    async def act(
        self,
        path: str,
        content: Mapping[str, Any],
        answer: type[Answer],
        *,
        at: datetime | None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Posts something that takes effect.

        Raises Unavailable when it surely had none, Rejected when refused, OutcomeUnknown when it may have had one.
        """
        request = self._client.build_request("POST", path, json=content, headers={**(headers or {}), **_clock(at)})
        status, got, body = await self._exchange(request, acts=True)
        if status == 429:
            raise Unavailable(self.system, "answered 429", _retry_after(got))
        if 400 <= status < 500 and status != 408:
            self._rejected(status, body)
        if not 200 <= status < 300:
            raise OutcomeUnknown(self.system, f"answered {status}")
        try:
            return answer.model_validate_json(body)
        except ValidationError as error:
            raise OutcomeUnknown(self.system, _unreadable(error)) from None

    async def _exchange(self, request: httpx.Request, *, acts: bool) -> tuple[int, httpx.Headers, bytes]:
        sent = False

        async def watch(event: str, _details: Mapping[str, Any]) -> None:
            nonlocal sent
            sent = sent or event.endswith("send_request_headers.started")

        request.extensions["trace"] = watch
        try:
            async with asyncio.timeout(self._total):
                response = await self._client.send(request, stream=True)
                try:
                    return response.status_code, response.headers, await _limited(response)
                finally:
                    await response.aclose()
        except (httpx.RequestError, TimeoutError, _TooLong) as error:
            what = f"no answer to {request.method} {request.url.path} ({type(error).__name__})"
            # What decides is whether the request may have left, not which exception came of it.
            raise (OutcomeUnknown if acts and sent else Unavailable)(self.system, what) from error

    def _rejected(self, status: int, body: bytes) -> NoReturn:
        try:
            problem = _Problem.model_validate_json(body)
        except ValidationError:
            raise Rejected(self.system, f"http_{status}", "no reason given") from None
        raise Rejected(self.system, problem.code, problem.detail)


def _clock(at: datetime | None) -> dict[str, str]:
    return {} if at is None else {"X-Test-Clock": instant(at)}


def instant(at: datetime) -> str:
    """An aware instant as RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


async def _limited(response: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _ANSWER_LIMIT:
            raise _TooLong
    return bytes(body)


def _retry_after(headers: httpx.Headers) -> float | None:
    told = headers.get("retry-after", "")
    return float(told) if told.isascii() and told.isdigit() and len(told) <= 6 else None


def _unreadable(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the answer"
    return f"unreadable answer, {where}: {first['msg']}"
