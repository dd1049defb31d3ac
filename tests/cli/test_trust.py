"""esp-ota trust: what a device checks, and its trust store."""

import subprocess

import pytest

from esp_ota import TWO_OTA_CSV, find_program
from images import image
from signing import Key, sign_v1, sign_v2

STORE_CSV = TWO_OTA_CSV + "ota_trust, data, undefined, 0x310000, 0x2000,\n"
NONE = "0" * 64


@pytest.fixture
def keys(tmp_path):
    return [Key(tmp_path, name) for name in "ab"]


def put(device, tmp_path, data, table=STORE_CSV, **more):
    path = tmp_path / "running.img"
    path.write_bytes(data)
    return device(table=table, ota_0=path, **more)


def test_a_device_checks_nothing_until_it_is_told(program, device):
    dev = device(table=STORE_CSV)
    shown = program.json("trust", "show", "--flash", dev.flash)
    assert (shown["signed"], shown["scheme"], shown["signed_data"]) == ("none", "none", False)
    assert shown["update"] == {"scheme": "none", "first_block_only": False, "threshold": 1, "trusted": []} == shown["boot"]
    assert shown["store"]["sequence"] == 0
    assert "no signature is asked for" in program.done("trust", "show", "--flash", dev.flash).stdout


def test_without_a_store_the_first_key_of_what_runs_is_trusted(program, device, tmp_path, keys):
    dev = put(device, tmp_path, sign_v2(image(), *keys), table=TWO_OTA_CSV)
    shown = program.json("trust", "set", "--flash", dev.flash, "--signed", "update", "--scheme", "ecdsa256")
    assert shown["signed"] == "update" and shown["store"] is None
    assert shown["update"] == {"scheme": "ecdsa256", "first_block_only": True, "threshold": 1, "trusted": [keys[0].hex]}
    assert shown["boot"]["scheme"] == "none"
    assert shown == program.json("trust", "show", "--flash", dev.flash)
    text = program.done("trust", "show", "--flash", dev.flash).stdout
    assert f"trusts {keys[0].hex}" in text and "first block only" in text


def test_what_would_not_boot_for_its_signature_is_said_by_every_report(program, device, tmp_path, keys):
    other = tmp_path / "other.img"
    other.write_bytes(image(version="9"))
    dev = put(device, tmp_path, sign_v2(image(), keys[0]), ota_1=other)
    program.done("trust", "add", "--flash", dev.flash, keys[0].digest)
    program.done("trust", "set", "--flash", dev.flash, "--signed", "boot", "--scheme", "ecdsa256")
    assert "NOT VALID (signature_missing)" in program.done("flash", "info", dev.flash).stdout
    told = program.done("explain", dev.flash).stdout
    assert "not signed" in told and "(hello 2.0.0): " in told
    program.done("otadata", "switch", dev.flash, "ota_0", "--rollback", "on")
    program.done("otadata", "switch", dev.flash, "ota_1", "--force")
    program.done("otadata", "switch", dev.flash, "ota_0")  # record 0 names ota_0, record 1 the other
    assert [program.json("boot", "--flash", dev.flash, "--crash-limit", "2")["slot"] for _ in range(4)] == ["ota_0"] * 4


def test_the_settings_are_lines_of_an_sdkconfig(program, device, tmp_path):
    dev = device(table=STORE_CSV)
    config = dev.flash.with_name(dev.flash.name + ".sdkconfig")
    config.write_text("# comment\nCONFIG_IDF_TARGET=\"esp32\"\nCONFIG_SECURE_SIGNED_ON_UPDATE_NO_SECURE_BOOT=y\n"
                      "CONFIG_SECURE_SIGNED_APPS_ECDSA_V2_SCHEME=y\nCONFIG_SECURE_BOOT_ECDSA_KEY_LEN_192_BITS=y\n")
    assert program.json("trust", "show", "--flash", dev.flash)["scheme"] == "ecdsa192"
    program.done("trust", "set", "--flash", dev.flash, "--signed", "secure-boot", "--scheme", "ecdsa384", "--signed-data", "on")
    assert config.read_text().splitlines() == [
        "# comment", "CONFIG_IDF_TARGET=\"esp32\"", "CONFIG_SECURE_BOOT=y", "CONFIG_SECURE_SIGNED_DATA_PARTITION=y",
        "CONFIG_SECURE_SIGNED_APPS_ECDSA_V2_SCHEME=y", "CONFIG_SECURE_BOOT_ECDSA_KEY_LEN_384_BITS=y"]
    shown = program.json("trust", "show", "--flash", dev.flash)
    assert (shown["signed"], shown["scheme"], shown["signed_data"]) == ("secure-boot", "ecdsa384", True)
    assert shown["update"]["trusted"] == [] and "nothing is accepted" in program.done("trust", "show", "--flash", dev.flash).stdout
    config.write_text("CONFIG_SECURE_SIGNED_ON_UPDATE_NO_SECURE_BOOT=y\n")
    assert "names no scheme" in program.failed("trust", "show", "--flash", dev.flash).stderr


def test_v1_takes_the_key_that_is_compiled_in(program, device, tmp_path, keys):
    dev = put(device, tmp_path, sign_v1(image(), keys[0]))
    public = tmp_path / "pub.bin"
    public.write_bytes(keys[0].x + keys[0].y)
    assert "--v1-key" in program.failed("trust", "set", "--flash", dev.flash, "--signed", "boot", "--scheme", "v1").stderr
    program.done("trust", "set", "--flash", dev.flash, "--signed", "boot", "--scheme", "v1", "--v1-key", public)
    assert dev.boot()["slot"] == "ota_0"
    public.write_bytes(keys[1].x + keys[1].y)
    boot = program.json("boot", "--flash", dev.flash, exit_code=1)
    assert boot["slot"] is None and "signature" in {attempt["verdict"] for attempt in boot["tries"]}
    bootsim = subprocess.run([find_program().parents[1] / "bootsim" / "bootsim", dev.flash], capture_output=True, text=True)
    assert bootsim.returncode == 1 and "does not match" in bootsim.stdout
    public.write_bytes(b"short")
    assert "64 bytes" in program.failed("trust", "show", "--flash", dev.flash).stderr


def test_keys_are_added_and_revoked(program, device, keys):
    dev = device(table=STORE_CSV)
    shown = program.json("trust", "add", "--flash", dev.flash, keys[0].digest, keys[1].hex.upper())
    assert shown["store"]["trusted"] == [keys[0].hex, keys[1].hex]
    shown = program.json("trust", "revoke", "--flash", dev.flash, keys[0].hex)
    assert (shown["store"]["trusted"], shown["store"]["revoked"]) == ([keys[1].hex], [keys[0].hex])
    assert "never trusted again" in program.failed("trust", "add", "--flash", dev.flash, keys[0].digest).stderr
    text = program.done("trust", "show", "--flash", dev.flash).stdout
    assert f"trusted {keys[1].hex}" in text and f"revoked {keys[0].hex}" in text


def test_the_policy_is_kept_and_shown(program, device):
    dev = device(table=STORE_CSV)
    store = program.json("trust", "set", "--flash", dev.flash, "--threshold", "2", "--rotate", "on", "--same-project", "on",
                         "--no-downgrade", "on", "--min-size", "1K", "--max-size", "0x10000")["store"]
    assert store == {"sequence": 1, "trusted": [], "revoked": [], "threshold": 2, "rotate": True, "announced": False, "same_project": True,
                     "no_downgrade": True, "min_size": 1024, "max_size": 65536}
    store = program.json("trust", "set", "--flash", dev.flash, "--rotate", "off", "--max-size", "0")["store"]
    assert (store["sequence"], store["rotate"], store["same_project"], store["max_size"]) == (2, False, True, 0)
    store = program.json("trust", "set", "--flash", dev.flash, "--rotate", "announced")["store"]
    assert (store["rotate"], store["announced"]) == (True, True)
    text = program.done("trust", "show", "--flash", dev.flash).stdout
    assert "rotation to announced keys" in text
    assert "must not go down" in text and "threshold 2" in text


def test_the_bootloader_checks_v2_with_a_store(program, device, tmp_path, keys):
    dev = put(device, tmp_path, sign_v2(image(), keys[0]))
    program.done("trust", "add", "--flash", dev.flash, keys[0].digest)
    program.done("trust", "set", "--flash", dev.flash, "--signed", "boot", "--scheme", "ecdsa256")
    assert dev.boot()["slot"] == "ota_0"
    program.done("trust", "revoke", "--flash", dev.flash, keys[0].digest)
    program.done("trust", "add", "--flash", dev.flash, keys[1].digest)
    boot = program.json("boot", "--flash", dev.flash, exit_code=1)
    assert "signature_revoked" in {attempt["verdict"] for attempt in boot["tries"]}


def test_what_makes_no_sense_is_refused(program, device, keys):
    dev = device()
    assert "ota_trust" in program.failed("trust", "add", "--flash", dev.flash, keys[0].digest).stderr
    assert "ota_trust" in program.failed("trust", "set", "--flash", dev.flash, "--rotate", "on").stderr
    assert "trust store" in program.failed("trust", "set", "--flash", dev.flash, "--signed", "boot", "--scheme", "rsa3072").stderr
    assert "--scheme" in program.failed("trust", "set", "--flash", dev.flash, "--signed", "update").stderr
    with_store = device("with_store", table=STORE_CSV)
    assert "no image is both" in program.failed("trust", "set", "--flash", with_store.flash, "--min-size", "2", "--max-size", "1").stderr
    (program.folder / "junk").write_bytes(b"junk")
    assert "no key digest" in program.failed("trust", "add", "--flash", with_store.flash, "junk").stderr
    many = [f"{number:064x}" for number in range(8)]
    program.done("trust", "add", "--flash", with_store.flash, *many)
    assert "all it can" in program.failed("trust", "add", "--flash", with_store.flash, keys[0].hex).stderr


@pytest.mark.parametrize("wrong", [("set",), ("set", "--signed", "always"), ("set", "--scheme", "rsa"), ("set", "--threshold", "4"),
                                   ("set", "--rotate", "yes"), ("set", "--min-size", "much"), ("set", "--signed-data", "1"), ("add",),
                                   ("set", "--no-downgrade", ""), ("show", "more")])
def test_wrong_usage(program, device, wrong):
    dev = device(table=STORE_CSV)
    assert program.run("trust", wrong[0], "--flash", dev.flash, *wrong[1:]).returncode == 2
    assert program.run("trust", *wrong).returncode == 2
