"""esp-ota key: keys that espsecure reads, and digests that are espsecure's."""

import os
import stat
import subprocess

import pytest

from table import DATA

KEYS = DATA / "keys"
SCHEMES = ["rsa3072", "ecdsa192", "ecdsa256", "ecdsa384", "v1"]
V2_KEYS = ["rsa3072_0", "rsa3072_1", "rsa3072_2", "ecdsa192", "ecdsa256_0", "ecdsa256_1", "ecdsa384"]


def reference_digest(name):
    return (KEYS / f"{name}_digest.bin").read_bytes().hex()


@pytest.mark.parametrize("name", V2_KEYS)
def test_the_digest_of_a_key_is_the_reference_one(program, name):
    for half in (name, f"{name}_pub"):
        assert program.done("key", "digest", KEYS / f"{half}.pem").stdout.strip() == reference_digest(name)
    program.done("key", "digest", KEYS / f"{name}.pem", "-o", "digest.bin")
    assert (program.folder / "digest.bin").read_bytes().hex() == reference_digest(name)


def test_the_digests_of_a_signed_image_are_those_of_its_keys(program):
    answer = program.json("key", "digest", DATA / "signed/esp32s3_min_rsa_x3.bin")
    assert answer["scheme"] == "rsa3072" and len(answer["digests"]) == 3
    assert set(answer["digests"]) == {reference_digest(f"rsa3072_{i}") for i in range(3)}


def test_what_has_no_digest_is_refused(program):
    assert "neither a key nor" in program.failed("key", "digest", DATA / "images/esp32s3_min.bin").stderr
    assert "neither a key nor" in program.failed("key", "digest", KEYS / "v1_a_pub.bin").stderr
    assert "No such file" in program.failed("key", "digest", "missing.pem").stderr


@pytest.mark.parametrize("name", ["v1_a", "v1_b"])
def test_the_raw_public_key_is_the_reference_one(program, name):
    program.done("key", "public", "--raw", "-o", "raw.bin", KEYS / f"{name}.pem")
    assert (program.folder / "raw.bin").read_bytes() == (KEYS / f"{name}_pub.bin").read_bytes()


def test_only_p256_has_a_raw_form(program):
    assert "P-256" in program.failed("key", "public", "--raw", KEYS / "rsa3072_0.pem").stderr


@pytest.mark.parametrize("name", V2_KEYS)
def test_the_public_key_is_the_reference_one(program, name):
    words = lambda text: "".join(text.split())
    assert words(program.done("key", "public", KEYS / f"{name}.pem").stdout) == words((KEYS / f"{name}_pub.pem").read_text())
    assert words(program.done("key", "public", KEYS / f"{name}_pub.pem").stdout) == words((KEYS / f"{name}_pub.pem").read_text())


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_new_key_is_for_its_owner_only_and_never_replaced(program, scheme):
    old = os.umask(0)
    try:
        answer = program.json("key", "generate", "--scheme", scheme, "k.pem")
    finally:
        os.umask(old)
    path = program.folder / "k.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert answer["digest"] == program.done("key", "digest", path).stdout.strip()
    before = path.read_bytes()
    assert "exists" in program.failed("key", "generate", "--scheme", scheme, path).stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize("scheme", SCHEMES)
def test_two_new_keys_differ(program, scheme):
    digests = {program.json("key", "generate", "--scheme", scheme, f"{i}.pem")["digest"] for i in range(2)}
    assert len(digests) == 2


def test_nothing_of_a_private_key_is_shown(program):
    made = program.done("key", "generate", "--scheme", "ecdsa256", "k.pem")
    body = "".join((program.folder / "k.pem").read_text().split("-----")[2].split())
    for shown in (made.shown, program.done("key", "digest", "k.pem").shown, program.done("key", "public", "k.pem").shown):
        assert "PRIVATE" not in shown and body[:60] not in shown


def test_a_pass_phrase_comes_from_a_file(program):
    (program.folder / "phrase").write_text("correct horse\n")
    (program.folder / "wrong").write_text("battery staple\n")
    program.done("key", "generate", "--scheme", "ecdsa256", "--passphrase-file", "phrase", "k.pem")
    assert "ENCRYPTED PRIVATE KEY" in (program.folder / "k.pem").read_text()
    program.done("key", "digest", "--passphrase-file", "phrase", "k.pem")
    program.done("image", "sign", "--key", "k.pem", "--passphrase-file", "phrase", "-o", "s.bin", DATA / "images/esp32c6_min.bin")
    result = program.failed("key", "digest", "--passphrase-file", "wrong", "k.pem")
    assert "pass phrase" in result.stderr and "horse" not in result.shown and "staple" not in result.shown
    (program.folder / "long").write_text("x" * 300)
    program.failed("key", "digest", "--passphrase-file", "long", "k.pem")


def test_without_a_terminal_a_pass_phrase_is_not_asked_for(program):
    (program.folder / "phrase").write_text("secret\n")
    program.done("key", "generate", "--scheme", "ecdsa256", "--passphrase-file", "phrase", "k.pem")
    result = subprocess.run([program.path, "key", "digest", "k.pem"], cwd=program.folder, text=True, capture_output=True,
                            stdin=subprocess.DEVNULL, timeout=60, start_new_session=True)
    assert result.returncode == 1 and "--passphrase-file" in result.stderr


@pytest.mark.parametrize("args, says", [
    (["key", "generate", "k.pem"], "--scheme is needed"),
    (["key", "generate", "--scheme", "rsa2048", "k.pem"], "--scheme is"),
    (["key", "generate", "--scheme", "v1"], "missing"),
    (["key", "public"], "missing"),
    (["key", "digest", "a", "b"], "too many"),
])
def test_wrong_usage(program, args, says):
    result = program.run(*args)
    assert result.returncode == 2 and says in result.stderr


def test_keys_that_no_scheme_uses_are_refused(program):
    for command in (["genrsa", "-out", "k.pem", "2048"], ["ecparam", "-genkey", "-name", "secp256k1", "-out", "k.pem"],
                    ["genpkey", "-algorithm", "ed25519", "-out", "k.pem"]):
        subprocess.run(["openssl", *command], cwd=program.folder, check=True, capture_output=True, timeout=60)
        assert "no scheme signs with this key" in program.failed("key", "digest", "k.pem").stderr


# ---- espsecure ----


@pytest.mark.parametrize("scheme", SCHEMES[:4])
def test_espsecure_reads_our_keys_and_agrees_on_the_digest(program, espsecure, scheme):
    ours = program.json("key", "generate", "--scheme", scheme, "k.pem")["digest"]
    path = program.folder / "k.pem"
    program.done("key", "public", "-o", "pub.pem", path)
    for key in (path, program.folder / "pub.pem"):
        digest = program.folder / "digest.bin"
        result = espsecure("digest-sbv2-public-key", "--keyfile", key, "--output", digest)
        assert result.returncode == 0, result.stdout + result.stderr
        assert digest.read_bytes().hex() == ours
        digest.unlink()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_we_read_the_keys_of_espsecure(program, espsecure, scheme):
    version = ["--version", "1"] if scheme == "v1" else ["--version", "2", "--scheme", scheme]
    path = program.folder / "k.pem"
    result = espsecure("generate-signing-key", *version, path)
    assert result.returncode == 0, result.stdout + result.stderr
    if scheme == "v1":
        assert espsecure("extract-public-key", "--version", "1", "--keyfile", path, program.folder / "theirs.bin").returncode == 0
        program.done("key", "public", "--raw", "-o", "ours.bin", path)
    else:
        assert espsecure("digest-sbv2-public-key", "--keyfile", path, "--output", program.folder / "theirs.bin").returncode == 0
        program.done("key", "digest", "-o", "ours.bin", path)
    assert (program.folder / "ours.bin").read_bytes() == (program.folder / "theirs.bin").read_bytes()
