"""Images compressed as files: bombs, damage and early ends. Found by their magic, so no header takes part."""

import gzip
import shutil
import subprocess
import zlib

import pytest

from hostile import CUT, head, ok, steps
from hostile_kit import GOOD, SLOT, Scenario, table

DAMAGED, BOMB, EARLY = "ESP_ERR_OTA_VALIDATE_FAILED", "ESP_ERR_INVALID_SIZE", "ESP_FAIL"


def zstd(data, *options):
    program = shutil.which("zstd")
    return subprocess.run([program, "-q", "-c", *options], input=data, capture_output=True, check=True).stdout if program else b""


def deflate_bomb(size):
    """GOOD and then zeros, so that the header is fine and the rest swells a thousandfold."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = packer.compress(GOOD)
    for _ in range(size >> 20):
        out += packer.compress(bytes(1 << 20))
    return out + packer.flush()


GZ, ZST = gzip.compress(GOOD, mtime=0), zstd(GOOD)
FLIPPED = lambda data, at: data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1:]


def compressed(name, body, result, writes=True, **more):
    if not body:
        return Scenario(name, [steps()], result, needs=("the zstd program",))
    return Scenario(name, [steps(ok(body))], result, writes=writes, **more)


SCENARIOS = [
    compressed("gzip that is fine", GZ, "ESP_OK"),
    compressed("zstd that is fine", ZST, "ESP_OK"),
    compressed("a gzip bomb of 64 MB", deflate_bomb(64 << 20), BOMB),
    compressed("a zstd bomb of 64 MB", zstd(GOOD + bytes(64 << 20)), BOMB),
    compressed("gzip one byte larger than the slot", gzip.compress(GOOD + bytes(SLOT + 1 - len(GOOD)), mtime=0), BOMB),
    compressed("gzip in gzip", gzip.compress(GZ, mtime=0), "ESP_OK"),
    compressed("a zstd window of 1 GB", zstd(GOOD * 3, "--long=30", "--ultra", "-22"), ("ESP_OK", DAMAGED, BOMB, "ESP_ERR_NO_MEM")),
    compressed("gzip with a damaged block", FLIPPED(GZ, len(GZ) // 2), DAMAGED),
    compressed("gzip with a damaged header", FLIPPED(GZ, 2), DAMAGED, writes=False),
    compressed("gzip with a wrong CRC", FLIPPED(GZ, len(GZ) - 6), DAMAGED),
    compressed("gzip with a wrong length", FLIPPED(GZ, len(GZ) - 1), DAMAGED),
    compressed("gzip with reserved flags", GZ[:3] + b"\xe0" + GZ[4:], DAMAGED, writes=False),
    compressed("gzip with an endless name", GZ[:3] + b"\x08" + GZ[4:10] + b"n" * 100_000, (DAMAGED, EARLY), writes=False),
    compressed("zstd with a damaged block", FLIPPED(ZST, len(ZST) // 2) if ZST else b"", DAMAGED),
    compressed("zstd with a wrong checksum", FLIPPED(ZST, len(ZST) - 1) if ZST else b"", DAMAGED),
    compressed("a magic of gzip and noise", b"\x1f\x8b\x08\x00" + bytes(range(256)) * 8, DAMAGED, writes=False),
    compressed("a magic of zstd and noise", b"\x28\xb5\x2f\xfd" + bytes(range(256)) * 8, DAMAGED, writes=False),
    compressed("half of a gzip file", GZ[:len(GZ) // 2], EARLY),
    compressed("half of a zstd file", ZST[:len(ZST) // 2], EARLY),
    compressed("gzip without its end", GZ[:-8], EARLY),
    compressed("gzip of half an image", gzip.compress(GOOD[:10_000], mtime=0), DAMAGED),
    compressed("gzip and rubbish behind it", GZ + b"rubbish" * 100, ("ESP_OK", DAMAGED)),
    compressed("two gzip members", gzip.compress(GOOD[:9000], mtime=0) + gzip.compress(GOOD[9000:], mtime=0), ("ESP_OK", DAMAGED)),
    compressed("gzip of nothing", gzip.compress(b"", mtime=0), (EARLY, DAMAGED), writes=False),
    Scenario("gzip that breaks off", [steps(ok(GZ)[:-5000], CUT)], EARLY, writes=True),
    Scenario("a plain image called gzip", [steps(head("200 OK", f"Content-Length: {len(GOOD)}", "Content-Encoding: gzip") + GOOD)], ("ESP_OK", "ESP_FAIL", DAMAGED), writes=True),
    Scenario("an encoding nobody knows", [steps(head("200 OK", f"Content-Length: {len(GOOD)}", "Content-Encoding: rot13") + GOOD)], says="Content-Encoding"),
    Scenario("an encoding that is not unpacked", [steps(head("200 OK", f"Content-Length: {len(GOOD)}", "Content-Encoding: br") + GOOD)], says="Content-Encoding"),
    Scenario("gzip twice over", [steps(head("200 OK", f"Content-Length: {len(GOOD)}", "Content-Encoding: gzip, gzip") + GOOD)], says="Content-Encoding"),
    Scenario("gzip called gzip", [steps(head("200 OK", f"Content-Length: {len(GZ)}", "Content-Encoding: GZIP") + GZ)], "ESP_OK", writes=True),
    Scenario("an image called identity", [steps(head("200 OK", f"Content-Length: {len(GOOD)}", "Content-Encoding: identity") + GOOD)], "ESP_OK"),
]


@pytest.mark.parametrize("scenario", table(SCENARIOS))
def test_compressed(scenario, lab):
    lab.proves(scenario)
