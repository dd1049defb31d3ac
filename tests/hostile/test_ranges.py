"""Answers to a request for the rest: what Content-Range says and the status claims is believed only if it all fits.

The server breaks off after 100 000 bytes; the client asks for the rest and gets the answer under test.
    once       in the same run; whatever it was, the next honest answer completes the image
    next run   the same to a run that finds what one before it has left
    always     it ends, and says why
"""

import pytest

from hostile import CLOSE, CUT, FAULT, RESET, SILENCE, chunk, head, honest, server_context, steps
from hostile_kit import BIG, OTHER, SLOT, Scenario, table

T = len(BIG)
TAG = 'ETag: "one"'
LEAD = steps(head("200 OK", f"Content-Length: {T}", TAG, "Accept-Ranges: bytes") + BIG[:100_000], CUT, counts=False)
ENGINE, RANGES = ("--retries",), ("--retries", "--range-size")


def part(content_range, shift=0, status="206 Partial Content", tag=TAG, data=BIG, length=None, body=None, lines=()):
    """An answer to a range: content_range(start, end, total) gives the values of its Content-Range lines."""
    def answer(connection, request):
        start = request.start or 0
        sent = data[start + shift:] if body is None else body
        values = content_range(start, len(data) - 1, len(data))
        connection.send(head(status, f"Content-Length: {len(sent) if length is None else length}", tag,
                             *(f"Content-Range: {value}" for value in values), *lines))
        connection.server.fault()
        connection.send(sent)
        connection.close()
    return answer


def right(start, end, total):
    return [f"bytes {start}-{end}/{total}"]


def only_ranges(fault):
    """LEAD for the whole, the fault for every part."""
    return lambda connection, request: (fault if request.start else LEAD)(connection, request)


FAULTS = {
    "no Content-Range": part(lambda s, e, t: []),
    "an empty Content-Range": part(lambda s, e, t: [""]),
    "a start one byte late": part(lambda s, e, t: [f"bytes {s + 1}-{e}/{t}"], shift=1),
    "a start one byte early": part(lambda s, e, t: [f"bytes {s - 1}-{e}/{t}"], shift=-1),
    "an overlap of 5000 bytes": part(lambda s, e, t: [f"bytes {s - 5000}-{e}/{t}"], shift=-5000),
    "a gap of 5000 bytes": part(lambda s, e, t: [f"bytes {s + 5000}-{e}/{t}"], shift=5000),
    "the whole file as a part": part(lambda s, e, t: [f"bytes 0-{e}/{t}"], body=BIG),
    "another part than it says": part(right, shift=-1000),
    "a total too small": part(lambda s, e, t: [f"bytes {s}-{e}/{s + 1}"]),
    "a total one too large": part(lambda s, e, t: [f"bytes {s}-{e}/{t + 1}"]),
    "a total of zero": part(lambda s, e, t: [f"bytes {s}-{e}/0"]),
    "an unknown total": part(lambda s, e, t: [f"bytes {s}-{e}/*"]),
    "no total": part(lambda s, e, t: [f"bytes {s}-{e}"]),
    "a total of 2^64 and the right rest": part(lambda s, e, t: [f"bytes {s}-{e}/{(1 << 64) + t}"], shift=-7),
    "a start of 2^64 and the right rest": part(lambda s, e, t: [f"bytes {(1 << 64) + s}-{e}/{t}"], shift=-7),
    "a negative start": part(lambda s, e, t: [f"bytes -{s}-{e}/{t}"], shift=-7),
    "an end before the start": part(lambda s, e, t: [f"bytes {s}-{s - 1}/{t}"], shift=-7),
    "an end behind the total": part(lambda s, e, t: [f"bytes {s}-{t + 5}/{t}"], shift=-7),
    "hexadecimal numbers": part(lambda s, e, t: [f"bytes {s:#x}-{e:#x}/{t:#x}"], shift=-7),
    "another unit": part(lambda s, e, t: [f"sectors {s}-{e}/{t}"], shift=-7),
    "no unit": part(lambda s, e, t: [f"{s}-{e}/{t}"], shift=-7),
    "words after the range": part(lambda s, e, t: [f"bytes {s}-{e}/{t} or so"], shift=-7),
    "only a total": part(lambda s, e, t: [f"bytes */{t}"], shift=-7),
    "two ranges in one line": part(lambda s, e, t: [f"bytes {s}-{e}/{t}, {s - 7}-{e}/{t}"], shift=-7),
    "two lines that contradict each other": part(lambda s, e, t: [f"bytes {s}-{e}/{t}", f"bytes {s - 7}-{e}/{t}"], shift=-7),
    "two lines, the right one last": part(lambda s, e, t: [f"bytes {s - 7}-{e}/{t}", f"bytes {s}-{e}/{t}"], shift=-7),
    "the right line twice": part(lambda s, e, t: right(s, e, t) * 2),
    "several parts in MIME": part(lambda s, e, t: [], body=b"--x\r\nContent-Range: bytes 100000-199999/200000\r\n\r\n" + BIG[100_000:] + b"\r\n--x--\r\n",
                                  lines=["Content-Type: multipart/byteranges; boundary=x"]),
    "a length longer than the range": part(lambda s, e, t: [f"bytes {s}-{s + 9}/{t}"], body=bytes(500)),
    "a length shorter than the range": part(right, length=50),
    "a part of nothing": part(lambda s, e, t: [f"bytes {s}-{s}/{t}"], body=b""),
    "another ETag": part(right, tag='ETag: "two"', data=OTHER),
    "200 for 206": part(lambda s, e, t: [], status="200 OK", body=BIG),
    "200 with a Content-Range and a part": part(right, status="200 OK"),
    "200 and only the rest": part(lambda s, e, t: [], status="200 OK"),
    "416 although there is more": steps(head("416 Range Not Satisfiable", f"Content-Range: bytes */{T}", "Content-Length: 0"), CLOSE),
    "416 with another total": steps(head("416 Range Not Satisfiable", "Content-Range: bytes */5", "Content-Length: 0"), CLOSE),
    "416 without a word": steps(head("416 Range Not Satisfiable", "Content-Length: 0"), CLOSE),
}
# The client sees none of these: it gets what the head promises, and the image's own digest has to tell.
UNSEEN = {"another part than it says", "a length shorter than the range", "200 and only the rest", "200 with a Content-Range and a part"}
SOME_END = ("ESP_ERR_INVALID_RESPONSE", "ESP_FAIL", "ESP_ERR_OTA_VALIDATE_FAILED", "ESP_ERR_HTTP_RANGE_NOT_SATISFIABLE")


def restarts_at_most(count):
    def check(outcome):
        assert outcome.answer["restarts"] <= count, outcome.shown
    return check


def no_mixture(outcome):
    """Success is proven byte by byte by the kit; here: no endless asking."""
    assert len(outcome.server.requests) <= 12, outcome.shown


def resumes(outcome):
    """The run really tried to go on where the one before it ended."""
    assert outcome.server.requests[0].start, f"it began from the start\n{outcome.shown}"
    no_mixture(outcome)


CHUNKED_LEAD = steps(head("200 OK", "Transfer-Encoding: chunked", TAG) + chunk(BIG[:60_000]) + chunk(BIG[60_000:100_000]), CUT, counts=False)


def to(location):
    return steps(head("302 Found", f"Location: {location}", "Content-Length: 0"))


def rest(name, answers, result="ESP_OK", **more):
    return Scenario(name, [LEAD, *answers], result, retries=3, needs=ENGINE, writes=True, later=BIG, patient=True, **more)


SCENARIOS = [
    *(Scenario(f"once: {name}", [LEAD, fault, honest(BIG)], ("ESP_OK", "ESP_ERR_OTA_VALIDATE_FAILED", "ESP_ERR_INVALID_RESPONSE") if name in UNSEEN else "ESP_OK",
               retries=3, needs=ENGINE, writes=True, later=BIG, check=no_mixture, patient=True) for name, fault in FAULTS.items()),
    *(Scenario(f"next run: {name}", [fault, honest(BIG)], ("ESP_OK", "ESP_ERR_OTA_VALIDATE_FAILED", "ESP_ERR_INVALID_RESPONSE") if name in UNSEEN else "ESP_OK",
               prelude=[LEAD], retries=3, needs=("--retries", "--resume"), writes=True, later=BIG, check=resumes, patient=True) for name, fault in FAULTS.items()),
    *(Scenario(f"always: {name}", [only_ranges(FAULTS[name])], SOME_END, retries=3, needs=ENGINE, writes=True, later=BIG, check=no_mixture, patient=True)
      for name in ["no Content-Range", "a start one byte late", "a total one too large", "another ETag", "416 although there is more"]),
    Scenario("204 for 206", [LEAD, steps(head("204 No Content"), CLOSE)], retries=3, needs=ENGINE, writes=True, later=BIG, says="204", patient=True),
    Scenario("a server without ranges that always breaks off", [lambda c, r: (c.server.fault(), LEAD(c, r))], "ESP_FAIL", retries=3, needs=ENGINE,
             writes=True, later=BIG, says="breaks off each time", check=restarts_at_most(3), patient=True),
    Scenario("a server that breaks off every 30 000 bytes", [lambda c, r: _stingy(c, r)], "ESP_OK", retries=1, needs=ENGINE, later=BIG, check=restarts_at_most(0), patient=True),
    Scenario("a server that breaks off before every answer", [steps(CUT)], ("ESP_FAIL", "ESP_ERR_HTTP_CONNECTION_CLOSED"), retries=2, needs=ENGINE, requests=3, patient=True),
    Scenario("a server that resets every second connection", [steps(RESET), honest(BIG)], "ESP_OK", retries=2, needs=ENGINE, later=BIG, patient=True),
    Scenario("the rest in silence", [LEAD, steps(SILENCE), honest(BIG)], "ESP_OK", retries=3, needs=ENGINE, later=BIG, patient=True),
    # between the first part and the rest
    rest("the rest is somewhere else", [to("/elsewhere"), honest(BIG)]),
    rest("the rest is on http", [to("http://localhost:1/v2.bin")], "ESP_ERR_HTTP_REDIRECT_DOWNGRADE"),
    rest("the rest is a file of this machine", [to("file:///etc/passwd")], ("ESP_ERR_HTTP_REDIRECT_DOWNGRADE", "ESP_ERR_INVALID_ARG")),
    rest("the rest leads in a circle", [to("/v2.bin")], "ESP_ERR_HTTP_MAX_REDIRECT", requests=24),
    rest("the rest costs a password", [steps(head("401 Who", 'WWW-Authenticate: Basic realm="x"', "Content-Length: 0")), honest(BIG)]),
    rest("the rest costs another password", [steps(head("401 Who", 'WWW-Authenticate: Basic realm="x"', "Content-Length: 0"))], "ESP_FAIL", requests=24),
    rest("the rest comes after 503 twice", [steps(head("503 Busy", "Content-Length: 0")), steps(head("503 Busy", "Content-Length: 0")), honest(BIG)]),
    rest("the rest is forbidden", [steps(head("403 Forbidden", "Content-Length: 0"))], "ESP_FAIL", requests=3, says="403"),
    rest("the rest is a web page with 200", [steps(head("200 OK", "Content-Length: 5000") + b"<html>" + bytes(4994))], "ESP_ERR_OTA_VALIDATE_FAILED"),
    Scenario("the certificate turns bad after the first connection", [lambda c, r: _turns_bad(c, r)], "ESP_ERR_HTTP_CONNECT", retries=3, needs=ENGINE, writes=True,
             later=BIG, server=dict(context=lambda certificates: _two_faced(certificates)), says="name", patient=True),
    Scenario("every attempt is redirected first", [lambda c, r: _stingy(c, r) if r.path == "/there" else to("/there")(c)], "ESP_OK", retries=1, needs=ENGINE,
             later=BIG, options=("--max-bytes", "400000"), patient=True),
    Scenario("chunks that break off, then ranges", [CHUNKED_LEAD, honest(BIG)], "ESP_OK", retries=3, needs=ENGINE, later=BIG, server=dict(on_connect=FAULT), patient=True),
    Scenario("chunks that break off, then another file", [CHUNKED_LEAD, honest(OTHER, etag='"two"')], "ESP_OK", retries=3, needs=ENGINE, later=OTHER,
             server=dict(on_connect=FAULT), patient=True),
    Scenario("all over again until --max-bytes", [lambda c, r: (c.server.fault(), LEAD(c, r))], "ESP_ERR_INVALID_SIZE", retries=9, needs=("--retries", "--max-bytes"),
             options=("--max-bytes", "250000"), writes=True, later=BIG, patient=True),
    # asked for in parts from the start
    Scenario("no ranges for the first part", [part(lambda s, e, t: [], status="200 OK", body=BIG)], "ESP_OK", options=("--range-size", "65536"), needs=RANGES, later=BIG),
    Scenario("a first part with a start beyond zero", [part(lambda s, e, t: [f"bytes 5-65540/{t}"], body=BIG[5:65541])], SOME_END,
             options=("--range-size", "65536"), needs=RANGES, writes=True, later=BIG),
    Scenario("a first part without a total", [part(lambda s, e, t: ["bytes 0-65535/*"], body=BIG[:65536])], (*SOME_END, "ESP_ERR_NOT_SUPPORTED"),
             options=("--range-size", "65536"), needs=RANGES, writes=True, later=BIG),
    Scenario("a first part of a file beyond the slot", [part(lambda s, e, t: [f"bytes 0-65535/{SLOT + 1}"], body=BIG[:65536])], "ESP_ERR_INVALID_SIZE",
             options=("--range-size", "65536"), needs=RANGES, later=BIG),
    Scenario("a first part of a file of 2^63 bytes", [part(lambda s, e, t: [f"bytes 0-65535/{1 << 63}"], body=BIG[:65536])], ("ESP_ERR_INVALID_SIZE", *SOME_END),
             options=("--range-size", "65536"), needs=RANGES, later=BIG),
    Scenario("parts that shrink to one byte", [part(lambda s, e, t: [f"bytes {s}-{s}/{t}"], body=BIG[:1])], (*SOME_END, "ESP_ERR_HTTP_WRITE_DATA", "ESP_ERR_INVALID_VERSION"),
             options=("--range-size", "65536"), needs=RANGES, writes=True, later=BIG, bound=90),
    Scenario("a surplus between two parts", [lambda c, r: _with_surplus(c, r)], ("ESP_OK", *SOME_END), options=("--range-size", "65536"), retries=3, needs=RANGES,
             writes=True, later=BIG, patient=True),
]


def _two_faced(certificates):
    good = server_context((certificates.server, certificates.server_key))
    good.other = server_context((certificates.wrong_name, certificates.wrong_name_key))
    return good


def _turns_bad(connection, request):
    connection.server.context = connection.server.context.other
    connection.server.fault()
    LEAD(connection, request)


def _with_surplus(connection, request):
    """A forged answer right behind the real one, which must not pass for the answer to the next request."""
    honest(BIG)(connection, request)
    forged = OTHER[65536:131072]
    connection.send(head("206 Partial Content", f"Content-Length: {len(forged)}", f"Content-Range: bytes 65536-131071/{T}", TAG) + forged)
    connection.server.fault()


def _stingy(connection, request):
    start = request.start or 0
    connection.server.fault()
    if start == 0:
        connection.send(head("200 OK", f"Content-Length: {T}", TAG) + BIG[:30_000])
    else:
        connection.send(head("206 Partial Content", f"Content-Length: {T - start}", f"Content-Range: bytes {start}-{T - 1}/{T}", TAG) + BIG[start:start + 30_000])
    if start + 30_000 < T:
        connection.hang_up()


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_ranges(scenario, lab):
    lab.proves(scenario)
