"""Too little and too much, at every layer: TCP, TLS record, HTTP length, chunk, image, slot."""

import pytest

from hostile import CLOSE, CUT, FAULT, RESET, chunk, chunked, head, ok, raw, steps
from hostile_kit import BIG, GOOD, SLOT, Scenario, table

CR = "Connection: close"
ANSWER = ok(GOOD)
HEAD_LEN = len(ANSWER) - len(GOOD)
EVERY_END = [("FIN", CUT), ("close_notify", CLOSE), ("RST", RESET)]


def half_a_record(connection):
    sealed = connection.sealed(ANSWER)
    connection.wire(sealed[:len(sealed) // 2])


def a_record_header_only(connection):
    connection.wire(connection.sealed(ANSWER)[:5])


PLACES = [("before the answer", 0, False), ("in the status line", 7, False), ("in a header", HEAD_LEN - 6, False),
          ("after the head", HEAD_LEN, False), ("after one byte", HEAD_LEN + 1, False), ("in the image header", HEAD_LEN + 20, False),
          ("after 1024 bytes", HEAD_LEN + 1024, True), ("in the middle", HEAD_LEN + 10_000, True), ("before the last byte", len(ANSWER) - 1, True)]

SCENARIOS = [
    *(Scenario(f"{end} {where}", [steps(ANSWER[:at], how)], writes=writes) for where, at, writes in PLACES for end, how in EVERY_END),
    *(Scenario(f"the wire breaks after {count} bytes of TLS", [steps(ANSWER)], result, server=dict(wire_limit=count), writes=True)
      for count, result in [(1, "ESP_ERR_HTTP_CONNECT"), (5, "ESP_ERR_HTTP_CONNECT"), (80, "ESP_ERR_HTTP_CONNECT"), (400, "ESP_ERR_HTTP_CONNECT"),
                            (1600, "ESP_FAIL"), (9000, "ESP_FAIL"), (18_500, "ESP_FAIL")]),
    Scenario("half a record", [steps(half_a_record, CUT)], writes=True),
    Scenario("a record header only", [steps(a_record_header_only, CUT)]),
    Scenario("a record longer than TLS allows", [steps(head("200 OK", "Content-Length: 20000"), raw(b"\x17\x03\x03\xff\xff" + bytes(65535)), CUT)]),
    # HTTP length
    Scenario("a length one more than the body", [steps(head("200 OK", f"Content-Length: {len(GOOD) + 1}") + GOOD, CLOSE)], writes=True),
    Scenario("a length one less than the body", [steps(head("200 OK", f"Content-Length: {len(GOOD) - 1}") + GOOD, CLOSE)],
             "ESP_ERR_OTA_VALIDATE_FAILED", writes=True),
    Scenario("a body longer than its length", [steps(ANSWER + b"surplus" * 3000, CLOSE)], "ESP_OK"),
    Scenario("a length of zero and a body", [steps(head("200 OK", "Content-Length: 0"), FAULT, GOOD, CLOSE)]),
    Scenario("a length of one", [steps(head("200 OK", "Content-Length: 1") + GOOD[:1], CLOSE)], "ESP_ERR_OTA_VALIDATE_FAILED"),
    Scenario("a length of the slot and one byte", [steps(head("200 OK", f"Content-Length: {SLOT + 1}"), FAULT, GOOD, bytes(SLOT + 1 - len(GOOD)), CLOSE)],
             "ESP_ERR_INVALID_SIZE", says=str(SLOT + 1)),
    Scenario("a body that outgrows the slot", [steps(head("200 OK", CR) + GOOD, FAULT, bytes(SLOT), CLOSE)], "ESP_ERR_INVALID_SIZE", writes=True),
    Scenario("no length and an honest end", [steps(head("200 OK", CR) + GOOD, CLOSE)], "ESP_OK"),
    Scenario("no length and an end in the middle", [steps(head("200 OK", CR) + GOOD[:9000], CLOSE)], "ESP_ERR_OTA_VALIDATE_FAILED", writes=True),
    Scenario("no length and no close_notify", [steps(head("200 OK", CR) + GOOD, CUT)], writes=True),
    Scenario("no length and an RST", [steps(head("200 OK", CR) + GOOD, RESET)], writes=True),
    # chunks
    Scenario("chunks that end in the middle", [steps(chunked(chunk(GOOD[:9000])), CLOSE)], writes=True),
    Scenario("a chunk that ends in the middle", [steps(chunked(chunk(GOOD)[:9000]), CLOSE)], writes=True),
    Scenario("chunks of more than the slot", [steps(chunked(chunk(GOOD)), FAULT, chunk(bytes(SLOT)), b"0\r\n\r\n")], "ESP_ERR_INVALID_SIZE", writes=True),
    # images
    Scenario("half an image, announced honestly", [steps(ok(GOOD[:10_000]))], "ESP_ERR_OTA_VALIDATE_FAILED", writes=True),
    Scenario("an image without its digest", [steps(ok(GOOD[:-32]))], "ESP_ERR_OTA_VALIDATE_FAILED", writes=True),
    Scenario("a header of an image", [steps(ok(GOOD[:24]))], "ESP_ERR_OTA_VALIDATE_FAILED", writes=True),
    Scenario("an image behind another", [steps(ok(GOOD + GOOD))], "ESP_OK"),
    Scenario("an image behind padding", [steps(ok(bytes(16) + GOOD))], "ESP_ERR_OTA_VALIDATE_FAILED"),
    Scenario("a large image that ends after a checkpoint", [steps(ok(BIG)[:HEAD_LEN + 150_000], CUT)], writes=True, later=BIG),
]


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_truncated(scenario, lab):
    lab.proves(scenario)
