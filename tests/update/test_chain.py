"""The whole way: server, flash, verification, reboot into the new firmware."""

import json
import subprocess

import pytest

from esp_ota import ROOT, slots_csv
from images import CHIP_IDS, damaged, image


@pytest.fixture
def v1(program):
    return program.firmware("v1.bin", version="1.0.0")


def served(site, program, version, chip="esp32", size=65536):
    """A version on the site: (its bytes, its URL)."""
    path = program.firmware(f"v{version}.bin", chip=chip, version=version, size=size)
    return path.read_bytes(), site.url(site.serve(path.read_bytes(), path.name))


def test_a_new_device_runs_what_it_was_made_with(device, v1):
    boot = device(factory=v1).boot()
    assert (boot["slot"], boot["version"]) == ("factory", "1.0.0")


def test_an_update_makes_the_new_version_run(device, program, site, v1):
    dev = device(factory=v1)
    dev.boot()
    data, url = served(site, program, "2.0.0")
    answer = dev.update(url, "--cacert", site.ca)
    assert (answer["slot"], answer["bytes"]) == ("ota_0", len(data))
    boot = dev.boot()
    assert (boot["slot"], boot["version"]) == ("ota_0", "2.0.0")
    assert dev.read("ota_0", len(data)) == data


def test_flash_read_gives_the_bytes_that_were_served(device, program, site, v1):
    dev = device(factory=v1)
    data, url = served(site, program, "2.0.0")
    dev.update(url, "--cacert", site.ca)
    out = program.folder / "ota_0.out"
    program.done("flash", "read", dev.flash, "--partition", "ota_0", out)
    assert out.read_bytes()[:len(data)] == data
    assert out.read_bytes() == dev.read("ota_0")


def test_slots_take_turns_and_the_first_is_used_again(device, program, site, v1):
    dev = device(factory=v1)
    seen = []
    for version in ("2.0.0", "3.0.0", "4.0.0"):
        data, url = served(site, program, version)
        dev.update(url, "--cacert", site.ca)
        boot = dev.boot()
        assert boot["version"] == version and dev.read(boot["slot"], len(data)) == data
        seen.append(boot["slot"])
    assert seen == ["ota_0", "ota_1", "ota_0"]
    assert dev.read("factory", v1.stat().st_size) == v1.read_bytes()


def test_an_update_touches_its_slot_and_otadata_only(device, program, site, v1):
    dev = device(factory=v1)
    before = dev.all_but("ota_0")
    _, url = served(site, program, "2.0.0")
    dev.update(url, "--cacert", site.ca)
    offset, size = dev.layout["otadata"]
    after = dev.all_but("ota_0")
    assert after[:offset] == before[:offset] and after[offset + size:] == before[offset + size:]
    assert after[offset:offset + size] != before[offset:offset + size]


def test_a_device_that_never_booted_can_be_updated(device, program, site, v1):
    dev = device(factory=v1)
    _, url = served(site, program, "2.0.0")
    dev.update(url, "--cacert", site.ca)
    assert dev.boot()["slot"] == "ota_0"


def test_the_same_version_again_is_an_update_too(device, program, site, v1):
    dev = device(factory=v1)
    data, url = served(site, program, "2.0.0")
    for slot in ("ota_0", "ota_1"):
        assert dev.update(url, "--cacert", site.ca)["slot"] == slot
        assert dev.boot()["slot"] == slot
    assert dev.read("ota_0", len(data)) == dev.read("ota_1", len(data)) == data


def test_sixteen_slots_are_used_in_turn(device, program, site):
    csv = slots_csv(16, 0x10000)
    v0 = program.firmware("v0.bin", version="0")
    dev = device(table=csv, size="2MB", ota_0=v0)
    assert dev.boot()["slot"] == "ota_0"
    for number in range(1, 18):
        data, url = served(site, program, str(number), size=4096)
        slot = f"ota_{number % 16}"
        assert dev.update(url, "--cacert", site.ca)["slot"] == slot
        boot = dev.boot()
        assert (boot["slot"], boot["version"]) == (slot, str(number))
        assert dev.read(slot, len(data)) == data


@pytest.mark.parametrize("chip", CHIP_IDS)
def test_every_chip_is_updated(device, program, site, chip):
    dev = device(chip=chip, factory=program.firmware("v1.bin", chip=chip))
    data, url = served(site, program, "2.0.0", chip=chip)
    dev.update(url, "--cacert", site.ca)
    boot = dev.boot()
    assert (boot["slot"], boot["version"]) == ("ota_0", "2.0.0")
    assert dev.read("ota_0", len(data)) == data


@pytest.mark.parametrize("chip", CHIP_IDS)
def test_every_chip_takes_an_image_made_elsewhere(device, site, program, chip):
    dev = device(chip=chip, factory=program.firmware("v1.bin", chip=chip))
    data = image(chip, size=8192, version="7.0.0")
    dev.update(site.url(site.serve(data)), "--cacert", site.ca)
    assert dev.boot()["version"] == "7.0.0" and dev.read("ota_0", len(data)) == data


@pytest.mark.parametrize("chip", CHIP_IDS)
def test_esptool_takes_our_images_for_what_they_are(program, esptool, chip):
    path = program.firmware("v1.bin", chip=chip, version="1.0.0", size=4096)
    verdict = esptool("--chip", chip, "image-info", path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    checksum, digest = [[line for line in verdict.stdout.splitlines() if line.startswith(word)] for word in ("Checksum", "Validation hash")]
    assert checksum[0].endswith("(valid)") and digest[0].endswith("(valid)"), verdict.stdout


DAMAGE = {"none": None, "first byte": 0, "segment count": 1, "data": 5000, "checksum": 8192 - 33, "digest": 8192 - 1}


@pytest.mark.parametrize("at", DAMAGE.values(), ids=DAMAGE.keys())
def test_esptool_and_we_agree_on_damage(program, esptool, at):
    path = program.folder / "image.bin"
    path.write_bytes(image(size=8192) if at is None else damaged(image(size=8192), at))
    shown = esptool("--chip", "esp32", "image-info", path)
    is_whole = shown.returncode == 0 and shown.stdout.count("(valid)") == 2
    assert program.json("image", "info", path)["valid"] is is_whole is (at is None)


def test_every_chip_of_esptool_is_known(esptool, program):
    python = ROOT / "build" / "venv" / "bin" / "python"
    chips = json.loads(subprocess.run([python, "-c", "import json; from esptool.targets import CHIP_DEFS; print(json.dumps(list(CHIP_DEFS)))"],
                                      text=True, capture_output=True, check=True).stdout)
    assert set(chips) - {"esp8266"} == set(CHIP_IDS)  # which has no OTA stack of this kind


def test_curl_receives_what_stands_in_the_slot(device, program, site, v1):
    dev = device(factory=v1)
    data, url = served(site, program, "2.0.0", size=300_000 // 16 * 16)
    dev.update(url, "--cacert", site.ca)
    judge = subprocess.run(["curl", "-s", "--cacert", site.ca, url], capture_output=True, check=True).stdout
    assert judge == data == dev.read("ota_0", len(judge))
