"""Signed patches: made with keys, judged by the openssl command, refused when anything in them was changed."""

import struct

import pytest

from images import descriptor, filler, image
from signing import Key, openssl

PAYLOAD = filler("payload", 60_000)
OLD = image(first=descriptor(version="1.0.0") + PAYLOAD)
NEW = image(first=descriptor(version="2.0.0") + PAYLOAD[:32_000] + b"something new..\0" + PAYLOAD[32_000:])
HEADER, BODY_RECORD = 64, 36
SIGNED = HEADER + BODY_RECORD


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return Key(tmp_path_factory.mktemp("keys"), "signer")


@pytest.fixture
def files(program, key):
    for name, data in (("old.bin", OLD), ("new.bin", NEW)):
        (program.folder / name).write_bytes(data)
    return program


def records(patch):
    """[(kind, content)] of the extension."""
    at, end = HEADER, HEADER + struct.unpack_from("<H", patch, 26)[0]
    found = []
    while at < end:
        kind, zero, length = struct.unpack_from("<BBH", patch, at)
        assert zero == 0
        found.append((kind, patch[at + 4:at + 4 + length]))
        at += 4 + length
    assert at == end
    return found


def der(number):
    data = number.lstrip(b"\0")
    data = b"\0" + data if data[0] & 0x80 else data
    return b"\x02" + bytes([len(data)]) + data


def create(program, *options, to="p.patch"):
    program.done("delta", "create", "--ram", "4K", "old.bin", "new.bin", to, *options)
    return (program.folder / to).read_bytes()


def test_openssl_says_that_the_signature_is_over_header_and_body_digest(files, key):
    patch = create(files, "--key", key.pem)
    (_, body_digest), (kind, record) = records(patch)
    assert kind == 2 and record[:4] == b"\4\0\0\0" and record[4:68] == key.x + key.y
    pair = der(record[68:100]) + der(record[100:132])
    (files.folder / "sig").write_bytes(b"\x30" + bytes([len(pair)]) + pair)
    (files.folder / "signed").write_bytes(patch[:SIGNED])
    openssl("pkey", "-in", key.pem, "-pubout", "-out", files.folder / "pub.pem")
    assert b"Verified OK" in openssl("dgst", "-sha256", "-verify", files.folder / "pub.pem", "-signature", files.folder / "sig", files.folder / "signed")
    body = patch[HEADER + struct.unpack_from("<H", patch, 26)[0]:]
    assert openssl("dgst", "-sha256", "-binary", input=body) == body_digest


@pytest.mark.parametrize("scheme", ["rsa3072", "ecdsa192", "ecdsa384"])
def test_every_scheme_signs(files, scheme):
    files.done("key", "generate", "--scheme", scheme, "k.pem")
    patch = create(files, "--key", "k.pem")
    if scheme == "rsa3072":
        record = records(patch)[1][1]
        (files.folder / "sig").write_bytes(record[4 + 384 + 4:])
        (files.folder / "signed").write_bytes(patch[:SIGNED])
        openssl("pkey", "-in", files.folder / "k.pem", "-pubout", "-out", files.folder / "pub.pem")
        assert b"Verified OK" in openssl("dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32", "-verify",
                                         files.folder / "pub.pem", "-signature", files.folder / "sig", files.folder / "signed")
    info = files.json("delta", "info", "p.patch", "--trust", "k.pem")
    assert info["signatures"] == [{"scheme": scheme, "signature_ok": True, "trusted": True, "key_digest": info["signatures"][0]["key_digest"]}]
    files.done("delta", "apply", "old.bin", "p.patch", "made.bin", "--trust", "k.pem")
    assert (files.folder / "made.bin").read_bytes() == NEW


def test_a_signature_costs_172_bytes_and_is_the_same_each_time(files, key):
    plain, once, twice = create(files), create(files, "--key", key.pem), create(files, "--key", key.pem)
    assert once == twice and len(once) == len(plain) + 36 + 4 + 132 and once.endswith(plain[HEADER:])


def test_every_flipped_byte_of_a_signed_patch_is_refused(files, key):
    good = create(files, "--key", key.pem)
    body_at = HEADER + struct.unpack_from("<H", good, 26)[0]
    files.done("delta", "apply", "old.bin", "p.patch", "made.bin", "--trust", key.hex)
    (files.folder / "made.bin").unlink()
    for at in [*range(0, body_at, 3), *range(body_at, len(good), 40), len(good) - 1]:
        damaged = bytearray(good)
        damaged[at] ^= 0x20
        (files.folder / "q.patch").write_bytes(damaged)
        run = files.failed("delta", "apply", "old.bin", "q.patch", "made.bin", "--trust", key.hex)
        assert run.stderr.count("error: ") == 1 and not (files.folder / "made.bin").exists(), (at, run.shown)


def test_without_trust_a_signature_is_not_needed_and_does_not_hinder(files, key):
    create(files, "--key", key.pem)
    files.done("delta", "apply", "old.bin", "p.patch", "made.bin")
    assert (files.folder / "made.bin").read_bytes() == NEW


def test_unsigned_foreign_and_legacy_patches_are_told_apart(files, key, tmp_path):
    other = Key(tmp_path, "other")
    create(files, to="plain.patch")
    create(files, "--key", other.pem, to="foreign.patch")
    files.done("delta", "create", "--legacy", "old.bin", "new.bin", "legacy.patch")
    for name, word in (("plain", "not signed"), ("foreign", "signed only with keys"), ("legacy", "not a patch that can be signed")):
        assert word in files.failed("delta", "apply", "old.bin", f"{name}.patch", "made.bin", "--trust", key.pem).stderr, name


def test_two_keys_for_a_change_of_keys(files, key, tmp_path):
    other = Key(tmp_path, "other")
    create(files, "--key", key.pem, "--key", other.pem)
    for trusted in (key, other):
        files.done("delta", "apply", "old.bin", "p.patch", "made.bin", "--trust", trusted.pem)
    text = files.done("delta", "info", "p.patch", "--trust", other.pem).stdout
    assert "right, trusted" in text and "right, NOT trusted" in text and key.hex in text


def test_wrong_usage(files, key):
    for arguments in (("create", "--legacy", "--key", key.pem, "old.bin", "new.bin", "p"), ("create", *["--key", key.pem] * 4, "old.bin", "new.bin", "p")):
        assert files.run("delta", *arguments).returncode == 2
    assert "none.pem" in files.failed("delta", "create", "--key", "none.pem", "old.bin", "new.bin", "p").stderr
    raw = files.folder / "v1.key"
    raw.write_bytes(key.x + key.y)
    create(files, "--key", key.pem)
    assert "raw v1 key" in files.failed("delta", "apply", "old.bin", "p.patch", "made.bin", "--trust", raw).stderr
