"""Answers that never end, never begin, or take their time. All of them are given up, none of them fills the memory."""

import pytest

from hostile import CLOSE, FAULT, SILENCE, chunk, drip, endless, head, honest, ok, raw, steps
from hostile_kit import BIG, GOOD, Scenario, table

ENGINE = ("--retries",)
RATE = ("--retries", "--min-rate", "--rate-window")
N = f"Content-Length: {len(GOOD)}"
CR = "Connection: close"
NO_HEAD = ("ESP_ERR_HTTP_EAGAIN", "ESP_ERR_HTTP_READ_TIMEOUT")
TOO_LONG = ("ESP_FAIL", "ESP_ERR_HTTP_FETCH_HEADER")
FILE = head("200 OK", f"Content-Length: {len(BIG)}", 'ETag: "one"') + BIG

SCENARIOS = [
    # endless
    Scenario("an endless body without a length", [steps(head("200 OK", CR) + GOOD, endless(bytes(65536)))], "ESP_ERR_INVALID_SIZE", writes=True),
    Scenario("an endless body of chunks", [steps(head("200 OK", "Transfer-Encoding: chunked") + chunk(GOOD), endless(chunk(bytes(65536))))],
             "ESP_ERR_INVALID_SIZE", writes=True),
    Scenario("an endless body of images", [steps(head("200 OK", CR), endless(GOOD))], "ESP_ERR_INVALID_SIZE", writes=True),
    Scenario("an endless body of one byte", [steps(head("200 OK", CR), endless(b"\xe9" * 65536))], "ESP_ERR_INVALID_VERSION"),
    Scenario("an endless body of a missing page", [steps(head("404 Not Found", CR), endless(b"<html>" * 10_000))], says="404"),
    Scenario("an endless body of a redirect", [steps(head("302 Found", "Location: /next", CR), endless(b"<html>" * 10_000))], ("ESP_ERR_HTTP_MAX_REDIRECT", "ESP_FAIL")),
    Scenario("an endless body of a 401", [steps(head("401 Unauthorized", 'WWW-Authenticate: Basic realm="x"', CR), endless(b"<html>" * 10_000))], says="401|password|credential"),
    Scenario("more bytes than --max-bytes", [steps(FAULT, FILE)], "ESP_ERR_INVALID_SIZE", options=("--max-bytes", "100000"), needs=("--max-bytes",), writes=True, later=BIG),
    # heads
    Scenario("an endless head of many headers", [steps(head()[:-2], endless(b"X-More: and more\r\n" * 1000))], TOO_LONG),
    Scenario("an endless head of one header", [steps(head()[:-2] + b"X-Long: ", endless(b"y" * 65536))], TOO_LONG),
    Scenario("an endless header name", [steps(head()[:-2], endless(b"Y" * 65536))], TOO_LONG),
    Scenario("an endless status line", [steps(b"HTTP/1.1 200 ", endless(b"O" * 65536))], TOO_LONG),
    Scenario("an endless folded header", [steps(head()[:-2] + b"X-Long: a\r\n", endless(b" and more\r\n" * 1000))], TOO_LONG),
    Scenario("endless empty headers", [steps(head()[:-2], endless(b"A:\r\n" * 10_000))], TOO_LONG),
    Scenario("endless interim answers", [steps(endless(head("100 Continue") * 1000))], (*TOO_LONG, *NO_HEAD)),
    Scenario("endless early hints with headers", [steps(endless(head("103 Early Hints", "Link: </x>; rel=preload") * 1000))], (*TOO_LONG, *NO_HEAD)),
    Scenario("a head of 2 MB", [steps(head("200 OK", *("X-More: " + "z" * 1000 for _ in range(2000)), N) + GOOD, CLOSE)], (*TOO_LONG, "ESP_OK")),
    Scenario("a thousand headers", [steps(head("200 OK", *(f"X-{i}: {i}" for i in range(1000)), N) + GOOD, CLOSE)], (*TOO_LONG, "ESP_OK")),
    Scenario("one header of 90 KB", [steps(head("200 OK", "X-Long: " + "y" * 90_000, N) + GOOD, CLOSE)], (*TOO_LONG, "ESP_OK")),
    Scenario("endless garbage instead of TLS", [steps()], "ESP_ERR_HTTP_CONNECT", server=dict(on_accept=endless(b"\xff" * 16384))),
    Scenario("endless requests to say hello", [steps()], "ESP_ERR_HTTP_CONNECT", patient=True,
             server=dict(on_accept=endless(b"\x16\x03\x01\x40\x00" + bytes(16384), seconds=0.001))),
    Scenario("endless trailers", [steps(head("200 OK", "Transfer-Encoding: chunked") + chunk(GOOD) + b"0\r\n", endless(b"X-More: and more\r\n" * 1000, seconds=0.01))],
             ("ESP_FAIL", "ESP_ERR_HTTP_READ_TIMEOUT"), writes=True, patient=True),
    # silence
    Scenario("silence before TLS", [steps()], "ESP_ERR_HTTP_CONNECT", server=dict(on_accept=steps(SILENCE)), patient=True),
    Scenario("silence in the middle of TLS", [steps()], "ESP_ERR_HTTP_CONNECT", server=dict(on_accept=steps(raw(b"\x16\x03\x03\x00\x7a\x02"), SILENCE)), patient=True),
    Scenario("silence before the answer", [steps(SILENCE)], NO_HEAD, patient=True),
    Scenario("silence in the head", [steps(head()[:30], SILENCE)], NO_HEAD, patient=True),
    Scenario("silence after the head", [steps(head("200 OK", N), SILENCE)], "ESP_ERR_HTTP_READ_TIMEOUT", patient=True),
    Scenario("silence after an interim answer", [steps(head("100 Continue"), SILENCE)], NO_HEAD, patient=True),
    Scenario("silence after one byte", [steps(head("200 OK", N) + GOOD[:1], SILENCE)], "ESP_ERR_HTTP_READ_TIMEOUT", patient=True),
    Scenario("silence in the middle", [steps(head("200 OK", N) + GOOD[:10_000], SILENCE)], "ESP_ERR_HTTP_READ_TIMEOUT", writes=True, patient=True),
    Scenario("silence before the last byte", [steps(head("200 OK", N) + GOOD[:-1], SILENCE)], "ESP_ERR_HTTP_READ_TIMEOUT", writes=True, patient=True),
    Scenario("silence instead of the last chunk", [steps(head("200 OK", "Transfer-Encoding: chunked") + chunk(GOOD), SILENCE)], "ESP_ERR_HTTP_READ_TIMEOUT",
             writes=True, patient=True),
    Scenario("silence instead of the end", [steps(head("200 OK", CR) + GOOD, SILENCE)], "ESP_ERR_HTTP_READ_TIMEOUT", writes=True, patient=True),
    Scenario("silence behind the last byte", [steps(ok(GOOD), SILENCE)], "ESP_OK"),
    Scenario("silence in the body of a missing page", [steps(head("404 Not Found", "Content-Length: 5000"), SILENCE)], says="404"),
    Scenario("silence in the body of a redirect", [steps(head("302 Found", "Location: /next", "Content-Length: 5000"), SILENCE), honest(GOOD)], "ESP_OK", patient=True),
    Scenario("half a record, then silence", [steps(head("200 OK", N), lambda c: c.wire(c.sealed(GOOD)[:5000]), SILENCE)], "ESP_ERR_HTTP_READ_TIMEOUT", patient=True),
    Scenario("silence once, then an answer", [steps(SILENCE), honest(GOOD)], "ESP_OK", retries=3, needs=ENGINE, patient=True),
    Scenario("silence in the middle once", [steps(FILE[:150_000], SILENCE), honest(BIG)], "ESP_OK", retries=3, needs=ENGINE, later=BIG, patient=True),
    # drips
    Scenario("a head that drips for ever", [steps(FAULT, head()[:-2], drip(b"X-More: and more\r\n" * 400, 18, 0.3))], (*NO_HEAD, *TOO_LONG), patient=True),
    Scenario("a head that drips but ends", [steps(FAULT, drip(head("200 OK", N), 8, 0.02), GOOD, CLOSE)], "ESP_OK", patient=True),
    Scenario("a slow body that arrives", [steps(head("200 OK", N), FAULT, drip(GOOD, 1000, 0.05))], "ESP_OK", patient=True),
    Scenario("a body below the minimum rate", [steps(head("200 OK", N), FAULT, drip(GOOD, 10, 0.3))], "ESP_ERR_HTTP_READ_TIMEOUT",
             options=("--min-rate", "1000"), needs=("--min-rate",), writes=True, patient=True),
    Scenario("below the minimum rate, a few bytes on each connection", [lambda c, r: _trickle(c, r)], "ESP_ERR_HTTP_READ_TIMEOUT", retries=2, needs=RATE,
             options=("--min-rate", "1000", "--rate-window", "1"), writes=True, requests=3, check=lambda outcome: _retried(outcome, 2), patient=True),
    Scenario("a few bytes on each connection, then silence", [lambda c, r: _trickle(c, r, pieces=1)], "ESP_ERR_HTTP_READ_TIMEOUT", retries=2, needs=RATE,
             options=("--min-rate", "1000"), writes=True, requests=3, check=lambda outcome: _retried(outcome, 2), patient=True),
    Scenario("a burst on each connection, then below the minimum rate", [lambda c, r: _trickle(c, r, burst=50_000)], "ESP_OK", retries=1, needs=RATE,
             options=("--min-rate", "1000", "--rate-window", "1"), later=BIG, check=lambda outcome: _retried(outcome, 3), patient=True),
    Scenario("a body too slow for the deadline", [steps(head("200 OK", N), FAULT, drip(GOOD, 10, 0.3))], "ESP_ERR_TIMEOUT",
             options=("--deadline", "3"), needs=("--deadline",), writes=True, patient=True),
    Scenario("a head too slow for the deadline", [steps(FAULT, head()[:-2], drip(b"X-More: and more\r\n" * 400, 18, 0.3))], ("ESP_ERR_TIMEOUT", *NO_HEAD),
             options=("--deadline", "3"), needs=("--deadline",), patient=True),
    Scenario("a deadline while waiting for the next attempt", [steps(head("503 Busy", "Retry-After: 3600", "Content-Length: 0"))], "ESP_ERR_TIMEOUT",
             retries=9, options=("--deadline", "3"), needs=("--retries", "--deadline"), patient=True),
    Scenario("a TLS handshake that drips", [steps()], "ESP_ERR_HTTP_CONNECT", server=dict(on_accept=steps(FAULT, drip(b"\x16\x03\x03\x40\x00\x02" + bytes(400), 1, 0.2))),
             patient=True),
]


def _trickle(connection, request, burst=0, pieces=0):
    """From where it is asked: a burst, then ten bytes now and then, with pieces only so many of them."""
    rest = BIG[request.start or 0:]
    where = [f"Content-Range: bytes {request.start}-{len(BIG) - 1}/{len(BIG)}"] if request.start else []
    connection.server.fault()
    connection.send(head("206 Partial Content" if where else "200 OK", f"Content-Length: {len(rest)}", 'ETag: "one"', *where) + rest[:burst])
    for start in range(burst, burst + 10 * pieces if pieces else len(rest), 10):
        connection.send(rest[start:start + 10])
        if connection.server.stopped.wait(0.3):
            return
    if pieces:
        connection.wait_until_gone()


def _retried(outcome, count):
    assert outcome.answer["retries"] == count, outcome.shown


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_endless_and_slow(scenario, lab):
    lab.proves(scenario)
