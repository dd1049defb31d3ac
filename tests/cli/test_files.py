"""Files that are the wrong ones: the device itself as output, one that is in use, pipes, a standard output that is gone."""

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
