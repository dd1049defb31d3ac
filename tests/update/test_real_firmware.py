"""Released firmware of well-known projects: verifies, updates a suitable device, boots.

The files are no part of this repository; without them these tests skip. OTA_FIRMWARE=DIR names another folder of .bin files.
"""

import os
import struct
from pathlib import Path

import pytest

from esp_ota import ROOT, slots_csv
from images import CHIP_NAMES

FOLDER = Path(os.environ.get("OTA_FIRMWARE") or ROOT.parent / "shared" / "firmware")
FILES = sorted(FOLDER.glob("*.bin")) or [None]


@pytest.fixture(params=FILES, ids=lambda path: path.name if path else "none")
def firmware(request):
    if request.param is None:
        pytest.skip(f"no firmware in {FOLDER.name}/ beside the repository; OTA_FIRMWARE=DIR names a folder")
    return request.param


def chip_of(path):
    header = path.read_bytes()[:24]
    return CHIP_NAMES[struct.unpack_from("<H", header, 12)[0]]


def test_it_verifies(program, firmware):
    answer = program.json("image", "verify", firmware, "--chip", chip_of(firmware))
    assert answer["valid"] is True and answer["chip"] == chip_of(firmware)


def test_esptool_agrees(firmware, program, esptool):
    info = program.json("image", "info", firmware)
    verdict = esptool("image-info", firmware).stdout
    assert "(valid)" in verdict and "(invalid" not in verdict
    assert info["project"] in verdict and info["version"] in verdict


def test_it_updates_a_device_and_boots(device, program, site, firmware):
    chip, data = chip_of(firmware), firmware.read_bytes()
    v1 = program.firmware("v1.bin", chip=chip, version="1.0.0")
    dev = device(chip=chip, size="4MB", table=slots_csv(2, 0x1E0000), ota_0=v1)
    assert dev.boot()["version"] == "1.0.0"
    dev.update(site.url(site.serve(data)), "--cacert", site.ca)
    boot = dev.boot()
    info = program.json("image", "info", firmware)
    assert (boot["slot"], boot["project"], boot["version"]) == ("ota_1", info["project"], info["version"])
    assert dev.read("ota_1", len(data)) == data


def test_a_damaged_copy_is_refused(device, program, site, firmware):
    chip, data = chip_of(firmware), bytearray(firmware.read_bytes())
    data[len(data) // 2] ^= 0x40
    dev = device(chip=chip, size="4MB", table=slots_csv(2, 0x1E0000), ota_0=program.firmware("v1.bin", chip=chip, version="1.0.0"))
    dev.refused("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(bytes(data))), "--cacert", site.ca, writes_to="ota_1")
    assert dev.boot()["version"] == "1.0.0"
