"""Where a server may send the client, and what the client takes along."""

import pytest

from hostile import SILENCE, head, honest, steps
from hostile_kit import GOOD, SECRETS, Scenario, table

LOOP, DOWN, NOT_A_URL = "ESP_ERR_HTTP_MAX_REDIRECT", "ESP_ERR_HTTP_REDIRECT_DOWNGRADE", "ESP_ERR_INVALID_ARG"


def to(location, code="302 Found", *lines):
    return steps(head(code, f"Location: {location}", "Content-Length: 0", *lines))


def to_other(make, code="302 Found"):
    return lambda other: [to(make(other), code)]


def itself(connection, _request):
    connection.server.fault()
    connection.send(head("302 Found", f"Location: https://localhost:{connection.server.port}/v2.bin", "Content-Length: 0"))


def deeper(connection, request):
    connection.server.fault()
    connection.send(head("302 Found", f"Location: {request.path}/x", "Content-Length: 0"))


def nothing_secret_elsewhere(outcome):
    asked = "\n".join(request.text for request in outcome.other.requests)
    assert outcome.other.requests, f"the other server was never asked\n{outcome.shown}"
    leaks = [secret for secret in SECRETS if secret in asked]
    assert not leaks, f"{leaks} went to another host:\n{asked}\n{outcome.shown}"


def nobody_elsewhere(outcome):
    assert not outcome.other.requests and not outcome.other.connections, f"the other server was asked\n{outcome.shown}"


def moved(name, make, result="ESP_OK", other=None, check=nothing_secret_elsewhere, **more):
    return Scenario(name, make, result, other=other or [honest(GOOD)], check=check, **more)


def back_and_forth(other):
    """Out to the other host and home again: what was dropped on the way stays dropped."""
    here = {}

    def first(connection, request):
        here["port"] = connection.server.port
        to(other.url("/there", "127.0.0.1"))(connection)

    other.script = [lambda c, r: to(f"https://localhost:{here['port']}/home")(c)]
    return [first, honest(GOOD)]


SCENARIOS = [
    # loops
    Scenario("to itself", [itself], LOOP, requests=11),
    Scenario("to itself, relative", [to("/v2.bin")], LOOP, requests=11),
    Scenario("to an empty Location", [to("")], (NOT_A_URL, LOOP, "ESP_FAIL"), requests=11),
    Scenario("to a fragment of itself", [to("#top")], LOOP, requests=11),
    Scenario("to a query of itself", [to("?again")], LOOP, requests=11),
    Scenario("ever deeper", [deeper], LOOP, requests=11),
    Scenario("eleven times", [*[to(f"/{i}") for i in range(11)], honest(GOOD)], LOOP, requests=11),
    Scenario("ten times", [*[to(f"/{i}") for i in range(10)], honest(GOOD)], "ESP_OK", requests=11),
    Scenario("between redirects and questions", [*[to("/a"), steps(head("401 Who", 'WWW-Authenticate: Basic realm="x"', "Content-Length: 0"))] * 30],
             (LOOP, "ESP_FAIL"), requests=25),
    # down and out
    moved("to http", lambda other: [to(other.url())], DOWN, other_server=dict(plain=True), check=nobody_elsewhere),
    moved("to HTTP in capitals", lambda other: [to(other.url().replace("http:", "HTTP:"))], DOWN, other_server=dict(plain=True), check=nobody_elsewhere),
    moved("to http on the way", lambda other: [to("/one"), to(other.url())], DOWN, other_server=dict(plain=True), check=nobody_elsewhere),
    moved("to http with a blank before it", lambda other: [to(" \t" + other.url())], DOWN, other_server=dict(plain=True), check=nobody_elsewhere),
    *(Scenario(f"to {url.split(':')[0]}: {number}", [to(url)], (DOWN, NOT_A_URL)) for number, url in enumerate([
        "file:///etc/passwd", "FILE:///etc/passwd", "file:v2.bin", "ftp://localhost/v2.bin", "gopher://localhost:1/x", "dict://localhost/x", "ldap://localhost/x",
        "smb://localhost/x", "tftp://localhost/x", "scp://localhost/x", "data:application/octet-stream;base64,6Q==", "javascript:alert(1)", "mailto:a@b.example",
        "about:blank", "unknown://localhost/"])),
    # URLs that are none
    Scenario("without a Location", [steps(head("302 Found", "Content-Length: 0"))], NOT_A_URL, says="Location"),
    Scenario("without a host", [to("https://")], NOT_A_URL),
    Scenario("with a port of 99999", [to("https://localhost:99999/")], NOT_A_URL),
    Scenario("with a port of zero", [to("https://localhost:0/")], (NOT_A_URL, "ESP_ERR_HTTP_CONNECT")),
    Scenario("with a negative port", [to("https://localhost:-1/")], NOT_A_URL),
    Scenario("with a port in words", [to("https://localhost:https/")], NOT_A_URL),
    Scenario("with a blank in the host", [to("https://local host/")], NOT_A_URL),
    Scenario("with control characters", [to("https://localhost/\x01\x02\x7f")], (NOT_A_URL, "ESP_ERR_HTTP_CONNECT", "ESP_FAIL")),
    Scenario("with a bare CR in it", [to("/x\rSet-Cookie: a=b")], (NOT_A_URL, "ESP_FAIL", LOOP)),
    Scenario("with a host of 70 KB", [to(f"https://{'a' * 70_000}/")], (NOT_A_URL, "ESP_ERR_HTTP_HEADER_TOO_LONG", "ESP_ERR_HTTP_CONNECT", "ESP_FAIL")),
    Scenario("with a path of 60 KB", [to("/" + "a" * 60_000), honest(GOOD)], ("ESP_OK", NOT_A_URL, "ESP_FAIL")),
    Scenario("with letters no ASCII knows", [to("https://l\xf6calhost/\xe9")], (NOT_A_URL, "ESP_ERR_HTTP_CONNECT")),
    Scenario("two Locations", [steps(head("302 Found", "Location: /one", "Location: /two", "Content-Length: 0")), honest(GOOD)], ("ESP_OK", NOT_A_URL)),
    Scenario("to a host that does not exist", [to("https://nowhere.invalid/v2.bin")], "ESP_ERR_HTTP_CONNECT"),
    # relative ones
    *(Scenario(f"relative: {text}", [to(text), honest(GOOD)], "ESP_OK", path="/a/b/v2.bin", check=lambda outcome, asked=asked: _second_was(outcome, asked))
      for text, asked in [("/c", "/c"), ("c", "/a/b/c"), ("../c", "/a/c"), ("../../../../c", "/c"), ("./c?x=1", "/a/b/c?x=1"), ("?x=1", "/a/b/v2.bin?x=1")]),
    # to other hosts, with everything secret left behind
    moved("to another host", to_other(lambda other: other.url("/v2.bin", "127.0.0.1"))),
    moved("to another port of the same host", to_other(lambda other: other.url())),
    moved("to another host, permanently", to_other(lambda other: other.url("/v2.bin", "127.0.0.1"), "301 Moved")),
    moved("to another host by 303", to_other(lambda other: other.url("/v2.bin", "127.0.0.1"), "303 See Other")),
    moved("to another host by 307", to_other(lambda other: other.url("/v2.bin", "127.0.0.1"), "307 Temporary")),
    moved("to another host by 308", to_other(lambda other: other.url("/v2.bin", "127.0.0.1"), "308 Permanent")),
    moved("to another host without a scheme", to_other(lambda other: other.url("/v2.bin", "127.0.0.1")[6:])),
    moved("to another host in capitals", to_other(lambda other: other.url("/v2.bin").replace("localhost", "LOCALHOST"))),
    moved("to another host that looks like this one", to_other(lambda other: other.url("/v2.bin", "localhost@127.0.0.1")), ("ESP_OK", NOT_A_URL, "ESP_FAIL")),
    moved("to another host that asks for the password", to_other(lambda other: other.url("/v2.bin", "127.0.0.1")), "ESP_FAIL",
          other=[steps(head("401 Who", 'WWW-Authenticate: Basic realm="x"', "Content-Length: 0"))]),
    moved("to another host that asks for a digest", to_other(lambda other: other.url("/v2.bin", "127.0.0.1")), "ESP_FAIL",
          other=[steps(head("401 Who", 'WWW-Authenticate: Digest realm="x", nonce="n", qop="auth"', "Content-Length: 0"))]),
    moved("to another host after the password was given",
          lambda other: [steps(head("401 Who", 'WWW-Authenticate: Basic realm="x"', "Content-Length: 0")), to(other.url("/v2.bin", "127.0.0.1"))]),
    moved("to another host after a digest was given",
          lambda other: [steps(head("401 Who", 'WWW-Authenticate: Digest realm="x", nonce="n", qop="auth", algorithm=MD5', "Content-Length: 0")),
                         to(other.url("/v2.bin", "127.0.0.1"))]),
    moved("to another host and back", back_and_forth),
    moved("to another host with an untrusted certificate", to_other(lambda other: other.url("/v2.bin", "127.0.0.1")), "ESP_ERR_HTTP_CONNECT",
          other_server=dict(certificate="other"), check=lambda outcome: None),
    moved("to another host that redirects to http",
          lambda other: [to(other.url("/v2.bin", "127.0.0.1"))], DOWN, other=[to("http://127.0.0.1:1/")]),
    moved("to another host that falls silent", to_other(lambda other: other.url("/v2.bin", "127.0.0.1")), "ESP_ERR_HTTP_EAGAIN", other=[steps(SILENCE)], patient=True),
    moved("from http to https", lambda other: [to(other.url())], server=dict(plain=True)),
]


def _second_was(outcome, path):
    assert outcome.server.requests[1].path == path, outcome.shown


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_redirects(scenario, lab):
    lab.proves(scenario)
