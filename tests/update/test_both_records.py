"""A device with two otadata records: a refused update touches neither, whatever it wrote to the passive slot before."""

import pytest

from images import damaged, image

GOOD = image(size=20_000, version="4.0.0")


@pytest.fixture(params=["on", "off"], ids=lambda rollback: f"rollback {rollback}")
def seasoned(request, device, program, site):
    """Runs 3.0.0, confirmed, from ota_1; 2.0.0 stands in ota_0, and both have a record."""
    dev = device(factory=program.firmware("v1.bin", version="1.0.0"))
    dev.rollback = request.param
    for version in ("2.0.0", "3.0.0"):
        url = site.url(site.serve(image(size=8192, version=version), f"v{version}.bin"))
        dev.update(url, "--cacert", site.ca, "--rollback", dev.rollback)
        assert dev.boot(rollback=dev.rollback == "on")["version"] == version
        program.done("otadata", "confirm", dev.flash)
    return dev


REFUSALS = {"status": ("status/404", "ESP_FAIL"), "header": ("{bad chip}", "ESP_ERR_INVALID_VERSION"),
            "truncated": ("truncated/15000/{good}", "ESP_FAIL"), "damaged": ("{damaged}", "ESP_ERR_OTA_VALIDATE_FAILED")}


def otadata_sectors(dev):
    offset, size = dev.layout["otadata"]
    data = dev.flash.read_bytes()[offset:offset + size]
    return [data[at:at + 4096] for at in range(0, size, 4096)]


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refused_update_leaves_the_boot_choice(seasoned, program, site, kind):
    path, result = REFUSALS[kind]
    path = path.replace("{good}", site.serve(GOOD, "good.bin")).replace("{damaged}", site.serve(damaged(GOOD, 10_000), "damaged.bin"))
    path = path.replace("{bad chip}", site.serve(image("esp32c3", size=8192), "c3.bin"))
    sectors, rest = otadata_sectors(seasoned), outside_of(seasoned, "otadata", "ota_0")
    answer = program.json(*seasoned.update_args(site.url(path), "--cacert", site.ca, "--retries", "0", "--rollback", seasoned.rollback), exit_code=1)
    assert answer["result"] == result
    assert otadata_sectors(seasoned) == sectors
    assert outside_of(seasoned, "otadata", "ota_0") == rest
    still_boots_and_updates(seasoned, site)


def outside_of(dev, *labels):
    data = bytearray(dev.flash.read_bytes())
    for label in labels:
        offset, size = dev.layout[label]
        data[offset:offset + size] = bytes(size)
    return data


def still_boots_and_updates(dev, site):
    rollback = dev.rollback == "on"
    for _ in range(2):
        boot = dev.boot(rollback=rollback)
        assert (boot["slot"], boot["version"]) == ("ota_1", "3.0.0")
    dev.update(site.url(site.serve(GOOD, "good.bin")), "--cacert", site.ca, "--rollback", dev.rollback)
    assert dev.boot(rollback=rollback)["version"] == "4.0.0"
