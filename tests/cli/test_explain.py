"""explain and boot --explain: what boots, what the next resets do, and repairs that are shown before they are done."""

import re
import struct
import subprocess
import zlib

import pytest

from esp_ota import TWO_OTA_CSV, find_program

NEW, PENDING, VALID, INVALID, ABORTED, UNDEFINED = 0, 1, 2, 3, 4, 0xFFFFFFFF
WITHOUT_FACTORY = "".join(line for line in TWO_OTA_CSV.splitlines(True) if "factory" not in line)


BOOTSIM = find_program().parent.parent / "bootsim" / "bootsim"


def record(seq, state, torn=False):
    crc = zlib.crc32(struct.pack("<I", seq), 0xFFFFFFFF) ^ torn
    return (struct.pack("<I", seq) + b"\xff" * 20 + struct.pack("<II", state, crc)).ljust(0x1000, b"\xff")


def put(dev, *records):
    dev.overwrite(dev.layout["otadata"][0], b"".join(r or b"\xff" * 0x1000 for r in records))


@pytest.fixture
def dev(program, device):
    """v2 in ota_0, v3 in ota_1, no factory."""
    images = {slot: program.firmware(f"{slot}.img", version=f"{i + 2}.0.0") for i, slot in enumerate(["ota_0", "ota_1"])}
    return device(table=WITHOUT_FACTORY, **images)


CASES = {
    "healthy": ([record(1, VALID), record(2, VALID)], [], 0),
    "torn": ([record(1, VALID), record(2, NEW, torn=True)], ["torn_record"], 1),
    "same slot": ([record(2, VALID), record(4, VALID)], ["same_slot"], 1),
    "all refused": ([record(1, INVALID), record(2, ABORTED)], ["all_refused"], 1),
    "both torn": ([record(1, VALID, torn=True), record(2, VALID, torn=True)], ["torn_record", "torn_record"], 2),
    "unknown state": ([record(1, 9), None], ["unknown_state"], 0),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("rollback", ["on", "off"])
def test_a_repair_is_shown_and_changes_no_boot(program, dev, case, rollback):
    records, kinds, steps = CASES[case]
    put(dev, *records)
    before = dev.flash.read_bytes()
    shown = program.json("explain", dev.flash, "--rollback", rollback)
    assert [finding["kind"] for finding in shown["findings"]] == kinds
    assert len(shown["repair"]) == steps and len(shown["boots"]) == 4 and shown["repaired"] is False
    assert program.json("explain", dev.flash, "--rollback", rollback, "--repair")["repaired"] is False
    said = program.done("explain", dev.flash, "--rollback", rollback, "--repair")
    assert "nothing was changed" in said.stderr
    assert dev.flash.read_bytes() == before
    done = program.json("explain", dev.flash, "--rollback", rollback, "--repair", "--yes")
    assert done["repaired"] is (steps > 0)
    after = program.json("explain", dev.flash, "--rollback", rollback)
    assert after["repair"] == [] and [b["slot"] for b in after["boots"]] == [b["slot"] for b in shown["boots"]]
    assert [dev.boot(rollback == "on")["slot"] for _ in range(4)] == [b["slot"] for b in shown["boots"]]


def test_what_is_told_happens(program, dev):
    put(dev, record(1, VALID), record(2, NEW))
    told = program.json("boot", "--flash", dev.flash, "--rollback", "on", "--explain")
    for boot in told["boots"]:
        happened = dev.boot(True)
        assert (happened["slot"], happened["reason"], happened["after"]) == (boot["slot"], boot["reason"], boot["after"])
    assert [boot["slot"] for boot in told["boots"]] == ["ota_1", "ota_0", "ota_0", "ota_0"]


def test_text_says_it_in_words(program, dev):
    put(dev, record(1, VALID), record(2, NEW, torn=True))
    text = program.done("explain", dev.flash).stdout
    for part in ("ota_0 boots", "1st reset", "3rd reset", "wrong CRC", "--repair puts this right", "1. erase otadata record 1", "hello 3.0.0"):
        assert part in text, text
    put(dev, record(1, VALID), record(2, VALID))
    assert "nothing is wrong" in program.done("boot", "--flash", dev.flash, "--explain").stdout


def test_a_slot_behind_a_hole_and_a_broken_choice(program, device):
    table = TWO_OTA_CSV.replace("ota_1, app, ota_1", "ota_1, app, ota_3")
    dev = device(table=table, ota_0=program.firmware("v2.bin"))
    put(dev, record(2, VALID))
    answer = program.json("explain", dev.flash)
    kinds = {finding["kind"]: finding for finding in answer["findings"]}
    assert kinds["behind_hole"]["slot"] == "ota_3" and kinds["broken_choice"]["repairable"]
    assert {slot["slot"]: slot["reachable"] for slot in answer["slots"]} == {"factory": True, "ota_0": True, "ota_3": False}


def test_nothing_boots(program, device):
    dev = device(create=("--chip-rev", "3.1"))
    answer = program.json("explain", dev.flash)
    assert answer["slot"] is None and answer["findings"][0]["kind"] == "nothing_boots"
    assert "Nothing boots" in program.done("explain", dev.flash).stdout


def test_wrong_usage(program, dev):
    for args in (["explain"], ["explain", dev.flash, "--yes"], ["explain", dev.flash, "--rollback", "maybe"], ["explain", dev.flash, "more"]):
        assert program.run(*args).returncode == 2
    assert "none.bin" in program.failed("explain", "none.bin").stderr


def test_attempts_and_the_crash_loop_guard(program, dev):
    def boot(*more):
        return program.json("boot", "--flash", dev.flash, "--rollback", "on", *more)["slot"]

    put(dev, record(1, VALID), record(2, NEW))
    told = [b["slot"] for b in program.json("explain", dev.flash, "--rollback", "on", "--attempts", "3")["boots"]]
    assert told == ["ota_1", "ota_1", "ota_1", "ota_0"] == [boot("--attempts", "3") for _ in range(4)]
    put(dev, record(1, VALID), record(2, VALID))
    for _ in range(3):
        assert boot("--crash-limit", "2") == "ota_1"
        program.done("otadata", "healthy", dev.flash)
    answer = [program.json("boot", "--flash", dev.flash, "--crash-limit", "2") for _ in range(3)]
    assert [(a["slot"], a["reason"]) for a in answer] == [("ota_1", "otadata"), ("ota_1", "otadata"), ("ota_0", "crash_loop")]
    assert program.run("boot", "--flash", dev.flash, "--attempts", "many").returncode == 2
    assert program.run("explain", dev.flash, "--crash-limit", "-1").returncode == 2


def test_bootsim_counts_attempts_and_crashes_as_boot_does(program, dev):
    def boot(*more):
        result = subprocess.run([BOOTSIM, dev.flash, "--rollback", "on", *more], capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stdout
        return re.search(r"starting hello ([0-9])", result.stdout)[1]

    put(dev, record(1, VALID), record(2, NEW))
    assert [boot("--attempts", "2") for _ in range(3)] == ["3", "3", "2"]
    put(dev, record(1, VALID), record(2, VALID))
    assert [boot("--crash-limit", "2") for _ in range(3)] == ["3", "3", "2"]
    for wrong in (["--attempts"], ["--attempts", "many"], ["--crash-limit", "-1"], ["--attempts", "1001"]):
        assert subprocess.run([BOOTSIM, dev.flash, *wrong], capture_output=True, timeout=60).returncode == 2


def test_healthy_writes_nothing_where_nothing_was_counted(program, dev):
    put(dev, record(1, VALID), record(2, VALID))
    before = dev.flash.read_bytes()
    dev.boot()
    program.done("otadata", "healthy", dev.flash)
    assert dev.flash.read_bytes() == before
