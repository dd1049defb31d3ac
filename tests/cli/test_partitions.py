"""partitions gen and show against what Espressif's generator made."""

import pytest

from esp_ota import TWO_OTA
from table import DATA, options_of, rows

MADE = [row for row in rows("partition_table") if "csv" in row["params"]]
REFUSED = list(rows("partition_csv"))
BACK = list(rows("partition_csv_out"))


@pytest.mark.parametrize("row", MADE, ids=lambda row: row["path"])
def test_gen_makes_the_generators_bytes(program, row):
    program.done("partitions", "gen", *options_of(row), DATA / row["params"]["csv"], "out.bin")
    assert (program.folder / "out.bin").read_bytes() == (DATA / row["path"]).read_bytes()


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row["path"])
def test_gen_refuses_what_the_generator_refuses_and_writes_nothing(program, row):
    result = program.failed("partitions", "gen", *options_of(row), DATA / row["path"], "out.bin")
    assert result.stderr.startswith("error: ")
    assert not (program.folder / "out.bin").exists()


@pytest.mark.parametrize("row", BACK, ids=lambda row: row["path"])
def test_show_writes_the_generators_csv(program, row):
    args = [] if "bootpt" not in row["path"] else ["--primary-bootloader-offset", "0x1000"]
    shown = program.done("partitions", "show", DATA / row["params"]["bin"], "--csv", *args).stdout
    assert shown.encode() == (DATA / row["path"]).read_bytes()


def test_no_md5_is_the_issues_name_for_disable_md5sum(program):
    program.done("partitions", "gen", "--no-md5", DATA / "partitions/partitions_two_ota.csv", "out.bin")
    assert (program.folder / "out.bin").read_bytes() == (DATA / "partitions/partitions_two_ota_disable-md5sum.bin").read_bytes()


def test_show_takes_csv_binary_tables_and_flash_files(program, device):
    dev = device()
    answers = [program.json("partitions", "show", path)["partitions"]
               for path in (DATA / "partitions/partitions_two_ota.csv", DATA / "partitions/partitions_two_ota.bin", dev.flash)]
    assert answers[0] == answers[1] == answers[2]
    assert [(p["label"], p["offset"], p["size"]) for p in answers[0]] == [(n, *place) for n, place in TWO_OTA.items()]


def test_quiet_says_nothing(program):
    assert program.done("partitions", "gen", "-q", DATA / "partitions/partitions_two_ota.csv", "out.bin").stderr == ""


@pytest.mark.parametrize("content", [b"", b"\xff" * 4096, bytes(4096), b"\x7fELF\0\0"], ids=["empty", "erased", "zero", "elf"])
def test_show_refuses_what_holds_no_table(program, content):
    (program.folder / "x").write_bytes(content)
    if content:
        program.failed("partitions", "show", "x")


@pytest.mark.parametrize("out", ["absent/out.bin", "/dev/full"])
def test_an_output_that_cannot_be_written_is_a_failure(program, out):
    assert "cannot be" in program.failed("partitions", "gen", DATA / "partitions/partitions_two_ota.csv", out).stderr
