"""efuse revoke on a device with Secure Boot: a key goes only when the device boots without it."""

import pytest

from esp_ota import TWO_OTA_CSV, EncryptedDevice
from images import image
from signing import Key, sign_v2

CHIP = "esp32c6"  # no table of a real chip is meant: one with ECDSA, three slots, a bootloader at 0
SETTINGS = "CONFIG_SECURE_SIGNED_APPS_ECDSA_V2_SCHEME=y\nCONFIG_SECURE_BOOT=y\n"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return [Key(tmp_path_factory.mktemp("keys"), name) for name in "abc"]


def secure(program, dev, keys):
    """Burns the digests, switches Secure Boot on."""
    for key in keys:
        program.done("efuse", "burn-digest", dev.flash, key.digest, "--yes")
    program.done("efuse", "enable-secure-boot", dev.flash, "--yes")
    dev.flash.with_name(dev.flash.name + ".sdkconfig").write_text(SETTINGS)
    return dev


def firmware(program, name, *keys):
    path = program.folder / name
    path.write_bytes(sign_v2(image(chip=CHIP), *keys))
    return path


def revoked(program, dev):
    return [key["revoked"] for key in program.json("efuse", "show", dev.flash)["keys"]]


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_a_key_goes_when_the_firmware_is_signed_with_another_one(program, device, keys, is_encrypted):
    first, both = firmware(program, "a.img", keys[0]), firmware(program, "ab.img", *keys[:2])
    dev = EncryptedDevice(program, "dev", chip=CHIP, factory=first) if is_encrypted else device(chip=CHIP, factory=first)
    secure(program, dev, keys[:2])
    answer = program.failed("efuse", "revoke", dev.flash, "0", "--yes").stderr
    assert "key slot 0 is not revoked" in answer and "would not boot" in answer and "factory" in answer and "--force" in answer
    assert revoked(program, dev) == [False, False, True]
    program.done("efuse", "revoke", dev.flash, "1", "--yes")
    other = EncryptedDevice(program, "two", chip=CHIP, factory=both) if is_encrypted else device("two", chip=CHIP, factory=both)
    secure(program, other, keys[:2])
    assert "--yes" in program.failed("efuse", "revoke", other.flash, "0").stderr
    program.done("efuse", "revoke", other.flash, "0", "--yes")
    assert revoked(program, other) == [True, False, True]
    assert other.boot()["slot"] == "factory"


def test_the_bootloader_counts_too(program, device, keys):
    dev = secure(program, device(chip=CHIP, factory=firmware(program, "ab.img", *keys[:2])), keys[:2])
    for signers, code in ((keys[:1], 1), (keys[:2], 0)):
        dev.overwrite(0, sign_v2(image(chip=CHIP), *signers))
        result = program.run("efuse", "revoke", dev.flash, "0", "--yes")
        assert result.returncode == code, result.shown
        assert code == 0 or "bootloader" in result.stderr


def test_an_image_on_trial_revokes_nothing(program, device, keys):
    both = firmware(program, "ab.img", *keys[:2])
    dev = secure(program, device(chip=CHIP, table=TWO_OTA_CSV, factory=both, ota_0=both), keys[:2])
    program.done("otadata", "switch", dev.flash, "ota_0", "--rollback", "on")
    dev.boot(rollback=True)
    assert "not confirmed" in program.failed("efuse", "revoke", dev.flash, "0", "--yes").stderr
    program.done("otadata", "confirm", dev.flash)
    program.done("efuse", "revoke", dev.flash, "0", "--yes")


def test_what_cannot_be_judged_is_revoked_by_force_only(program, device, keys):
    dev = secure(program, device(chip=CHIP, factory=firmware(program, "ab.img", *keys[:2])), keys[:2])
    dev.overwrite(0x8000, bytes(4096))
    assert "--force" in program.failed("efuse", "revoke", dev.flash, "0", "--yes").stderr
    assert revoked(program, dev) == [False, False, True]
    program.done("efuse", "revoke", dev.flash, "0", "--yes", "--force")
    assert revoked(program, dev) == [True, False, True]
