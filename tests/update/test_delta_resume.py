"""A large patch that was interrupted is not fetched twice: what came of it stands in the free sectors of the slot."""

import json

import pytest

from esp_ota import EncryptedDevice, slots_csv
from hostile import CUT, HostileServer, head, honest, steps
from images import descriptor, filler, image
from signing import Key

SECTOR, TAIL = 4096, 8192
PAYLOAD = filler("payload", 100_000)
CHANGED = PAYLOAD[:60_000] + filler("other", 80_000) + PAYLOAD[60_000:]
OLD = image(first=descriptor(version="1.0.0") + PAYLOAD)
NEW = image(first=descriptor(version="2.0.0") + CHANGED)
PATCHES = {}


@pytest.fixture
def old(program):
    path = program.folder / "old.bin"
    path.write_bytes(OLD)
    return path


@pytest.fixture
def make_patch(program, old):
    def make(*options, new=NEW):
        if (options, new) not in PATCHES:
            (program.folder / "new.bin").write_bytes(new)
            program.done("delta", "create", *options, old, program.folder / "new.bin", program.folder / "out.patch")
            PATCHES[options, new] = (program.folder / "out.patch").read_bytes()
        return PATCHES[options, new]
    return make


@pytest.fixture(params=["plain", "encrypted"])
def dev(request, program, device, old):
    return device(factory=old) if request.param == "plain" else EncryptedDevice(program, "dev", factory=old)


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return Key(tmp_path_factory.mktemp("keys"), "signer")


def lead(patch, etag='"one"'):
    """Nearly all of it, and then the end of the connection."""
    count = len(patch) * 15 // 16
    return steps(head("200 OK", f"Content-Length: {len(patch)}", f"ETag: {etag}", "Accept-Ranges: bytes") + patch[:count], CUT)


def stopped(dev, server, certs, *options):
    run = dev.program.failed(*dev.update_args(server.url(), "--cacert", certs.ca, "--retries", "0", *options), "--json")
    assert json.loads(run.stdout)["result"] == "ESP_FAIL", run.shown


def completed(dev, server, certs, *options):
    answer = dev.update(server.url(), "--cacert", certs.ca, "--retry-delay", "0.01", *options)
    assert dev.boot()["version"] == "2.0.0"
    return answer


@pytest.mark.parametrize("options", [("--ram", "4K"), ("--ram", "64K"), ("--legacy",)], ids=lambda o: o[-1])
def test_it_goes_on_where_the_patch_ended(dev, certs, make_patch, options):
    patch = make_patch(*options)
    with HostileServer(certs, [lead(patch), honest(patch)]) as server:
        stopped(dev, server, certs)
        answer = completed(dev, server, certs)
        assert server.requests[-1].start == answer["resumed_from"] and server.requests[-1].header("If-Range") == '"one"'
    assert answer["resumed_from"] % SECTOR == 0 and 64_000 < answer["resumed_from"] < len(patch)
    assert answer["received"] == len(patch) - answer["resumed_from"] and answer["restarts"] == 0


def test_each_of_many_runs_goes_on(dev, certs, make_patch):
    patch, received, runs = make_patch(), 0, 0
    def stingy(connection, request):
        start = request.start or 0
        where = ["206 Partial Content", f"Content-Range: bytes {start}-{len(patch) - 1}/{len(patch)}"] if start else ["200 OK"]
        connection.send(head(*where, f"Content-Length: {len(patch) - start}", 'ETag: "one"') + patch[start:start + 75_000])
        connection.hang_up()
    with HostileServer(certs, [stingy]) as server:
        while runs == 0 or answer["result"] != "ESP_OK":
            run = dev.program.run(*dev.update_args(server.url(), "--cacert", certs.ca, "--retries", "0"), "--json")
            answer, runs = json.loads(run.stdout), runs + 1
            received += answer["received"]
            assert runs < 8, run.shown
    assert dev.boot()["version"] == "2.0.0" and received < 2 * len(patch)


def test_a_small_patch_is_simply_fetched_again(dev, certs, make_patch):
    patch = make_patch(new=image(first=descriptor(version="2.0.0") + PAYLOAD[:1000] + filler("little", 40_000) + PAYLOAD[1000:]))
    with HostileServer(certs, [lead(patch), honest(patch)]) as server:
        stopped(dev, server, certs)
        answer = completed(dev, server, certs)
    assert (answer["resumed_from"], answer["received"]) == (0, len(patch))


def test_a_patch_that_was_replaced_is_fetched_anew(dev, certs, make_patch):
    patch, other = make_patch("--ram", "4K"), make_patch("--ram", "16K")
    with HostileServer(certs, [lead(patch), honest(other, etag='"two"')]) as server:
        stopped(dev, server, certs)
        answer = completed(dev, server, certs)
    assert (answer["resumed_from"], answer["received"], answer["restarts"]) == (0, len(other), 1)


def test_a_replaced_patch_that_nothing_tells_apart_is_fetched_anew_as_a_whole(device, old, certs, make_patch):
    dev = device(factory=old)
    patch = make_patch()
    other = bytearray(patch)
    other[len(patch) - 20_000] ^= 1  # same length, same beginning, no validator: wrong from there on, and right in the next run
    bad, good = bytes(other), patch
    with HostileServer(certs, [lead(good, etag="weak"), honest(bad, etag=""), honest(bad, etag=""), honest(good, etag="")]) as server:
        stopped(dev, server, certs)
        completed(dev, server, certs)


@pytest.mark.parametrize("what", ["kept", "image"])
def test_flash_that_changed_meanwhile_costs_the_whole_patch_again(device, old, certs, make_patch, what):
    dev, patch = device(factory=old), make_patch()
    offset, size = dev.layout["ota_0"]
    kept = offset + size - TAIL - (len(patch) + SECTOR - 1) // SECTOR * SECTOR
    with HostileServer(certs, [lead(patch), honest(patch)]) as server:
        stopped(dev, server, certs)
        assert dev.read("ota_0")[kept - offset:][:60_000] == patch[:60_000]
        dev.overwrite((kept if what == "kept" else offset) + 20_000, b"\0\0\0\0")
        answer = completed(dev, server, certs)
    assert (answer["resumed_from"], answer["received"]) == (0, len(patch))
    assert dev.read("ota_0", len(NEW)) == NEW


def test_without_room_the_patch_is_fetched_again(device, old, certs, make_patch):
    size = (len(NEW) + 0xFFFF) // 0x10000 * 0x10000 + 0x10000
    dev, patch = device(factory=old, table=slots_csv(2, size, factory_size=size)), make_patch()
    assert size - TAIL - len(NEW) < len(patch)
    with HostileServer(certs, [lead(patch), honest(patch)]) as server:
        stopped(dev, server, certs)
        answer = completed(dev, server, certs)
    assert (answer["resumed_from"], answer["received"]) == (0, len(patch)) and dev.read("ota_0", len(NEW)) == NEW


def test_a_patch_that_needs_a_signature_is_used_when_all_of_it_was_seen(dev, certs, make_patch, key):
    """What was kept of it proves nothing before the rest is there."""
    patch, trust = make_patch("--key", key.pem), ("--trust", key.pem)
    with HostileServer(certs, [lead(patch), honest(patch)]) as server:
        stopped(dev, server, certs, *trust)
        answer = completed(dev, server, certs, *trust)
    assert answer["received"] <= len(patch) and dev.read("ota_0", len(NEW)) == NEW


@pytest.mark.parametrize("at", [-1, -30_000, 20_000])
def test_the_rest_of_a_signed_patch_is_held_against_its_signature_too(dev, certs, make_patch, key, at):
    patch, trust = make_patch("--key", key.pem), ("--trust", key.pem)
    forged = bytearray(patch)
    forged[at] ^= 1
    choice = dev.read("otadata")
    with HostileServer(certs, [lead(patch), honest(bytes(forged))]) as server:
        stopped(dev, server, certs, *trust)
        run = dev.program.failed(*dev.update_args(server.url(), "--cacert", certs.ca, "--retries", "0", *trust), "--json")
    assert json.loads(run.stdout)["result"] == "ESP_ERR_OTA_VALIDATE_FAILED", run.shown
    assert dev.read("otadata") == choice
