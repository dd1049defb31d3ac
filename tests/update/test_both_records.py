"""A device with two otadata records: a refused update touches neither, with rollback on or off.

Not even the record of the slot it overwrites, which ESP-IDF's esp_ota_begin erases in a rollback build.
"""

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


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refused_update_leaves_both_records(seasoned, site, kind):
    path, result = REFUSALS[kind]
    path = path.replace("{good}", site.serve(GOOD, "good.bin")).replace("{damaged}", site.serve(damaged(GOOD, 10_000), "damaged.bin"))
    path = path.replace("{bad chip}", site.serve(image("esp32c3", size=8192), "c3.bin"))
    seasoned.refused(result, site.url(path), "--cacert", site.ca, "--rollback", seasoned.rollback, writes_to="ota_0")
    still_boots_and_updates(seasoned, site)


def still_boots_and_updates(dev, site):
    rollback = dev.rollback == "on"
    for _ in range(2):
        boot = dev.boot(rollback=rollback)
        assert (boot["slot"], boot["version"]) == ("ota_1", "3.0.0")
    dev.update(site.url(site.serve(GOOD, "good.bin")), "--cacert", site.ca, "--rollback", dev.rollback)
    assert dev.boot(rollback=rollback)["version"] == "4.0.0"
