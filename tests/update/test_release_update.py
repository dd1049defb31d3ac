"""A device follows a release folder that nginx serves as plain files: which file it takes, and what it does when one is not as it should be."""

import json
import shutil

import pytest

from esp_ota import EncryptedDevice, Program, find_program
from hostile import CUT, HostileServer, head, honest, steps
from images import descriptor, filler, image
from signing import Key

PAYLOAD = filler("release", 120_000)


def firmware(version, changed=b"", **more):
    return image(first=descriptor(version=version, **more) + PAYLOAD[:60_000] + changed + PAYLOAD[60_000:])


V1 = firmware("1.0.0")
V2 = firmware("2.0.0", b"something new..\0" * 4)
V3 = firmware("3.0.0", b"something newer\0" * 9)


class Folder:
    """A release folder below the server's root."""

    def __init__(self, program, key, path, url):
        self.program, self.key, self.path, self.address = program, key, path, url

    def add(self, data, *options, key=None):
        source = self.program.folder / "release.bin"
        source.write_bytes(data)
        return self.program.json("release", "add", self.path, source, "--key", key or self.key.pem, *options)

    def index(self):
        return json.loads((self.path / "release.json").read_text())

    def file(self, kind):
        return self.path / next(file["name"] for file in self.index()["files"] if file["kind"] == kind)

    def spoil(self, kind, at=-1):
        path = self.file(kind)
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.write_bytes(data)


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return Key(folder, "release"), Key(folder, "other")


@pytest.fixture(scope="module")
def made(tmp_path_factory, keys):
    """A folder with two releases, made once; each test has a copy."""
    program = Program(find_program(), tmp_path_factory.mktemp("made"))
    folder = Folder(program, keys[0], program.folder / "pub", None)
    folder.add(V1)
    folder.add(V2, "--ram", "4K", "--ram", "16K")
    return folder.path


@pytest.fixture
def folder(program, site, keys, made):
    path = site.server.docroot / site.folder / "pub"
    shutil.copytree(made, path)
    return Folder(program, keys[0], path, site.url(f"{site.folder}/pub/"))


@pytest.fixture
def dev(device, program):
    (program.folder / "v1.bin").write_bytes(V1)
    return device(factory=program.folder / "v1.bin")


@pytest.fixture
def options(site, keys):
    return "--cacert", site.ca, "--trust", keys[0].pem


def takes(dev, folder, options, kind, version="2.0.0", data=V2):
    answer = dev.update(folder.address, *options)
    taken = answer["release"]["taken"]
    assert taken["kind"] == kind and answer["slot"] == "ota_0", answer
    assert dev.read("ota_0", len(data)) == data
    assert dev.boot()["version"] == version
    return answer


def test_the_smallest_patch_is_taken(dev, folder, options):
    answer = takes(dev, folder, options, "patch")
    sizes = [file["size"] for file in folder.index()["files"] if file["kind"] == "patch"]
    assert answer["received"] == answer["release"]["taken"]["size"] == min(sizes) < 600
    assert [file["kind"] for file in answer["release"]["plan"]][:1] == ["patch"] and answer["release"]["trusted"]


def test_the_name_of_the_index_and_a_query_are_the_folder_s_url_too(dev, folder, options):
    folder.address += "release.json?token=secret"
    takes(dev, folder, options, "patch")


def test_the_release_that_runs_is_told_and_nothing_is_fetched(dev, folder, options):
    takes(dev, folder, options, "patch")
    before = dev.all_but()
    run = dev.program.done(*dev.update_args(folder.address, *options))
    assert "up to date: ota_0 runs" in run.stdout and "2.0.0" in run.stdout
    answer = dev.program.json(*dev.update_args(folder.address, *options))
    assert answer["release"]["current"] and answer["received"] == 0 and answer["slot"] is None
    assert dev.all_but() == before


def test_a_device_that_no_patch_is_for_takes_the_smallest_whole_image(device, program, folder, options):
    (program.folder / "v0.bin").write_bytes(firmware("0.9.0", b"something older\0" * 4))
    dev = device(factory=program.folder / "v0.bin")
    forms = {file["kind"]: file["size"] for file in folder.index()["files"] if file["kind"] != "patch"}
    takes(dev, folder, options, min(forms, key=forms.get))


def test_memory_chooses_among_the_patches(dev, folder, options):
    answer = takes(dev, folder, (*options, "--ram", "4K"), "patch")
    small = [file for file in folder.index()["files"] if file["kind"] == "patch" and file["memory"] <= 6 << 10]
    assert answer["release"]["taken"]["name"] == small[0]["name"]


def test_dry_run_tells_and_touches_nothing(dev, folder, options):
    before = dev.all_but()
    run = dev.program.done(*dev.update_args(folder.address, *options, "--dry-run"))
    assert "would fetch  patch" in run.stdout and "else" in run.stdout and "signed by a trusted key" in run.stdout
    assert dev.all_but() == before


@pytest.mark.parametrize("spoil", ["missing", "flipped", "short", "another"])
def test_a_patch_that_is_not_as_announced_gives_way_to_the_whole_image(dev, folder, options, spoil):
    for file in folder.index()["files"]:
        path = folder.path / file["name"]
        if file["kind"] != "patch":
            continue
        if spoil == "missing":
            path.unlink()
        elif spoil == "flipped":
            path.write_bytes(path.read_bytes()[:-1] + b"\x5a")
        elif spoil == "short":
            path.write_bytes(path.read_bytes()[:-9])
        else:
            path.write_bytes(b"this is no patch" * 20)
    run = dev.program.done(*dev.update_args(folder.address, *options, "--retries", "0"))
    assert "cannot be used" in run.stderr and dev.read("ota_0", len(V2)) == V2
    assert dev.boot()["version"] == "2.0.0"


def test_a_whole_image_that_is_another_one_is_refused_although_it_is_valid(dev, folder, options):
    """The server cannot offer anything but what the signed index names."""
    for file in folder.index()["files"]:
        (folder.path / file["name"]).write_bytes(V3)
    run = dev.program.failed(*dev.update_args(folder.address, *options, "--retries", "0"))
    assert "not the one that was announced" in run.stderr and dev.boot()["version"] == "1.0.0", run.shown


def test_all_files_missing_is_told(dev, folder, options):
    for file in folder.index()["files"]:
        (folder.path / file["name"]).unlink()
    run = dev.program.failed(*dev.update_args(folder.address, *options, "--retries", "0"))
    assert "404" in run.stderr and "in the middle of publishing" in run.stderr
    assert dev.boot()["version"] == "1.0.0"


def test_an_altered_index_is_refused_wherever_it_is_altered(dev, folder, options):
    path = folder.path / "release.json"
    good = path.read_bytes()
    before = dev.all_but()
    for at in range(3, len(good) - 3, len(good) // 12):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
        run = dev.program.failed(*dev.update_args(folder.address, *options, "--retries", "0"))
        assert run.stderr.count("error: ") == 1, run.shown
    assert dev.all_but() == before


def test_an_index_without_signature_or_by_another_key_is_refused(dev, folder, options, keys, site):
    index = folder.index()
    del index["signatures"]
    (folder.path / "release.json").write_text(json.dumps(index))
    assert "not signed" in dev.refused("ESP_ERR_OTA_VALIDATE_FAILED", folder.address, *options)
    shutil.rmtree(folder.path)
    folder.add(V2, key=keys[1].pem)
    assert "refused" in dev.refused("ESP_ERR_OTA_VALIDATE_FAILED", folder.address, *options)
    takes(dev, folder, ("--cacert", site.ca), "gzip")  # without --trust nobody asks


def test_an_older_index_is_refused_once_a_newer_one_was_seen(dev, folder, options):
    old = (folder.path / "release.json").read_bytes()
    folder.add(V3)
    dev.program.done(*dev.update_args(folder.address, *options))
    dev.boot()
    dev.program.done("otadata", "confirm", dev.flash)
    (folder.path / "release.json").write_bytes(old)
    before = dev.all_but()
    assert "has seen 3" in dev.refused("ESP_ERR_INVALID_STATE", folder.address, *options)
    assert dev.all_but() == before
    assert "older than what runs" in dev.refused("ESP_ERR_INVALID_VERSION", folder.address, *options, "--older-index", writes_to="nvs")


def test_an_expired_index_is_refused(dev, folder, options, tmp_path):
    index = folder.index()
    folder.program.done("release", "set", folder.path, "--expires", "1", "--key", folder.key.pem)
    text = (folder.path / "release.json").read_text()
    assert f'"expires": {json.loads(text)["expires"]}' in text and "expires" not in index
    takes(dev, folder, options, "patch")


def test_an_interrupted_download_goes_on_although_the_index_is_fetched_anew(dev, certs, folder, options):
    large = image(size=300_000, version="3.0.0")
    folder.add(large, "--compress", "none", "--ram", "none")
    index = (folder.path / "release.json").read_bytes()
    cut = steps(head("200 OK", f"Content-Length: {len(large)}", 'ETag: "one"', "Accept-Ranges: bytes") + large[:200_000], CUT)
    with HostileServer(certs, [honest(index), cut, honest(index), honest(large)]) as server:
        options = "--cacert", certs.ca, *options[2:]
        run = dev.program.failed(*dev.update_args(server.url("/pub/"), *options, "--retries", "0"))
        assert "the same command goes on" in run.stderr and len(server.requests) == 2, run.shown
        folder.address = server.url("/pub/")
        answer = takes(dev, folder, options, "image", "3.0.0", large)
    assert answer["resumed_from"] > 0 and answer["received"] == len(large) - answer["resumed_from"]


def test_a_file_of_another_length_is_not_fetched(dev, folder, options, site):
    for file in folder.index()["files"]:
        path = folder.path / file["name"]
        path.write_bytes(path.read_bytes() + b"more")
    run = dev.program.failed(*dev.update_args(folder.address, *options, "--json"))
    assert "where the index says" in run.stderr and json.loads(run.stdout)["bytes"] == 0
    assert dev.read("ota_0", 4096) == b"\xff" * 4096


def test_a_redirect_and_credentials_lead_to_the_folder(dev, site, folder, options):
    folder.address = site.url(f"redirect/302/auth/{site.folder}/pub/")
    takes(dev, folder, (*options, "--user", "device:s3cret"), "patch")


def test_an_encrypted_device_follows_a_folder(program, folder, options):
    (program.folder / "v1.bin").write_bytes(V1)
    dev = EncryptedDevice(program, "secret", factory=program.folder / "v1.bin")
    takes(dev, folder, options, "patch")


def test_a_budget_is_kept(dev, folder, options):
    patch = min(file["size"] for file in folder.index()["files"] if file["kind"] == "patch")
    sentence = dev.refused("ESP_ERR_INVALID_SIZE", folder.address, *options, "--max-bytes", patch - 1, writes_to="nvs")
    assert f"{patch} bytes" in sentence and f"--max-bytes allows {patch - 1}" in sentence
    takes(dev, folder, (*options, "--max-bytes", patch), "patch")


def test_without_a_patch_and_without_the_whole_image_there_is_nothing(device, program, folder, options):
    (program.folder / "v0.bin").write_bytes(firmware("0.9.0", b"something older\0" * 4))
    dev = device(factory=program.folder / "v0.bin")
    sentence = dev.refused("ESP_ERR_INVALID_SIZE", folder.address, *options, "--no-full-fallback", writes_to="nvs")
    assert "no patch from what runs" in sentence and "--no-full-fallback forbids" in sentence


def test_a_damaged_patch_does_not_break_the_budget(dev, folder, options):
    for kind in ("patch",):
        for file in folder.index()["files"]:
            if file["kind"] == kind:
                path = folder.path / file["name"]
                path.write_bytes(path.read_bytes()[:-1] + b"\x5a")
    run = dev.program.failed(*dev.update_args(folder.address, *options, "--no-full-fallback"))
    assert "not those that were signed" in run.stderr and dev.boot()["version"] == "1.0.0"


def test_another_chip_and_another_project_are_refused(device, program, folder, options):
    program.firmware("image.bin", chip="esp32c3")
    dev = device("c3", chip="esp32c3", factory=program.folder / "image.bin")
    assert "folder is for esp32, this device is esp32c3" in dev.refused("ESP_ERR_INVALID_VERSION", folder.address, *options, writes_to="nvs")
    program.firmware("image.bin", project="toaster")
    dev = device("toaster", factory=program.folder / "image.bin")
    assert "toaster" in dev.refused("ESP_ERR_INVALID_VERSION", folder.address, *options, writes_to="nvs")


def test_a_withdrawn_release_stays_unless_a_step_back_is_asked_for(dev, folder, options):
    takes(dev, folder, options, "patch")
    dev.program.done("otadata", "confirm", dev.flash)
    folder.program.done("release", "remove", folder.path, "2.0.0", "--key", folder.key.pem)
    assert "withdrawn" in dev.refused("ESP_ERR_INVALID_VERSION", folder.address, *options, writes_to="nvs")
    answer = dev.update(folder.address, *options, "--allow-downgrade")
    assert dev.read("ota_1", len(V1)) == V1 and answer["version"] == "1.0.0"


def test_a_rollout_reaches_more_and_more_devices(dev, folder, options):
    def offered(percent):
        folder.program.done("release", "set", folder.path, "--rollout", percent, "--key", folder.key.pem)
        ids = [f"device {i}" for i in range(12)]
        answers = [dev.program.json(*dev.update_args(folder.address, *options, "--dry-run", "--device-id", i)) for i in ids]
        return {i for i, answer in zip(ids, answers) if not answer["release"]["waiting"]}
    none, half, all_of_them = offered(0), offered(50), offered(100)
    assert none == set() and 0 < len(half) < 12 and len(all_of_them) == 12
    folder.program.done("release", "set", folder.path, "--rollout", 0, "--key", folder.key.pem)
    run = dev.program.done(*dev.update_args(folder.address, *options))
    assert "not to this one" in run.stdout and dev.boot()["version"] == "1.0.0"


def test_what_is_no_folder_is_told(dev, site, options):
    site.serve(b"<html>no index</html>", "release.json")
    assert "no index" in dev.refused("ESP_ERR_INVALID_RESPONSE", site.url(f"{site.folder}/"), *options)
    assert "no release folder there" in dev.refused("ESP_ERR_NOT_FOUND", site.url(f"{site.folder}/none/"), *options)
    site.serve(b'{"x": "' + b"x" * 40_000 + b'"}', "release.json")
    assert "more than 32768" in dev.refused("ESP_ERR_INVALID_SIZE", site.url(f"{site.folder}/"), *options)


def test_options_of_folders_need_a_folder(dev, site, options, program):
    for option in (["--dry-run"], ["--no-full-fallback"], ["--allow-downgrade"], ["--older-index"], ["--device-id", "x"]):
        assert program.run(*dev.update_args(site.url("v2.bin"), *options, *option)).returncode == 2
    assert program.run(*dev.update_args(site.url("d/"), *options, "--mirror", site.url("e/"))).returncode == 2
    assert program.run(*dev.update_args(site.url("d/"), *options, "--ram", "5K")).returncode == 2


# ----------------------------------------------------------------------- signed patches by their own URL


@pytest.fixture
def signed_patch(program, keys):
    for name, data in (("old.bin", V1), ("new.bin", V2)):
        (program.folder / name).write_bytes(data)
    program.done("delta", "create", "old.bin", "new.bin", "signed.patch", "--key", keys[0].pem)
    return (program.folder / "signed.patch").read_bytes()


def test_a_signed_patch_is_taken(dev, site, options, signed_patch):
    dev.update(site.url(site.serve(signed_patch)), *options)
    assert dev.read("ota_0", len(V2)) == V2 and dev.boot()["version"] == "2.0.0"


def test_unsigned_altered_and_foreign_patches_cost_no_erase(dev, site, options, signed_patch, program, keys):
    program.done("delta", "create", "old.bin", "new.bin", "plain.patch")
    program.done("delta", "create", "old.bin", "new.bin", "foreign.patch", "--key", keys[1].pem)
    program.done("delta", "create", "--legacy", "old.bin", "new.bin", "legacy.patch")
    cases = [((program.folder / f"{name}.patch").read_bytes(), word)
             for name, word in (("plain", "not signed"), ("foreign", "refused"), ("legacy", "no signature"))]
    body = 64 + 36 + 136
    cases += [(signed_patch[:at] + bytes([signed_patch[at] ^ 1]) + signed_patch[at + 1:], "")
              for at in (70, 100, 105, 140, 200, body - 1, body, len(signed_patch) - 1)]
    for patch, word in cases:
        sentence = dev.refused("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(patch)), *options)
        assert word in sentence, sentence


def test_with_trust_a_whole_image_by_its_own_url_is_refused(dev, site, options):
    assert "no signed patch" in dev.refused("ESP_ERR_OTA_VALIDATE_FAILED", site.url(site.serve(V2)), *options, writes_to="ota_0")
    assert dev.boot()["version"] == "1.0.0"
