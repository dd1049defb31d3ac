"""What the update does about networks: retries, limits, ranges, mirrors and proxies."""

import base64
import gzip
import json
import os
import shutil
import socket
import subprocess
import threading

import pytest

from hostile import CUT, RESET, SILENCE, HostileServer, drip, head, honest, ok, steps
from images import image

GOOD = image(size=200_000, version="2.0.0")
OTHER = image(size=200_000, version="3.0.0")
LONGER = image(size=200_016, version="3.0.0")
SENT = 150_000
BLOCK = 4096  # what a mirror is compared by, besides the length


@pytest.fixture
def dev(device, program):
    return device(factory=program.firmware("v1.bin", version="1.0.0"))


def lead(data, count=SENT, etag='"one"', end=CUT):
    return steps(head("200 OK", f"Content-Length: {len(data)}", f"ETag: {etag}", "Accept-Ranges: bytes") + data[:count], end)


def options(certs, *more):
    return ("--cacert", certs.ca, "--retry-delay", "0.01", *more)


def update(dev, server, certs, *more, data=GOOD, url=None):
    answer = dev.update(url or server.url(), *options(certs, *more))
    assert dev.read("ota_0", len(data)) == data and dev.boot()["slot"] == "ota_0"
    return answer


def fails(dev, result, server, certs, *more):
    """The answer of an update that must fail and leave everything but the slot as it was."""
    before = dev.all_but("ota_0")
    run = dev.program.failed(*dev.update_args(server.url(), *options(certs, *more)), "--json")
    answer = json.loads(run.stdout)
    assert answer["result"] == result, run.shown
    assert dev.all_but("ota_0") == before and dev.boot()["slot"] == "factory"
    return answer


# ---------------------------------------------------------------------- retries

@pytest.mark.parametrize("end", [CUT, RESET], ids=["cut", "reset"])
def test_a_broken_connection_costs_one_retry_and_no_byte_twice(dev, certs, end):
    with HostileServer(certs, [lead(GOOD, end=end), honest(GOOD)]) as server:
        answer = update(dev, server, certs)
        assert answer["retries"] == 1 and answer["restarts"] == 0
        assert answer["received"] == len(GOOD) and server.requests[1].start <= SENT
        assert server.requests[1].header("If-Range") == '"one"'


@pytest.mark.parametrize("retries, requests", [(0, 1), (1, 2), (3, 4)])
def test_retries_are_counted_in_a_row(dev, certs, retries, requests):
    with HostileServer(certs, [steps(head("503 Busy", "Content-Length: 0"))]) as server:
        fails(dev, "ESP_FAIL", server, certs, "--retries", retries)
        assert len(server.requests) == requests


def test_bytes_that_arrive_start_the_count_anew(dev, certs):
    """Eight broken connections with two retries, because each brought something."""
    def stingy(connection, request):
        start = request.start or 0
        where = ["206 Partial Content", f"Content-Range: bytes {start}-{len(GOOD) - 1}/{len(GOOD)}"] if start else ["200 OK"]
        connection.send(head(*where, f"Content-Length: {len(GOOD) - start}", 'ETag: "one"') + GOOD[start:start + 25_000])
        connection.hang_up()
    with HostileServer(certs, [stingy]) as server:
        answer = update(dev, server, certs, "--retries", "2")
        assert answer["retries"] >= 7 and answer["received"] == len(GOOD)


def test_the_first_pause_is_the_chosen_one(dev, certs):
    with HostileServer(certs, [steps(head("503 Busy", "Content-Length: 0")), honest(GOOD)]) as server:
        answer = dev.update(server.url(), "--cacert", certs.ca, "--retry-delay", "0.6")
    assert answer["retries"] == 1 and 0.3 <= answer["seconds"]  # half of it is jitter


@pytest.mark.parametrize("status", ["503 Busy", "429 Too Many Requests"])
def test_a_server_may_say_when_to_come_back(dev, certs, status):
    with HostileServer(certs, [steps(head(status, "Retry-After: 1", "Content-Length: 0")), honest(GOOD)]) as server:
        answer = update(dev, server, certs)
        assert answer["retries"] == 1 and len(server.requests) == 2 and 1 <= answer["seconds"] < 10


@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "404 Not Found", "410 Gone", "501 Not Implemented"])
def test_what_cannot_heal_is_asked_once(dev, certs, status):
    with HostileServer(certs, [steps(head(status, "Content-Length: 0"))]) as server:
        fails(dev, "ESP_FAIL", server, certs, "--retries", "5")
        assert len(server.requests) == 1


def test_a_certificate_that_does_not_fit_is_tried_once(dev, certs):
    with HostileServer(certs, [honest(GOOD)], certificate=(certs.other, certs.other_key)) as server:
        fails(dev, "ESP_ERR_HTTP_CONNECT", server, certs, "--retries", "5")
        assert server.connections == 1 and server.requests == []


# ---------------------------------------------------------------------- limits

def test_the_deadline_ends_a_download_that_is_too_slow(dev, certs):
    slow = steps(head("200 OK", f"Content-Length: {len(GOOD)}"), drip(GOOD, 1000, 0.1))
    with HostileServer(certs, [slow]) as server:
        answer = fails(dev, "ESP_ERR_TIMEOUT", server, certs, "--deadline", "0.7")
    assert 0.7 <= answer["seconds"] < 10 and answer["retries"] == 0


def test_the_deadline_ends_the_retries(dev, certs):
    with HostileServer(certs, [steps(CUT)]) as server:
        answer = fails(dev, "ESP_ERR_TIMEOUT", server, certs, "--deadline", "0.7", "--retries", "1000")
    assert 0.7 <= answer["seconds"] < 10


def test_a_deadline_that_is_met_does_not_matter(dev, certs):
    with HostileServer(certs, [honest(GOOD)]) as server:
        update(dev, server, certs, "--deadline", "60")


def test_a_minimum_rate_that_is_kept_does_not_matter(dev, certs):
    with HostileServer(certs, [honest(GOOD)]) as server:
        update(dev, server, certs, "--min-rate", "1000")


@pytest.mark.parametrize("spare, result", [(0, "ESP_OK"), (-1, "ESP_ERR_INVALID_SIZE")])
def test_as_many_bytes_as_allowed_and_not_one_more(dev, certs, spare, result):
    with HostileServer(certs, [honest(GOOD)]) as server:
        limit = ("--max-bytes", len(GOOD) + spare)
        answer = update(dev, server, certs, *limit) if result == "ESP_OK" else fails(dev, result, server, certs, *limit)
    assert answer["received"] <= len(GOOD)


def test_bytes_of_retries_count_too(dev, certs):
    """A server without ranges sends the beginning again and again."""
    with HostileServer(certs, [lambda connection, request: lead(GOOD)(connection)]) as server:
        answer = fails(dev, "ESP_ERR_INVALID_SIZE", server, certs, "--max-bytes", 2 * len(GOOD))
    assert 2 * len(GOOD) < answer["received"] <= 2 * len(GOOD) + 65536


# ---------------------------------------------------------------------- ranges

@pytest.mark.parametrize("size", [4096, 65536, len(GOOD) - 1, len(GOOD), len(GOOD) + 1])
def test_ranges_come_over_one_connection(dev, certs, size):
    with HostileServer(certs, [honest(GOOD)]) as server:
        answer = update(dev, server, certs, "--range-size", size)
        wanted = [f"bytes={at}-{min(at + size, len(GOOD)) - 1}" for at in range(0, len(GOOD), size)]
        asked = [request.header("Range") for request in server.requests]
    assert server.connections == 1 and {request.method for request in server.requests} == {"GET"}
    assert asked[1:] == wanted[1:] and asked[0] == f"bytes=0-{size - 1}"
    assert (answer["received"], answer["retries"]) == (len(GOOD), 0)


def test_a_server_that_closes_after_each_range_is_no_obstacle(dev, certs):
    def closing(connection, request):
        honest(GOOD, lines=["Connection: close"])(connection, request)
        connection.close()
    with HostileServer(certs, [closing]) as server:
        answer = update(dev, server, certs, "--range-size", "50000")
    assert server.connections == 4 and answer["received"] == len(GOOD)


def test_a_server_without_ranges_sends_the_file_once(dev, certs):
    with HostileServer(certs, [steps(ok(GOOD), counts=False)]) as server:
        answer = update(dev, server, certs, "--range-size", "4096")
    assert len(server.requests) == 1 and answer["received"] == len(GOOD)


# ---------------------------------------------------------------------- mirrors

def dies(data):
    """A server that sends the beginning once and is gone from then on."""
    return [lead(data), steps(RESET)]


def test_a_mirror_takes_over_in_the_middle(dev, certs):
    with HostileServer(certs, dies(GOOD)) as first, HostileServer(certs, [honest(GOOD, etag='"of the mirror"')]) as mirror:
        answer = update(dev, first, certs, "--mirror", mirror.url())
        assert len(first.requests) == 1 and answer["restarts"] == 0
        assert [request.start for request in mirror.requests][0] == 0 and mirror.requests[-1].start == SENT
        assert mirror.requests[-1].header("If-Range") in (None, '"of the mirror"')


def test_a_mirror_takes_over_before_the_first_byte(dev, certs):
    with HostileServer(certs, [steps(RESET)]) as first, HostileServer(certs, [honest(GOOD)]) as mirror:
        update(dev, first, certs, "--mirror", mirror.url())


def test_the_second_mirror_takes_over_from_the_first(dev, certs):
    with HostileServer(certs, dies(GOOD)) as first, HostileServer(certs, [steps(RESET)]) as dead, HostileServer(certs, [honest(GOOD)]) as mirror:
        update(dev, first, certs, "--mirror", dead.url(), "--mirror", mirror.url())
        assert mirror.requests


@pytest.mark.parametrize("other", [LONGER, OTHER], ids=["another_length", "the_same_length"])
def test_a_mirror_with_another_file_is_not_used(dev, certs, other):
    with HostileServer(certs, [lead(GOOD), honest(GOOD)]) as first, HostileServer(certs, [honest(other)]) as mirror:
        run = dev.program.done(*dev.update_args(first.url(), *options(certs, "--mirror", mirror.url())))
        assert "mirror serves another file" in run.stderr, run.shown
        assert dev.read("ota_0", len(GOOD)) == GOOD and dev.boot()["slot"] == "ota_0"
        assert sum(request.body_sent for request in mirror.requests) <= BLOCK and first.requests[-1].start == SENT


def test_no_mirror_with_the_right_file_is_a_failure_and_no_mixture(dev, certs):
    with HostileServer(certs, dies(GOOD)) as first, HostileServer(certs, [honest(OTHER)]) as mirror:
        run = dev.program.failed(*dev.update_args(first.url(), *options(certs, "--retries", "3", "--mirror", mirror.url())))
        assert dev.boot()["slot"] == "factory", run.shown
        first.behave(honest(GOOD))
        assert update(dev, first, certs)["resumed_from"] > 0


def test_secrets_of_the_first_server_are_not_shown_while_mirrors_are_tried(dev, certs):
    with HostileServer(certs, dies(GOOD)) as first, HostileServer(certs, [honest(GOOD)]) as mirror:
        url = mirror.url().replace("https://", "https://someone:mirror-pw@")
        run = dev.program.done(*dev.update_args(first.url(), *options(certs, "--mirror", url)))
        assert "mirror-pw" not in run.stdout + run.stderr, run.shown


# ---------------------------------------------------------------------- proxies

class ConnectProxy:
    """Tunnels to one place, whatever host is asked for, if the password is right."""

    def __init__(self, port, credentials=None):
        self.port, self.asked, self.answers = port, [], []
        self.wanted = credentials and "Basic " + base64.b64encode(credentials.encode()).decode()
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, credentials=""):
        return f"http://{credentials}127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # ends accept()
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        text = b""
        while b"\r\n\r\n" not in text:
            part = client.recv(4096)
            if not part:
                return client.close()
            text += part
        lines = text.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        self.asked.append(lines[0])
        if self.wanted and headers.get("Proxy-Authorization") != self.wanted:
            client.sendall(head("407 Who", 'Proxy-Authenticate: Basic realm="p"', "Content-Length: 0", "Connection: close"))
            return client.close()
        server = socket.create_connection(("127.0.0.1", self.port))
        client.sendall(head("200 Connected"))
        threading.Thread(target=pump, args=(server, client), daemon=True).start()
        pump(client, server)


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one side is gone


NO_PROXY = {"https_proxy": "", "HTTPS_PROXY": "", "all_proxy": "", "ALL_PROXY": "", "no_proxy": "", "NO_PROXY": ""}


def test_a_proxy_with_a_password(dev, certs):
    with HostileServer(certs, [lead(GOOD), honest(GOOD)]) as server, ConnectProxy(server.port, "someone:proxy-pw") as proxy:
        run = dev.program.done(*dev.update_args(server.url(), *options(certs, "--proxy", proxy.url("someone:proxy-pw@"))))
        assert "proxy-pw" not in run.stdout + run.stderr, run.shown
        assert set(proxy.asked) == {f"CONNECT localhost:{server.port} HTTP/1.1"} and len(proxy.asked) >= 2  # the retry too
        assert not [request for request in server.requests if request.header("Proxy-Authorization")]
    assert dev.read("ota_0", len(GOOD)) == GOOD


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_a_proxy_that_refuses_the_password(dev, certs, extra):
    with HostileServer(certs, [honest(GOOD)]) as server, ConnectProxy(server.port, "someone:else") as proxy:
        run = dev.program.failed(*dev.update_args(server.url(), *options(certs, "--retries", "0", "--proxy", proxy.url("someone:proxy-pw@"))), *extra)
        assert "proxy-pw" not in run.stdout + run.stderr and "407" in run.stderr, run.shown
        assert server.requests == [] and dev.boot()["slot"] == "factory"


def test_a_proxy_that_is_not_there(dev, certs):
    with socket.socket() as closed, HostileServer(certs, [honest(GOOD)]) as server:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: it refuses
        proxy = f"http://someone:proxy-pw@127.0.0.1:{closed.getsockname()[1]}"
        run = dev.program.failed(*dev.update_args(server.url(), *options(certs, "--retries", "0", "--proxy", proxy)))
        assert "ESP_ERR_HTTP_CONNECT" in run.stderr and "proxy-pw" not in run.stderr and server.requests == [], run.shown


def test_the_proxy_of_the_environment(dev, certs):
    with HostileServer(certs, [honest(GOOD)], certificate=(certs.wrong_name, certs.wrong_name_key)) as server, \
            ConnectProxy(server.port, "someone:proxy-pw") as proxy:
        run = dev.program.done(*dev.update_args("https://another.example/v2.bin", *options(certs)),
                               env={**NO_PROXY, "https_proxy": proxy.url("someone:proxy-pw@")})
        assert proxy.asked and set(proxy.asked) == {"CONNECT another.example:443 HTTP/1.1"}
        assert "proxy-pw" not in run.stdout + run.stderr, run.shown
    assert dev.read("ota_0", len(GOOD)) == GOOD


def test_this_machine_needs_no_proxy_of_the_environment(dev, certs):
    with HostileServer(certs, [honest(GOOD)]) as server, ConnectProxy(server.port) as proxy:
        dev.program.done(*dev.update_args(server.url(), *options(certs)), env={**NO_PROXY, "https_proxy": proxy.url()})
        assert proxy.asked == [] and len(server.requests) == 1


def test_an_empty_proxy_overrides_the_environment(dev, certs):
    with ConnectProxy(1) as proxy:
        run = dev.program.failed(*dev.update_args("https://nowhere.invalid/v2.bin", *options(certs, "--retries", "0", "--proxy", "")),
                                 env={**NO_PROXY, "https_proxy": proxy.url()})
        assert proxy.asked == [], run.shown


# ---------------------------------------------------------------------- packed files

def zstd(data):
    program = shutil.which("zstd")
    if not program:
        pytest.skip("no zstd program")
    return subprocess.run([program, "-q", "-c"], input=data, capture_output=True, check=True).stdout


PACKERS = {"gzip": lambda data: gzip.compress(data, mtime=0), "zstd": zstd}
SPARSE = image(size=100_000, version="2.0.0") + bytes(400_000)  # packs well, so that it is seen to arrive packed


@pytest.mark.parametrize("packer", PACKERS)
def test_packed_files_are_unpacked_on_the_way(dev, certs, packer):
    data = PACKERS[packer](SPARSE)
    with HostileServer(certs, [honest(data)]) as server:
        answer = update(dev, server, certs, data=SPARSE)
    assert (answer["received"], answer["bytes"]) == (len(data), len(SPARSE)) and len(data) < len(SPARSE) // 3


@pytest.mark.parametrize("packer", PACKERS)
def test_packed_files_survive_a_lost_connection(dev, certs, packer):
    data = PACKERS[packer](GOOD)
    with HostileServer(certs, [lead(data, 100_000), honest(data)]) as server:
        answer = update(dev, server, certs)
    assert (answer["received"], answer["retries"]) == (len(data), 1)


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_packed_files_that_are_truncated_do_not_boot(dev, certs, packer, kept):
    data = PACKERS[packer](GOOD)
    with HostileServer(certs, [honest(data[:int(len(data) * kept)])]) as server:
        fails(dev, "ESP_FAIL", server, certs)
        server.behave(honest(data))
        update(dev, server, certs)


@pytest.mark.parametrize("packer", PACKERS)
def test_packed_files_come_in_ranges_too(dev, certs, packer):
    data = PACKERS[packer](GOOD)
    with HostileServer(certs, [honest(data)]) as server:
        answer = update(dev, server, certs, "--range-size", "16384")
    assert server.connections == 1 and answer["received"] == len(data)
