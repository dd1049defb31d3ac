"""nvs dump, get, set; Espressif's generator and parser judge the bytes."""

import os
import subprocess

import pytest

from esp_ota import ROOT
from table import DATA

GENERATOR_CSV = """\
key,type,encoding,value
app,namespace,,
small,data,u8,200
negative,data,i32,-77
text,data,string,hello
big,file,binary,big.bin
other,namespace,,
wide,data,u64,18446744073709551615
"""


@pytest.fixture
def dev(program, device):
    return device(factory=program.firmware("v1.bin"))


@pytest.fixture(scope="session")
def generator():
    python = ROOT / "build" / "venv" / "bin" / "python"
    probe = [python, "-c", "import esp_idf_nvs_partition_gen"]
    if not python.exists() or subprocess.run(probe, capture_output=True).returncode != 0:
        message = "no esp-idf-nvs-partition-gen in build/venv (tools/install_judges.sh puts it there)"
        pytest.fail(message) if os.environ.get("REQUIRE_JUDGES") == "1" else pytest.skip(message)

    def run(folder, *args):
        result = subprocess.run([python, "-m", "esp_idf_nvs_partition_gen", *map(str, args)], cwd=folder, text=True, capture_output=True, timeout=60)
        assert result.returncode == 0, result.stdout + result.stderr
    return run


def values(program, dev, *more):
    answer = program.json("nvs", "dump", "--flash", dev.flash, *more)
    return {(v["namespace"], v["key"]): (v["type"], v["value"]) for v in answer["values"]}


SETS = [("u8", "255", 255), ("i8", "-128", -128), ("u16", "65535", 65535), ("i16", "-5", -5), ("u32", "0xffffffff", 0xFFFFFFFF),
        ("i32", "-2147483648", -2**31), ("u64", str(2**64 - 1), str(2**64 - 1)), ("i64", str(-2**63), -2**63),
        ("str", "text with blanks", "text with blanks"), ("blob", "00ff10", "00ff10"), ("blob", "", ""), ("str", "", "")]


@pytest.mark.parametrize("kind, text, value", SETS)
def test_what_is_set_is_got(program, dev, kind, text, value):
    program.done("nvs", "set", "--flash", dev.flash, "--", "app", "key", kind, text)
    assert program.json("nvs", "get", "--flash", dev.flash, "app", "key") == {"namespace": "app", "key": "key", "type": kind, "value": value}
    assert program.done("nvs", "get", "--flash", dev.flash, "app", "key").stdout.strip() == str(value)


@pytest.mark.parametrize("kind, text", [("u8", "256"), ("i8", "-129"), ("i8", "128"), ("u16", "-1"), ("u32", "x"), ("blob", "0"), ("blob", "0g"), ("float", "1")])
def test_wrong_values_are_wrong_usage_and_change_nothing(program, dev, kind, text):
    before = dev.read("nvs")
    assert program.run("nvs", "set", "--flash", dev.flash, "--", "app", "key", kind, text).returncode == 2
    assert dev.read("nvs") == before


def test_names_that_are_not_there_or_too_long(program, dev):
    before = dev.read("nvs")
    assert "app" in program.failed("nvs", "get", "--flash", dev.flash, "app", "key").stderr
    assert "ESP_ERR_NVS_KEY_TOO_LONG" in program.failed("nvs", "set", "--flash", dev.flash, "n" * 15, "k" * 16, "u8", "1").stderr
    assert "ESP_ERR_NVS_INVALID_NAME" in program.failed("nvs", "set", "--flash", dev.flash, "n" * 16, "key", "u8", "1").stderr
    assert '"none"' in program.failed("nvs", "dump", "--flash", dev.flash, "--partition", "none").stderr
    assert '"factory"' in program.failed("nvs", "dump", "--flash", dev.flash, "--partition", "factory").stderr
    assert len(before) == 0x4000


def test_dump_changes_nothing_and_hides_what_is_torn(program, dev):
    program.done("nvs", "set", "--flash", dev.flash, "app", "key", "u8", "1")
    dev.overwrite(dev.layout["nvs"][0] + 64 + 5 * 32, b"torn")
    before = dev.flash.read_bytes()
    assert values(program, dev) == {("app", "key"): ("u8", 1)}
    assert dev.flash.read_bytes() == before


def test_a_partition_that_looks_encrypted_is_refused_and_kept(program, dev):
    program.done("nvs", "set", "--flash", dev.flash, "app", "key", "u8", "1")
    dev.overwrite(dev.layout["nvs"][0] + 64, bytes(range(64)))
    before = dev.flash.read_bytes()
    for args in (["dump"], ["set", "app", "key", "u8", "2"]):
        assert "encrypted" in program.failed("nvs", args[0], "--flash", dev.flash, *args[1:]).stderr
    assert dev.flash.read_bytes() == before


def test_an_image_of_the_generator_is_read(program, dev, generator):
    big = bytes(range(256)) * 24  # more than a page
    (program.folder / "big.bin").write_bytes(big)
    (program.folder / "in.csv").write_text(GENERATOR_CSV)
    generator(program.folder, "generate", "in.csv", "nvs.bin", "0x4000")
    program.done("flash", "write", dev.flash, "--partition", "nvs", "nvs.bin")
    assert values(program, dev) == {("app", "small"): ("u8", 200), ("app", "negative"): ("i32", -77), ("app", "text"): ("str", "hello"),
                                    ("app", "big"): ("blob", big.hex()), ("other", "wide"): ("u64", str(2**64 - 1))}
    # What is set then stands beside it, and everything survives pages being moved.
    for i in range(150):
        program.done("nvs", "set", "--flash", dev.flash, "app", "counter", "u32", str(i))
    after = values(program, dev)
    assert after.pop(("app", "counter")) == ("u32", 149)
    assert after[("app", "big")] == ("blob", big.hex()) and len(after) == 5


def test_the_same_values_give_the_generators_bytes(program, dev):
    """The reference partition, set value by value."""
    program.done("nvs", "set", "--flash", dev.flash, "ota", "offset", "u32", "123456")
    program.done("nvs", "set", "--flash", dev.flash, "ota", "state", "u8", "2")
    program.done("nvs", "set", "--flash", dev.flash, "ota", "url", "str", "https://example.com/fw.bin")
    program.done("nvs", "set", "--flash", dev.flash, "ota", "etag", "blob", "00112233445566778899aabbccddeeff")
    program.done("nvs", "set", "--flash", dev.flash, "ota", "big", "u64", "1311768467463790320")
    program.done("nvs", "set", "--flash", dev.flash, "--", "ota", "neg", "i16", "-5")
    reference = (DATA / "nvs/progress.bin").read_bytes()
    assert dev.read("nvs") == reference + b"\xff" * 0x1000
