"""Anti-rollback: what the device counts, when it burns, and what it refuses then."""

import subprocess

import pytest

from esp_ota import TWO_OTA_CSV, find_program

ON = ("--anti-rollback", "on")
WITHOUT_FACTORY = "".join(line for line in TWO_OTA_CSV.splitlines(True) if "factory" not in line)


def burnt(dev):
    return bin(int.from_bytes(dev.flash.with_name(dev.flash.name + ".efuse").read_bytes()[20:24], "little")).count("1")


def boot(program, dev, *more, exit_code=0):
    return program.json("boot", "--flash", dev.flash, *ON, *more, exit_code=exit_code)


@pytest.fixture
def dev(program, device):
    """Secure version 2 in ota_0, 3 in ota_1; 2 runs and is burnt."""
    images = {slot: program.firmware(f"{slot}.img", version=f"{i}.0.0", secure_version=i) for i, slot in [(2, "ota_0"), (3, "ota_1")]}
    made = device(table=WITHOUT_FACTORY, **images)
    assert boot(program, made)["secure_version"] == 2  # the first record is made VALID, so its version is burnt
    return made


def test_the_crash_loop_guard_gives_up_nothing_for_an_image_that_is_too_old(program, dev):
    program.done("otadata", "switch", dev.flash, "ota_1", *ON)
    boot(program, dev)
    program.done("otadata", "confirm", dev.flash, *ON)
    assert [boot(program, dev, "--crash-limit", "2")["slot"] for _ in range(4)] == ["ota_1"] * 4


def test_the_project_says_how_many_bits_count(program, dev):
    dev.flash.with_name(dev.flash.name + ".sdkconfig").write_text(
        "CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK=y\nCONFIG_BOOTLOADER_APP_SEC_VER_SIZE_EFUSE_FIELD=2\n")
    program.done("otadata", "switch", dev.flash, "ota_1")  # secure version 3, beyond what two bits count
    assert program.json("boot", "--flash", dev.flash)["slot"] == "ota_1"
    assert "0x" not in program.failed("otadata", "confirm", dev.flash).stderr
    assert burnt(dev) == 2


def test_nothing_is_burnt_without_it(program, device):
    dev = device(table=WITHOUT_FACTORY, ota_0=program.firmware("a.img", secure_version=5))
    assert program.json("boot", "--flash", dev.flash)["secure_version"] == 0
    program.done("otadata", "confirm", dev.flash)
    assert burnt(dev) == 0


def test_the_version_rises_with_the_confirmation_and_the_older_image_is_out(program, dev):
    program.done("otadata", "switch", dev.flash, "ota_1", *ON)
    assert boot(program, dev)["slot"] == "ota_1"
    assert burnt(dev) == 2
    program.done("otadata", "confirm", dev.flash, *ON)
    assert burnt(dev) == 3
    refused = program.failed("otadata", "switch", dev.flash, "ota_0", *ON)
    assert "secure version 2" in refused.stderr and "ESP_ERR_OTA_SMALL_SEC_VER" in refused.stderr
    assert dev.read("ota_0", 16) == b"\xff" * 16
    assert boot(program, dev)["slot"] == "ota_1"


def test_an_unconfirmed_newer_image_burns_nothing_and_goes_back(program, dev):
    program.done("otadata", "switch", dev.flash, "ota_1", *ON)
    assert [boot(program, dev)["slot"], boot(program, dev)["slot"]] == ["ota_1", "ota_0"]
    assert burnt(dev) == 2


def test_a_confirmation_that_was_cut_before_the_burn_is_completed_by_the_next_boot(program, dev):
    program.done("otadata", "switch", dev.flash, "ota_1", *ON)
    boot(program, dev)
    program.done("otadata", "confirm", dev.flash)  # the record alone
    assert burnt(dev) == 2
    assert boot(program, dev)["secure_version"] == 3
    assert burnt(dev) == 3


def test_an_image_below_the_version_does_not_boot_at_all(program, dev):
    program.done("efuse", "secure-version", dev.flash, "4", "--yes")
    assert boot(program, dev, exit_code=1)["slot"] is None
    assert program.json("boot", "--flash", dev.flash)["slot"] == "ota_0"  # a bootloader without the option does not look


def test_it_needs_efuses(program, dev):
    dev.flash.with_name(dev.flash.name + ".efuse").unlink()
    failed = program.failed("boot", "--flash", dev.flash, *ON)
    assert ".efuse" in failed.stderr


def test_a_switch_is_on_or_off(program, dev):
    for command in (["boot", "--flash", dev.flash], ["otadata", "confirm", dev.flash], ["update", "--flash", dev.flash, "https://x/y"]):
        result = program.run(*command, "--anti-rollback", "maybe")
        assert result.returncode == 2 and "on or off" in result.stderr


def test_bootsim_decides_alike(program, dev):
    program.done("efuse", "secure-version", dev.flash, "3", "--yes")
    bootsim = find_program().parent.parent / "bootsim" / "bootsim"
    result = subprocess.run([bootsim, dev.flash, *ON], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and "starting hello 3.0.0" in result.stdout, result.stdout
    result = subprocess.run([bootsim, dev.flash, "--anti-rollback", "x"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 2


def test_an_update_to_a_smaller_version_is_refused_before_the_first_erase(program, dev, site):
    old = program.firmware("old.img", version="1.0.0", secure_version=1).read_bytes()
    text = dev.refused("ESP_ERR_OTA_SMALL_SEC_VER", site.url(site.serve(old)), "--cacert", site.ca, *ON)
    assert "secure version 1" in text and "below 2" in text


def test_the_firmware_of_a_device_may_be_built_with_it(program, dev):
    dev.flash.with_name(dev.flash.name + ".sdkconfig").write_text("CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK=y\n")
    program.done("otadata", "switch", dev.flash, "ota_1")
    assert program.json("boot", "--flash", dev.flash)["slot"] == "ota_1"
    program.done("otadata", "confirm", dev.flash)
    assert burnt(dev) == 3
    assert "ESP_ERR_OTA_SMALL_SEC_VER" in program.failed("otadata", "switch", dev.flash, "ota_0").stderr
    dev.flash.with_name(dev.flash.name + ".efuse").unlink()
    program.failed("boot", "--flash", dev.flash, "--chip", "esp32")
    program.done("flash", "info", dev.flash, "--chip", "esp32")
