"""What a customer's lamp lives through."""


def test_an_update_runs_stays_and_keeps_the_settings(lamp, esp_device, esp_server):
    device = esp_device(lamp.image("1.0.0"), project=lamp)
    esp_server.serve(lamp.image("1.1.0"), "lamp.bin")
    with device.power_on() as power:
        power.expect("version 1.0.0")
        power.expect("updated", timeout=60)
        power.expect("version 1.1.0")
        power.expect("brightness 2")
        power.expect("no update: ESP_ERR_INVALID_VERSION")
    assert device.slots()["ota_1"]["version"] == "1.1.0"
    assert device.states() == ["VALID", "VALID"]


def test_firmware_that_crashes_is_rolled_back(lamp, broken_lamp, esp_device, esp_server):
    device = esp_device(lamp.image("1.0.0"), project=lamp)
    esp_server.serve(broken_lamp.image("1.1.0"), "lamp.bin")
    with device.power_on() as power:
        power.expect("version 1.1.0")
        esp_server.remove("lamp.bin")
        power.expect("version 1.0.0")
        power.expect("no update")
    assert [boot["slot"] for boot in power.boots[:2]] == ["ota_0", "ota_1"] and power.boots[1]["end"] == "panic"
    assert "ABORTED" in device.states()


def test_power_that_fails_in_the_middle_leaves_a_lamp_that_works(lamp, esp_device, esp_server):
    device = esp_device(lamp.image("1.0.0"), project=lamp)
    esp_server.serve(lamp.image("1.1.0"), "lamp.bin")
    power = device.power_on()
    power.expect("self-test done")
    device.power_cut()  # somewhere in the download, or just before or behind it
    with device.power_on() as power:
        power.expect("version 1.1.0")
        power.expect("self-test done")


def test_without_a_server_the_lamp_works(lamp, esp_device, esp_server):
    device = esp_device(lamp.image("1.0.0"), project=lamp)
    esp_server.stop()
    with device.power_on() as power:
        power.expect("no update: ESP_ERR_HTTP_CONNECT")
        assert power.is_on
