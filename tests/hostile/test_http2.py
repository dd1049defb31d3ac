"""HTTP/2 frames that break off, contradict themselves or the rules. As far as they can be written by hand: RFC 9113, and HPACK without tables."""

import struct

import pytest

from hostile import CLOSE, CUT, FAULT, RESET, SILENCE, Gone, endless, honest, server_context, steps
from hostile_kit import GOOD, Scenario, table

DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ENDED = ("ESP_FAIL", "ESP_ERR_HTTP_CONNECTION_CLOSED", "ESP_ERR_HTTP_FETCH_HEADER", "ESP_ERR_HTTP_CONNECT")
STALLED = ("ESP_ERR_HTTP_READ_TIMEOUT", "ESP_ERR_HTTP_EAGAIN")


def frame(kind, payload=b"", flags=0, stream=1):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def field(name, value):
    """A literal without indexing; names and values below 127 bytes."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def fields(status="200", length=len(GOOD), **more):
    lines = [(":status", status), *([("content-length", str(length))] if length is not None else []), *more.items()]
    return b"".join(field(name.replace("_", "-"), value) for name, value in lines)


def headers(flags=END_HEADERS, **more):
    return frame(HEADERS, fields(**more), flags)


def body(data, end=True, size=8192):
    pieces = [data[start:start + size] for start in range(0, len(data), size)]
    return b"".join(frame(DATA, piece, END_STREAM if end and number == len(pieces) - 1 else 0) for number, piece in enumerate(pieces))


def number(value):
    return struct.pack(">I", value)


def await_request(connection):
    """Reads frames until a request has come."""
    pending = b""

    def read(count):
        nonlocal pending
        while len(pending) < count:
            pending += connection.receive()
        data, pending = pending[:count], pending[count:]
        return data

    assert read(len(PREFACE)) == PREFACE
    while True:
        head = read(9)
        read(int.from_bytes(head[:3], "big"))
        if head[3] == HEADERS:
            return


def speaks(*items):
    """on_connect: HTTP/2 for clients that chose it; what turns honest later speaks HTTP/1.1."""
    def serve(connection):
        connection.send(frame(SETTINGS, stream=0) + frame(SETTINGS, flags=ACK, stream=0))
        await_request(connection)
        steps(*items)(connection)
        raise Gone
    return serve


def http2(name, *items, result=ENDED, **more):
    def context(certificates):
        made = server_context((certificates.server, certificates.server_key))
        made.set_alpn_protocols(["h2", "http/1.1"])
        return made
    return Scenario(name, [honest(GOOD)], result, server=dict(context=context, on_connect=speaks(*items)), options=("--http2",),
                    needs=("--http2",), **{"writes": True, "patient": set(STALLED) <= {result, *result}, **more})


SCENARIOS = [
    http2("a good answer", headers(), body(GOOD), SILENCE, result="ESP_OK"),
    http2("a good answer byte by byte", headers(), body(GOOD, size=100), SILENCE, result="ESP_OK"),
    http2("silence instead of an answer", SILENCE, result=STALLED),
    http2("an end instead of an answer", CUT),
    http2("a reset stream instead of an answer", frame(RST_STREAM, number(2)), SILENCE),
    http2("a refused stream", frame(RST_STREAM, number(7)), SILENCE, result=(*ENDED, *STALLED)),  # curl asks again
    http2("GOAWAY instead of an answer", frame(GOAWAY, number(0) + number(0), stream=0), CLOSE),
    http2("GOAWAY with an error", frame(GOAWAY, number(1) + number(11) + b"calm down", stream=0), CLOSE),
    http2("GOAWAY in the body, which goes on", headers(), body(GOOD[:8192], end=False), frame(GOAWAY, number(1) + number(0), stream=0), body(GOOD[8192:]), SILENCE,
          result=("ESP_OK", *ENDED)),
    http2("GOAWAY in the body, and an end", headers(), body(GOOD[:8192], end=False), frame(GOAWAY, number(1) + number(0), stream=0), CLOSE),
    http2("the stream is reset in the body", headers(), body(GOOD[:8192], end=False), frame(RST_STREAM, number(2)), SILENCE),
    http2("the stream is reset without error in the body", headers(), body(GOOD[:8192], end=False), frame(RST_STREAM, number(0)), SILENCE),
    http2("the connection is cut in the body", headers(), body(GOOD[:8192], end=False), CUT),
    http2("the connection is reset in a frame", headers(), body(GOOD)[:5000], RESET),
    http2("silence in the body", headers(), body(GOOD[:8192], end=False), SILENCE, result=STALLED),
    http2("the stream ends too early", headers(), body(GOOD[:8192]), SILENCE),
    http2("the stream ends too early, without a length", headers(length=None), body(GOOD[:8192]), SILENCE, result=(*ENDED, "ESP_ERR_OTA_VALIDATE_FAILED")),
    http2("more than the length", headers(length=8192), body(GOOD), SILENCE, result=(*ENDED, "ESP_ERR_OTA_VALIDATE_FAILED")),
    http2("no end of the stream", headers(length=None), body(GOOD, end=False), CUT),
    http2("a length beyond the slot", headers(length=1 << 40), body(GOOD), SILENCE, result=("ESP_ERR_INVALID_SIZE", *ENDED)),
    http2("data before the head", body(GOOD), SILENCE),
    http2("a head without a status", frame(HEADERS, field("content-length", "5"), END_HEADERS), body(GOOD), SILENCE),
    http2("a status that is no number", headers(status="abc"), body(GOOD), SILENCE),
    http2("a header in capitals", frame(HEADERS, fields() + field("X-Upper", "1"), END_HEADERS), body(GOOD), SILENCE, result=("ESP_OK", *ENDED, *STALLED)),
    http2("two lengths that contradict", frame(HEADERS, fields() + field("content-length", "8192"), END_HEADERS), body(GOOD), SILENCE, result=(*ENDED, *STALLED)),
    http2("rubbish for HPACK", frame(HEADERS, b"\xff" * 40, END_HEADERS), SILENCE),
    http2("a table entry that is not there", frame(HEADERS, b"\xfe", END_HEADERS), SILENCE),
    http2("a frame larger than allowed", headers(), b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + GOOD, SILENCE, result=(*ENDED, *STALLED)),
    http2("a frame on stream 0", headers(), frame(DATA, GOOD[:100], stream=0), SILENCE),
    http2("a frame on a stream nobody opened", headers(), frame(DATA, GOOD[:100], stream=7), body(GOOD), SILENCE, result=("ESP_OK", *ENDED)),
    http2("a pushed answer", headers(), frame(PUSH_PROMISE, number(2) + fields(), END_HEADERS), body(GOOD), SILENCE, result=("ESP_OK", *ENDED)),
    http2("settings of a wrong length", frame(SETTINGS, b"\x00" * 5, stream=0), SILENCE),
    http2("a window update of zero", headers(), frame(WINDOW_UPDATE, number(0), stream=0), body(GOOD), SILENCE, result=("ESP_OK", *ENDED)),
    http2("windows that overflow", headers(), frame(WINDOW_UPDATE, number((1 << 31) - 1), stream=0) * 2, SILENCE),
    http2("a frame of an unknown kind", headers(), frame(0xee, b"what is this"), body(GOOD), SILENCE, result="ESP_OK"),
    http2("a head in pieces without end", frame(HEADERS, fields(), 0), endless(frame(CONTINUATION, field("x-more", "and more") * 100))),
    http2("interim answers without end", endless(frame(HEADERS, fields(status="103", length=None), END_HEADERS) * 100)),
    http2("pings without end", endless(frame(PING, bytes(8), stream=0) * 100, limit=16 << 20, seconds=0.01), result=(*ENDED, *STALLED)),
    http2("settings without end", endless(frame(SETTINGS, stream=0) * 100, limit=16 << 20, seconds=0.01), result=(*ENDED, *STALLED)),
    http2("empty data without end", headers(), endless(frame(DATA) * 100, limit=16 << 20, seconds=0.01), result=(*ENDED, *STALLED)),
    http2("HTTP/1.1 after all", FAULT, b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + GOOD, SILENCE),
]


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_http2(scenario, lab):
    lab.proves(scenario)
