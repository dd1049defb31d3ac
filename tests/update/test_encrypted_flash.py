"""Updates of devices with flash encryption: rollback and resume as on any device, and nothing of the image in the clear."""

import pytest

from esp_ota import EncryptedDevice
from images import image

# The same facts hold on an encrypted device: these run again with the fixture `device` below.
from test_resume import (dev, test_a_chunked_download_goes_on_when_the_server_has_ranges,  # noqa: F401
                         test_after_a_lost_connection_it_goes_on, test_after_a_signal_it_goes_on, test_each_of_many_runs_goes_on)
from test_rollback import (test_a_confirmed_update_stays, test_a_damaged_slot_gives_way_to_one_that_loads,  # noqa: F401
                           test_a_rejected_update_gives_way_to_the_one_before, test_an_unconfirmed_image_takes_no_update,
                           test_an_unconfirmed_update_is_rolled_back_by_the_second_boot, test_an_update_after_a_rollback_works,
                           test_the_first_update_rolls_back_to_factory, test_without_rollback_an_update_needs_no_confirmation, updated)

SCHEMES = [("esp32", 32), ("esp32", 24), ("esp32c3", 32), ("esp32s3", 64), ("esp32c2", 16)]


@pytest.fixture
def device(program):
    return lambda name="dev", **settings: EncryptedDevice(program, name, **settings)


def is_ciphertext(raw, plain):
    """Whether no block of plain stands in raw."""
    return not any(plain[at:at + 16] in raw for at in range(0, len(plain) - 15, 16))


@pytest.mark.parametrize("chip, key_len", SCHEMES)
@pytest.mark.parametrize("size", [40_000, 65_536])
def test_an_update_is_encrypted_on_flash_and_boots(program, device, site, chip, key_len, size):
    dev = device(chip=chip, key_len=key_len, factory=program.firmware("v1.bin", chip=chip))
    new = program.firmware("v2.bin", chip=chip, version="2.0.0", size=size).read_bytes()
    answer = dev.update(site.url(site.serve(new)), "--cacert", site.ca)
    assert (answer["slot"], answer["bytes"]) == ("ota_0", len(new))
    assert dev.read("ota_0", len(new)) == new and is_ciphertext(dev.raw("ota_0"), new)
    assert dev.boot()["version"] == "2.0.0"


def test_the_journal_of_a_download_is_not_in_the_clear(program, device, site):
    """The journal of an interrupted download is encrypted as well: neither its magic nor the ETag can be seen."""
    from hostile import CUT, HostileServer, head, steps
    dev = device(factory=program.firmware("v1.bin"))
    data = image(size=300_000, version="2.0.0")
    first = steps(head("200 OK", f"Content-Length: {len(data)}", 'ETag: "a-name-to-look-for"', "Accept-Ranges: bytes") + data[:200_000], CUT)
    with HostileServer(site.certificates, [first]) as server:
        program.failed(*dev.update_args(server.url(), "--cacert", site.ca, "--retries", "0"))
    tail = dev.raw("ota_0")[-8192:]
    assert tail != b"\xff" * 8192, "there is no journal"
    assert b"OTAJ" not in tail and b"a-name-to-look-for" not in tail


def test_an_image_that_does_not_verify_changes_nothing(program, device, site):
    dev = device(factory=program.firmware("v1.bin"))
    bad = bytearray(program.firmware("v2.bin", version="2.0.0", size=8192).read_bytes())
    bad[5000] ^= 1
    dev.refused("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(bytes(bad))), "--cacert", site.ca, writes_to="ota_0")
    assert dev.boot()["slot"] == "factory"


def test_erased_otadata_boots_the_default(program, device, site):
    """Erased records decrypt to noise: neither empty nor good."""
    dev = device(factory=program.firmware("v1.bin"))
    new = program.firmware("v2.bin", version="2.0.0").read_bytes()
    dev.update(site.url(site.serve(new)), "--cacert", site.ca)
    program.done("otadata", "erase", dev.flash)
    assert dev.raw("otadata") == b"\xff" * 0x2000
    assert (dev.boot()["slot"], dev.boot()["reason"]) == ("factory", "bad_crc")
    dev.update(site.url(site.serve(new)), "--cacert", site.ca)
    assert dev.boot()["slot"] == "ota_0"
