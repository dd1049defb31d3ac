"""What the plugin's devices and servers do, and that they fail when they should."""

import urllib.error
import urllib.request

import pytest

from live_device import find_firmware


@pytest.fixture(scope="session")
def elf():
    return find_firmware()


@pytest.fixture
def pack(esp_ota, elf):
    """pack(version): the test firmware, which behaves as its version says."""
    def make(version):
        esp_ota.done("image", "build", "--chip", "linux", "--elf", elf, "--project", "demo", "--version", version, "-o", f"{version}.bin")
        return esp_ota.folder / f"{version}.bin"
    return make


# ---- the console ------------------------------------------------------------------------------------------------------


def test_lines_are_expected_in_order(esp_device, pack):
    power = esp_device(pack("1-wait")).power_on()
    assert power.expect(r"hello from (\S+)")[1] == "1-wait"
    power.expect("confirmed")
    with pytest.raises(AssertionError, match="no line with 'hello' came within 0.2 s"):
        power.expect("hello", timeout=0.2)  # it came before


def test_an_end_is_noticed_at_once_and_shows_the_console(esp_device, pack):
    power = esp_device(pack("1")).power_on()
    with pytest.raises(AssertionError, match="(?s)before the device was off.*confirmed"):
        power.expect("what no firmware says", timeout=600)


def test_what_ended_a_boot_can_be_waited_for(esp_device, pack):
    power = esp_device(pack("1-restart")).power_on()
    assert power.expect_boot(boot=2)["reset"] == "SW"
    with pytest.raises(AssertionError, match="no boot with"):
        power.expect_boot(boot=1, end="panic", timeout=0.2)


def test_a_device_that_stays_on_is_a_failure(esp_device, pack):
    with pytest.raises(AssertionError, match="still on after 1 s"):
        esp_device(pack("1-wait")).run(1, timeout=1)


def test_an_exit_code_that_is_not_expected_is_a_failure(esp_device, pack):
    with pytest.raises(AssertionError, match="exit code 1"):
        esp_device(pack("1-crash")).run(1)


# ---- power ------------------------------------------------------------------------------------------------------------


def test_power_is_cut_and_comes_back(esp_device, pack):
    device = esp_device(pack("1-wait"))
    device.power_on().expect("confirmed")
    with pytest.raises(AssertionError, match="on already"):
        device.power_on()
    assert device.power_cut() == 0 and not device.power.is_on
    power = device.power_on()
    power.expect("hello from 1-wait in ota_0, reset reason 1")


def test_an_image_on_trial_that_loses_power_is_rolled_back(esp_device, pack):
    device = esp_device(pack("1-wait"))
    device.boot()
    device.install(pack("2-hang"))
    device.power_on().expect("hello from 2-hang")
    device.power_cut()
    assert device.states() == ["VALID", "PENDING_VERIFY"]
    device.power_on().expect("hello from 1-wait")
    device.power_cut()
    assert device.states() == ["VALID", "ABORTED"]


# ---- what is on it ----------------------------------------------------------------------------------------------------


def test_slots_records_and_partitions_are_told(esp_device, pack):
    device = esp_device(pack("1"))
    device.run(1)
    assert device.slots()["ota_0"]["version"] == "1" and device.slots()["ota_1"]["empty"]
    assert device.otadata()[0]["boots"] == "ota_0" and device.states() == ["VALID", None]
    device.write("nvs", b"\x01\x02")
    assert device.read("nvs").startswith(b"\x01\x02\xff")
    assert device.info()["next_boot"]["slot"] == "ota_0"


def test_values_of_nvs_are_told(esp_device, pack):
    device = esp_device(pack("1"))
    device.nvs_set("lamp", "brightness", 7)
    device.nvs_set("lamp", "name", "on the left", "str")
    assert device.nvs() == {"lamp": {"brightness": 7, "name": "on the left"}}


def test_two_devices_of_one_test_are_two(esp_device, pack):
    first, second = esp_device(pack("1-wait")), esp_device(pack("2-wait"))
    assert first.flash != second.flash
    first.power_on().expect("hello from 1-wait")
    second.power_on().expect("hello from 2-wait")


def test_a_table_with_a_factory_slot_gets_its_image_there(esp_device, pack):
    table = "otadata, data, ota, 0xd000, 0x2000,\nfactory, app, factory, 0x10000, 0x780000,\nota_0, app, ota_0, 0x790000, 0x780000,\n"
    esp_device(pack("1"), partitions=table).power_on().expect("hello from 1 in factory")


# ---- the server -------------------------------------------------------------------------------------------------------


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_an_update_from_outside(esp_device, esp_server, pack):
    device = esp_device(pack("1"))
    device.run(1)
    answer = device.update(esp_server.serve(pack("2")))
    assert (answer["slot"], answer["version"]) == ("ota_1", "2")
    assert {row["path"] for row in esp_server.requests("2.bin")} == {"/2.bin"}
    assert "hello from 2 in ota_1" in device.run(1).console and device.states() == ["VALID", "VALID"]


def test_a_file_is_gone_when_it_is_removed(esp_server):
    esp_server.serve(b"x", "folder/x.bin")
    url = esp_server.url("folder/x.bin", "http")
    assert get(url) == 200
    esp_server.remove("folder/x.bin")
    assert get(url) == 404
    assert [row["status"] for row in esp_server.requests("folder/x.bin")] == [200, 404]


def test_a_server_that_is_down_comes_back_where_it_was(esp_server):
    esp_server.serve(b"x", "x.bin")
    url = esp_server.url("x.bin", "http")
    esp_server.stop()
    with pytest.raises(urllib.error.URLError):
        get(url)
    esp_server.start()
    assert get(url) == 200


def test_a_test_sees_nothing_of_the_one_before(esp_server):
    assert esp_server.requests() == [] and get(esp_server.url("x.bin", "http")) == 404
