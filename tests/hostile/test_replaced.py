"""The file on the server becomes another one in the middle of the download. What arrives is one of them, never a mixture."""

import pytest

from hostile import CUT, HostileServer, head, honest, steps
from hostile_kit import BIG, LONGER, OTHER, SHORTER, Scenario, table

ENGINE = ("--retries",)
MONDAY, TUESDAY = "Last-Modified: Mon, 06 Jan 2025 12:00:00 GMT", "Last-Modified: Tue, 07 Jan 2025 12:00:00 GMT"


def lead(*lines, data=BIG, count=100_000):
    return steps(head("200 OK", f"Content-Length: {len(data)}", "Accept-Ranges: bytes", *lines) + data[:count], CUT, counts=False)


def cut_off(connection, request):
    """The rest never comes in this run."""
    connection.server.fault()
    lead('ETag: "one"')(connection, request)


def now(data, etag='"two"', lines=()):
    """From now on this file, from an honest server."""
    file = honest(data, etag=etag, lines=list(lines))
    return lambda connection, request: (connection.server.fault(), file(connection, request))


def careless(data, *lines):
    """A server that gives out ranges of whatever file there is and ignores If-Range."""
    def answer(connection, request):
        connection.server.fault()
        start = request.start
        if start is None or start >= len(data):
            connection.send(head("200 OK", f"Content-Length: {len(data)}", *lines) + data)
        else:
            body = data[start:]
            connection.send(head("206 Partial Content", f"Content-Length: {len(body)}", f"Content-Range: bytes {start}-{len(data) - 1}/{len(data)}", *lines) + body)
    return answer


LONG = f'ETag: "{"x" * 200}"'  # more than the client keeps


def asks(**headers):
    """What the second request must say; None: nothing."""
    def check(outcome):
        request = outcome.server.requests[1]
        seen = {name: request.header(name.replace("_", "-")) for name in headers}
        assert seen == headers, outcome.shown
        assert outcome.answer["restarts"] == (outcome.answer["version"] != "2.0.0"), outcome.shown
    return check


def replaced(name, first, then, later, result="ESP_OK", **more):
    return Scenario(name, [first, then], result, retries=3, needs=ENGINE, writes=True, later=later, patient=True, **more)


DATE = MONDAY.split(": ")[1]
ONE, TWO, WEAK = 'ETag: "one"', 'ETag: "two"', 'ETag: W/"one"'
MIXED = ("ESP_OK", "ESP_ERR_OTA_VALIDATE_FAILED")  # nothing told the client; the image's digest did

SCENARIOS = [
    replaced("another file of the same length", lead(ONE), now(OTHER), OTHER),
    replaced("a longer file", lead(ONE), now(LONGER), LONGER),
    replaced("a file shorter than what has arrived", lead(ONE), now(SHORTER), SHORTER),
    replaced("another file, and If-Range ignored", lead(ONE), careless(OTHER, TWO), OTHER),
    replaced("a longer file under the same ETag", lead(ONE), careless(LONGER, ONE), LONGER),
    replaced("a shorter file under the same ETag", lead(ONE), careless(SHORTER, ONE), SHORTER),
    replaced("the same length under the same ETag", lead(ONE), careless(OTHER, ONE), OTHER, MIXED),
    replaced("the ETag is gone", lead(ONE), careless(OTHER), OTHER, MIXED),
    replaced("an ETag appears", lead(), careless(OTHER, TWO), OTHER),
    replaced("a weak ETag and the same length", lead(WEAK), careless(OTHER, WEAK), OTHER),
    replaced("a weak ETag and an honest server", lead(WEAK), now(OTHER, 'W/"two"'), OTHER),
    replaced("a weak ETag that was strong", lead(ONE), careless(OTHER, WEAK), OTHER),
    replaced("no ETag at all and the same length", lead(), careless(OTHER), OTHER),
    replaced("no ETag at all and another length", lead(), careless(LONGER), LONGER),
    replaced("another Last-Modified", lead(MONDAY), careless(OTHER, TUESDAY), OTHER),
    replaced("the same Last-Modified", lead(MONDAY), careless(OTHER, MONDAY), OTHER, MIXED),
    replaced("an ETag of 60 KB", lead(f'ETag: "{"x" * 60_000}"'), careless(OTHER, TWO), OTHER),
    replaced("an ETag too long to keep, and another date", lead(LONG, MONDAY), careless(OTHER, LONG, TUESDAY), OTHER, check=asks(If_Range=DATE)),
    replaced("an ETag too long to keep, and another file", lead(LONG), careless(OTHER, LONG), OTHER, check=asks(Range="bytes=0-4095", If_Range=None)),
    replaced("an ETag too long to keep, and the same file", lead(LONG), careless(BIG, LONG), BIG, check=asks(Range="bytes=0-4095", If_Range=None)),
    replaced("an ETag too long to keep, and the same date", lead(LONG, MONDAY), careless(BIG, LONG, MONDAY), BIG, check=asks(Range="bytes=100000-", If_Range=DATE)),
    replaced("an ETag with a line break in quotes", lead('ETag: "one\\r\\nX: y"'), careless(OTHER, TWO), OTHER),
    replaced("an ETag without quotes", lead("ETag: one"), careless(OTHER, "ETag: two"), OTHER),
    replaced("two ETags", lead(ONE, TWO), careless(OTHER, TWO, ONE), OTHER, MIXED),
    replaced("the file is gone", lead(ONE), steps(head("404 Not Found", "Content-Length: 0")), BIG, "ESP_FAIL"),
    replaced("an ETag that changes with every request", lead(ONE), lambda c, r: _restless(c, r), BIG, "ESP_ERR_INVALID_RESPONSE"),
    # the next run finds another file
    Scenario("the next run finds another file of the same length", [cut_off], writes=True, later=OTHER),
    Scenario("the next run finds a longer file", [cut_off], writes=True, later=LONGER),
    Scenario("the next run finds a shorter file", [cut_off], writes=True, later=SHORTER),
]


def _restless(connection, request):
    connection.server.fault()
    tag = f'ETag: "{len(connection.server.requests)}"'
    steps(head("200 OK", f"Content-Length: {len(BIG)}", tag) + BIG[:150_000], CUT, counts=False)(connection)


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_replaced(scenario, lab):
    lab.proves(scenario)


@pytest.mark.parametrize("line, etag", [('ETag: "later"', '"later"'), ('ETag: W/"later"', 'W/"later"'), ("X-Nothing: 1", "")],
                         ids=["same_ETag", "same_weak_ETag", "no_ETag"])
def test_the_next_run_cannot_tell_the_files_apart(lab, certs, line, etag):
    """Same URL, length and validator. A mixture is never activated, and at the latest the run after that has the new file."""
    device = lab.device(f"indistinguishable {line}")
    with HostileServer(certs, [lead(line, count=150_000)]) as server:
        before = device.all_but("ota_1")
        assert lab.update(device, server, server.url()).result == "ESP_FAIL"
        server.behave(honest(OTHER, etag=etag))
        second = lab.update(device, server, server.url())
        if second.result != "ESP_OK":
            assert second.result == "ESP_ERR_OTA_VALIDATE_FAILED" and device.all_but("ota_1") == before, second.shown
            third = lab.update(device, server, server.url())
            assert third.result == "ESP_OK", third.shown
    assert device.read("ota_1", len(OTHER)) == OTHER
