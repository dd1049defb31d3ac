"""flash create, info, read, write, erase."""

import hashlib
import os
import subprocess

import pytest

from esp_ota import TWO_OTA, TWO_OTA_CSV
from table import DATA


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def v1(program):
    return program.firmware("v1.bin")


@pytest.fixture
def csv(program):
    path = program.folder / "table.csv"
    path.write_text(TWO_OTA_CSV)
    return path


def create_args(csv, *more, out="dev.bin", chip="esp32", size="4MB"):
    return ["flash", "create", out, "--chip", chip, "--size", size, "--partitions", csv, *more]


# ---- create ----


@pytest.mark.parametrize("size", ["4MB", "4M", "4mib", "4096K", "4194304", "0x400000"])
def test_a_size_can_be_written_in_many_ways(program, csv, size):
    program.done(*create_args(csv, size=size))
    assert (program.folder / "dev.bin").stat().st_size == 4 << 20


def test_the_flash_holds_the_table_the_images_and_nothing_else(program, csv, v1):
    program.done(*create_args(csv, "--put", f"factory={v1}"))
    expected = bytearray(b"\xff" * (4 << 20))
    table = (DATA / "partitions/partitions_two_ota.bin").read_bytes()
    expected[0x8000:0x8000 + len(table)] = table
    expected[0x10000:0x10000 + v1.stat().st_size] = v1.read_bytes()
    assert (program.folder / "dev.bin").read_bytes() == bytes(expected)


def test_a_binary_table_is_taken_as_it_is(program):
    table = DATA / "partitions/partitions_two_ota_disable-md5sum.bin"
    program.done(*create_args(table))
    assert (program.folder / "dev.bin").read_bytes()[0x8000:0x8C00] == table.read_bytes()


def test_data_can_be_put_too(program, csv):
    (program.folder / "nvs.bin").write_bytes(b"anything")
    program.done(*create_args(csv, "--put", "nvs=nvs.bin"))
    assert (program.folder / "dev.bin").read_bytes()[0x9000:0x9008] == b"anything"


def test_revisions_suit_the_images_when_not_given(program, csv):
    program.done(*create_args(csv, "--put", f"ota_0={DATA}/images/esp32c3_rev.bin", chip="esp32c3"))
    info = program.json("flash", "info", "dev.bin")
    assert (info["chip"], info["chip_rev"], info["block_rev"]) == ("esp32c3", 101, 100)


BAD_CREATIONS = {
    "the table does not exist": ({"csv": "absent.csv"}, [], "absent.csv"),
    "the table is refused": ({"csv": DATA / "partitions/bad_overlap.csv"}, [], "overlap"),
    "the table is damaged": ({"csv": DATA / "partitions/partitions_two_ota_md5.bin"}, [], "MD5"),
    "the table does not fit": ({"size": "2MB"}, [], "2"),
    "a binary table does not fit": ({"csv": DATA / "partitions/partitions_two_ota.bin", "size": "2MB"}, [], "flash of 2 MB"),
    "the partition does not exist": ({}, ["--put", "ota_7=v1.bin"], "ota_7"),
    "the file does not exist": ({}, ["--put", "ota_0=absent.bin"], "absent.bin"),
    "the file is too large": ({}, ["--put", "nvs=big.bin"], "big.bin has 20000 bytes, nvs has room for 16384"),
    "the image is for another chip": ({}, ["--put", f"ota_0={DATA}/images/esp32c3_min.bin"], "esp32c3"),
    "the image is damaged": ({}, ["--put", f"ota_0={DATA}/corrupt/esp32_payload_flip.bin"], "checksum"),
    "the image is truncated": ({}, ["--put", f"ota_0={DATA}/corrupt/esp32_trunc_100.bin"], "truncated"),
    "the image is no image": ({}, ["--put", f"ota_0={DATA}/corrupt/all_00.bin"], "magic"),
    "the chip is too old for it": ({"chip": "esp32c3"}, ["--chip-rev", "1.0", "--put", f"ota_0={DATA}/images/esp32c3_rev.bin"], "v1.1"),
    "the folder does not exist": ({"out": "absent/dev.bin"}, [], "absent/dev.bin cannot be created: No such file"),
    "a folder has its name": ({"out": "folder"}, ["--force"], "folder is not a plain file"),
}


@pytest.mark.parametrize("case", BAD_CREATIONS)
def test_nothing_is_left_behind_when(program, csv, v1, case):
    settings, more, said = BAD_CREATIONS[case]
    (program.folder / "big.bin").write_bytes(bytes(20000))
    (program.folder / "folder").mkdir()
    before = sorted(program.folder.iterdir())
    result = program.failed(*create_args(settings.get("csv", csv), *more, **{k: v for k, v in settings.items() if k != "csv"}))
    assert said in result.stderr, result.shown
    assert sorted(program.folder.iterdir()) == before


def test_a_file_size_limit_leaves_nothing_behind(program, csv):
    before = sorted(program.folder.iterdir())
    command = " ".join(map(str, [program.path, *create_args(csv)]))
    result = subprocess.run(["sh", "-c", f"ulimit -f 100; exec {command}"], cwd=program.folder, text=True, capture_output=True)
    assert result.returncode == 1, result
    assert "File too large" in result.stderr
    assert sorted(program.folder.iterdir()) == before


def test_an_existing_device_is_replaced_only_by_force(program, csv, v1):
    program.done(*create_args(csv))
    flash = program.folder / "dev.bin"
    before = digest(flash)
    assert "--force" in program.failed(*create_args(csv, "--put", f"factory={v1}")).stderr
    assert digest(flash) == before
    program.done(*create_args(csv, "--put", f"factory={v1}", "--force", chip="esp32"))
    assert digest(flash) != before


def test_force_puts_an_image_that_would_not_boot(program, csv):
    program.done(*create_args(csv, "--force", "--put", f"ota_0={DATA}/corrupt/esp32_payload_flip.bin"))
    images = {image["label"]: image for image in program.json("flash", "info", "dev.bin")["images"]}
    assert (images["ota_0"]["valid"], images["ota_0"]["verdict"]) == (False, "checksum")


# ---- info ----


def test_info_tells_table_images_and_next_boot_and_changes_nothing(program, device, v1):
    dev = device(factory=v1, ota_1=program.firmware("v2.bin", version="2.0.0"))
    before = digest(dev.flash)
    info = program.json("flash", "info", dev.flash)
    assert [(p["label"], p["offset"], p["size"]) for p in info["partitions"]] == [(n, *place) for n, place in TWO_OTA.items()]
    images = {image["label"]: image for image in info["images"]}
    assert (images["factory"]["version"], images["ota_1"]["version"], images["ota_0"]["empty"]) == ("1.0.0", "2.0.0", True)
    assert (info["next_boot"]["slot"], info["chip"], info["size"]) == ("factory", "esp32", 4 << 20)
    text = program.done("flash", "info", dev.flash).stdout
    for word in ("hello 1.0.0", "hello 2.0.0", "factory boots", "record 0  empty"):
        assert word in text
    assert digest(dev.flash) == before


def test_a_dump_without_efuses_tells_its_chip_by_its_images(program, csv):
    program.done(*create_args(csv, "--no-efuse", "--put", f"ota_0={DATA}/images/esp32c3_rev.bin", chip="esp32c3"))
    assert not (program.folder / "dev.bin.efuse").exists()
    info = program.json("flash", "info", "dev.bin")
    assert (info["chip"], info["chip_rev"], info["block_rev"]) == ("esp32c3", 101, 100)
    assert info["images"][1]["valid"] is True
    assert program.json("boot", "--flash", "dev.bin")["slot"] == "ota_0"


def test_a_dump_without_efuses_and_images_needs_chip(program, csv):
    program.done(*create_args(csv, "--no-efuse"))
    assert "--chip" in program.failed("boot", "--flash", "dev.bin").stderr
    assert program.json("flash", "info", "dev.bin")["chip"] is None
    assert "no partition holds" in program.failed("boot", "--flash", "dev.bin", "--chip", "esp32").stderr


BAD_FLASH = {
    "absent": (None, "No such file"),
    "empty": (b"", "0 bytes"),
    "no multiple of a sector": (b"\xff" * 5000, "multiple of 4096"),
    "too small for a table": (b"\xff" * 0x8000, "table"),
    "erased": (b"\xff" * (1 << 20), "0x8000"),
    "all zero": (bytes(1 << 20), "0x8000"),
}


@pytest.mark.parametrize("case", BAD_FLASH)
@pytest.mark.parametrize("command", [["flash", "info"], ["otadata", "show"], ["otadata", "erase"], ["boot", "--flash"],
                                     ["flash", "erase", "--partition", "nvs"], ["otadata", "switch", "--", "0"]])
def test_an_unusable_flash_file_is_refused_and_stays_as_it_is(program, case, command):
    content, said = BAD_FLASH[case]
    flash = program.folder / "bad.bin"
    if content is not None:
        flash.write_bytes(content)
    args = [*command, flash] if "--" not in command else ["otadata", "switch", flash, "0"]
    result = program.failed(*args)
    assert said in result.stderr, result.shown
    assert flash.exists() == (content is not None)
    assert content is None or flash.read_bytes() == content


@pytest.mark.parametrize("table, said", [("md5", "MD5"), ("magic", "record"), ("beyond_flash", "record"), ("full96", "end")])
def test_a_damaged_table_is_refused(program, device, table, said):
    dev = device()
    content = bytearray(dev.flash.read_bytes())
    content[0x8000:0x8C00] = (DATA / f"partitions/partitions_two_ota_{table}.bin").read_bytes().ljust(0xC00, b"\xff")[:0xC00]
    dev.flash.write_bytes(content)
    for args in (["flash", "info", dev.flash], ["boot", "--flash", dev.flash], ["flash", "erase", dev.flash, "--partition", "nvs"]):
        assert said in program.failed(*args).stderr
    assert dev.flash.read_bytes() == bytes(content)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_flash_file_that_cannot_be_written_is_refused(program, device, v1):
    dev = device(factory=v1)
    dev.flash.chmod(0o444)
    assert "Permission denied" in program.failed("boot", "--flash", dev.flash).stderr
    program.done("flash", "info", dev.flash)


# ---- read, write, erase ----


def test_what_is_written_is_read_back_and_erased(program, device):
    dev = device()
    content = bytes(range(256)) * 20 + b"tail"
    (program.folder / "in.bin").write_bytes(content)
    program.done("flash", "write", dev.flash, "--partition", "nvs", "in.bin")
    program.done("flash", "write", dev.flash, "--partition", "nvs", "in.bin")
    program.done("flash", "read", dev.flash, "--partition", "nvs", "out.bin")
    assert (program.folder / "out.bin").read_bytes() == content.ljust(0x4000, b"\xff")
    program.done("flash", "erase", dev.flash, "--partition", "nvs")
    assert dev.read("nvs") == b"\xff" * 0x4000


def test_standard_input_and_output_are_files_too(program, device):
    dev = device()
    run = [str(program.path), "flash"]
    subprocess.run([*run, "write", dev.flash, "--partition", "phy_init", "-"], input=b"\x01\x02", check=True)
    out = subprocess.run([*run, "read", dev.flash, "--partition", "phy_init", "-"], stdout=subprocess.PIPE, check=True).stdout
    assert out == b"\x01\x02".ljust(0x1000, b"\xff")


def test_a_file_larger_than_the_partition_changes_nothing(program, device):
    dev = device()
    before = digest(dev.flash)
    (program.folder / "in.bin").write_bytes(bytes(0x1001))
    assert "nothing was changed" in program.failed("flash", "write", dev.flash, "--partition", "phy_init", "in.bin").stderr
    assert digest(dev.flash) == before


def test_a_read_only_partition_is_not_changed(program):
    table = TWO_OTA_CSV.replace("phy_init, data, phy, 0xf000, 0x1000,", "phy_init, data, phy, 0xf000, 0x1000, readonly")
    (program.folder / "ro.csv").write_text(table)
    (program.folder / "in.bin").write_bytes(b"x")
    program.done(*create_args("ro.csv"))
    before = digest(program.folder / "dev.bin")
    assert "read-only" in program.failed("flash", "write", "dev.bin", "--partition", "phy_init", "in.bin").stderr
    assert "read-only" in program.failed("flash", "erase", "dev.bin", "--partition", "phy_init").stderr
    assert digest(program.folder / "dev.bin") == before


@pytest.mark.parametrize("args", [["read", "out.bin"], ["write", "table.csv"], ["erase"]])
def test_an_unknown_partition_is_named(program, device, csv, args):
    dev = device()
    result = program.failed("flash", args[0], dev.flash, "--partition", "nonsense", *args[1:])
    assert '"nonsense"' in result.stderr
    assert not (program.folder / "out.bin").exists()


def test_a_bootloader_goes_where_the_chip_looks_for_it(program, tmp_path):
    loader = bytes(range(256)) * 8
    (tmp_path / "loader.bin").write_bytes(loader)
    (tmp_path / "table.csv").write_text(TWO_OTA_CSV)
    for chip, offset in (("esp32", 0x1000), ("esp32c3", 0), ("esp32p4", 0x2000)):
        out = tmp_path / f"{chip}.bin"
        program.run("flash", "create", out, "--chip", chip, "--size", "4MB", "--partitions", tmp_path / "table.csv",
                    "--put", f"bootloader={tmp_path / 'loader.bin'}")
        assert out.read_bytes()[offset:offset + len(loader)] == loader
