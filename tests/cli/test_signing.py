"""image sign, and image verify and info of signed files; espsecure judges what is made, and makes what is judged."""

import os
import subprocess
from pathlib import Path

import pytest

from table import DATA

KEYS = DATA / "keys"
# scheme, key, image, fact: SPEC.md "Signed files", which chip verifies what
SCHEMES_OF = {"esp32": ["v1", "rsa3072"], "esp32s2": ["rsa3072"], "esp32s3": ["rsa3072"], "esp32c3": ["rsa3072"],
              "esp32c2": ["ecdsa192", "ecdsa256"], "esp32c61": ["ecdsa192", "ecdsa256"], "esp32c6": ["rsa3072", "ecdsa192", "ecdsa256"],
              "esp32h2": ["rsa3072", "ecdsa192", "ecdsa256"], "esp32c5": ["rsa3072", "ecdsa192", "ecdsa256", "ecdsa384"],
              "esp32p4": ["rsa3072", "ecdsa192", "ecdsa256", "ecdsa384"], "esp32h21": ["rsa3072"], "esp32s31": ["rsa3072"],
              "esp32h4": [], "esp32e22": []}
ALL = ["v1", "rsa3072", "ecdsa192", "ecdsa256", "ecdsa384"]
KEY = {"v1": "v1_a", "rsa3072": "rsa3072_0", "ecdsa192": "ecdsa192", "ecdsa256": "ecdsa256_0", "ecdsa384": "ecdsa384"}
OTHER = {"v1": "v1_b", "rsa3072": "rsa3072_1", "ecdsa256": "ecdsa256_1"}
ALLOWED = [(chip, scheme) for chip, schemes in SCHEMES_OF.items() for scheme in schemes]
SECTOR = 4096
BLOCK = 1216


def key(name):
    return KEYS / f"{KEY.get(name, name)}.pem"


def digest(name):
    return (KEYS / f"{KEY.get(name, name)}_digest.bin").read_bytes().hex()


def sign(program, name, *keys, to="signed.bin", more=()):
    program.done("image", "sign", *[word for k in keys for word in ("--key", key(k))], *more, "-o", to, name)
    return program.folder / to


def refused(program, *args):
    """The one sentence, with nothing written."""
    result = program.failed("image", "sign", "-o", "never.bin", *args)
    assert not (program.folder / "never.bin").exists(), result.shown
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.shown
    return errors[0]


@pytest.fixture
def s3(program):
    return program.firmware("s3.bin", chip="esp32s3", size=50000)


# ---- what is made ----


@pytest.mark.parametrize("vector, image, name", [
    ("esp32_min_v1", "esp32_min", "v1_a"), ("esp32_secpad1_v1", "esp32_secpad1", "v1_a")])
def test_v1_signatures_are_the_bytes_of_espsecure(program, vector, image, name):
    assert sign(program, DATA / f"images/{image}.bin", name).read_bytes() == (DATA / f"signed/{vector}.bin").read_bytes()


@pytest.mark.parametrize("vector, image, name", [
    ("esp32s3_min_rsa", "esp32s3_min", "rsa3072_0"), ("esp32c2_min_ecdsa192", "esp32c2_min", "ecdsa192"),
    ("esp32c6_min_ecdsa256", "esp32c6_min", "ecdsa256_0"), ("esp32c5_min_ecdsa384", "esp32c5_min", "ecdsa384"),
    ("esp32s3_secpad2_rsa", "esp32s3_secpad2", "rsa3072_0")])
def test_v2_files_are_those_of_espsecure_but_for_the_signature(program, vector, image, name):
    ours = bytearray(sign(program, DATA / f"images/{image}.bin", name).read_bytes())
    theirs = bytearray((DATA / f"signed/{vector}.bin").read_bytes())
    at = len(ours) - SECTOR
    signature = {"rsa3072_0": (812, 384), "ecdsa192": (101, 48), "ecdsa256_0": (101, 64), "ecdsa384": (149, 96)}[name]
    for data in (ours, theirs):
        data[at + signature[0]:at + sum(signature)] = bytes(signature[1])
        data[at + 1196:at + 1200] = bytes(4)
    assert ours == theirs


@pytest.mark.parametrize("chip, scheme", ALLOWED)
def test_what_is_signed_for_a_chip_verifies_with_its_key_alone(program, chip, scheme):
    path = program.firmware("a.bin", chip=chip, size=20000)
    signed = sign(program, path, scheme, more=["--scheme", scheme])
    program.done("image", "verify", "--chip", chip, "--trust", key(scheme), signed)
    if scheme in OTHER:
        assert "signature" in program.failed("image", "verify", "--trust", key(OTHER[scheme]), signed).stderr
    data = bytearray(signed.read_bytes())
    data[300] ^= 1
    (program.folder / "bad.bin").write_bytes(data)
    program.failed("image", "verify", "--trust", key(scheme), "bad.bin")
    program.failed("image", "verify", "--trust", key(scheme), path)


@pytest.mark.parametrize("scheme", ALL[1:])
def test_ecdsa_is_deterministic_and_rsa_is_salted(program, scheme):
    path = program.firmware("a.bin", chip="esp32c5")
    same = sign(program, path, scheme, to="1.bin").read_bytes() == sign(program, path, scheme, to="2.bin").read_bytes()
    assert same == (scheme != "rsa3072")


def test_three_keys_make_three_signatures(program, s3):
    signed = sign(program, s3, "rsa3072_0", "rsa3072_1", "rsa3072_2")
    info = program.json("image", "info", signed)
    assert [block["key_digest"] for block in info["signatures"]] == [digest(f"rsa3072_{i}") for i in range(3)]
    assert all(block["crc_ok"] and block["signature_ok"] for block in info["signatures"])
    program.done("image", "verify", "--threshold", "3", *[w for i in range(3) for w in ("--trust", key(f"rsa3072_{i}"))], signed)


def test_appending_one_by_one_is_signing_at_once_in_place(program, s3):
    sign(program, s3, "rsa3072_0", to="s.bin")
    sign(program, "s.bin", "rsa3072_1", to="s.bin", more=["--append"])
    signed = sign(program, "s.bin", "rsa3072_2", to="s.bin", more=["--append"])
    assert signed.stat().st_size == 50000 // SECTOR * SECTOR + 2 * SECTOR
    assert program.done("key", "digest", signed).stdout.split() == [digest(f"rsa3072_{i}") for i in range(3)]
    for i in range(3):
        program.done("image", "verify", "--trust", key(f"rsa3072_{i}"), signed)


def test_threshold_counts_different_keys(program, s3):
    signed = sign(program, s3, "rsa3072_0", "rsa3072_1")
    trust = ["--trust", key("rsa3072_0"), "--trust", key("rsa3072_1"), "--trust", key("rsa3072_2")]
    program.done("image", "verify", *trust, "--threshold", "2", signed)
    program.failed("image", "verify", *trust, "--threshold", "3", signed)
    program.failed("image", "verify", "--trust", key("rsa3072_0"), "--trust", key("rsa3072_0"), "--threshold", "2", signed)


def test_a_key_is_trusted_in_any_form(program, s3):
    signed = sign(program, s3, "rsa3072_0")
    for word in (key("rsa3072_0"), KEYS / "rsa3072_0_pub.pem", KEYS / "rsa3072_0_digest.bin", digest("rsa3072_0")):
        program.done("image", "verify", "--trust", word, signed)
    program.failed("image", "verify", "--trust", digest("rsa3072_1"), signed)
    v1 = sign(program, DATA / "images/esp32_min.bin", "v1_a")
    program.done("image", "verify", "--trust", KEYS / "v1_a_pub.bin", v1)
    program.failed("image", "verify", "--trust", KEYS / "v1_b_pub.bin", v1)
    program.failed("image", "verify", "--trust", digest("rsa3072_0"), v1)
    c2 = sign(program, DATA / "images/esp32c2_min.bin", "ecdsa256_0", to="c2.bin")
    program.done("image", "verify", "--trust", digest("ecdsa256_0")[:32], c2)
    assert "no key" in program.failed("image", "verify", "--trust", signed, signed).stderr


def test_info_says_what_a_device_trusts(program, s3, device):
    signed = sign(program, s3, "rsa3072_0", "rsa3072_1", "rsa3072_2")
    dev = device(chip="esp32s3")
    for i in (0, 1):
        program.done("efuse", "burn-digest", dev.flash, key(f"rsa3072_{i}"), "--yes")
    program.done("efuse", "revoke", dev.flash, "0", "--yes")
    blocks = program.json("image", "info", "--flash", dev.flash, signed)["signatures"]
    assert [(b["trusted"], b["revoked"]) for b in blocks] == [(False, True), (True, False), (False, False)]
    shown = program.done("image", "info", "--flash", dev.flash, signed).stdout
    assert "REVOKED" in shown and "right, trusted" in shown and "NOT trusted" in shown
    assert "trusted" not in program.json("image", "info", signed)["signatures"][0]
    program.failed("image", "info", "--flash", "missing.bin", signed)


def test_info_counts_only_what_the_firmware_looks_at(program, s3, device):
    running = sign(program, s3, "rsa3072_0", to="running.bin")
    dev = device(chip="esp32s3", factory=running)
    signed = sign(program, s3, "rsa3072_1", "rsa3072_0")
    trusted = lambda name: [b["trusted"] for b in program.json("image", "info", "--flash", dev.flash, name)["signatures"]]
    program.done("trust", "set", "--flash", dev.flash, "--signed", "update", "--scheme", "rsa3072")
    assert trusted(signed) == [False, False]  # of an update only the first block, and it must be that of the running one
    assert trusted(running) == [True]


def test_info_tells_damage(program, s3):
    data = bytearray(sign(program, s3, "rsa3072_0", "rsa3072_1").read_bytes())
    at = len(data) - SECTOR
    data[at + 900] ^= 1
    (program.folder / "bad.bin").write_bytes(data)
    blocks = program.json("image", "info", "bad.bin")["signatures"]
    assert blocks[0]["crc_ok"] is False and blocks[0]["signature_ok"] is False and blocks[1]["signature_ok"] is True
    assert program.json("image", "info", s3)["signatures"] == []
    assert "none" in program.done("image", "info", s3).stdout
    v1 = DATA / "signed/esp32_min_v1.bin"
    assert program.json("image", "info", v1)["signatures"][0]["signature_ok"] is None
    assert program.json("image", "info", "--trust", key("v1_a"), v1)["signatures"][0]["signature_ok"] is True
    assert program.json("image", "info", "--trust", key("v1_b"), v1)["signatures"][0]["signature_ok"] is False


def test_the_result_is_told(program, s3):
    answer = program.json("image", "sign", "--key", key("rsa3072_0"), "--key", key("rsa3072_1"), "-o", "s.bin", s3)
    assert (answer["scheme"], answer["signatures"], answer["offset"], answer["length"]) == ("rsa3072", 2, 53248, 57344)


def test_a_bootloader_is_signed_too(program):
    signed = sign(program, DATA / "images/esp32c3_bootloader.bin", "rsa3072")
    program.done("image", "verify", "--bootloader", "--trust", key("rsa3072"), signed)


# ---- data and tables ----


def test_data_is_padded_and_signed_as_espsecure_does(program):
    ours = sign(program, DATA / "signed/data.raw", "rsa3072_0").read_bytes()
    theirs = (DATA / "signed/data_rsa.bin").read_bytes()
    assert len(ours) == len(theirs) and ours[:-SECTOR] == theirs[:-SECTOR]
    for path in ("signed.bin", DATA / "signed/data_rsa.bin"):
        program.done("image", "verify", "--data", "--trust", key("rsa3072_0"), path)
        program.failed("image", "verify", "--data", "--trust", key("rsa3072_1"), path)
    program.failed("image", "verify", "--data", "--trust", key("rsa3072_0"), DATA / "signed/data_rsa_content.bin")


def test_data_takes_more_signatures_and_v1(program):
    (program.folder / "d").write_bytes(bytes(range(256)) * 32)
    sign(program, "d", "ecdsa256_0", to="s")
    signed = sign(program, "s", "ecdsa256_1", to="s2", more=["--append"])
    program.done("image", "verify", "--data", "--trust", key("ecdsa256_1"), signed)
    v1 = sign(program, "d", "v1_a", to="v1", more=["--scheme", "v1"])
    assert v1.stat().st_size == 8192 + 68
    program.done("image", "verify", "--data", "--trust", KEYS / "v1_a_pub.bin", v1)
    program.failed("image", "verify", "--data", "--trust", KEYS / "v1_b_pub.bin", v1)


def test_a_partition_table_is_signed_with_v1(program):
    (program.folder / "t.csv").write_text("nvs, data, nvs, 0x9000, 0x4000,\nota_0, app, ota_0, 0x10000, 1M,\n")
    program.done("partitions", "gen", "t.csv", "t.bin")
    signed = sign(program, "t.bin", "v1_a")
    assert signed.stat().st_size == 0xC00 + 68
    assert signed.read_bytes()[:0xC00] == (program.folder / "t.bin").read_bytes()[:0xC00]
    program.done("image", "verify", "--trust", key("v1_a"), signed)
    program.failed("image", "verify", "--trust", key("v1_b"), signed)
    assert "only with v1" in refused(program, "--key", key("rsa3072"), "t.bin")
    assert "stands alone" in refused(program, "--key", key("v1_b"), signed)


def test_signatures_are_found_in_what_was_read_from_flash(program):
    v1 = (DATA / "signed/esp32_min_v1.bin").read_bytes()
    (program.folder / "slot.bin").write_bytes(v1.ljust(65536, b"\xff"))
    program.done("image", "verify", "--trust", key("v1_a"), "slot.bin")
    assert program.json("image", "info", "--trust", key("v1_a"), "slot.bin")["signatures"][0]["signature_ok"] is True
    v2 = (DATA / "signed/esp32s3_min_rsa.bin").read_bytes()
    (program.folder / "slot.bin").write_bytes(v2.ljust(65536, b"\x00"))
    program.done("image", "verify", "--trust", key("rsa3072"), "slot.bin")
    assert program.json("image", "info", "slot.bin")["signatures"][0]["signature_ok"] is True


# ---- what is refused ----


@pytest.mark.parametrize("chip", SCHEMES_OF)
def test_a_scheme_that_the_chip_cannot_verify_is_refused(program, chip):
    path = program.firmware("a.bin", chip=chip)
    for scheme in set(ALL) - set(SCHEMES_OF[chip]):
        assert f"{chip} cannot verify {scheme}" in refused(program, "--key", key(scheme), "--scheme", scheme, path)
    program.done("image", "sign", "--force", "--key", key("ecdsa384"), "-o", "forced.bin", path)


def test_a_fourth_signature_is_refused(program, s3):
    three = sign(program, s3, "rsa3072_0", "rsa3072_1", "rsa3072_2")
    program.done("key", "generate", "--scheme", "rsa3072", "fourth.pem")
    assert "would have 4 signatures" in refused(program, "--append", "--key", "fourth.pem", three)
    result = program.run("image", "sign", *["--key", key("rsa3072_0")] * 4, "-o", "x.bin", s3)
    assert result.returncode == 2 and "at most 3" in result.stderr


@pytest.mark.parametrize("chip, names", [("esp32", ["rsa3072_0", "rsa3072_1"]), ("esp32c2", ["ecdsa256_0", "ecdsa256_1"]),
                                         ("esp32", ["v1_a", "v1_b"])])
def test_a_second_signature_is_refused_where_the_chip_looks_at_one(program, chip, names):
    path = program.firmware("a.bin", chip=chip)
    assert "takes 1" in refused(program, "--key", key(names[0]), "--key", key(names[1]), path)


def test_schemes_and_keys_do_not_mix(program):
    c6 = program.firmware("c6.bin", chip="esp32c6")
    assert "one scheme" in refused(program, "--key", key("rsa3072"), "--key", key("ecdsa256"), c6)
    assert "same key" in refused(program, "--key", key("rsa3072"), "--key", key("rsa3072"), c6)
    assert "a key for rsa3072" in refused(program, "--scheme", "ecdsa256", "--key", key("rsa3072"), c6)
    signed = sign(program, c6, "rsa3072")
    assert "cannot be added" in refused(program, "--append", "--key", key("ecdsa256"), signed)
    assert "already" in refused(program, "--append", "--key", key("rsa3072"), signed)


def test_a_signed_file_is_not_signed_again_by_accident(program, s3):
    signed = sign(program, s3, "rsa3072_0")
    assert "--append" in refused(program, "--key", key("rsa3072_1"), signed)
    assert "not signed yet" in refused(program, "--append", "--key", key("rsa3072_1"), s3)
    assert "stands alone" in refused(program, "--key", key("v1_b"), DATA / "signed/esp32_min_v1.bin")


def test_what_was_changed_after_signing_gets_no_further_signature(program, s3):
    data = bytearray(sign(program, s3, "rsa3072_0").read_bytes())
    data[51000] ^= 1  # padding: the image itself is still valid
    (program.folder / "changed.bin").write_bytes(data)
    assert "changed after" in refused(program, "--append", "--key", key("rsa3072_1"), "changed.bin")
    data[51000] ^= 1
    data[-SECTOR + BLOCK] = 0
    (program.folder / "torn.bin").write_bytes(data)
    assert "damaged" in refused(program, "--append", "--key", key("rsa3072_1"), "torn.bin")


def test_bytes_where_the_signature_belongs_are_refused(program, s3):
    data = s3.read_bytes()
    (program.folder / "tail.bin").write_bytes(data.ljust(60000, b"\x00"))
    assert "stand other bytes" in refused(program, "--key", key("rsa3072"), "tail.bin")
    (program.folder / "erased.bin").write_bytes(data.ljust(1 << 20, b"\xff"))  # as read from a slot
    assert sign(program, "erased.bin", "rsa3072").stat().st_size == 57344


def test_broken_images_and_empty_files_are_refused(program, s3):
    (program.folder / "cut.bin").write_bytes(s3.read_bytes()[:20000])
    assert "no valid image" in refused(program, "--key", key("rsa3072"), "cut.bin")
    sign(program, "cut.bin", "rsa3072", more=["--data"])
    (program.folder / "empty").write_bytes(b"")
    assert "at least one" in refused(program, "--key", key("rsa3072"), "empty")


def test_keys_that_cannot_sign_are_refused(program, s3):
    assert "holds a public key" in refused(program, "--key", KEYS / "rsa3072_0_pub.pem", s3)
    assert "no PEM file" in refused(program, "--key", s3, s3)
    assert "No such file" in refused(program, "--key", "missing.pem", s3)


def test_keys_of_two_schemes_are_not_one_trust(program, s3):
    signed = sign(program, s3, "rsa3072")
    result = program.failed("image", "verify", "--trust", key("rsa3072"), "--trust", key("ecdsa256"), signed)
    assert "one scheme" in result.stderr


@pytest.mark.parametrize("args, says", [
    (["image", "sign", "-o", "x", "y"], "--key KEY is needed"),
    (["image", "sign", "--key", "k", "y"], "-o FILE is needed"),
    (["image", "sign", "--key", "k", "-o", "x"], "missing"),
    (["image", "sign", "--scheme", "rsa", "--key", "k", "-o", "x", "y"], "--scheme is"),
    (["image", "verify", "--threshold", "2", "y"], "goes with --trust"),
    (["image", "verify", "--data", "y"], "goes with --trust"),
    (["image", "verify", "--threshold", "4", "y"], "1, 2 or 3"),
])
def test_wrong_usage(program, args, says):
    result = program.run(*args)
    assert result.returncode == 2 and says in result.stderr


# ---- espsecure ----


def is_unknown(result, scheme):
    return scheme in result.stdout + result.stderr and "invalid" in (result.stdout + result.stderr).lower()


@pytest.mark.parametrize("chip, scheme", ALLOWED)
def test_espsecure_accepts_what_we_sign(program, espsecure, chip, scheme):
    signed = sign(program, program.firmware("a.bin", chip=chip, size=30000), scheme, more=["--scheme", scheme])
    version = "1" if scheme == "v1" else "2"
    good = espsecure("verify-signature", "--version", version, "--keyfile", key(scheme), signed)
    assert good.returncode == 0, good.stdout + good.stderr
    if scheme in OTHER:
        assert espsecure("verify-signature", "--version", version, "--keyfile", key(OTHER[scheme]), signed).returncode != 0


@pytest.mark.parametrize("chip, scheme", ALLOWED)
def test_we_accept_what_espsecure_signs(program, espsecure, chip, scheme):
    path = program.firmware("a.bin", chip=chip, size=30000)
    version = "1" if scheme == "v1" else "2"
    signed = program.folder / "theirs.bin"
    made = espsecure("sign-data", "--version", version, "--keyfile", key(scheme), "--output", signed, path)
    assert made.returncode == 0, made.stdout + made.stderr
    program.done("image", "verify", "--chip", chip, "--trust", key(scheme), signed)
    if scheme in OTHER:
        program.failed("image", "verify", "--trust", key(OTHER[scheme]), signed)
    if scheme == "v1":
        assert sign(program, path, "v1").read_bytes() == signed.read_bytes()


def test_both_append_to_what_the_other_signed(program, espsecure, s3):
    ours, theirs = program.folder / "ours.bin", program.folder / "theirs.bin"
    sign(program, s3, "rsa3072_0", to="a.bin")
    assert espsecure("sign-data", "--version", "2", "--keyfile", key("rsa3072_1"), "--append-signatures", "--output", ours,
                     program.folder / "a.bin").returncode == 0
    sign(program, ours, "rsa3072_2", to="theirs.bin", more=["--append"])
    for i in range(3):
        program.done("image", "verify", "--trust", key(f"rsa3072_{i}"), theirs)
        assert espsecure("verify-signature", "--version", "2", "--keyfile", key(f"rsa3072_{i}"), theirs).returncode == 0
    shown = espsecure("signature-info-v2", theirs).stdout.replace(" ", "")
    assert all(digest(f"rsa3072_{i}") in shown for i in range(3))


def test_espsecure_verifies_our_data_and_tables(program, espsecure):
    (program.folder / "t.csv").write_text("nvs, data, nvs, 0x9000, 0x4000,\nota_0, app, ota_0, 0x10000, 1M,\n")
    program.done("partitions", "gen", "t.csv", "t.bin")
    table = sign(program, "t.bin", "v1_a", to="t.signed")
    assert espsecure("verify-signature", "--version", "1", "--keyfile", key("v1_a"), table).returncode == 0
    (program.folder / "d").write_bytes(b"settings" * 1000)
    data = sign(program, "d", "ecdsa256", to="d.signed")
    assert espsecure("verify-signature", "--version", "2", "--keyfile", key("ecdsa256"), data).returncode == 0


NONCE = """
import sys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
key = serialization.load_pem_private_key(open(sys.argv[1], "rb").read(), None)
hash = hashes.SHA384() if key.curve.key_size == 384 else hashes.SHA256()
r, s = utils.decode_dss_signature(key.sign(open(sys.argv[2], "rb").read(), ec.ECDSA(hash, deterministic_signing=True)))
size = key.curve.key_size // 8
print(r.to_bytes(size, "little").hex() + s.to_bytes(size, "little").hex())
"""


@pytest.mark.parametrize("scheme", ["ecdsa192", "ecdsa256", "ecdsa384"])
@pytest.mark.parametrize("version", range(8))
def test_nonces_are_those_of_rfc_6979(program, judge_python, scheme, version):
    signed = sign(program, program.firmware("a.bin", chip="esp32c5", version=str(version)), scheme).read_bytes()
    (program.folder / "content").write_bytes(signed[:-SECTOR])
    result = judge_python("-c", NONCE, key(scheme), program.folder / "content")
    if "deterministic_signing" in result.stderr or "UnsupportedAlgorithm" in result.stderr:
        pytest.skip("this cryptography library has no deterministic ECDSA")
    assert result.returncode == 0, result.stderr
    at, size = (149, 96) if scheme == "ecdsa384" else (101, 48 if scheme == "ecdsa192" else 64)
    block = signed[-SECTOR:]
    assert block[at:at + size].hex() == result.stdout.strip()


# ---- keys in tokens ----


def find(pattern, *folders):
    return next((path for folder in folders if folder for path in sorted(Path(folder).glob(pattern))), None)


@pytest.fixture
def token(program):
    """Imports keys into a token; its environment, and the file with its PIN."""
    engine = find("pkcs11.so", os.environ.get("OPENSSL_ENGINES"), *Path("/usr/lib").glob("*/engines-3"))
    module = find("libsofthsm2.so", os.environ.get("SOFTHSM2_LIB"), "/usr/lib/softhsm", *Path("/usr/lib").glob("*/softhsm"))
    util = find("softhsm2-util", *os.environ["PATH"].split(":"))
    if not (engine and module and util):
        pytest.skip("no softhsm2 or no pkcs11 engine (packages softhsm2, libengine-pkcs11-openssl)")
    (program.folder / "tokens").mkdir()
    (program.folder / "hsm.conf").write_text(f"directories.tokendir = {program.folder}/tokens\nobjectstore.backend = file\n")
    (program.folder / "pin").write_text("5678\n")
    environment = {"SOFTHSM2_CONF": str(program.folder / "hsm.conf"), "PKCS11_MODULE_PATH": str(module)}

    def call(*args):
        subprocess.run([util, "--module", module, *args], env={**os.environ, **environment}, check=True, capture_output=True, timeout=60)

    call("--init-token", "--free", "--label", "box", "--so-pin", "1234", "--pin", "5678")
    for number, name in enumerate(["rsa3072_0", "ecdsa256_0"]):
        subprocess.run(["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", key(name), "-out", program.folder / "k.p8"], check=True,
                       capture_output=True, timeout=60)
        call("--import", str(program.folder / "k.p8"), "--token", "box", "--label", name, "--id", f"0{number + 1}", "--pin", "5678")
    return environment


@pytest.mark.parametrize("name", ["rsa3072_0", "ecdsa256_0"])
def test_a_key_in_a_token_signs(program, token, name):
    uri = f"pkcs11:token=box;object={name};type=private"
    path = program.firmware("a.bin", chip="esp32c6")
    program.done("image", "sign", "--key", uri, "--passphrase-file", "pin", "-o", "s.bin", path, env=token)
    program.done("image", "verify", "--trust", key(name), "s.bin")
    assert program.done("key", "digest", "--passphrase-file", "pin", uri, env=token).stdout.strip() == digest(name)
    missing = program.failed("image", "sign", "--key", uri.replace(name, "nobody"), "--passphrase-file", "pin", "-o", "x.bin", path, env=token)
    assert "no such key" in missing.stderr and "5678" not in missing.shown


def test_a_pin_in_the_uri_is_refused(program, s3):
    assert "visible to other users" in refused(program, "--key", "pkcs11:object=a;pin-value=1234", s3)
