"""Servers that ask for credentials: over and over, in no known way, or to see them repeated in public."""

import pytest

from hostile import head, honest, steps
from hostile_kit import COOKIE, GOOD, PASSWORD, TOKEN, Scenario, table


def asks(*challenges):
    return steps(head("401 Unauthorized", *(f"WWW-Authenticate: {challenge}" for challenge in challenges), "Content-Length: 0"))


def echo(connection, request):
    """Everything secret, in every place that might reach a message."""
    connection.server.fault()
    secret = " ".join(value for key, value in request.headers if key.lower() in ("authorization", "cookie", "x-api-key"))
    connection.send(head(f"418 {secret}", f"Location: https://localhost:1/{secret.replace(' ', '')}", f"X-Error: {secret}", "Content-Length: 0"))


def echo_in_location(connection, request):
    connection.server.fault()
    connection.send(head("302 Found", f"Location: https://u:{PASSWORD}@nowhere.invalid/{TOKEN}?{COOKIE}", "Content-Length: 0"))


def echo_as_scheme(connection, request):
    connection.server.fault()
    connection.send(head("302 Found", f"Location: {TOKEN}://{COOKIE}/{PASSWORD}", "Content-Length: 0"))


def echo_as_challenge(connection, request):
    connection.server.fault()
    connection.send(head("401 Unauthorized", f'WWW-Authenticate: {request.header("X-Api-Key")} realm="{request.header("Cookie")}"', "Content-Length: 0"))


def stale(connection, request):
    connection.server.fault()
    number = len(connection.server.requests)
    connection.send(head("401 Unauthorized", f'WWW-Authenticate: Digest realm="x", nonce="{number}", qop="auth", stale=true', "Content-Length: 0"))


ENDS = ("ESP_FAIL", "ESP_ERR_NOT_SUPPORTED")
DIGEST = 'Digest realm="x", nonce="n", qop="auth"'

SCENARIOS = [
    Scenario("basic for ever", [asks('Basic realm="x"')], requests=22, says="401|password|credential"),
    Scenario("digest for ever", [asks(DIGEST)], requests=22, says="401|password|credential"),
    Scenario("a stale nonce for ever", [stale], requests=33, says="401|password|credential"),
    Scenario("basic and digest in turn", [asks('Basic realm="x"'), asks(DIGEST)] * 20, requests=24),
    Scenario("both at once, for ever", [asks('Basic realm="x"', DIGEST)], requests=22),
    Scenario("401 without a challenge", [asks()], ENDS, requests=2, says="401"),
    Scenario("an empty challenge", [asks("")], ENDS, requests=2, says="401"),
    Scenario("an unknown scheme", [asks('Negotiate abcdef=='), asks("NTLM")], ENDS, requests=2, says="401"),
    Scenario("bearer tokens only", [asks('Bearer realm="x", error="invalid_token"')], ENDS, requests=2, says="401"),
    Scenario("a scheme of 60 KB", [asks("X" * 60_000)], ENDS, requests=2),
    Scenario("a thousand challenges", [asks(*[f'Unknown{i} realm="{i}"' for i in range(1000)])], ENDS, requests=2),
    Scenario("digest without a nonce", [asks('Digest realm="x"')], ENDS, requests=22),
    Scenario("digest without a realm", [asks('Digest nonce="n"')], ENDS, requests=22),
    Scenario("digest without anything", [asks("Digest")], ENDS, requests=22),
    Scenario("digest with an unknown algorithm", [asks('Digest realm="x", nonce="n", algorithm=ROT13')], ENDS, requests=22),
    Scenario("digest with an unknown qop", [asks('Digest realm="x", nonce="n", qop="auth-conf"')], ENDS, requests=22),
    Scenario("digest with an open quote", [asks('Digest realm="x, nonce="n')], ENDS, requests=22),
    Scenario("digest with a nonce of 60 KB", [asks(f'Digest realm="x", nonce="{"n" * 60_000}"')], ENDS, requests=22),
    Scenario("digest with a line break in quotes", [asks('Digest realm="x\\r\\nX-Evil: 1", nonce="n", qop="auth"')], ENDS, requests=22),
    Scenario("digest with control characters", [asks('Digest realm="\x01\x02", nonce="\x7f"')], ENDS, requests=22),
    Scenario("digest with the same field a hundred times", [asks("Digest " + ", ".join(['nonce="n"'] * 100))], ENDS, requests=22),
    Scenario("407 without a proxy", [steps(head("407 Proxy", 'Proxy-Authenticate: Basic realm="x"', "Content-Length: 0"))], says="407"),
    Scenario("401 that brings an image", [steps(head("401 Unauthorized", f"Content-Length: {len(GOOD)}") + GOOD)], ENDS),
    Scenario("basic once", [asks('Basic realm="x"'), honest(GOOD)], "ESP_OK"),
    Scenario("the secrets in the reason and in headers", [asks('Basic realm="x"'), echo]),
    Scenario("the secrets in a Location", [echo_in_location], "ESP_ERR_HTTP_CONNECT"),
    Scenario("the secrets as a scheme", [echo_as_scheme], ("ESP_ERR_HTTP_REDIRECT_DOWNGRADE", "ESP_ERR_INVALID_ARG")),
    Scenario("the secrets as a challenge", [echo_as_challenge], ENDS),
]


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_authentication(scenario, lab):
    lab.proves(scenario)
