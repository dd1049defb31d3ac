"""The examples that are ESP-IDF projects, from their first version to their second and back."""

import pytest

from esp_ota import ROOT

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="session")
def upgrade(esp_project, esp_nginx):
    return esp_project(EXAMPLES / "do_firmware_upgrade", config={"FIRMWARE_UPGRADE_URL": esp_nginx.url("upgrade.bin")},
                       files={"server_certs/ca_cert.pem": esp_nginx.ca})


@pytest.fixture(scope="session")
def advanced(esp_project, esp_nginx):
    return esp_project(EXAMPLES / "advanced", config={"ADVANCED_UPDATE_URL": esp_nginx.url("advanced.bin")})


@pytest.fixture(scope="session")
def native(esp_project, esp_nginx):
    return esp_project(EXAMPLES / "native", config={"NATIVE_UPDATE_URL": esp_nginx.url("native.bin")})


def test_do_firmware_upgrade_restarts_into_what_the_server_has(upgrade, esp_device, esp_server):
    device = esp_device(upgrade.image("1.0.0"), project=upgrade)
    esp_server.serve(upgrade.image("2.0.0"), "upgrade.bin")
    with device.power_on() as power:
        power.expect("version 1.0.0 runs from ota_0")
        power.expect("the new firmware is in place")
        esp_server.remove("upgrade.bin")
        power.expect("version 2.0.0 runs from ota_1")
        power.expect("no new firmware: ")
    assert power.boots[1]["reset"] == "SW"


def test_without_a_server_do_firmware_upgrade_goes_on(upgrade, esp_device):
    with esp_device(upgrade.image("1.0.0"), project=upgrade).power_on() as power:
        power.expect("no new firmware: ")
        assert power.is_on


def test_advanced_tells_progress_checks_health_and_stays(advanced, esp_device, esp_server):
    device = esp_device(advanced.image("1.0.0"), project=advanced)
    esp_server.serve(advanced.image("2.0.0"), "advanced.bin")
    with device.power_on() as power:
        for percent in (20, 40, 60, 80, 100):
            power.expect(f"{percent} % of")
        power.expect("version 2.0.0 runs from ota_1")
        power.expect("all is well, this version stays")
        power.expect("version 2.0.0 runs already")
    assert power.boots[1]["on_trial"] and not power.boots[1]["unconfirmed"]
    assert device.states() == ["VALID", "VALID"]


def test_advanced_goes_back_from_a_sick_board_and_does_not_try_that_version_again(advanced, esp_device, esp_server):
    device = esp_device(advanced.image("1.0.0"), project=advanced)
    esp_server.serve(advanced.image("2.0.0"), "advanced.bin")
    with device.power_on(env={"ESP_OTA_GPIO": "4=0"}) as power:
        power.expect("version 2.0.0 runs from ota_1")
        power.expect("pin 4 is low")
        power.expect("version 1.0.0 runs from ota_0")
        power.expect("version 2.0.0 failed on this board before")
    assert device.states()[1] == "INVALID"
    esp_server.serve(advanced.image("2.0.1"), "advanced.bin")
    with device.power_on() as power:
        power.expect("version 2.0.1 runs from ota_1")
        power.expect("all is well")


def test_native_writes_by_hand_and_knows_its_version(native, esp_device, esp_server):
    device = esp_device(native.image("1.0.0"), project=native)
    esp_server.serve(native.image("2.0.0"), "native.bin")
    with device.power_on() as power:
        power.expect("written to ota_1, it boots next")
        power.expect("version 2.0.0 runs from ota_1")
        power.expect("version 2.0.0 is what runs already")
    assert device.states() == ["VALID", "VALID"]


@pytest.mark.parametrize("served, sentence", [
    (b"<html>not firmware</html>", "25 bytes are no firmware"),
    (None, "the server answers 404"),
])
def test_native_refuses_what_is_no_firmware(native, esp_device, esp_server, served, sentence):
    device = esp_device(native.image("1.0.0"), project=native)
    if served:
        esp_server.serve(served, "native.bin")
    with device.power_on() as power:
        power.expect(sentence)
    assert device.slots()["ota_1"]["empty"]


def test_native_does_not_boot_a_damaged_image(native, esp_device, esp_server):
    device = esp_device(native.image("1.0.0"), project=native)
    data = bytearray(native.image("2.0.0").read_bytes())
    data[len(data) // 2] ^= 1
    esp_server.serve(bytes(data), "native.bin")
    with device.power_on() as power:
        power.expect("no update: ESP_ERR_OTA_VALIDATE_FAILED")
    assert device.info()["next_boot"]["slot"] == "ota_0"
