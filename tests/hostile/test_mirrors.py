"""Mirrors that are dead, hold another file, or one that only begins the same. What is installed comes from one file, never from two."""

import pytest

from hostile import CUT, RESET, head, honest, ok, steps
from hostile_kit import BIG, GOOD, OTHER, Scenario, table

ENGINE = ("--retries", "--mirror")
REFUSED = "ESP_ERR_OTA_VALIDATE_FAILED"
BEGINS_ALIKE = BIG[:8000] + bytes(byte ^ 0x5a for byte in BIG[8000:])
LONGER_ALIKE = BIG + bytes(500)
DEAD = steps(CUT)
LEAD = steps(head("200 OK", f"Content-Length: {len(BIG)}", 'ETag: "one"') + BIG[:100_000], CUT)


def mirrored(name, script, mirrors, result="ESP_OK", certificate="", **more):
    """mirrors: name -> answer; all of them live on a second server, which counts what it is asked."""
    def serve(connection, request):
        mirrors[request.path[1:]](connection, request)

    def options(other):
        return ["--retry-delay", "0.02", *(part for path in mirrors for part in ("--mirror", other.url(f"/{path}")))]

    more.setdefault("check", lambda outcome: asked(outcome, *mirrors))
    return Scenario(name, script, result, other=[serve], other_server=dict(certificate=certificate) if certificate else {}, options=options,
                    needs=ENGINE, **{"writes": True, "retries": 4, "later": BIG, **more})


def asked(outcome, *paths):
    """Each of these mirrors had its turn."""
    seen = {request.path[1:] for request in outcome.other.requests}
    assert seen == set(paths), f"{seen}\n{outcome.shown}"


def restarted(count):
    def check(outcome):
        assert outcome.answer["restarts"] == count, outcome.shown
    return check


def cut_again(data, count):
    """Whatever is asked for, the connection is lost after so many bytes."""
    def answer(connection, request):
        start = request.start or 0
        where = [f"Content-Range: bytes {start}-{len(data) - 1}/{len(data)}"] if "Range" in request.text else []
        connection.server.fault()
        connection.send(head("206 Partial Content" if where else "200 OK", f"Content-Length: {len(data) - start}", 'ETag: "cut"', *where) + data[start:start + count])
        connection.hang_up()
    return answer


ALIKE, WHOLE, ANOTHER = honest(BEGINS_ALIKE, etag='"alike"'), honest(BIG, etag='"mirror"'), honest(OTHER, etag='"other"')
MISSING, FORBIDDEN = steps(head("404 Not Found", "Content-Length: 0")), steps(head("403 Forbidden", "Content-Length: 0"))

SCENARIOS = [
    mirrored("the first server is dead", [DEAD], {"a": WHOLE}),
    mirrored("the first server resets every connection", [DEAD], {"a": WHOLE}, server=dict(on_accept=steps(RESET))),
    mirrored("the first server has no such file", [MISSING], {"a": WHOLE}),
    mirrored("the first server and the first mirror are dead", [DEAD], {"a": DEAD, "b": WHOLE}),
    mirrored("the first mirror has no such file", [LEAD, DEAD], {"a": MISSING, "b": WHOLE}),
    mirrored("the first server breaks off and a mirror goes on", [LEAD, DEAD], {"a": WHOLE}, check=restarted(0)),
    mirrored("a mirror with another image", [LEAD, DEAD], {"a": ANOTHER, "b": WHOLE}, check=restarted(0)),
    mirrored("only mirrors with another image, then the first server again", [LEAD, honest(BIG, etag='"one"')], {"a": ANOTHER}),
    mirrored("a mirror without ranges", [LEAD, DEAD], {"a": steps(ok(BIG)), "b": WHOLE}, check=restarted(0)),
    mirrored("a mirror that calls the whole file a part", [LEAD, DEAD], {"a": steps(head("206 Partial Content", f"Content-Length: {len(BIG)}") + BIG), "b": WHOLE}),
    mirrored("a longer file that begins alike", [LEAD, DEAD], {"a": honest(LONGER_ALIKE, etag='"longer"'), "b": WHOLE}, check=restarted(0)),
    mirrored("a shorter file that begins alike", [LEAD, DEAD], {"a": honest(BIG[:150_000], etag='"shorter"'), "b": WHOLE}, check=restarted(0)),
    mirrored("a file that begins alike, and an honest mirror", [LEAD, DEAD], {"a": ALIKE, "b": WHOLE}, check=restarted(1)),
    mirrored("a file that begins alike, and the first server again", [LEAD, honest(BIG, etag='"one"')], {"a": ALIKE}, check=restarted(1)),
    mirrored("a file that begins alike, and nothing else", [LEAD, DEAD], {"a": ALIKE}, REFUSED, retries=9),
    mirrored("two files that begin alike", [LEAD, DEAD], {"a": ALIKE, "b": honest(BEGINS_ALIKE[:-1] + b"\0", etag='"b"')}, REFUSED, retries=9),
    mirrored("a file that begins alike and breaks off", [LEAD, DEAD], {"a": cut_again(BEGINS_ALIKE, 60_000), "b": WHOLE}, check=restarted(2), retries=9),
    mirrored("files that begin alike and break off in turn", [cut_again(BIG, 30_000)], {"a": cut_again(BEGINS_ALIKE, 30_000)}, check=restarted(2), retries=9),
    mirrored("all are dead", [DEAD], {"a": DEAD, "b": DEAD}, ("ESP_FAIL", "ESP_ERR_HTTP_CONNECTION_CLOSED"), writes=False),
    mirrored("all refuse", [FORBIDDEN], {"a": MISSING, "b": FORBIDDEN}, "ESP_FAIL", says="40[34]", writes=False),
    mirrored("all are bad, each in its way", [LEAD, DEAD], {"a": ANOTHER, "b": MISSING, "c": steps(ok(GOOD)), "d": DEAD}, "ESP_FAIL", retries=8),
    mirrored("a mirror that nobody vouches for", [LEAD, DEAD], {"a": WHOLE}, ("ESP_FAIL", "ESP_ERR_HTTP_CONNECTION_CLOSED", "ESP_ERR_HTTP_CONNECT"), certificate="other",
             check=lambda outcome: asked(outcome)),
]


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_mirrors(scenario, lab):
    lab.proves(scenario)
