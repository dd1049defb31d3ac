"""esp-ota efuse: what is shown, what is burnt, and what needs to be asked for twice."""

import pytest

from table import DATA

KEYS = DATA / "keys"


def digest(name):
    return (KEYS / f"{name}_digest.bin").read_bytes().hex()


def efuse_file(dev):
    return dev.flash.with_name(dev.flash.name + ".efuse")


def show(program, dev):
    return program.json("efuse", "show", dev.flash)


@pytest.fixture
def s3(program, device):
    return device(chip="esp32s3")


def test_a_new_device_trusts_nobody(program, s3):
    shown = show(program, s3)
    assert (shown["chip"], shown["secure_version"], shown["secure_version_max"], shown["secure_boot"]) == ("esp32s3", 0, 16, False)
    assert [(key["present"], key["revoked"], key["digest"]) for key in shown["keys"]] == [(False, False, None)] * 3
    assert "secure version  0 of 16" in program.done("efuse", "show", s3.flash).stdout


@pytest.mark.parametrize("command", [["burn-digest", KEYS / "rsa3072_0.pem"], ["revoke", "1"], ["secure-version", "3"]])
def test_without_yes_nothing_is_burnt_and_all_is_said(program, s3, command):
    before = efuse_file(s3).read_bytes()
    result = program.failed("efuse", command[0], s3.flash, command[1])
    assert "for ever" in result.stderr and "--yes" in result.stderr
    assert efuse_file(s3).read_bytes() == before


@pytest.mark.parametrize("word", [KEYS / "rsa3072_0.pem", KEYS / "rsa3072_0_pub.pem", KEYS / "rsa3072_0_digest.bin", digest("rsa3072_0")])
def test_a_digest_is_burnt_from_any_form_of_the_key(program, s3, word):
    answer = program.json("efuse", "burn-digest", s3.flash, word, "--yes")
    assert answer["keys"][0] == {"slot": 0, "present": True, "revoked": False, "begun": False, "digest": digest("rsa3072_0")}


def test_slots_fill_in_order_and_the_same_key_takes_no_second_one(program, s3):
    for name in ("rsa3072_0", "rsa3072_1", "rsa3072_0", "rsa3072_2"):
        answer = program.json("efuse", "burn-digest", s3.flash, KEYS / f"{name}.pem", "--yes")
    assert [key["digest"] for key in answer["keys"]] == [digest(f"rsa3072_{i}") for i in range(3)]
    assert "no free key slot" in program.failed("efuse", "burn-digest", s3.flash, "ab" * 32, "--yes").stderr


def test_a_slot_can_be_named_and_holds_its_digest_for_ever(program, s3):
    program.done("efuse", "burn-digest", s3.flash, KEYS / "rsa3072_0.pem", "--slot", "2", "--yes")
    before = efuse_file(s3).read_bytes()
    assert "another digest" in program.failed("efuse", "burn-digest", s3.flash, KEYS / "rsa3072_1.pem", "--slot", "2", "--yes").stderr
    assert efuse_file(s3).read_bytes() == before


def test_a_burn_that_was_cut_is_completed_by_the_same_command(program, s3):
    data = bytearray(efuse_file(s3).read_bytes())
    data[32:40] = bytes.fromhex(digest("rsa3072_0"))[:8]
    efuse_file(s3).write_bytes(data)
    key = show(program, s3)["keys"][0]
    assert key["begun"] and not key["present"]
    program.done("efuse", "burn-digest", s3.flash, KEYS / "rsa3072_1.pem", "--yes")  # leaves the begun one alone
    answer = program.json("efuse", "burn-digest", s3.flash, KEYS / "rsa3072_0.pem", "--slot", "0", "--yes")
    assert [key["digest"] for key in answer["keys"][:2]] == [digest("rsa3072_0"), digest("rsa3072_1")]


def test_a_key_of_a_scheme_that_the_chip_lacks_is_refused(program, s3):
    assert "cannot verify ecdsa256" in program.failed("efuse", "burn-digest", s3.flash, KEYS / "ecdsa256_0.pem", "--yes").stderr
    program.done("efuse", "burn-digest", s3.flash, KEYS / "ecdsa256_0.pem", "--yes", "--force")


def test_esp32_has_one_slot_and_esp32c2_keeps_16_bytes(program, device):
    esp32 = device("a", chip="esp32")
    program.done("efuse", "burn-digest", esp32.flash, KEYS / "rsa3072_0.pem", "--yes")
    assert "no free" in program.failed("efuse", "burn-digest", esp32.flash, KEYS / "rsa3072_1.pem", "--yes").stderr
    assert "cannot revoke" in program.failed("efuse", "revoke", esp32.flash, "0", "--yes").stderr
    assert "1 key slot" in program.failed("efuse", "burn-digest", esp32.flash, KEYS / "rsa3072_0.pem", "--slot", "1", "--yes").stderr
    c2 = device("b", chip="esp32c2")
    answer = program.json("efuse", "burn-digest", c2.flash, KEYS / "ecdsa256_0.pem", "--yes")
    assert [key["digest"] for key in answer["keys"]] == [digest("ecdsa256_0")[:32]]
    assert "32 bytes" in program.failed("efuse", "burn-digest", esp32.flash, "ab" * 16, "--yes").stderr


def test_v1_keys_are_not_for_efuses(program, device):
    dev = device(chip="esp32")
    assert "v1" in program.failed("efuse", "burn-digest", dev.flash, KEYS / "v1_a_pub.bin", "--yes").stderr


def test_secure_boot_needs_a_key_and_closes_unused_slots(program, s3):
    assert "trusts no key" in program.failed("efuse", "enable-secure-boot", s3.flash, "--yes").stderr
    program.done("efuse", "burn-digest", s3.flash, KEYS / "rsa3072_0.pem", "--yes")
    assert not show(program, s3)["secure_boot"]
    assert "--yes" in program.failed("efuse", "enable-secure-boot", s3.flash).stderr
    answer = program.json("efuse", "enable-secure-boot", s3.flash, "--yes")
    assert answer["secure_boot"] and [key["revoked"] for key in answer["keys"]] == [False, True, True]
    assert "no key would be left" in program.failed("efuse", "revoke", s3.flash, "0", "--yes").stderr
    program.done("efuse", "revoke", s3.flash, "0", "--yes", "--force")


def test_unused_slots_stay_open_when_asked_for(program, s3):
    program.done("efuse", "burn-digest", s3.flash, KEYS / "rsa3072_0.pem", "--yes")
    answer = program.json("efuse", "enable-secure-boot", s3.flash, "--keep-unused", "--yes")
    assert [key["revoked"] for key in answer["keys"]] == [False] * 3
    program.done("efuse", "burn-digest", s3.flash, KEYS / "rsa3072_1.pem", "--yes")
    program.done("efuse", "revoke", s3.flash, "0", "--yes")
    assert "revoked" in program.done("efuse", "show", s3.flash).stdout


def test_the_secure_version_only_rises_and_ends_where_the_chip_ends(program, s3):
    assert program.json("efuse", "secure-version", s3.flash, "5", "--yes")["secure_version"] == 5
    assert "never become smaller" in program.failed("efuse", "secure-version", s3.flash, "4", "--yes").stderr
    assert "counts to 16" in program.failed("efuse", "secure-version", s3.flash, "17", "--yes").stderr
    assert show(program, s3)["secure_version"] == 5


@pytest.mark.parametrize("chip, bits", [("esp32", 32), ("esp32c2", 4), ("esp32c5", 9), ("esp32c6", 16)])
def test_every_chip_counts_as_far_as_it_has_bits(program, device, chip, bits):
    dev = device(chip=chip)
    assert program.json("efuse", "secure-version", dev.flash, bits, "--yes")["secure_version"] == bits
    program.failed("efuse", "secure-version", dev.flash, bits + 1, "--yes")


def test_a_device_without_efuse_file_says_so(program, s3):
    efuse_file(s3).unlink()
    assert ".efuse" in program.failed("efuse", "show", s3.flash).stderr
    s3.flash.with_name(s3.flash.name + ".efuse").write_bytes(b"ESPEFUSE" + bytes(120))
    assert "damaged" in program.failed("efuse", "show", s3.flash).stderr


@pytest.mark.parametrize("args, says", [
    (["burn-digest", "x", "y", "--slot", "3"], "--slot is"), (["revoke", "x"], "missing"), (["show"], "missing")])
def test_wrong_usage(program, args, says):
    result = program.run("efuse", *args)
    assert result.returncode == 2 and says in result.stderr


def test_a_slot_that_is_no_number_is_wrong_usage(program, s3):
    assert program.run("efuse", "revoke", s3.flash, "first").returncode == 2
    assert program.run("efuse", "secure-version", s3.flash, "-1").returncode == 2
