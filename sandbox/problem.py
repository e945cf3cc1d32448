"""Refusals as application/problem+json, and the reading of requests that may be anything at all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from sandbox.shapes import Shape, read_instant

BODY_LIMIT = 64 * 1024
# A body that is too large is still read up to here, so that its sender gets the answer and not a reset.
_DRAIN_LIMIT = 8 * 1024 * 1024
_ERRORS_SHOWN = 10

Message = TypeVar("Message", bound=Shape)


class Problem(Exception):
    """A refused call: `status`, a stable `code`, one sentence in `detail`, the faulty fields in `errors`."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.headers = status, dict(headers or {})
        self.document: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": code,
            "detail": detail,
        }
        if errors is not None:
            self.document["errors"] = errors

    def response(self) -> Response:
        return JSONResponse(self.document, self.status, headers=self.headers, media_type="application/problem+json")


async def refused(_request: Request, error: Exception) -> Response:
    """The answer to a Problem raised by a handler, and to the router's own refusals."""
    if isinstance(error, Problem):
        return error.response()
    assert isinstance(error, HTTPException)
    code = "no_such_path" if error.status_code == HTTPStatus.NOT_FOUND else "method_not_allowed"
    return Problem(error.status_code, code, "See sandbox/README.md for what can be called.").response()


async def crashed(_request: Request, _error: Exception) -> Response:
    """A fault of the world itself; the traceback goes to stderr."""
    return Problem(500, "internal_error", "The sandbox world failed; its stderr says why.").response()


def invalid(error: ValidationError) -> Problem:
    """The faulty fields, without the values: those may be huge."""
    errors = [
        {"field": ".".join(str(part) for part in item["loc"])[:200], "message": item["msg"][:200]}
        for item in error.errors(include_url=False, include_context=False, include_input=False)[:_ERRORS_SHOWN]
    ]
    return Problem(422, "invalid_request", "The request does not have the shape asked for.", errors=errors)


async def read_body(request: Request, shape: type[Message]) -> Message:
    """The body as `shape`; raises Problem 413 over 64 KB and 422 for anything that does not fit."""
    body, read = bytearray(), 0
    try:
        async for chunk in request.stream():
            read += len(chunk)
            if read <= BODY_LIMIT:
                body += chunk
            elif read > _DRAIN_LIMIT:
                break
    except ClientDisconnect:
        raise Problem(400, "incomplete_body", "The client went before its body was complete.") from None
    if read > BODY_LIMIT:
        raise Problem(413, "body_too_large", f"A body is at most {BODY_LIMIT} bytes.")
    try:
        return shape.model_validate_json(bytes(body))
    except ValidationError as error:
        raise invalid(error) from None


def read_query(request: Request, name: str, kind: Any, default: object = None) -> Any:
    """The query parameter as `kind`, which any pydantic type may be; raises Problem 422."""
    return _read(name, request.query_params.get(name), kind, default)


def read_path(request: Request, name: str, kind: Any) -> Any:
    """The part of the path as `kind`; raises Problem 422."""
    return _read(name, request.path_params[name], kind, None)


def read_header(request: Request, name: str, kind: Any) -> Any:
    """The header as `kind`; raises Problem 422."""
    return _read(name, request.headers.get(name), kind, None)


def _read(name: str, value: str | None, kind: Any, default: object) -> Any:
    if value is None and default is not None:
        return default
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        problem = invalid(error)
        problem.document["errors"] = [{**item, "field": name} for item in problem.document["errors"]]
        raise problem from None


def read_clock(request: Request) -> datetime:
    """The instant of this call: `X-Test-Clock` when sent, else now; raises Problem 422."""
    told = request.headers.get("x-test-clock")
    if told is None:
        return datetime.now(UTC)
    try:
        return read_instant(told)
    except ValueError as error:
        raise Problem(422, "invalid_test_clock", f"X-Test-Clock: {error}.") from None
