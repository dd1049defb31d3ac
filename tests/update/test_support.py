"""The tools of these tests are proved: what makes images, what answers, and what would notice a wrong update."""

import subprocess

import pytest

from images import CHIP_IDS, damaged, image
from raw_server import RawServer, head

GOOD = image(size=20_000)


@pytest.mark.parametrize("chip", CHIP_IDS)
def test_esptool_takes_what_images_makes(tmp_path, esptool, chip):
    path = tmp_path / "image.bin"
    path.write_bytes(image(chip, size=4096))
    shown = esptool("--chip", chip, "image-info", path).stdout
    assert shown.count("(valid)") == 2 and "Unknown" not in shown, shown


def test_esptool_sees_what_damaged_does(tmp_path, esptool):
    path = tmp_path / "image.bin"
    path.write_bytes(damaged(GOOD, 10_000))
    assert "(invalid" in esptool("image-info", path).stdout


def test_the_raw_server_sends_what_it_was_told(certs):
    with RawServer(certs, [head("200 OK", "Content-Length: 4"), b"ab", b"cd"]) as server:
        judge = subprocess.run(["curl", "-s", "--cacert", certs.ca, server.url("/x")], capture_output=True, timeout=30)
        assert (judge.returncode, judge.stdout) == (0, b"abcd")


def test_an_update_that_works_is_not_taken_for_refused(device, program, site):
    dev = device(factory=program.firmware("v1.bin"))
    with pytest.raises(AssertionError):
        dev.refused("ESP_OK", site.url(site.serve(GOOD)), "--cacert", site.ca, writes_to="ota_0")


def test_a_byte_that_changed_is_noticed(device, program, site):
    dev = device(factory=program.firmware("v1.bin"))
    before = dev.all_but("ota_0")
    dev.overwrite(dev.layout["ota_0"][0], b"\0")
    assert dev.all_but("ota_0") == before
    dev.overwrite(dev.layout["ota_1"][0], b"\0")
    assert dev.all_but("ota_0") != before


def test_another_result_than_the_expected_one_is_noticed(device, program, site):
    dev = device(factory=program.firmware("v1.bin"))
    with pytest.raises(AssertionError):
        dev.refused("ESP_ERR_HTTP_CONNECT", site.url("status/404"), "--cacert", site.ca)
