"""Broken connections and strangers' answers: what may have been sent decides what is raised."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from gateways.errors import GatewayError, Mismatch, OutcomeUnknown, Rejected, Unavailable
from gateways.payments import PaymentProvider

RECEIPT = {
    "refund_id": "rf-1",
    "status": "settled",
    "payment_id": "p",
    "amount_minor": 1,
    "currency": "CNY",
    "reference": "r",
    "created_at": "2026-11-22T08:00:00Z",
}


@asynccontextmanager
async def a_peer(answer: bytes | None) -> AsyncIterator[str]:
    """A TCP server that reads one request, writes `answer` and closes; None never answers."""
    release = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await release.wait()
        else:
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        release.set()
        server.close()
        await server.wait_closed()


def http(status: int, body: bytes, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body


async def refund(provider: PaymentProvider) -> object:
    return await provider.refund("k", "p", 1, "CNY", "r", at=None)


async def look_up(provider: PaymentProvider) -> object:
    return await provider.lookup("k", at=None)


Call = Callable[[PaymentProvider], Awaitable[object]]


async def outcome(answer: bytes | None, call: Call) -> type[GatewayError] | None:
    async with a_peer(answer) as url, PaymentProvider(url, total_seconds=0.3) as provider:
        try:
            await call(provider)
        except GatewayError as error:
            return type(error)
        return None


ANSWERS: dict[str, tuple[bytes | None, type[GatewayError] | None, type[GatewayError] | None]] = {
    # name: (answer, raised by an act, raised by a read)
    "well": (http(200, json.dumps(RECEIPT).encode()), None, None),
    "silence": (None, OutcomeUnknown, Unavailable),
    "closed at once": (b"", OutcomeUnknown, Unavailable),
    "not http": (b"220 mail.example ESMTP\r\n", OutcomeUnknown, Unavailable),
    "cut in the headers": (b"HTTP/1.1 200 OK\r\ncontent-le", OutcomeUnknown, Unavailable),
    "cut in the body": (http(200, b"{}" * 50)[:-20], OutcomeUnknown, Unavailable),
    "broken encoding": (http(200, b"plain", "content-encoding: gzip\r\n"), OutcomeUnknown, Unavailable),
    "endless": (http(200, b" " * 2_000_000), OutcomeUnknown, Unavailable),
    "empty": (http(200, b""), OutcomeUnknown, Unavailable),
    "html": (http(200, b"<html>Welcome</html>"), OutcomeUnknown, Unavailable),
    "an amount as text": (http(200, json.dumps(RECEIPT | {"amount_minor": "1"}).encode()), OutcomeUnknown, Unavailable),
    "pending": (http(200, json.dumps(RECEIPT | {"status": "pending"}).encode()), OutcomeUnknown, Unavailable),
    "redirect": (http(302, b"", "location: /elsewhere\r\n"), OutcomeUnknown, Rejected),
    "502": (http(502, b"<html>Bad gateway</html>"), OutcomeUnknown, Unavailable),
    "503 and when": (http(503, b"", "retry-after: 7\r\n"), OutcomeUnknown, Unavailable),
    "a stranger's 404": (http(404, b"<html>Not found</html>"), Rejected, Rejected),
    "other currency": (http(200, json.dumps(RECEIPT | {"currency": "JPY"}).encode()), Mismatch, None),
    "other reference": (http(200, json.dumps(RECEIPT | {"reference": "x"}).encode()), Mismatch, None),
    "other payment": (http(200, json.dumps(RECEIPT | {"payment_id": "x"}).encode()), Mismatch, None),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_what_an_act_makes_of_it(name: str) -> None:
    answer, error, _ = ANSWERS[name]
    assert await outcome(answer, refund) is error


@pytest.mark.parametrize("name", ANSWERS)
async def test_what_a_read_makes_of_it(name: str) -> None:
    answer, _, error = ANSWERS[name]
    assert await outcome(answer, look_up) is error


@pytest.mark.parametrize("call", [refund, look_up])
async def test_nobody_listening_means_nothing_was_sent(call: Call) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        async with PaymentProvider(f"http://127.0.0.1:{free.getsockname()[1]}") as provider:
            with pytest.raises(Unavailable):
                await call(provider)


@pytest.mark.parametrize(("told", "seconds"), [("7", 7.0), ("soon", None), ("-1", None), ("9" * 40, None), ("²", None)])
async def test_when_to_come_back(told: str, seconds: float | None) -> None:
    answer = http(429, b"", f"retry-after: {told}\r\n")
    async with a_peer(answer) as url, PaymentProvider(url) as provider:
        with pytest.raises(Unavailable) as raised:
            await refund(provider)
    assert raised.value.retry_after == seconds
