"""Status codes that bring no image, and answers that are no HTTP."""

import pytest

from hostile import CLOSE, CUT, FAULT, SILENCE, chunk, head, honest, ok, raw, steps
from hostile_kit import BIG, GOOD, Scenario, table
from images import filler

ENGINE = ("--retries",)
N = f"Content-Length: {len(GOOD)}"


def says(status, *lines, body=GOOD):
    return [steps(head(status, N, *lines), FAULT, body, CLOSE)]


def first_line(line, *more):
    """An answer that is good but for its first line."""
    return [steps(line + b"\r\n" + b"".join(more) + N.encode() + b"\r\n\r\n" + GOOD, CLOSE)]


def busy(status, *lines):
    return steps(head(status, "Content-Length: 0", *lines))


HTML = b"<!DOCTYPE html><html><body>Please log in.</body></html>" * 100
REFUSED = "ESP_ERR_OTA_VALIDATE_FAILED"

SCENARIOS = [
    # before the answer
    Scenario("100 before the answer", [steps(head("100 Continue") + ok(GOOD))], "ESP_OK"),
    Scenario("102 and 103 before the answer", [steps(head("102 Processing") + head("103 Early Hints", "Link: </x>") + ok(GOOD))], "ESP_OK"),
    Scenario("100 with the wrong length before the answer", [steps(head("100 Continue", "Content-Length: 5") + ok(GOOD))], "ESP_OK"),
    Scenario("100 only", [steps(head("100 Continue"), CLOSE)]),
    Scenario("103 only", [steps(head("103 Early Hints"), CUT)]),
    Scenario("101 and another protocol", [steps(head("101 Switching Protocols", "Upgrade: ota") + GOOD, CLOSE)]),
    Scenario("199 and the image", [steps(head("199 Odd", N) + GOOD, CLOSE)]),
    # statuses
    *(Scenario(f"{code} and the image", says(f"{code} Odd"), says=str(code)) for code in
      [201, 202, 203, 206, 207, 226, 299, 305, 306, 399, 400, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 417, 418, 421, 422, 426, 431, 451, 499, 501, 505, 511, 599]),
    Scenario("204 and the image", says("204 No Content"), says="204"),
    Scenario("205 and the image", says("205 Reset Content"), says="205"),
    Scenario("206 unasked with a range", says("206 Partial Content", f"Content-Range: bytes 0-{len(GOOD) - 1}/{len(GOOD)}"), ("ESP_FAIL", "ESP_OK")),
    Scenario("206 unasked with half the file", says("206 Partial Content", f"Content-Range: bytes 0-{len(GOOD) - 1}/{len(BIG)}")),
    Scenario("300 and the image", says("300 Multiple Choices", "Location: /x"), says="300"),
    Scenario("304 unasked", says("304 Not Modified"), "ESP_ERR_HTTP_NOT_MODIFIED"),
    Scenario("416 unasked", says("416 Range Not Satisfiable"), "ESP_ERR_HTTP_RANGE_NOT_SATISFIABLE"),
    *(Scenario(f"{code} for ever", [busy(f"{code} Busy")], retries=1, patient=True, requests=2, says=str(code)) for code in [408, 425, 429, 500, 502, 503, 504]),
    Scenario("503 twice", [busy("503 Busy"), busy("503 Busy"), honest(GOOD)], "ESP_OK", retries=5, needs=ENGINE, patient=True),
    Scenario("429 with a time to wait", [busy("429 Slow", "Retry-After: 1"), honest(GOOD)], "ESP_OK", retries=2, needs=ENGINE, patient=True,
             check=lambda outcome: _waited(outcome, 1)),
    Scenario("503 with a date in the past", [busy("503 Busy", "Retry-After: Mon, 06 Jan 2020 12:00:00 GMT"), honest(GOOD)], "ESP_OK", retries=2, needs=ENGINE, patient=True),
    Scenario("503 with nonsense to wait", [busy("503 Busy", "Retry-After: -5 or so"), honest(GOOD)], "ESP_OK", retries=2, needs=ENGINE, patient=True,
             check=lambda outcome: _within(outcome, 8)),
    Scenario("503 with a time beyond all bounds", [busy("503 Busy", f"Retry-After: {1 << 64}"), honest(GOOD)], ("ESP_OK", "ESP_ERR_TIMEOUT"), retries=2, needs=("--retries", "--deadline"),
             options=("--deadline", "5"), patient=True),
    Scenario("404 is not asked again", [busy("404 Not Found"), honest(GOOD)], retries=5, needs=ENGINE, requests=1),
    Scenario("403 is not asked again", [busy("403 Forbidden"), honest(GOOD)], retries=5, needs=ENGINE, requests=1),
    # first lines
    *(Scenario(f"a status of {code}", first_line(b"HTTP/1.1 " + code.encode() + b" OK")) for code in ["0", "000", "99", "2", "20", "-200", "abc", "0x200", "2OO"]),
    *(Scenario(f"a status of {code}", first_line(b"HTTP/1.1 " + code.encode() + b" OK"), ("ESP_FAIL", "ESP_OK")) for code in ["2000", "200.5", "600", "999", "1000"]),
    Scenario("no reason", first_line(b"HTTP/1.1 200"), "ESP_OK"),
    Scenario("an empty reason", first_line(b"HTTP/1.1 200 "), "ESP_OK"),
    Scenario("a reason of binary", first_line(b"HTTP/1.1 200 \x00\x01\xff"), ("ESP_FAIL", "ESP_OK")),
    *(Scenario(f"version {text}", first_line(text.encode() + b" 200 OK"), result) for text, result in
      [("HTTP/1.0", "ESP_OK"), ("HTTP/1.2", ("ESP_OK", "ESP_FAIL")), ("HTTP/2", ("ESP_OK", "ESP_FAIL")), ("HTTP/3", ("ESP_OK", "ESP_FAIL")), ("HTTP/0.9", "ESP_FAIL"), ("HTTP/9.9", "ESP_FAIL"),
       ("HTTP/1.", "ESP_FAIL"), ("HTTP/", "ESP_FAIL"), ("HTTP/1.1.1", "ESP_FAIL"), ("HTTP/-1.1", ("ESP_OK", "ESP_FAIL")), ("http/1.1", ("ESP_OK", "ESP_FAIL")), ("ICY", "ESP_FAIL"), ("HTTPS/1.1", "ESP_FAIL"),
       ("RTSP/1.0", "ESP_FAIL"), (" HTTP/1.1", "ESP_FAIL")]),
    Scenario("empty lines before the answer", first_line(b"\r\n\r\nHTTP/1.1 200 OK"), ("ESP_OK", "ESP_FAIL")),
    # HTTP/1.0
    Scenario("HTTP/1.0 and the end of the connection", [steps(head("200 OK", version="HTTP/1.0") + GOOD, CLOSE)], "ESP_OK"),
    Scenario("HTTP/1.0 that breaks off", [steps(head("200 OK", version="HTTP/1.0") + GOOD[:9000], CUT)], writes=True),
    Scenario("HTTP/1.0 with keep-alive", [steps(head("200 OK", N, "Connection: keep-alive", version="HTTP/1.0") + GOOD, SILENCE)], "ESP_OK"),
    Scenario("HTTP/1.0 with keep-alive and no length", [steps(head("200 OK", "Connection: keep-alive", version="HTTP/1.0") + GOOD, CLOSE)], "ESP_OK"),
    Scenario("HTTP/1.0 in chunks", [steps(head("200 OK", "Transfer-Encoding: chunked", version="HTTP/1.0") + chunk(GOOD) + b"0\r\n\r\n", CLOSE)], ("ESP_OK", "ESP_FAIL", REFUSED)),
    # heads
    Scenario("lines that end with LF", [steps(b"HTTP/1.1 200 OK\n" + N.encode() + b"\n\n" + GOOD, CLOSE)], ("ESP_OK", "ESP_FAIL")),
    Scenario("lines that end with CR", [steps(b"HTTP/1.1 200 OK\r" + N.encode() + b"\r\r" + GOOD, CLOSE)]),
    Scenario("a header without a colon", [steps(head("200 OK", "just words", N) + GOOD, CLOSE)], ("ESP_OK", "ESP_FAIL")),
    Scenario("a header without a name", [steps(head("200 OK", ": value", N) + GOOD, CLOSE)], ("ESP_OK", "ESP_FAIL")),
    Scenario("a blank before the colon", [steps(head("200 OK", N.replace(":", " :")) + GOOD, CLOSE)], ("ESP_OK", "ESP_FAIL")),
    Scenario("a folded length", [steps(head("200 OK", N.replace(" ", "\r\n ")) + GOOD, CLOSE)], ("ESP_OK", "ESP_FAIL")),
    Scenario("a NUL in a header", [steps(head("200 OK", "X-Nul: a\0b", N) + GOOD, CLOSE)], ("ESP_OK", "ESP_FAIL")),
    Scenario("terminal codes in headers", [steps(head("404 \x1b[2J\x1b]0;x\x07", "X: \x1b[31m"), CLOSE)], check=lambda outcome: _no_escape(outcome)),
    Scenario("terminal codes in a Location", [steps(head("302 Found", "Location: https://\x1b[2Jx/", "Content-Length: 0"), CLOSE)],
             ("ESP_ERR_INVALID_ARG", "ESP_ERR_HTTP_CONNECT"), check=lambda outcome: _no_escape(outcome)),
    Scenario("another status line inside the head", [steps(b"HTTP/1.1 200 OK\r\nHTTP/1.1 404 Not Found\r\n" + N.encode() + b"\r\n\r\n" + GOOD, CLOSE)], ("ESP_OK", "ESP_FAIL")),
    # no HTTP at all
    Scenario("another protocol", [steps(b"SSH-2.0-OpenSSH_9.2\r\n" * 3, CLOSE)]),
    Scenario("noise", [steps(filler("noise", 5000), CLOSE)]),
    Scenario("NULs", [steps(bytes(5000), CLOSE)]),
    Scenario("the image without a head", [steps(GOOD, CLOSE)]),
    Scenario("HTTP/0.9", [steps(HTML, CLOSE)]),
    Scenario("one line feed", [steps(b"\n", CLOSE)]),
    Scenario("one letter, then silence", [steps(b"H", SILENCE)], ("ESP_ERR_HTTP_EAGAIN", "ESP_ERR_HTTP_READ_TIMEOUT"), patient=True),
    Scenario("HTTP/2 frames", [steps(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18) + b"\x00\x00\x00\x04\x01\x00\x00\x00\x00", CLOSE)]),
    Scenario("plain HTTP on the TLS port", [steps()], "ESP_ERR_HTTP_CONNECT", says="TLS", server=dict(on_accept=steps(raw(ok(GOOD)), CUT))),
    Scenario("an RST at once", [steps()], "ESP_ERR_HTTP_CONNECT", server=dict(on_accept=lambda c: (c.server.fault(), c.hang_up(reset=True)))),
    Scenario("a FIN at once", [steps()], "ESP_ERR_HTTP_CONNECT", server=dict(on_accept=steps(CUT))),
    # the answer comes first
    Scenario("the answer before the request", [steps(CLOSE, counts=False)], ("ESP_OK", "ESP_FAIL"), server=dict(on_connect=steps(ok(GOOD)))),
    Scenario("a refusal before the request", [steps(CLOSE, counts=False)], server=dict(on_connect=steps(head("408 Request Timeout", "Content-Length: 0"), CLOSE))),
    Scenario("the end before the request", [steps()], server=dict(on_connect=steps(CLOSE))),
    # bodies
    Scenario("a web page", [steps(ok(HTML, "Content-Type: text/html"))], REFUSED, says="web page|HTML"),
    Scenario("JSON", [steps(ok(b'{"error": "no such device", "padding": "' + b"x" * 3000 + b'"}', "Content-Type: application/json"))], REFUSED),
    Scenario("zeros", [steps(ok(bytes(20_000)))], REFUSED),
    Scenario("erased flash", [steps(ok(b"\xff" * 20_000))], REFUSED),
    Scenario("an ELF file", [steps(ok(b"\x7fELF" + bytes(20_000)))], REFUSED),
    Scenario("a certificate", [steps(ok(b"-----BEGIN CERTIFICATE-----\n" + b"MIIB" * 800))], REFUSED),
    Scenario("an image for another chip", [steps(ok(GOOD[:12] + b"\x05\x00" + GOOD[14:]))], "ESP_ERR_INVALID_VERSION"),
    Scenario("an image with one bit wrong", [steps(ok(GOOD[:15_000] + bytes([GOOD[15_000] ^ 4]) + GOOD[15_001:]))], REFUSED, writes=True),
    Scenario("an empty body", [steps(ok(b""))]),
]


def _waited(outcome, seconds):
    assert outcome.seconds >= seconds, f"it did not wait {seconds} s\n{outcome.shown}"


def _within(outcome, seconds):
    assert outcome.seconds <= seconds, f"it took more than {seconds} s\n{outcome.shown}"


def _no_escape(outcome):
    assert "\x1b" not in outcome.stdout + outcome.stderr, repr(outcome.shown)


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_status(scenario, lab):
    lab.proves(scenario)
