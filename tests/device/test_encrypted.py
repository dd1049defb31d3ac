"""An encrypted device lives like any other: what stands on its flash is never plain, and its key may be anywhere."""

import shutil

import pytest

from pytest_esp_ota.device import TABLE

ENCRYPTED_TABLE = TABLE.replace("0x7e0000,\n", "0x7e0000, encrypted\n")  # application partitions are encrypted anyway


@pytest.fixture
def key(request, tmp_path):
    path = tmp_path / "a key.bin"
    path.write_bytes(bytes((at * 89 + 7) % 256 for at in range(getattr(request, "param", 32))))
    return path


@pytest.fixture
def encrypted(alive, key):
    return lambda **settings: alive(encrypt_key=key, partitions=ENCRYPTED_TABLE, **settings)


def serve(device, site, image):
    path = site.serve(image.read_bytes(), "v2.bin")
    (device.program.folder / "url").write_text(site.url(path))
    shutil.copy(site.ca, device.program.folder / "ca.pem")


@pytest.mark.parametrize("key", [32, 64], indirect=True, ids=["XTS-AES-128", "XTS-AES-256"])
def test_an_update_is_written_encrypted_and_confirmed(encrypted, site):
    device = encrypted(first="1-update")
    image = device.pack("2")
    serve(device, site, image)
    boots, end, _ = device.run(5)
    assert [(b["slot"], b["version"], b["end"]) for b in boots] == [("ota_0", "1-update", "restart"), ("ota_1", "2", "idle")]
    assert boots[1]["on_trial"] and not boots[1]["unconfirmed"] and end["ended"] == "idle"
    assert device.states() == ["VALID", "VALID"]
    assert device.info()["encryption"].startswith("XTS-AES")
    data = image.read_bytes()
    assert device.read("ota_1").startswith(data)
    assert data[4096:8192] not in device.flash.read_bytes(), "plain firmware on an encrypted flash"


@pytest.mark.parametrize("kind, end", [("crash", "panic"), ("hang", "watchdog")])
def test_an_update_that_fails_its_trial_is_rolled_back(encrypted, site, kind, end):
    device = encrypted(first="1-update")
    serve(device, site, device.pack(f"2-{kind}"))
    boots, _, _ = device.run(3, "--watchdog", 2)
    assert [(b["slot"], b["end"]) for b in boots] == [("ota_0", "restart"), ("ota_1", end), ("ota_0", "restart")]
    assert boots[2]["reason"] == "rolled_back"


def test_the_key_is_elsewhere(encrypted, site, tmp_path):
    device = encrypted(first="1-update")
    serve(device, site, device.pack("2"))
    (tmp_path / "vault of keys").mkdir()
    place = device.flash.with_name(device.flash.name + ".key").rename(tmp_path / "vault of keys" / "12 flash.key")
    assert "dev.bin.key" in device.program.failed("device", "run", "--flash", device.flash).stderr
    boots, _, _ = device.run(5, "--flash-key", place)
    assert [(b["slot"], b["end"]) for b in boots] == [("ota_0", "restart"), ("ota_1", "idle")]


def test_a_wrong_key_boots_nothing(encrypted, tmp_path):
    device = encrypted()
    (tmp_path / "wrong.key").write_bytes(bytes(32))
    run = device.program.failed("device", "run", "--flash", device.flash, "--flash-key", tmp_path / "wrong.key")
    assert "hello" not in run.stdout + run.stderr


def test_a_key_for_a_plain_device_is_refused(alive, key):
    device = alive()
    run = device.program.failed("device", "run", "--flash", device.flash, "--flash-key", key)
    assert "not encrypted" in run.stderr
