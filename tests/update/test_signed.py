"""Signed updates over the network: which are taken, what is said of the others, and how keys rotate."""

import pytest

from esp_ota import TWO_OTA_CSV
from images import damaged, descriptor, image
from signing import Key, sign_v2

STORE_CSV = TWO_OTA_CSV + "ota_trust, data, undefined, 0x310000, 0x2000,\n"
FIRST = 0x2000  # bytes: room for a descriptor and more


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {name: Key(folder, name) for name in "ABC"}


class Story:
    """A device that runs a signed image, and a site that offers others."""

    def __init__(self, program, device, site, keys, running="A", **table):
        self.program, self.site, self.keys = program, site, keys
        first = program.folder / "first.img"
        first.write_bytes(self.signed("1.0.0", running))
        self.dev = device(ota_0=first, **table)

    def trust(self, *args):
        return self.program.json("trust", args[0], "--flash", self.dev.flash, *args[1:])

    def signed(self, version, names, **desc):
        data = image(version=version, size=FIRST, **desc)
        return sign_v2(data, *(self.keys[name] for name in names)) if names else data

    def url(self, data):
        self.served = getattr(self, "served", 0) + 1
        return self.site.url(self.site.serve(data, f"{self.served}.bin"))

    def take(self, version, names):
        answer = self.dev.update(self.url(self.signed(version, names)), "--cacert", self.site.ca)
        boot = self.dev.boot(rollback=True)
        assert (boot["slot"], boot["version"]) == (answer["slot"], version)

    def refuse(self, data, writes_to="ota_1", result="ESP_ERR_OTA_VALIDATE_FAILED"):
        return self.dev.refused(result, self.url(data), "--cacert", self.site.ca, "--no-resume", writes_to=writes_to)

    def confirm(self):
        self.program.done("otadata", "confirm", self.dev.flash)
        return self.trust("show")["store"]


@pytest.fixture
def story(program, device, site, keys):
    return lambda **more: Story(program, device, site, keys, **more)


def test_without_a_store_only_the_key_of_what_runs_signs(story):
    it = story(running="AB", table=TWO_OTA_CSV)
    it.trust("set", "--signed", "update", "--scheme", "ecdsa256")
    assert "not signed" in it.refuse(it.signed("2.0.0", ""))
    assert "keys that this device does not trust" in it.refuse(it.signed("2.0.0", "B"))
    assert "keys that this device does not trust" in it.refuse(it.signed("2.0.0", "BA"))
    checksum_at = FIRST - 33
    changed = damaged(damaged(it.signed("2.0.0", "A"), 0x1800), checksum_at)
    assert "does not match" in it.refuse(changed)
    it.take("2.0.0", "A")


def test_keys_rotate_from_a_over_both_to_b(story):
    it = story(table=STORE_CSV)
    it.trust("add", it.keys["A"].digest)
    it.trust("set", "--signed", "boot", "--scheme", "ecdsa256", "--rotate", "on")
    assert "keys that this device does not trust" in it.refuse(it.signed("2.0.0", "B"))
    it.take("2.0.0", "AB")
    assert it.confirm()["trusted"] == [it.keys["A"].hex, it.keys["B"].hex]
    it.take("3.0.0", "B")
    store = it.confirm()
    assert (store["trusted"], store["revoked"]) == ([it.keys["B"].hex], [it.keys["A"].hex])
    assert "revoked" in it.refuse(it.signed("4.0.0", "A"))
    it.take("4.0.0", "BA")
    assert it.confirm()["trusted"] == [it.keys["B"].hex]


def test_keys_stay_until_the_image_is_confirmed(story):
    it = story(table=STORE_CSV)
    it.trust("add", it.keys["A"].digest)
    it.trust("set", "--signed", "boot", "--scheme", "ecdsa256", "--rotate", "on")
    it.take("2.0.0", "AB")
    assert it.dev.boot(rollback=True)["version"] == "1.0.0"
    assert it.trust("show")["store"]["trusted"] == [it.keys["A"].hex]


def test_a_block_that_was_added_on_the_way_brings_no_key_along(story):
    it = story(table=STORE_CSV)
    it.trust("add", it.keys["A"].digest)
    it.trust("set", "--signed", "update", "--scheme", "ecdsa256", "--rotate", "announced")
    it.take("2.0.0", "AC")
    assert it.confirm()["trusted"] == [it.keys["A"].hex]
    first = descriptor(version="3.0.0") + it.keys["B"].digest.read_bytes()
    announcing = sign_v2(image(size=FIRST, version="3.0.0", first=first), *(it.keys[name] for name in "ACB"))
    it.dev.update(it.url(announcing), "--cacert", it.site.ca)
    assert it.dev.boot(rollback=True)["version"] == "3.0.0"
    assert it.confirm()["trusted"] == [it.keys["A"].hex, it.keys["B"].hex]


def test_two_of_three_must_sign(story):
    it = story(table=STORE_CSV)
    it.trust("add", *(it.keys[name].digest for name in "ABC"))
    it.trust("set", "--signed", "update", "--scheme", "ecdsa256", "--threshold", "2")
    assert "fewer trusted keys" in it.refuse(it.signed("2.0.0", "A"))
    assert "fewer trusted keys" in it.refuse(it.signed("2.0.0", "AA"))
    it.take("2.0.0", "CB")


def test_policy_is_judged_before_anything_is_erased(story):
    it = story(running="", table=STORE_CSV)
    it.trust("set", "--same-project", "on", "--no-downgrade", "on", "--min-size", str(FIRST), "--max-size", str(FIRST))
    refuse = lambda data: it.refuse(data, writes_to=None)
    assert "project name" in refuse(it.signed("2.0.0", "", project="other"))
    assert "its version is below" in refuse(it.signed("1.0.0-rc.1", ""))
    assert "larger than this device's policy" in refuse(image(version="2.0.0", size=FIRST + 16))
    assert "smaller than this device's policy" in refuse(image(version="2.0.0", size=FIRST - 16))
    it.take("1.0.0", "")
    second = it.signed("1.0.1", "", secure_version=3)
    it.program.done("otadata", "confirm", it.dev.flash)
    it.dev.update(it.url(second), "--cacert", it.site.ca)
    it.dev.boot(rollback=True)
    it.program.done("otadata", "confirm", it.dev.flash)
    assert "secure version is below" in refuse(it.signed("2.0.0", "", secure_version=2))
