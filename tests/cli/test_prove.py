"""prove: the power is cut everywhere during an update of two images."""

import re
import shlex
import subprocess

import pytest

from table import DATA

KEYS = DATA / "keys"
KEY_A = KEYS / "rsa3072_0.pem"
KEY_B = KEYS / "rsa3072_1.pem"
OTADATA = "otadata,data,ota,0xd000,0x2000\n"
TWO_SLOTS = OTADATA + "ota_0,app,ota_0,0x10000,0x10000\nota_1,app,ota_1,0x20000,0x10000\n"


@pytest.fixture
def pair(program):
    for name, version in (("v1.bin", "1.0.0"), ("v2.bin", "2.0.0")):
        program.firmware(name, chip="esp32c3", version=version, size="12K")
    return "--old", "v1.bin", "--new", "v2.bin"


@pytest.fixture
def signed(program, pair):
    for name in ("v1", "v2"):
        program.done("image", "sign", "--key", KEY_A, "-o", f"{name}s.bin", f"{name}.bin")
    return "--old", "v1s.bin", "--new", "v2s.bin"


def table(program, text):
    (program.folder / "t.csv").write_text(text)
    return "--partitions", "t.csv"


def refused(program, *args):
    """The one sentence."""
    result = program.failed("prove", *args)
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.shown
    return errors[0]


# ---- what is cut ----


def test_every_operation_is_cut_and_every_tear_happened(program, pair):
    answer = program.json("prove", *pair, "--rollback", "off")
    assert (answer["result"], answer["bricks"], answer["failures"]) == ("passed", 0, 0)
    assert answer["cuts"] > 300
    assert len(answer["tears"]) >= 8 and all(answer["tears"].values())
    assert [part["scenario"] for part in answer["scenarios"]] == ["https", "bulk"]
    assert all(part["old_boots"] and part["new_boots"] for part in answer["scenarios"])
    assert answer["cut_operations"] == answer["operations"] > 10
    assert (answer["signed"], answer["encrypted"]) == (None, False)
    assert answer["other_partitions"] == {"count": 2, "bytes": 0x5000}
    assert all(0 < fault["met"] <= fault["tried"] for fault in answer["faults"].values()), answer["faults"]
    for name in ("a read fails once", "a program or erase fails once"):
        assert answer["faults"][name]["updated"] == answer["faults"][name]["tried"]


def test_a_device_with_factory_and_one_slot(program, pair):
    csv = OTADATA + "factory,app,factory,0x10000,0x10000\nota_0,app,ota_0,0x20000,0x10000\n"
    answer = program.json("prove", *pair, "--rollback", "off", *table(program, csv), "--chip", "esp32c3", "--jobs", "1")
    assert [part["scenario"] for part in answer["scenarios"]] == ["factory"]
    assert answer["bricks"] == 0


def test_an_encrypted_flash(program, pair):
    csv = OTADATA + "factory,app,factory,0x10000,0x10000\nota_0,app,ota_0,0x20000,0x10000\n"
    said = program.done("prove", *pair, "--rollback", "off", "--encrypt", *table(program, csv), "--report", "r.html").stdout
    assert "every flash operation was cut" in said
    assert "Flash encryption: on" in (program.folder / "r.html").read_text()


def test_a_delta_update(program, pair):
    program.done("delta", "create", "v1.bin", "v2.bin", "p.patch")
    answer = program.json("prove", *pair, "--rollback", "off", "--patch", "p.patch", "--jobs", "1")
    patch = [part for part in answer["scenarios"] if part["scenario"] == "patch"]
    assert answer["result"] == "passed" and patch[0]["new_boots"] > 0
    program.firmware("v3.bin", chip="esp32c3", version="3.0.0", size="12K")
    assert "does not lead from v1.bin to v3.bin" in refused(program, "--old", "v1.bin", "--new", "v3.bin", "--patch", "p.patch")


def test_long_cuts_more(program, pair):
    csv = OTADATA + "factory,app,factory,0x10000,0x10000\nota_0,app,ota_0,0x20000,0x10000\n"
    answer = program.json("prove", *pair, "--rollback", "off", *table(program, csv), "--long")
    assert (answer["result"], answer["stride"]) == ("passed", 1)
    assert answer["cuts"] > 3000


# ---- signatures ----


def test_wrong_images_are_refused_and_keys_follow_each_other(program, signed):
    answer = program.json("prove", *signed, "--rollback", "off", "--key", KEY_A, "--key", KEY_B)
    assert answer["result"] == "passed"
    assert answer["signed"] == {"scheme": "rsa3072", "keys_in": "the trust store", "keys": 2}
    parts = {part["scenario"]: part for part in answer["scenarios"]}
    assert parts["rotation"]["new_boots"] > 100 and parts["revoked-key"]["cuts"] > 50
    strangers = [parts["unsigned"], parts["forged"]]
    assert all(part["new_boots"] == 0 and part["cuts"] > 50 for part in strangers)


def test_keys_in_efuses(program, signed):
    answer = program.json("prove", *signed, "--rollback", "off", "--key", KEYS / "rsa3072_0_pub.pem", "--secure-boot")
    assert answer["result"] == "passed"
    assert answer["signed"]["keys_in"] == "the eFuses"
    assert [part["scenario"] for part in answer["scenarios"]] == ["https", "bulk", "unsigned", "forged"]


def test_a_v1_key_is_the_firmware_s(program):
    for name, version in (("v1", "1.0.0"), ("v2", "2.0.0")):
        program.firmware(f"{name}.bin", chip="esp32", version=version, size="12K")
        program.done("image", "sign", "--key", KEYS / "v1_a.pem", "-o", f"{name}s.bin", f"{name}.bin")
    answer = program.json("prove", "--old", "v1s.bin", "--new", "v2s.bin", "--rollback", "off", "--key", KEYS / "v1_a.pem")
    assert answer["result"] == "passed"
    assert answer["signed"]["keys_in"] == "the firmware"


def test_images_that_no_key_fits_are_refused(program, pair, signed):
    assert "v1.bin is not signed" in refused(program, *pair, "--key", KEY_A)
    assert "no --key is its signer's" in refused(program, *signed, "--key", KEY_B)
    assert "nobody.pem" in refused(program, *signed, "--key", "nobody.pem")


# ---- the report ----


def test_the_report_is_one_page_with_the_verdict_first(program, pair):
    (program.folder / "v1.bin").rename(program.folder / "it's v1.bin")
    answer = program.json("prove", "--old", "it's v1.bin", "--new", "v2.bin", "--rollback", "off", "--report", "r.html")
    page = (program.folder / "r.html").read_text()
    body = page[page.index("<body>"):]
    order = ["no power cut bricked this update.", "What this means", "What was tested", "What was tried", "What happens after a cut",
             "How the power was cut", "Limits of this proof", "How to repeat it"]
    places = [body.index(words) for words in order]
    assert places == sorted(places)
    assert page.count("<svg") == 5
    assert not re.search(r"src=|https?://|<script|url\((?!#)", page)
    assert answer["old_sha256"] in page and answer["new_sha256"] in page
    # The command can be pasted.
    assert shlex.split(answer["command"])[1:4] == ["prove", "--old", "it's v1.bin"]
    again = subprocess.run(answer["command"] + " --replay https:1.bits.0", shell=True, cwd=program.folder, capture_output=True, text=True)
    assert again.returncode == 0 and "passed:" in again.stdout


# ---- one case ----


def test_a_case_is_replayed_step_by_step(program, pair):
    said = program.done("prove", *pair, "--rollback", "on", "--replay", "https-rollback:3.bits.7+2.weak.1").stdout
    assert said.count("THE POWER IS CUT") == 2
    assert re.search(r"erase +ota_1\+0x000000", said) and "(boot record 1)" in said
    assert "the bootloader starts new firmware from ota_1" in said
    assert re.search(r"^passed: \d+ power-ons, 2 cuts", said, re.M)


def test_cuts_that_never_came_are_told(program, pair):
    said = program.done("prove", *pair, "--rollback", "off", "--replay", "https:5000.bits.7").stdout
    assert "only 0 of 1 cuts came" in said


def test_an_unknown_case_names_those_there_are(program, pair):
    said = program.run("prove", *pair, "--replay", "ftp:1.bits.0")
    assert said.returncode == 2 and "https-rollback" in said.stderr


# ---- what cannot be proved ----


@pytest.mark.parametrize("csv, sentence", [
    (OTADATA + "factory,app,factory,0x10000,0x10000\n", "has only a factory application"),
    (OTADATA + "ota_0,app,ota_0,0x20000,0x10000\n", "has one slot and no factory application"),
    ("ota_0,app,ota_0,0x10000,0x10000\nota_1,app,ota_1,0x20000,0x10000\n", "has no otadata"),
    (OTADATA + "ota_0,app,ota_0,0x10000,0x2000\nota_1,app,ota_1,0x20000,0x10000\n", "ota_0 only 8192: they do not fit"),
])
def test_tables_that_take_no_update(program, pair, csv, sentence):
    assert sentence in refused(program, *pair, *table(program, csv))


def test_images_that_no_device_goes_between(program, pair):
    assert "same file" in refused(program, "--old", "v1.bin", "--new", "v1.bin")
    assert "esp32" in refused(program, *pair, "--chip", "esp32")
    program.firmware("other.bin", chip="esp32", version="2.0.0")
    assert "no device takes both" in refused(program, "--old", "v1.bin", "--new", "other.bin")
    program.firmware("safe.bin", chip="esp32c3", version="1.0.0", secure_version=2)
    program.firmware("unsafe.bin", chip="esp32c3", version="2.0.0", secure_version=1)
    assert "below the 2 of safe.bin" in refused(program, "--old", "safe.bin", "--new", "unsafe.bin")
    (program.folder / "bad.bin").write_bytes(b"no image")
    assert "bad.bin" in refused(program, "--old", "bad.bin", "--new", "v2.bin")
    for missing in (("--old", "none.bin", "--new", "v2.bin"), (*pair, "--partitions", "none.bin"), (*pair, "--patch", "none.bin")):
        assert "none.bin: No such file" in refused(program, *missing)


def test_a_step_back_is_a_warning(program, pair):
    said = program.done("prove", "--old", "v2.bin", "--new", "v1.bin", "--rollback", "off", "--replay", "https:")
    assert "a step back: v1.bin calls itself 1.0.0" in said.stderr


@pytest.mark.parametrize("words", [(), ("--rollback", "maybe"), ("--jobs", "0"), ("--chip", "z80"), ("--replay", "nothing"), ("--secure-boot",)])
def test_wrong_usage(program, pair, words):
    assert program.run("prove", *(pair if words else ()), *words).returncode == 2
