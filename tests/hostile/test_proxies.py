"""Proxies that refuse, stall, talk nonsense or lose the tunnel. The server behind them is honest, and nobody else is believed."""

import re
import select
import socket

import pytest

from hostile import CUT, RESET, SILENCE, Gone, drip, endless, head, honest, raw, steps
from hostile_kit import BIG, GOOD, PASSWORD, USER, Scenario, table

ENGINE = ("--retries", "--proxy")
NO_WAY = "ESP_ERR_HTTP_CONNECT"
LINE = b"X-More: and more\r\n"


def through(name, script, result=NO_WAY, scheme="http", says="", on_accept=None, **more):
    """script: answers of the proxy to CONNECT; on_accept instead, where it speaks something else."""
    def options(other):
        return "--retry-delay", "0.02", "--proxy", f"{scheme}://{USER}:{PASSWORD}@localhost:{other.port}"

    data = more.setdefault("later", GOOD)
    return Scenario(name, [honest(data)], result, other=script or [steps()], other_server=dict(plain=True, on_accept=on_accept), options=options,
                    says=says if result != "ESP_OK" else "", needs=ENGINE, is_proxied=True, **{"patient": re.search("silen|drip", name) is not None, **more})


def relay(connection, port, limit, at_limit):
    """Bytes both ways; after limit bytes from the server comes the fault."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port)) as server:
        while not connection.server.stopped.is_set():
            ready, _, _ = select.select([connection.sock, server], [], [], 0.1)
            if connection.sock in ready:
                server.sendall(connection.wire_in())
            if server in ready:
                data = server.recv(4096)
                if not data:
                    connection.hang_up()
                room = len(data) if limit is None else limit - sent
                connection.wire(data[:room])
                sent += len(data[:room])
                if sent == limit:
                    connection.server.fault()
                    at_limit(connection)
                    raise Gone


def tunnel(limit=None, at_limit=CUT, answer=head("200 Connection established"), counts=False):
    def connect(connection, request):
        if counts:
            connection.server.fault()
        connection.send(answer)
        relay(connection, int(request.path.rsplit(":", 1)[1]), limit, at_limit)
    return connect


def refuses(status, *lines):
    return [steps(head(status, *lines, "Content-Length: 0"))]


def asked_at_most(count):
    def check(outcome):
        assert len(outcome.other.requests) <= count and outcome.server.connections == 0, outcome.shown
    return check


# ---------------------------------------------------------------------- SOCKS5

def exactly(connection, count):
    data = b""
    while len(data) < count:
        data += connection.sock.recv(count - len(data)) or _gone()
    return data


def _gone():
    raise Gone


def greeting(connection):
    exactly(connection, exactly(connection, 2)[1])


def password(connection):
    exactly(connection, exactly(connection, 2)[1])
    exactly(connection, exactly(connection, 1)[0])


def destination(connection):
    """Port of the server."""
    kind = exactly(connection, 4)[3]
    exactly(connection, {1: 4, 4: 16}.get(kind) or exactly(connection, 1)[0])
    return int.from_bytes(exactly(connection, 2), "big")


PORT_ZERO = b"\x00" * 6


def socks(*items):
    """Steps before TLS; the connection ends behind them."""
    return steps(greeting, *items, CUT)


def reply(code, kind=b"\x01", address=PORT_ZERO):
    return [raw(b"\x05\x00"), destination, raw(bytes([5, code, 0]) + kind + address)]


def socks_tunnel(limit=None, at_limit=CUT, address=b"\x01" + PORT_ZERO):
    def serve(connection):
        greeting(connection)
        connection.wire(b"\x05\x00")
        port = destination(connection)
        connection.wire(b"\x05\x00\x00" + address)
        if limit is None:
            connection.server.fault()
        relay(connection, port, limit, at_limit)
    return serve


def through_socks(name, on_accept, result=NO_WAY, says="proxy", **more):
    return through(f"socks: {name}", None, result, "socks5h", says, on_accept, **more)


SCENARIOS = [
    # the answer to CONNECT
    through("407 for ever", refuses("407 Who", 'Proxy-Authenticate: Basic realm="x"'), says="refuses the user name", check=asked_at_most(2)),
    through("407 for ever, with retries", refuses("407 Who", 'Proxy-Authenticate: Basic realm="x"'), says="refuses the user name", retries=3, check=asked_at_most(8)),
    through("407 in an unknown way", refuses("407 Who", 'Proxy-Authenticate: Negotiate'), says="407", check=asked_at_most(2)),
    through("407 with Digest", refuses("407 Who", 'Proxy-Authenticate: Digest realm="x", nonce="n"'), says="407", check=asked_at_most(2)),
    through("407 without a challenge", refuses("407 Who"), says="407", check=asked_at_most(2)),
    through("407 with an endless body", [steps(head("407 Who", 'Proxy-Authenticate: Basic realm="x"', "Connection: close"), endless(b"<html>" * 10_000))], says="proxy"),
    through("a refusal", refuses("403 Forbidden"), says="does not allow CONNECT", check=asked_at_most(1)),
    through("a gateway that is down", refuses("502 Bad Gateway"), says="cannot reach", check=asked_at_most(1)),
    through("a redirect to elsewhere", refuses("302 Found", "Location: https://localhost:1/v2.bin"), says="proxy", check=asked_at_most(1)),
    through("an image as the answer", [steps(head("404 No", f"Content-Length: {len(GOOD)}") + GOOD)], says="proxy"),
    through("no HTTP at all", [steps(b"SSH-2.0-OpenSSH_9.2\r\n", CUT)]),
    through("one byte", [steps(b"H", CUT)], says="proxy"),
    through("nothing, and closed", [steps(CUT)], says="proxy"),
    through("reset instead of an answer", [steps(RESET)], says="proxy"),
    through("half a head", [steps(head("200 OK", "Via: x")[:-3], CUT)], says="proxy"),
    through("a huge head", [steps(head()[:-2], endless(LINE * 1000))]),
    through("a huge header", [steps(head()[:-2] + b"X-Long: ", endless(b"y" * 65536))]),
    through("a huge status line", [steps(b"HTTP/1.1 200 ", endless(b"O" * 65536))]),
    through("interim answers without end", [steps(endless(head("100 Continue") * 1000))]),
    through("silence", [steps(SILENCE)], says="proxy"),
    through("silence in the head", [steps(head()[:12], SILENCE)], says="proxy"),
    through("a head that drips", [steps(head()[:-2], drip(LINE * 400, 18, 0.3))], says="proxy"),
    through("silence once, with retries", [steps(SILENCE), tunnel()], "ESP_OK", retries=2),
    # behind it
    through("200 and garbage", [steps(head("200 OK") + b"\x00\xff garbage" * 100, CUT)]),
    through("200 and endless garbage", [steps(head("200 OK"), endless(b"\x00\xff garbage" * 1000))]),
    through("200 and plain HTTP", [steps(head("200 OK") + head("200 OK", f"Content-Length: {len(GOOD)}") + GOOD)]),
    through("200 and silence", [steps(head("200 OK"), SILENCE)]),
    through("200 and an end", [steps(head("200 OK"), CUT)]),
    through("200 with a body", [tunnel(answer=head("200 OK", "Content-Length: 5") + b"hello", counts=True)], (NO_WAY, "ESP_OK")),
    through("200 with a length and no body", [tunnel(answer=head("200 OK", "Content-Length: 5"), counts=True)], (NO_WAY, "ESP_OK")),
    through("200 in chunks", [tunnel(answer=head("200 OK", "Transfer-Encoding: chunked"), counts=True)], (NO_WAY, "ESP_OK")),
    through("204 as the answer", [tunnel(answer=head("204 Fine"), counts=True)], (NO_WAY, "ESP_OK")),
    # the tunnel
    through("the tunnel is cut in the handshake", [tunnel(500)]),
    through("the tunnel is cut in the handshake once", [tunnel(500), tunnel()], "ESP_OK", retries=2),
    through("the tunnel is cut in the body", [tunnel(10_000)], "ESP_FAIL", writes=True),
    through("the tunnel is cut in the body over and over", [tunnel(60_000)], "ESP_OK", retries=1, later=BIG),
    through("the tunnel is reset in the body over and over", [tunnel(60_000, RESET)], "ESP_OK", retries=1, later=BIG),
    through("the tunnel falls silent once", [tunnel(60_000, SILENCE), tunnel()], "ESP_OK", retries=2, later=BIG),
    through("the tunnel falls silent", [tunnel(10_000, SILENCE)], "ESP_ERR_HTTP_READ_TIMEOUT", writes=True),
    through("garbage in the tunnel", [tunnel(10_000, steps(raw(b"\x17\x03\x03\x00\x20" + b"garbage!" * 4), CUT))], "ESP_FAIL", writes=True),
    through("garbage in the tunnel once", [tunnel(60_000, steps(raw(b"garbage"), CUT)), tunnel()], "ESP_OK", retries=2, later=BIG),
    through("after the first tunnel only refusals", [tunnel(60_000), *refuses("403 Forbidden")], NO_WAY, retries=2, writes=True, later=BIG),
    # SOCKS5
    through_socks("no method is good enough", socks(raw(b"\x05\xff")), says="refuses the user name|user name"),
    through_socks("it wants GSSAPI", socks(raw(b"\x05\x01"))),
    through_socks("it chooses what was not offered", socks(raw(b"\x05\x09"))),
    through_socks("version 4", socks(raw(b"\x04\x00"))),
    through_socks("version 0", socks(raw(b"\x00\x5a"))),
    through_socks("an HTTP answer", socks(raw(head("400 Bad Request", "Content-Length: 0")))),
    through_socks("the password is refused", socks(raw(b"\x05\x02"), password, raw(b"\x01\x01")), says="refuses the user name"),
    through_socks("the password is answered by nonsense", socks(raw(b"\x05\x02"), password, raw(b"\x77\x77"))),
    through_socks("the password is answered by silence", socks(raw(b"\x05\x02"), password, SILENCE)),
    *(through_socks(f"answer {code}", socks(*reply(code))) for code in (1, 2, 3, 4, 5, 6, 7, 8, 99, 255)),
    through_socks("an answer of version 4", socks(raw(b"\x05\x00"), destination, raw(b"\x04\x00\x00\x01" + PORT_ZERO))),
    through_socks("an unknown kind of address", socks(*reply(0, b"\x09"))),
    through_socks("half an answer", socks(raw(b"\x05\x00"), destination, raw(b"\x05\x00"))),
    through_socks("half an address", socks(raw(b"\x05\x00"), destination, raw(b"\x05\x00\x00\x03\xffshort"))),
    through_socks("nothing", steps(greeting, CUT)),
    through_socks("silence", steps(greeting, SILENCE)),
    through_socks("silence behind the method", steps(greeting, raw(b"\x05\x00"), SILENCE)),
    through_socks("silence instead of an address", steps(greeting, *reply(0, b"\x03", b""), SILENCE)),
    through_socks("endless zeros", steps(greeting, lambda c: endless(bytes(65536))(c))),
    through_socks("a name of 255 bytes", socks_tunnel(address=b"\x03\xff" + b"n" * 255 + b"\x00\x01"), "ESP_OK"),
    through_socks("an IPv6 address", socks_tunnel(address=b"\x04" + bytes(18)), "ESP_OK"),
    through_socks("garbage for TLS", socks(*reply(0), raw(b"garbage" * 100)), says=""),
    through_socks("the tunnel is cut over and over", socks_tunnel(60_000), "ESP_OK", retries=1, later=BIG),
]


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_proxies(scenario, lab):
    lab.proves(scenario)
