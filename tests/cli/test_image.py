"""image info, verify and build; esptool judges what build makes."""

import functools
import operator

import pytest

from table import DATA, rows

CHIPS = ["esp32", "esp32s2", "esp32s3", "esp32c2", "esp32c3", "esp32c5", "esp32c6", "esp32c61", "esp32h2", "esp32h21", "esp32h4",
         "esp32p4", "esp32s31", "esp32e22"]
IMAGES = list(rows("image"))
OPTION = {"chip": "--chip", "chip_rev": "--chip-rev", "blk_rev": "--block-rev", "part_size": "--part-size", "flash_offset": "--flash-offset"}


def verify_args(row):
    return [word for name, value in row["params"].items() for word in (OPTION[name], value)]


@pytest.mark.parametrize("row", IMAGES, ids=lambda row: f"{row['path']}-{row['expect']}")
def test_verify_agrees_with_the_reference(program, row):
    verdict, _, word = row["expect"].partition(":")
    if verdict == "reject":
        answer = program.json("image", "verify", DATA / row["path"], *verify_args(row), exit_code=1)
        assert (answer["valid"], answer["verdict"]) == (False, word)
    else:
        answer = program.json("image", "verify", DATA / row["path"], *verify_args(row))
        assert answer["valid"] is True
        assert f"ok image_len={answer['length']}" == row["expect"]


@pytest.mark.parametrize("name", sorted(path.name for path in (DATA / "corrupt").glob("*_trunc_*.bin")))
def test_a_truncated_file_is_refused_as_such_without_a_partition(program, name):
    result = program.failed("image", "verify", DATA / "corrupt" / name, "--chip", "esp32")
    assert "truncated" in result.stderr or "magic" in result.stderr
    assert program.json("image", "info", DATA / "corrupt" / name)["valid"] is False


def test_every_cut_of_an_image_is_refused(program):
    whole = (DATA / "images/esp32_min.bin").read_bytes()
    for length in range(0, len(whole), 37):
        (program.folder / "cut.bin").write_bytes(whole[:length])
        program.failed("image", "verify", "cut.bin")


def test_a_refusal_names_reason_and_both_sides(program):
    result = program.failed("image", "verify", DATA / "images/esp32c3_min.bin", "--chip", "esp32")
    assert "chip_id" in result.stderr and "esp32c3" in result.stderr and "not for esp32" in result.stderr


def test_info_tells_what_an_image_is(program):
    info = program.json("image", "info", DATA / "images/esp32c6_full.bin")
    assert (info["chip"], info["valid"], info["length"], info["kind"]) == ("esp32c6", True, 19056, "app")
    assert info["project"] and info["version"] and info["segments"]
    text = program.done("image", "info", DATA / "images/esp32c6_full.bin").stdout
    assert info["project"] in text and info["version"] in text


def test_info_recognises_a_bootloader(program):
    info = program.json("image", "info", DATA / "images/esp32c3_bootloader.bin", exit_code=0)
    assert (info["chip"], info["kind"], info["valid"], info["length"]) == ("esp32c3", "bootloader", True, 464)
    assert "a valid bootloader of 464 bytes" in program.done("image", "info", DATA / "images/esp32c3_bootloader.bin").stdout
    program.failed("image", "verify", DATA / "images/esp32c3_bootloader.bin")  # an application is what it asks for


def test_an_image_without_names_is_told_by_its_chip(program):
    image = bytearray((DATA / "images/esp32_nohash.bin").read_bytes())
    names = slice(32 + 16, 32 + 80)
    image[431] ^= functools.reduce(operator.xor, image[names], 0)  # its checksum
    image[names] = bytes(64)
    (program.folder / "nameless.bin").write_bytes(image)
    assert "nameless.bin: valid: an image for esp32, 432 bytes" in program.done("image", "verify", "nameless.bin").stdout


def test_names_that_are_no_text_do_not_reach_the_terminal(program):
    image = bytearray(program.firmware("v1.bin").read_bytes())
    image[32 + 16:32 + 16 + 6] = b"\x1b[2J\xff\x07"
    (program.folder / "evil.bin").write_bytes(image)
    shown = program.done("image", "info", "evil.bin").stdout
    assert "\x1b" not in shown and "\x07" not in shown and "?[2J" in shown
    assert program.json("image", "info", "evil.bin")["version"].startswith("?[2J")


# ---- build ----


@pytest.mark.parametrize("chip", CHIPS)
def test_build_makes_an_image_that_is_valid_for_its_chip(program, chip):
    path = program.firmware("a.bin", chip=chip, size=65536)
    assert path.stat().st_size == 65536
    answer = program.json("image", "verify", path, "--chip", chip, "--part-size", "65536")
    assert (answer["chip"], answer["project"], answer["version"], answer["length"]) == (chip, "hello", "1.0.0", 65536)


@pytest.mark.parametrize("chip", CHIPS)
def test_esptool_accepts_what_build_makes(program, esptool, chip):
    path = program.firmware("a.bin", chip=chip, size=4096)
    result = esptool("--chip", chip, "image-info", path)
    if "invalid choice" in result.stderr + result.stdout or "is not one of" in result.stderr + result.stdout:
        pytest.skip(f"this esptool does not know {chip}")
    assert result.returncode == 0, result.stdout + result.stderr
    shown = result.stdout
    assert "(valid)" in shown and "invalid" not in shown
    assert "hello" in shown and "1.0.0" in shown


def test_the_same_command_makes_the_same_bytes(program):
    first = program.firmware("a.bin", size=100000).read_bytes()
    assert program.firmware("b.bin", size=100000).read_bytes() == first
    assert program.firmware("c.bin", size=100000, version="1.0.1").read_bytes() != first
    assert program.firmware("d.bin", size=100000, project="other").read_bytes() != first


def test_a_length_between_the_steps_is_rounded_up_and_said(program):
    result = program.done("image", "build", "--chip", "esp32", "--project", "p", "--version", "v", "--size", "1001", "-o", "a.bin")
    assert "multiples of 16" in result.stderr
    assert (program.folder / "a.bin").stat().st_size == 1008


def test_an_image_that_is_too_long_for_its_chip_is_refused(program):
    args = ["image", "build", "--project", "p", "--version", "v", "--size", "17M", "-o", "a.bin"]
    assert "16 MB" in program.failed(*args, "--chip", "esp32").stderr
    assert not (program.folder / "a.bin").exists()
    program.done(*args, "--chip", "esp32s3")


def test_revision_limits_reach_the_header(program):
    program.done("image", "build", "--chip", "esp32", "--project", "p", "--version", "v", "--min-chip-rev", "v3.1", "-o", "a.bin")
    assert program.json("image", "verify", "a.bin", "--chip", "esp32", "--chip-rev", "300", exit_code=1)["verdict"] == "min_chip_rev"
    program.done("image", "verify", "a.bin", "--chip", "esp32", "--chip-rev", "3.1")
