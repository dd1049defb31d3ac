"""Lengths and chunks that contradict themselves or each other."""

import pytest

from hostile import CLOSE, FAULT, chunk, head, steps
from hostile_kit import GOOD, SLOT, Scenario, table

CHUNKED = "Transfer-Encoding: chunked"
N = len(GOOD)
LAST = b"0\r\n\r\n"
REFUSED = ("ESP_FAIL", "ESP_ERR_INVALID_SIZE")


def lengths(*values, body=GOOD):
    return [steps(head("200 OK", *(f"Content-Length: {value}" for value in values)), FAULT, body, CLOSE)]


def coded(coding, body, *lines):
    return [steps(head("200 OK", f"Transfer-Encoding: {coding}", *lines), FAULT, body, CLOSE)]


def chunks(text):
    """Framing as told, and the connection ends after it."""
    return [steps(head("200 OK", CHUNKED), FAULT, text, CLOSE)]


SCENARIOS = [
    # Content-Length
    Scenario("the same length twice", lengths(N, N), ("ESP_OK", "ESP_FAIL")),
    Scenario("two lengths, the right one first", lengths(N, N + 1), writes=True),
    Scenario("two lengths, the right one last", lengths(N - 1, N), writes=True),
    Scenario("two lengths in one line", lengths(f"{N}, {N + 1}"), writes=True),
    Scenario("a negative length", lengths(-1)),
    Scenario("a negative length of the right size", lengths(-N)),
    Scenario("a length of 2^31", lengths(1 << 31), "ESP_ERR_INVALID_SIZE"),
    Scenario("a length of 2^32 and the right rest", lengths((1 << 32) + N), "ESP_ERR_INVALID_SIZE"),
    Scenario("a length of 2^63 less one", lengths((1 << 63) - 1), REFUSED),
    Scenario("a length of 2^63", lengths(1 << 63), REFUSED),
    Scenario("a length of 2^64 and the right rest", lengths((1 << 64) + N), REFUSED),
    Scenario("a length of a hundred digits", lengths("9" * 100), REFUSED),
    Scenario("a length in hexadecimal", lengths(hex(N)), writes=True),
    Scenario("a length with a fraction", lengths(f"{N}.5"), writes=True),
    Scenario("a length in words", lengths("plenty"), writes=True),
    Scenario("a length with a unit", lengths(f"{N} bytes"), writes=True),
    Scenario("an empty length", lengths(""), writes=True),
    # chunks
    Scenario("a chunk size that is no number", chunks(b"xyz\r\n" + GOOD)),
    Scenario("an empty chunk size", chunks(b"\r\n" + GOOD)),
    Scenario("a negative chunk size", chunks(b"-10\r\n" + GOOD)),
    Scenario("a chunk size with a sign", chunks(b"+4e20\r\n" + GOOD + b"\r\n" + LAST)),
    Scenario("a chunk size with a prefix", chunks(b"0x4e20\r\n" + GOOD + b"\r\n" + LAST)),
    Scenario("a chunk size of 2^64 and the right rest", chunks(b"%x\r\n" % ((1 << 64) + N) + GOOD + b"\r\n" + LAST)),
    Scenario("a chunk size of 2^63", chunks(b"%x\r\n" % (1 << 63) + GOOD), writes=True),
    Scenario("a chunk size with a thousand zeros", chunks(b"0" * 1000 + b"4e20\r\n" + GOOD + b"\r\n" + LAST), ("ESP_OK", "ESP_FAIL")),
    Scenario("an endless chunk size", chunks(b"0" * 200_000)),
    Scenario("a blank before the chunk size", chunks(b" 4e20\r\n" + GOOD + b"\r\n" + LAST), ("ESP_OK", "ESP_FAIL")),
    Scenario("no CRLF after a chunk", chunks(b"%x\r\n" % N + GOOD + LAST), writes=True),
    Scenario("a chunk longer than its size", chunks(b"%x\r\n" % (N - 100) + GOOD + b"\r\n" + LAST), writes=True),
    Scenario("a chunk shorter than its size", chunks(b"%x\r\n" % (N + 100) + GOOD + b"\r\n" + LAST), writes=True),
    Scenario("chunks with LF only", chunks(b"%x\n" % N + GOOD + b"\n0\n\n"), ("ESP_OK", "ESP_FAIL"), writes=True),
    Scenario("no last chunk", chunks(chunk(GOOD)), writes=True),
    Scenario("a last chunk without its empty line", chunks(chunk(GOOD) + b"0\r\n"), writes=True),
    Scenario("a last chunk in the middle", chunks(chunk(GOOD[:9000]) + LAST + chunk(GOOD[9000:]) + LAST), "ESP_ERR_OTA_VALIDATE_FAILED", writes=True),
    Scenario("only a last chunk", chunks(LAST)),
    Scenario("chunk extensions", chunks(b"%x;name=value;x=\"y;z\"\r\n" % N + GOOD + b"\r\n0;last\r\n\r\n"), "ESP_OK"),
    Scenario("an extension of 100 KB", chunks(b"%x;" % N + b"x" * 100_000 + b"\r\n" + GOOD + b"\r\n" + LAST), ("ESP_OK", "ESP_FAIL")),
    Scenario("trailers", chunks(chunk(GOOD) + b"0\r\nX-Digest: none\r\nContent-Length: 5\r\n\r\n"), "ESP_OK"),
    Scenario("a trailer that looks like a status line", chunks(chunk(GOOD) + b"0\r\nHTTP/1.1 404 Not Found\r\n\r\n"), ("ESP_OK", "ESP_FAIL"), writes=True),
    Scenario("trailers of one megabyte", chunks(chunk(GOOD) + b"0\r\n" + b"X-More: %s\r\n" % (b"y" * 1000) * 1000 + b"\r\n"), ("ESP_OK", "ESP_FAIL"), writes=True),
    Scenario("twenty thousand chunks of one byte", chunks(b"".join(chunk(GOOD[i:i + 1]) for i in range(N)) + LAST), "ESP_OK"),
    # both, and more
    Scenario("chunks and a length", coded("chunked", chunk(GOOD) + LAST, f"Content-Length: {N}"), ("ESP_OK", "ESP_FAIL")),
    Scenario("chunks and a shorter length", coded("chunked", chunk(GOOD) + LAST, "Content-Length: 5000"), ("ESP_OK", "ESP_FAIL")),
    Scenario("chunks and a length beyond the slot", coded("chunked", chunk(GOOD) + LAST, f"Content-Length: {SLOT + 1}"), ("ESP_OK", "ESP_FAIL", "ESP_ERR_INVALID_SIZE")),
    Scenario("chunked twice", coded("chunked, chunked", chunk(chunk(GOOD) + LAST) + LAST), ("ESP_FAIL", "ESP_ERR_OTA_VALIDATE_FAILED")),
    Scenario("a coding nobody knows", coded("rot13", GOOD), says="Transfer-Encoding"),
    Scenario("a coding nobody knows, then chunks", coded("rot13, chunked", chunk(GOOD) + LAST), says="Transfer-Encoding"),
    Scenario("a coding nobody knows in another line", coded("rot13", chunk(GOOD) + LAST, CHUNKED), says="Transfer-Encoding"),
    Scenario("identity as a coding", coded("identity", GOOD), ("ESP_OK", "ESP_FAIL"), writes=True),
    Scenario("chunked with a capital", coded("Chunked", chunk(GOOD) + LAST), "ESP_OK"),
    Scenario("announced as chunked, sent plain", coded("chunked", GOOD)),
    Scenario("chunked twice in two lines", coded("chunked", chunk(GOOD) + LAST, CHUNKED), ("ESP_OK", "ESP_FAIL")),
    Scenario("sent as chunks, announced by length", lengths(len(chunk(GOOD) + LAST), body=chunk(GOOD) + LAST), "ESP_ERR_OTA_VALIDATE_FAILED"),
]


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_lengths(scenario, lab):
    lab.proves(scenario)
