"""Files that are the wrong ones: the device itself as output, one that is in use, pipes, a standard output that is gone."""

import fcntl
import os
import subprocess

import pytest

from esp_ota import TWO_OTA_CSV


@pytest.fixture
def dev(device, program):
    return device(factory=program.firmware("v1.bin", version="1.0.0"))


def run_with_output(program, output, *args):
    return subprocess.run([program.path, *map(str, args)], stdout=output, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)


def test_a_partition_is_not_read_into_the_device_itself(program, dev):
    before = dev.all_but()
    link = program.folder / "link.bin"
    link.symlink_to(dev.flash)
    for out in (dev.flash, link):
        result = program.run("flash", "read", dev.flash, "--partition", "factory", out)
        assert result.returncode == 2 and "the device itself" in result.stderr, result.shown
    assert dev.all_but() == before


def test_a_closed_pipe_is_told_once(program, dev):
    reader, writer = os.pipe()
    os.close(reader)
    result = run_with_output(program, writer, "flash", "read", dev.flash, "--partition", "factory", "-")
    os.close(writer)
    assert result.returncode == 1 and result.stderr.count("error: ") == 1, result.stderr


@pytest.mark.parametrize("command", [["flash", "info"], ["otadata", "show"], ["flash", "erase", "--partition", "nvs"]], ids=" ".join)
def test_a_pipe_is_no_flash(program, command):
    """Nobody writes into it: an open that waits would wait for ever."""
    os.mkfifo(program.folder / "pipe")
    assert "not a plain file" in program.failed(*command, program.folder / "pipe").stderr


def test_a_device_in_use_is_not_replaced(program, dev):
    csv = program.folder / "table.csv"
    csv.write_text(TWO_OTA_CSV)
    create = ["flash", "create", dev.flash, "--force", "--chip", "esp32", "--size", "4MB", "--partitions", csv]
    before = dev.all_but()
    with open(dev.flash, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "in use" in program.failed(*create).stderr
    assert dev.all_but() == before
    program.done(*create)
    assert dev.all_but() != before


def test_a_table_is_not_overwritten_by_what_is_made_of_it(program):
    csv = program.folder / "table.csv"
    csv.write_text(TWO_OTA_CSV)
    result = program.run("partitions", "gen", csv, csv)
    assert result.returncode == 2 and csv.read_text() == TWO_OTA_CSV, result.shown


def test_no_device_without_partitions(program):
    csv = program.folder / "empty.csv"
    csv.write_text("")
    result = program.failed("flash", "create", program.folder / "d.bin", "--chip", "esp32", "--size", "4MB", "--partitions", csv)
    assert "no partition" in result.stderr and not (program.folder / "d.bin").exists()


def test_a_device_is_not_written_to_standard_output(program):
    csv = program.folder / "table.csv"
    csv.write_text(TWO_OTA_CSV)
    result = program.run("flash", "create", "-", "--chip", "esp32", "--size", "4MB", "--partitions", csv)
    assert result.returncode == 2, result.shown


@pytest.mark.parametrize("at, says", [(0x8000, "begins at address 0"), (0x8000 + 40, "flashed again")], ids=["no table", "damaged"])
def test_a_table_that_cannot_be_used_is_told_with_its_file(program, dev, at, says):
    dev.overwrite(at, b"\x5a\x5a")
    for command in (["flash", "info", dev.flash], ["boot", "--flash", dev.flash]):
        result = program.failed(*command)
        assert f"error: {dev.flash}: partition table at 0x8000" in result.stderr and says in result.stderr, result.shown


def test_a_dump_that_is_too_short_is_told_so(program, dev):
    os.truncate(dev.flash, 0x200000)
    assert "read all of it" in program.failed("flash", "info", dev.flash).stderr


def test_a_slot_that_is_none_is_answered_with_those_there_are(program, dev):
    assert "it has factory, ota_0, ota_1" in program.failed("otadata", "switch", dev.flash, "ota_7").stderr
