"""esp-ota boot against what real bootloaders were seen to do; see tests/vectors/data/boot_decisions/README.md.

The decision itself is tested beside it; this drives the whole program: flash file in, answer and flash file out.
"""

import json
import struct
import zlib

import pytest

from esp_ota import TWO_OTA, TWO_OTA_CSV, Program, find_program
from table import DATA

STATES = {"new": 0, "pend": 1, "valid": 2, "invalid": 3, "aborted": 4, "undef": 0xFFFFFFFF}
WITHOUT_FACTORY = "".join(line for line in TWO_OTA_CSV.splitlines(True) if "factory" not in line)
CASES = [(path.stem, i, case) for path in sorted((DATA / "boot_decisions").glob("*.json"))
         for i, case in enumerate(json.loads(path.read_text()))]


@pytest.fixture(scope="module")
def flash_of(tmp_path_factory):
    """chip -> bytes of a flash with an image in both slots; made once."""
    made = {}
    program = Program(find_program(), tmp_path_factory.mktemp("boot_decisions"))

    def make(chip):
        if chip not in made:
            image = program.firmware(f"{chip}.img", chip=chip, size=0x60000)
            (program.folder / "t.csv").write_text(WITHOUT_FACTORY)
            program.done("flash", "create", f"{chip}.bin", "--chip", chip, "--size", "4MB", "--partitions", "t.csv",
                         "--put", f"ota_0={image}", "--put", f"ota_1={image}")
            made[chip] = (program.folder / f"{chip}.bin").read_bytes()
        return bytearray(made[chip])

    return make


def record_bytes(text, is_crc_bad):
    seq, state = text.split(":")
    number = struct.pack("<I", int(seq))
    crc = zlib.crc32(number, 0xFFFFFFFF) ^ is_crc_bad
    return number + b"\xff" * 20 + struct.pack("<II", STATES[state], crc)


def records_of(case):
    return [text for text in case["otadata"].split(",") if text.strip()]


def describe(record):
    if record["empty"]:
        return "-:UNDEFINED"
    return f"{record['seq']}:{record['state']}" + ("" if record["crc_ok"] else ":BADCRC")


@pytest.mark.parametrize("name, index, case", CASES, ids=[f"{name}-{i}" for name, i, _ in CASES])
def test_boots_and_writes_as_the_real_bootloader(program, flash_of, name, index, case):
    chip, _, rollback = name.split("_")
    flash = flash_of(chip)
    otadata = TWO_OTA["otadata"][0]
    for i, text in enumerate(records_of(case)):
        if ":" in text:
            flash[otadata + i * 0x1000:otadata + i * 0x1000 + 32] = record_bytes(text, str(i) in case["bad_crc"])
    for place in case["corrupt_slots"]:
        slot, offset = place.split(":")
        flash[TWO_OTA[f"ota_{slot}"][0] + int(offset, 16)] ^= 1
    (program.folder / "dev.bin").write_bytes(flash)

    foretold = program.json("flash", "info", "dev.bin", "--rollback", rollback)["next_boot"]
    assert (program.folder / "dev.bin").read_bytes() == flash
    boot = program.json("boot", "--flash", "dev.bin", "--rollback", rollback)
    assert [boot["slot"]] == case["boots"], boot
    assert {**boot, "rollback": None} == {**foretold, "rollback": None}
    after = program.json("otadata", "show", "dev.bin")["records"]
    assert " , ".join(map(describe, after)).split() == case["after"].split()
    assert boot["after"] == after
