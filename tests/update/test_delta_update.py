"""A device updates itself with a patch to what it runs; killed in the middle, it ends where it would have ended."""

import json
import signal
import struct
import subprocess
import time
import zlib

import pytest

from esp_ota import LIMIT_SECONDS, ROOT
from hostile import CUT, SILENCE, HostileServer, head, honest, steps
from images import descriptor, filler, image

PAYLOAD = filler("payload", 200_000)
CHANGED = PAYLOAD[:100_000] + b"something new..\0" * 10 + PAYLOAD[100_000:160_000] + filler("other", 120_000) + PAYLOAD[160_000:]
OLD = image(first=descriptor(version="1.0.0") + PAYLOAD)
NEW = image(first=descriptor(version="2.0.0") + CHANGED)
PATCHES = {}  # made once per run: the same files give the same patch (tests/cli/test_delta.py)


@pytest.fixture
def old(program):
    path = program.folder / "old.bin"
    path.write_bytes(OLD)
    return path


@pytest.fixture
def make_patch(program, old):
    def make(*options, base=old):
        key = options, base.read_bytes()
        if key not in PATCHES:
            (program.folder / "new.bin").write_bytes(NEW)
            program.done("delta", "create", *options, base, program.folder / "new.bin", program.folder / "out.patch")
            PATCHES[key] = (program.folder / "out.patch").read_bytes()
        return PATCHES[key]
    return make


@pytest.fixture
def dev(device, old):
    return device(factory=old)


@pytest.mark.parametrize("options", [("--ram", "4K"), ("--ram", "16K"), ("--ram", "64K"), ("--legacy",)], ids=lambda o: o[-1])
def test_a_patch_makes_the_new_image(dev, site, make_patch, options):
    patch = make_patch(*options)
    answer = dev.update(site.url(site.serve(patch, "v1-v2.patch")), "--cacert", site.ca)
    assert answer["received"] == len(patch) and answer["bytes"] == len(NEW) and answer["version"] == "2.0.0"
    assert len(patch) < len(NEW) // 2
    assert dev.read("ota_0", len(NEW)) == NEW
    assert dev.boot()["version"] == "2.0.0"


def test_images_of_espressif_s_tools(device, program, site):
    images = ROOT / "tests" / "vectors" / "data" / "images"
    new = (images / "delta_new.bin").read_bytes()
    program.done("delta", "create", images / "delta_base.bin", images / "delta_new.bin", "c6.patch")
    dev = device(chip="esp32c6", factory=images / "delta_base.bin")
    dev.update(site.url(site.serve((program.folder / "c6.patch").read_bytes())), "--cacert", site.ca)
    assert dev.read("ota_0", len(new)) == new and dev.boot()["slot"] == "ota_0"


@pytest.mark.parametrize("options", [(), ("--legacy",)], ids=["ours", "legacy"])
def test_a_patch_for_another_image_is_refused_before_flash_is_touched(dev, site, make_patch, program, options):
    other = program.firmware("other.bin", version="1.0.1", size=64 << 10)
    patch = make_patch(*options, base=other)
    sentence = dev.refused("ESP_ERR_INVALID_VERSION", site.url(site.serve(patch)), "--cacert", site.ca)
    assert "another image than the one that runs" in sentence


def test_a_damaged_header_is_refused_before_flash_is_touched(dev, site, make_patch):
    patch = bytearray(make_patch())
    patch[9] ^= 1
    dev.refused("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(bytes(patch))), "--cacert", site.ca)


def test_a_patch_that_makes_more_than_the_slot_holds_is_refused_before_flash_is_touched(dev, site, make_patch):
    patch = bytearray(make_patch())
    struct.pack_into("<I", patch, 12, 2 << 20)
    struct.pack_into("<I", patch, 60, zlib.crc32(patch[:60]))
    dev.refused("ESP_ERR_INVALID_SIZE", site.url(site.serve(bytes(patch))), "--cacert", site.ca)


def with_header(patch, at, form, value):
    """The patch with another number in its header, whose CRC is right."""
    changed = bytearray(patch)
    struct.pack_into(form, changed, at, value)
    struct.pack_into("<I", changed, 60, zlib.crc32(changed[:60]))
    return bytes(changed)


def test_a_patch_for_a_later_decoder_is_refused_before_flash_is_touched(dev, site, make_patch):
    for at, value in ((4, 9), (6, 0x80)):  # version, an unknown flag
        changed = with_header(make_patch(), at, "B", value)
        assert "later version" in dev.refused("ESP_ERR_INVALID_VERSION", site.url(site.serve(changed)), "--cacert", site.ca)


@pytest.mark.parametrize("at, form, value", [(24, "<H", 0xFFFF), (22, "<H", 0xFFFF), (5, "B", 1), (7, "B", 0), (26, "<H", 0xFFFF), (8, "<I", 1 << 31)],
                         ids=["slots", "map", "class", "inputs", "extension", "old_size"])
def test_a_header_out_of_range_is_refused_before_flash_is_touched(dev, site, make_patch, at, form, value):
    changed = with_header(make_patch("--ram", "64K"), at, form, value)
    dev.refused("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(changed)), "--cacert", site.ca)


def test_a_patch_to_an_image_for_another_chip_is_refused_before_flash_is_touched(dev, site, program, old):
    (program.folder / "c3.bin").write_bytes(image(chip="esp32c3", first=descriptor(version="2.0.0") + CHANGED))
    program.done("delta", "create", old, program.folder / "c3.bin", "c3.patch")
    sentence = dev.refused("ESP_ERR_INVALID_VERSION", site.url(site.serve((program.folder / "c3.patch").read_bytes())), "--cacert", site.ca)
    assert "esp32c3" in sentence


@pytest.mark.parametrize("at, form, change, result", [(12, "<I", -8, "ESP_ERR_OTA_VALIDATE_FAILED"), (12, "<I", 8, "ESP_ERR_OTA_VALIDATE_FAILED"),
                                                      (16, "<I", -100, "ESP_ERR_OTA_VALIDATE_FAILED"), (16, "<I", 100, "ESP_FAIL"),
                                                      (44, "<I", 1, "ESP_ERR_OTA_VALIDATE_FAILED")],
                         ids=["new_size_less", "new_size_more", "body_less", "body_more", "new_digest"])
def test_a_lie_that_only_the_end_shows_leaves_the_boot_choice(dev, site, make_patch, at, form, change, result):
    patch = make_patch()
    changed = with_header(patch, at, form, struct.unpack_from(form, patch, at)[0] + change & 0xFFFFFFFF)
    dev.refused(result, site.url(site.serve(changed)), "--cacert", site.ca, writes_to="ota_0")
    assert dev.boot()["version"] == "1.0.0"


@pytest.mark.parametrize("options", [(), ("--legacy",)], ids=["ours", "legacy"])
def test_a_flipped_bit_anywhere_leaves_the_boot_choice(dev, site, make_patch, options):
    good = make_patch(*options)
    for at in range(70, len(good), len(good) // 5):
        patch = bytearray(good)
        patch[at] ^= 0x10
        dev.refused("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(bytes(patch))), "--cacert", site.ca, writes_to="ota_0")
    assert dev.boot()["version"] == "1.0.0"


def test_a_patch_that_ends_early_leaves_the_boot_choice(dev, site, make_patch):
    patch = make_patch()
    dev.refused("ESP_FAIL", site.url(site.serve(patch[:len(patch) * 3 // 4])), "--cacert", site.ca, writes_to="ota_0")
    dev.refused("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(patch + b"more")), "--cacert", site.ca, writes_to="ota_0")


def test_a_lost_connection_is_taken_up_in_the_middle_of_the_patch(dev, certs, make_patch):
    patch = make_patch()
    first = steps(head("200 OK", f"Content-Length: {len(patch)}", 'ETag: "one"', "Accept-Ranges: bytes") + patch[:60_000], CUT)
    with HostileServer(certs, [first, honest(patch)]) as server:
        answer = dev.update(server.url(), "--cacert", certs.ca, "--retry-delay", "0.01")
        assert server.requests[-1].start == 60_000
    assert answer["received"] == len(patch) and dev.read("ota_0", len(NEW)) == NEW


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_after_a_signal_the_same_command_completes_it(dev, certs, make_patch, number):
    patch = make_patch()
    before = dev.all_but("ota_0")
    first = steps(head("200 OK", f"Content-Length: {len(patch)}", 'ETag: "one"', "Accept-Ranges: bytes") + patch[:100_000], SILENCE)
    with HostileServer(certs, [first, honest(patch)]) as server:
        command = [dev.program.path, *dev.update_args(server.url(), "--cacert", certs.ca, "--timeout", "60", "--json")]
        with subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            deadline = time.monotonic() + LIMIT_SECONDS
            while dev.read("ota_0", 64 << 10) != NEW[:64 << 10]:
                assert process.poll() is None and time.monotonic() < deadline, "nothing was written"
                time.sleep(0.01)  # poll; the program tells nobody when it writes
            process.send_signal(number)
            out, err = process.communicate(timeout=LIMIT_SECONDS)
        assert "Sanitizer" not in err and dev.all_but("ota_0") == before
        assert number == signal.SIGKILL or json.loads(out)["result"] == "ESP_ERR_NOT_FINISHED"
        assert dev.boot()["version"] == "1.0.0"
        answer = dev.update(server.url(), "--cacert", certs.ca)
    assert answer["received"] == len(patch) - answer["resumed_from"] and dev.read("ota_0", len(NEW)) == NEW
    assert dev.boot()["version"] == "2.0.0"
