"""The connection ends after every single byte of an answer, head and body: the device never notices, the next run works."""

import collections
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from hostile import CLOSE, CUT, RESET, HostileServer, chunk, head, honest, ok
from hostile_kit import SECRETS
from images import SMALLEST, image

SMALL = image(size=SMALLEST, version="2.0.0")
ANSWERS = {
    "with_a_length": ok(SMALL, 'ETag: "one"'),
    "in_chunks": head("200 OK", "Transfer-Encoding: chunked") + chunk(SMALL[:100]) + chunk(SMALL[100:]) + b"0\r\n\r\n",
}
NEEDLESS = {"with_a_length": 0, "in_chunks": 1}  # bytes at the end that may be missing: the last line feed says nothing new
ENDS = {"fin": CUT, "close_notify": CLOSE, "rst": RESET}
STREAMS = 3


class Cutter:
    """Answers /v2.bin?N with the first N bytes, and counts what it cut."""

    def __init__(self, answer, end):
        self.answer, self.end, self.cuts = answer, end, collections.Counter()

    def __call__(self, connection, request):
        at = int(re.search(r"\?(\d+)", request.path)[1])
        connection.send(self.answer[:at])
        self.cuts[at] += 1
        self.end(connection)


# measured: an RST may overtake bytes, so it is no sharper at one offset than at the next
@pytest.mark.parametrize("kind, end, step", [("with_a_length", "fin", 1), ("with_a_length", "close_notify", 1), ("with_a_length", "rst", 2),
                                             ("in_chunks", "fin", 1), ("in_chunks", "close_notify", 2)])
def test_the_connection_ends_after_every_byte(lab, certs, kind, end, step):
    answer = ANSWERS[kind]
    places = range(0, len(answer) - NEEDLESS[kind], step)
    offsets, lock, wrong = iter(places), threading.Lock(), []
    cutter = Cutter(answer, ENDS[end])

    def stream(number):
        device = lab.device(f"cut {kind} {end} {number}")
        before = device.all_but("ota_1")
        while True:
            with lock:
                at = next(offsets, None)
            if at is None:
                return device
            outcome = lab.update(device, server, server.url(f"/v2.bin?{at}"))
            if outcome.result != "ESP_FAIL" or outcome.code != 1 or device.all_but("ota_1") != before or any(secret in outcome.shown for secret in SECRETS):
                wrong.append(f"after {at} of {len(answer)} bytes:\n{outcome.shown}")

    with HostileServer(certs, [cutter]) as server, ThreadPoolExecutor(STREAMS) as pool:
        devices = list(pool.map(stream, range(STREAMS)))
        assert not wrong, f"{len(wrong)} times\n" + "\n".join(wrong[:3])
        missing = [at for at in places if not cutter.cuts[at]]
        assert not missing, f"these cuts did not fire: {missing}"
        server.behave(honest(SMALL))
        for device in devices:
            outcome = lab.update(device, server, server.url())
            assert outcome.result == "ESP_OK" and device.read("ota_1", len(SMALL)) == SMALL, outcome.shown
            assert device.boot(rollback=True)["slot"] == "ota_1"
