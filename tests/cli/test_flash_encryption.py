"""flash create --encrypt-key, flash encrypt and decrypt, --flash-key and --raw; espsecure judges the bytes."""

import os
import stat
import subprocess

import pytest

from esp_ota import ROOT, TWO_OTA, TWO_OTA_CSV, EncryptedDevice

VECTORS = ROOT / "tests" / "vectors" / "data" / "flash_enc"
SCHEMES = [("esp32", 32), ("esp32", 24), ("esp32c3", 32), ("esp32s3", 64), ("esp32c2", 16)]


@pytest.fixture
def dev(program):
    return EncryptedDevice(program, "dev", chip="esp32c3", factory=program.firmware("v1.bin", chip="esp32c3"))


@pytest.fixture(scope="module")
def espsecure():
    path = ROOT / "build" / "venv" / "bin" / "espsecure"
    if not path.exists():
        message = "no espsecure in build/venv (tools/install_judges.sh puts it there)"
        pytest.fail(message) if os.environ.get("REQUIRE_JUDGES") == "1" else pytest.skip(message)
    return lambda *args: subprocess.run([path, *map(str, args)], check=True, capture_output=True, timeout=120)


# ---------------------------------------------------------------------- records

def test_an_erased_record_is_empty_although_it_reads_as_noise(program, dev):
    program.done("flash", "write", dev.flash, "--partition", "ota_0", program.firmware("v2.bin", chip="esp32c3", version="2"))
    program.done("otadata", "erase", dev.flash)
    for command in (["otadata", "show", dev.flash], ["flash", "info", dev.flash]):
        shown = program.done(*command).stdout
        assert shown.count("empty") >= 2 and "WRONG" not in shown, shown
    program.done("otadata", "switch", dev.flash, "ota_0")
    assert [r["empty"] for r in program.json("otadata", "show", dev.flash)["records"]] == [False, True]
    dev.overwrite(dev.layout["otadata"][0], bytes(32))  # all bits programmed: that is no erased record
    assert "WRONG" in program.done("otadata", "show", dev.flash).stdout


# ---------------------------------------------------------------------- files

def test_files_are_those_of_the_vectors(program):
    program.done("flash", "encrypt", "--chip", "esp32s2", "--key", VECTORS / "key_xts256.bin", "--address", "0x20000", VECTORS / "plain.bin", "x.enc")
    assert (program.folder / "x.enc").read_bytes() == (VECTORS / "xts256_at_20000.bin").read_bytes()
    program.done("flash", "decrypt", "--chip", "esp32", "--key", VECTORS / "key_esp32_256.bin", "--address", "0x10000", "--crypt-config", "3",
                 VECTORS / "esp32_256_at_10000_conf3.bin", "x.bin")
    assert (program.folder / "x.bin").read_bytes() == (VECTORS / "plain.bin").read_bytes()


@pytest.mark.parametrize("chip, key_len", SCHEMES)
def test_espsecure_makes_the_same(program, espsecure, chip, key_len):
    plain, ours, theirs, back = (program.folder / name for name in ("plain", "ours", "theirs", "back"))
    plain.write_bytes(os.urandom(4096 + 16))
    key = program.folder / "key.bin"
    key.write_bytes(os.urandom(key_len))
    scheme = [] if chip == "esp32" else ["--aes-xts"]
    program.done("flash", "encrypt", "--chip", chip, "--key", key, "--address", "0x3210", plain, ours)
    espsecure("encrypt-flash-data", *scheme, "--keyfile", key, "--address", "0x3210", "--output", theirs, plain)
    assert ours.read_bytes() == theirs.read_bytes()
    program.done("flash", "decrypt", "--chip", chip, "--key", key, "--address", "0x3210", theirs, back)
    assert back.read_bytes() == plain.read_bytes()


def test_a_length_that_is_no_multiple_of_16(program):
    (program.folder / "odd").write_bytes(b"x" * 20)
    command = ("--key", VECTORS / "key_esp32_256.bin", "--address", "0x1000", "odd", "out")
    program.done("flash", "encrypt", "--chip", "esp32", *command)
    assert (program.folder / "out").stat().st_size == 32
    (program.folder / "out").unlink()
    for chip, verb in (("esp32c3", "encrypt"), ("esp32", "decrypt")):
        assert "multiple of 16" in program.failed("flash", verb, "--chip", chip, *command).stderr
        assert not (program.folder / "out").exists()


@pytest.mark.parametrize("options", [("--chip", "esp32", "--key", "k"), ("--chip", "esp32", "--address", "0"), ("--key", "k", "--address", "0"),
                                     ("--chip", "esp32", "--key", "k", "--address", "8"), ("--chip", "esp32", "--key", "k", "--address", "0", "--crypt-config", "16"),
                                     ("--chip", "no-chip", "--key", "k", "--address", "0")])
def test_wrong_usage(program, options):
    assert program.run("flash", "encrypt", *options, "in", "out").returncode == 2


# ---------------------------------------------------------------------- devices

@pytest.mark.parametrize("chip, key_len", SCHEMES)
def test_a_device_is_encrypted_and_boots(program, chip, key_len):
    dev = EncryptedDevice(program, "dev", chip=chip, key_len=key_len, factory=program.firmware("v1.bin", chip=chip))
    image = (program.folder / "v1.bin").read_bytes()
    assert dev.read("factory", len(image)) == image and dev.raw("factory", 16) != image[:16]
    assert dev.read("otadata") == b"\xff" * 0x2000 and dev.raw("otadata", 16) != b"\xff" * 16
    assert dev.raw("nvs") == b"\xff" * 0x4000
    assert dev.boot()["slot"] == "factory"
    info = program.json("flash", "info", dev.flash)
    assert info["encryption"] == ("ESP32 AES-256" if chip == "esp32" else "XTS-AES-256" if key_len == 64 else "XTS-AES-128")
    assert [item["empty"] for item in info["otadata"]] == [True, True]
    assert program.json("explain", dev.flash)["findings"] == []


def test_espsecure_reads_the_device(program, dev, espsecure):
    raw, plain = program.folder / "raw", program.folder / "plain"
    program.done("flash", "read", dev.flash, "--partition", "factory", "--raw", raw)
    assert raw.read_bytes() == dev.raw("factory")
    espsecure("decrypt-flash-data", "--aes-xts", "--keyfile", dev.key, "--address", hex(TWO_OTA["factory"][0]), "--output", plain, raw)
    program.done("flash", "read", dev.flash, "--partition", "factory", program.folder / "ours")
    assert (program.folder / "ours").read_bytes() == plain.read_bytes()


def test_the_key_is_its_owners(dev):
    key = dev.flash.with_name(dev.flash.name + ".key")
    assert key.read_bytes() == dev.key.read_bytes() and stat.S_IMODE(key.stat().st_mode) == 0o600


def test_no_command_shows_the_key(program, dev):
    secret = dev.key.read_bytes()
    for command in (("flash", "info", dev.flash), ("flash", "info", dev.flash, "--json"), ("boot", "--flash", dev.flash), ("otadata", "show", dev.flash)):
        shown = program.done(*command).shown.lower()
        assert secret[:8].hex() not in shown and secret[-8:].hex() not in shown
    assert secret[:8] not in dev.flash.with_name(dev.flash.name + ".efuse").read_bytes()


def test_written_files_are_encrypted_where_they_have_to_be(program, dev):
    data = bytes(range(100))
    (program.folder / "data").write_bytes(data)
    program.done("flash", "write", dev.flash, "--partition", "ota_0", "data")
    assert dev.read("ota_0", 100) == data and dev.raw("ota_0", 100) != data
    program.done("flash", "write", dev.flash, "--partition", "nvs", "data")
    assert dev.raw("nvs", 100) == data
    program.done("flash", "write", dev.flash, "--partition", "ota_0", "--raw", "data")
    assert dev.raw("ota_0", 100) == data
    program.done("flash", "erase", dev.flash, "--partition", "ota_0")
    assert dev.raw("ota_0", 4096) == b"\xff" * 4096


def test_the_key_may_be_elsewhere(program, dev):
    beside = dev.flash.with_name(dev.flash.name + ".key")
    beside.unlink()
    assert f"{beside.name}: No such file" in program.failed("boot", "--flash", dev.flash).stderr
    assert program.json("boot", "--flash", dev.flash, "--flash-key", dev.key)["slot"] == "factory"
    assert program.json("otadata", "switch", dev.flash, "ota_1", "--force", "--flash-key", dev.key)["records"][0]["seq"] == 2


def test_a_dump_without_efuse_file_needs_chip_and_key(program, dev):
    for name in (".key", ".efuse"):
        dev.flash.with_name(dev.flash.name + name).unlink()
    assert "--chip" in program.failed("flash", "info", dev.flash, "--flash-key", dev.key).stderr
    assert program.json("flash", "info", dev.flash, "--flash-key", dev.key, "--chip", "esp32c3")["next_boot"]["slot"] == "factory"
    program.done("flash", "read", dev.flash, "--partition", "factory", "--flash-key", dev.key, "--chip", "esp32c3", program.folder / "out")


def test_wrong_keys_are_named(program, dev):
    wrong, short = program.folder / "wrong", program.folder / "short"
    wrong.write_bytes(bytes(32))
    short.write_bytes(bytes(31))
    assert "another key" in program.failed("flash", "info", dev.flash, "--flash-key", wrong).stderr
    assert "no key for the flash encryption" in program.failed("flash", "info", dev.flash, "--flash-key", short).stderr
    run = program.failed("flash", "create", "other.bin", "--chip", "esp32", "--size", "4MB", "--partitions", dev.program.folder / "dev.csv", "--encrypt-key", short)
    assert "32 bytes (or 24)" in run.stderr and not (program.folder / "other.bin").exists()


def test_a_key_for_a_device_that_is_not_encrypted_is_refused(program, device):
    plain = device("plain", factory=program.firmware("v1.bin"))
    key = program.folder / "key"
    key.write_bytes(bytes(32))
    assert "not encrypted" in program.failed("boot", "--flash", plain.flash, "--flash-key", key).stderr


def test_the_key_of_another_device_is_not_overwritten(program, dev):
    (program.folder / "new.bin.key").write_bytes(b"precious")
    command = ("flash", "create", "new.bin", "--chip", "esp32c3", "--size", "4MB", "--partitions", "dev.csv", "--encrypt-key", dev.key)
    assert "new.bin.key exists" in program.failed(*command).stderr
    assert (program.folder / "new.bin.key").read_bytes() == b"precious" and TWO_OTA_CSV
    program.done(*command, "--force")
    assert (program.folder / "new.bin.key").read_bytes() == dev.key.read_bytes()
