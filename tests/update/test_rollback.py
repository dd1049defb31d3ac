"""Booting an update with rollback on: confirmed it stays, unconfirmed or rejected it goes."""

import pytest


@pytest.fixture
def updated(device, program, site):
    """A device that ran 1.0.0 from factory and 2.0.0, confirmed, from ota_0, and now has 3.0.0 waiting in ota_1."""
    dev = device(factory=program.firmware("v1.bin", version="1.0.0"))
    dev.boot(rollback=True)
    for version in ("2.0.0", "3.0.0"):
        path = program.firmware(f"v{version}.bin", version=version, size=8192)
        dev.update(site.url(site.serve(path.read_bytes(), path.name)), "--cacert", site.ca, "--rollback", "on")
        if version == "2.0.0":
            assert dev.boot(rollback=True)["version"] == "2.0.0"
            program.done("otadata", "confirm", dev.flash)
    return dev


def ran(boot):
    return boot["slot"], boot["version"]


def test_an_unconfirmed_update_is_rolled_back_by_the_second_boot(updated):
    assert ran(updated.boot(rollback=True)) == ("ota_1", "3.0.0")
    boot = updated.boot(rollback=True)
    assert ran(boot) == ("ota_0", "2.0.0") and boot["reason"] == "rolled_back"
    assert ran(updated.boot(rollback=True)) == ("ota_0", "2.0.0")


def test_a_confirmed_update_stays(updated, program):
    updated.boot(rollback=True)
    program.done("otadata", "confirm", updated.flash)
    for _ in range(3):
        assert ran(updated.boot(rollback=True)) == ("ota_1", "3.0.0")


def test_a_rejected_update_gives_way_to_the_one_before(updated, program):
    updated.boot(rollback=True)
    program.done("otadata", "reject", updated.flash)
    for _ in range(2):
        assert ran(updated.boot(rollback=True)) == ("ota_0", "2.0.0")


def test_an_update_after_a_rollback_works(updated, program, site):
    updated.boot(rollback=True)
    updated.boot(rollback=True)
    path = program.firmware("v4.bin", version="4.0.0")
    updated.update(site.url(site.serve(path.read_bytes(), path.name)), "--cacert", site.ca, "--rollback", "on")
    assert ran(updated.boot(rollback=True)) == ("ota_1", "4.0.0")
    program.done("otadata", "confirm", updated.flash)
    assert ran(updated.boot(rollback=True)) == ("ota_1", "4.0.0")


def test_an_unconfirmed_image_takes_no_update(updated, program, site):
    """fact: ESP-IDF, esp_ota_begin: while the running image is PENDING_VERIFY, updates are refused."""
    updated.boot(rollback=True)
    before = updated.all_but()
    path = program.firmware("v4.bin", version="4.0.0")
    answer = program.json(*updated.update_args(site.url(site.serve(path.read_bytes(), path.name)), "--cacert", site.ca, "--rollback", "on"),
                          exit_code=1)
    assert answer["result"] == "ESP_ERR_OTA_ROLLBACK_INVALID_STATE"
    assert updated.all_but() == before


def test_without_rollback_an_update_needs_no_confirmation(updated):
    for _ in range(3):
        assert ran(updated.boot(rollback=False)) == ("ota_1", "3.0.0")


def test_the_first_update_rolls_back_to_factory(device, program, site):
    dev = device(factory=program.firmware("v1.bin", version="1.0.0"))
    path = program.firmware("v2.bin", version="2.0.0")
    dev.update(site.url(site.serve(path.read_bytes())), "--cacert", site.ca, "--rollback", "on")
    assert ran(dev.boot(rollback=True)) == ("ota_0", "2.0.0")
    assert ran(dev.boot(rollback=True)) == ("factory", "1.0.0")


def test_a_damaged_slot_gives_way_to_one_that_loads(updated):
    updated.overwrite(updated.layout["ota_1"][0] + 4000, b"\0\0\0\0\0\0\0\0")
    boot = updated.boot(rollback=True)
    assert ran(boot)[1] in ("1.0.0", "2.0.0") and boot["reason"] == "fallback"
