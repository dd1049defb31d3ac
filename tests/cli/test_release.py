"""Release folders on the publisher's disk: what add, set, remove and prune make of them, what list and verify say."""

import gzip
import hashlib
import json
import os
import shutil

import pytest

from images import descriptor, filler, image
from signing import Key, openssl
from test_delta_sign import der

PAYLOAD = filler("release", 40_000)
MORE = {"1": b"", "2": b"something new..\0" * 4, "3": b"something newer\0" * 9, "4": b"something else.\0" * 7}


def firmware(version, **more):
    changed = MORE[version[0]]
    return image(first=descriptor(version=version, **more) + PAYLOAD[:20_000] + changed + PAYLOAD[20_000:])


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return [Key(folder, name) for name in ("release", "next", "other")]


@pytest.fixture
def key(keys):
    return keys[0].pem


@pytest.fixture
def pub(program):
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        (program.folder / f"v{version[0]}.bin").write_bytes(firmware(version))
    return program


def index(program):
    return json.loads((program.folder / "pub" / "release.json").read_text())


def add(program, number, *options):
    return program.json("release", "add", "pub", f"v{number}.bin", "--ram", "4K", *options)


def names(program):
    return sorted(path.name for path in (program.folder / "pub").iterdir())


def test_a_folder_grows_by_releases_and_patches(pub, key):
    assert add(pub, 1, "--key", key)["serial"] == 1
    add(pub, 2, "--key", key)
    made = add(pub, 3, "--key", key)
    found = index(pub)
    assert made["serial"] == found["serial"] == 3 and made["signed"] and found["version"] == "3.0.0"
    assert found["chip"] == "esp32" and found["project"] == "hello" and found["rollout"] == 100
    v3 = firmware("3.0.0")
    assert found["image_size"] == len(v3) and found["image_sha256"] == hashlib.sha256(v3).hexdigest()
    for file in found["files"]:
        data = (pub.folder / "pub" / file["name"]).read_bytes()
        assert file["size"] == len(data) and file["sha256"] == hashlib.sha256(data).hexdigest() and file["sha256"][:8] in file["name"]
        if file["kind"] == "gzip":
            assert gzip.decompress(data) == v3
        if file["kind"] == "patch":
            old = firmware(file["from_version"])
            assert file["from_sha256"] == hashlib.sha256(old).hexdigest() and file["from_size"] == len(old) and file["memory"] <= 6 << 10
    assert [file["from_version"] for file in found["files"] if file["kind"] == "patch"] == ["2.0.0", "1.0.0"]
    assert pub.json("release", "verify", "pub", "--trust", key)["good"]


def test_openssl_says_that_the_signature_is_over_everything_before_it(pub, key, keys):
    add(pub, 1, "--key", key)
    text = (pub.folder / "pub" / "release.json").read_bytes()
    (pub.folder / "signed").write_bytes(text[:text.index(b',\n "signatures"')])
    record = bytes.fromhex(index(pub)["signatures"][0])
    pair = der(record[68:100]) + der(record[100:132])
    (pub.folder / "sig").write_bytes(b"\x30" + bytes([len(pair)]) + pair)
    openssl("pkey", "-in", key, "-pubout", "-out", pub.folder / "pub.pem")
    assert b"Verified OK" in openssl("dgst", "-sha256", "-verify", pub.folder / "pub.pem", "-signature", pub.folder / "sig", pub.folder / "signed")


def test_keep_bounds_the_releases_and_prune_deletes_what_the_index_dropped(pub, key):
    add(pub, 1, "--key", key)
    first = set(names(pub))
    add(pub, 2, "--key", key)
    add(pub, 3, "--key", key, "--keep", "1")
    found = index(pub)
    assert [release["version"] for release in found["releases"]] == ["2.0.0", "3.0.0"]
    assert first <= set(names(pub)), "who reads the old index still finds its files"
    mine = pub.folder / "pub" / "README.txt"
    mine.write_text("mine")
    pub.done("release", "prune", "pub", "--key", key)
    assert first <= set(names(pub)), "a week has not passed"
    pub.done("release", "prune", "pub", "--days", "0", "--key", key)
    named = {file["name"] for file in [*index(pub)["files"], *index(pub)["releases"]]}
    assert set(names(pub)) == named | {"release.json", "README.txt"} and index(pub)["retired"] == []
    assert pub.json("release", "verify", "pub")["good"]


@pytest.mark.parametrize("options,word", [(dict(chip="esp32c3"), "is a folder for esp32, the image is for esp32c3"),
                                          (dict(project="toaster"), "of project hello, the image is of toaster")])
def test_mixes_are_refused(pub, options, word):
    add(pub, 1)
    before = names(pub)
    pub.firmware("other.bin", version="2.0.0", **options)
    assert word in pub.failed("release", "add", "pub", "other.bin").stderr
    assert names(pub) == before


def test_older_and_known_images_are_refused(pub):
    add(pub, 2)
    add(pub, 3)
    assert "3.0.0, which" in pub.failed("release", "add", "pub", "v1.bin").stderr
    assert "offers this very image already" in pub.failed("release", "add", "pub", "v3.bin").stderr
    assert "remove the newer ones" in pub.failed("release", "add", "pub", "v2.bin").stderr
    add(pub, 1, "--allow-downgrade")
    assert index(pub)["version"] == "1.0.0"


@pytest.mark.parametrize("chip", ["esp32", "esp32c3", "esp32s3"])
def test_an_image_whose_digest_is_wrong_is_refused(pub, chip):
    bad = bytearray(image(chip=chip, version="4.0.0"))
    bad[-1] ^= 1
    (pub.folder / "bad.bin").write_bytes(bad)
    assert "no image that could be released" in pub.failed("release", "add", "pub", "bad.bin").stderr


def test_a_lower_secure_version_is_refused(pub):
    pub.firmware("v1.bin", version="1.0.0", secure_version=3)
    pub.firmware("v2.bin", version="2.0.0", secure_version=2)
    add(pub, 1)
    assert "secure version 2, the folder offers 3" in pub.failed("release", "add", "pub", "v2.bin").stderr


def test_a_version_by_hand(pub):
    (pub.folder / "same.bin").write_bytes(image(first=descriptor(version="1.0.0") + PAYLOAD[::-1]))
    add(pub, 1, "--version", "0.14.3")
    pub.done("release", "add", "pub", "same.bin", "--version", "0.14.4")
    assert index(pub)["version"] == "0.14.4" and index(pub)["app_version"] == "1.0.0"
    assert pub.run("release", "add", "pub", "v2.bin", "--version", "x" * 33).returncode == 2
    assert pub.run("release", "add", "pub", "v2.bin", "--version", "a\nb").returncode == 2


def test_a_signed_folder_stays_signed_by_a_key_it_knows(pub, keys):
    old, new, other = (key.pem for key in keys)
    add(pub, 1, "--key", old)
    assert "give --key" in pub.failed("release", "add", "pub", "v2.bin").stderr
    assert "not signed by the given key" in pub.failed("release", "add", "pub", "v2.bin", "--key", other).stderr
    add(pub, 2, "--key", old, "--key", new)
    add(pub, 3, "--key", new)
    assert pub.json("release", "verify", "pub", "--trust", new)["good"]
    run = pub.failed("release", "verify", "pub", "--trust", old)
    assert "signed only with keys" in run.stderr


def test_an_index_that_was_altered_on_disk_is_not_signed_again(pub, key):
    add(pub, 1, "--key", key)
    path = pub.folder / "pub" / "release.json"
    path.write_text(path.read_text().replace('"rollout": 100', '"rollout": 10'))
    assert "was altered" in pub.failed("release", "set", "pub", "--key", key).stderr


def test_set_changes_rollout_and_expiry_and_renews(pub, key):
    add(pub, 1, "--key", key, "--expires", "30")
    first = index(pub)
    assert 29 * 86400 < first["expires"] - os.stat(pub.folder / "pub").st_mtime <= 31 * 86400
    pub.done("release", "set", "pub", "--rollout", "25", "--key", key)
    second = index(pub)
    assert second["rollout"] == 25 and second["serial"] == 2 and second["expires"] >= first["expires"] and second["files"] == first["files"]
    pub.done("release", "set", "pub", "--expires", "0", "--serial", "90", "--key", key)
    assert "expires" not in index(pub) and index(pub)["serial"] == 90
    assert "above the 90" in pub.failed("release", "set", "pub", "--serial", "90", "--key", key).stderr


def test_remove_offers_the_release_before(pub, key):
    add(pub, 1, "--key", key)
    add(pub, 2, "--key", key)
    run = pub.done("release", "remove", "pub", "2.0.0", "--key", key, "--ram", "4K")
    assert "--allow-downgrade" in run.stderr
    found = index(pub)
    assert found["version"] == "1.0.0" and found["serial"] == 3 and [file["sha256"] for file in found["withdrawn"]] == [hashlib.sha256(firmware("2.0.0")).hexdigest()]
    assert pub.json("release", "verify", "pub", "--trust", key)["good"]
    assert "no other release" in pub.failed("release", "remove", "pub", "1.0.0", "--key", key).stderr
    assert "no release 9" in pub.failed("release", "remove", "pub", "9", "--key", key).stderr
    add(pub, 3, "--key", key)
    assert "withdrawn" not in index(pub)


def test_verify_names_every_file_that_is_not_as_it_should_be(pub):
    add(pub, 1)
    add(pub, 2)
    folder = pub.folder / "pub"
    patch = next(file["name"] for file in index(pub)["files"] if file["kind"] == "patch")
    packed = next(file["name"] for file in index(pub)["files"] if file["kind"] == "gzip")
    (folder / patch).write_bytes((folder / patch).read_bytes()[:-1] + b"\x5a")
    (folder / packed).unlink()
    run = pub.failed("release", "verify", "pub")
    assert run.stderr.count("error: ") == 2 and patch in run.stderr and packed in run.stderr
    verdict = json.loads(pub.failed("release", "verify", "pub", "--json").stdout)
    assert not verdict["good"] and {problem["file"] for problem in verdict["problems"]} == {patch, packed}


def test_verify_applies_patches_and_unpacks_even_when_the_digests_are_right(pub):
    """A mistake in the tool that made them, or files that were mixed up and an index made to fit."""
    add(pub, 1)
    add(pub, 2)
    path = pub.folder / "pub" / "release.json"
    found = index(pub)
    for file in found["files"]:
        if file["kind"] in ("patch", "gzip"):
            data = gzip.compress(b"something else") if file["kind"] == "gzip" else b"no patch"
            (pub.folder / "pub" / file["name"]).write_bytes(data)
            file["size"], file["sha256"] = len(data), hashlib.sha256(data).hexdigest()
    path.write_text(json.dumps(found))
    run = pub.failed("release", "verify", "pub")
    assert "does not give the release" in run.stderr and run.stderr.count("error: ") == 2


def test_list_shows_what_is_offered(pub, key):
    add(pub, 1, "--key", key, "--expires", "10", "--rollout", "5")
    text = pub.done("release", "list", "pub", "--trust", key).stdout
    assert "offers hello 1.0.0 for esp32" in text and "rollout    5 %" in text and "in 9 days" in text or "in 10 days" in text
    assert "right, trusted" in text and "releases, oldest first" in text
    shown = pub.json("release", "list", "pub")
    assert shown["serial"] == 1 and shown["signatures"][0]["signature_ok"]


def test_a_failed_add_leaves_the_index_as_it_was(pub):
    add(pub, 1)
    before = (pub.folder / "pub" / "release.json").read_bytes()
    (pub.folder / "pub" / index(pub)["releases"][0]["name"]).write_bytes(b"damaged")
    assert "index" in pub.failed("release", "add", "pub", "v2.bin").stderr
    assert (pub.folder / "pub" / "release.json").read_bytes() == before


def test_what_is_no_release_or_no_folder_is_told(pub):
    (pub.folder / "text.bin").write_bytes(b"no image at all")
    assert "no image that could be released" in pub.failed("release", "add", "pub", "text.bin").stderr
    assert not (pub.folder / "pub").exists()
    assert "no release folder" in pub.failed("release", "list", ".").stderr
    assert "no release folder" in pub.failed("release", "set", ".").stderr
    (pub.folder / "release.json").write_text("{}")
    assert "no index" in pub.failed("release", "verify", ".").stderr


@pytest.mark.parametrize("arguments", [("add", "pub"), ("add", "pub", "v1.bin", "--ram", "8K"), ("add", "pub", "v1.bin", "--compress", "xz"),
                                       ("add", "pub", "v1.bin", "--keep", "16"), ("add", "pub", "v1.bin", "--rollout", "101"), ("set", "pub", "--expires", "x"),
                                       ("remove", "pub"), ("prune", "pub", "--days", "-1"), ("list",), ("verify", "a", "b"), ("add", "pub", "v1.bin", "--serial", "0")])
def test_wrong_usage(pub, arguments):
    assert pub.run("release", *arguments).returncode == 2
    assert not (pub.folder / "pub").exists()


def test_devices_without_the_code_for_streams_get_patches_without(pub):
    page = gzip.compress(b"".join(b"<p>%d</p>" % (i * i) for i in range(6000)), mtime=0)
    other = gzip.compress(b"<p>new</p>" + b"".join(b"<p>%d</p>" % (i * i) for i in range(6000)), mtime=0)
    for version, data in (("1.0.0", page), ("2.0.0", other)):
        (pub.folder / f"v{version[0]}.bin").write_bytes(image(first=descriptor(version=version) + PAYLOAD[:20_000] + data + bytes(-len(data) % 16)))
    for options, has_streams in ((), True), (("--no-streams",), False):
        shutil.rmtree(pub.folder / "pub", ignore_errors=True)
        for number in 1, 2:
            pub.done("release", "add", "pub", f"v{number}.bin", "--ram", "64K", *options)
        patch, = [file["name"] for file in index(pub)["files"] if file["kind"] == "patch"]
        assert pub.json("delta", "info", f"pub/{patch}")["streams"] is has_streams


def test_forms_and_classes_are_chosen(pub):
    pub.done("release", "add", "pub", "v1.bin", "--compress", "none", "--ram", "none")
    assert [file["kind"] for file in index(pub)["files"]] == ["image"]
    pub.done("release", "add", "pub", "v2.bin", "--compress", "gzip", "--ram", "4K", "--ram", "16K")
    assert [file["kind"] for file in index(pub)["files"]] == ["gzip", "image", "patch", "patch"]
