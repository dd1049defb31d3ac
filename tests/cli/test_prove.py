"""prove: the power is cut everywhere during an update of two images."""

import re

import pytest


@pytest.fixture
def pair(program):
    for name, version in (("v1.bin", "1.0.0"), ("v2.bin", "2.0.0")):
        program.done("image", "build", "--chip", "esp32c3", "--project", "hello", "--version", version, "--size", "12K", "-o", name)
    return "--old", "v1.bin", "--new", "v2.bin"


def test_an_update_is_proved_and_every_tear_happened(program, pair):
    answer = program.json("prove", *pair, "--rollback", "off")
    assert (answer["result"], answer["bricks"], answer["failures"]) == ("passed", 0, 0)
    assert answer["cuts"] > 300
    assert len(answer["tears"]) >= 8 and all(answer["tears"].values())
    assert [part["scenario"] for part in answer["scenarios"]] == ["https", "bulk"]
    assert all(part["old_boots"] and part["new_boots"] for part in answer["scenarios"])


def test_the_report_is_one_page_with_the_verdict_first(program, pair):
    program.done("prove", *pair, "--rollback", "off", "--report", "r.html")
    page = (program.folder / "r.html").read_text()
    body = page[page.index("<body>"):]
    assert body.index("No power cut bricked this update.") < body.index("<table>")
    assert page.count("<svg") == 5
    assert not re.search(r"(src|href)=|https?://", page)


def test_a_case_is_replayed_step_by_step(program, pair):
    said = program.done("prove", *pair, "--rollback", "on", "--replay", "https-rollback:3.bits.7+2.weak.1").stdout
    assert said.count("the power is cut") == 2
    assert re.search(r"erase +0x", said) and "the goal is reached" in said


def test_a_device_with_factory_and_one_slot(program, pair):
    (program.folder / "t.csv").write_text("otadata,data,ota,0xd000,0x2000\nfactory,app,factory,0x10000,0x10000\nota_0,app,ota_0,0x20000,0x10000\n")
    answer = program.json("prove", *pair, "--rollback", "off", "--partitions", "t.csv", "--chip", "esp32c3", "--jobs", "1")
    assert [part["scenario"] for part in answer["scenarios"]] == ["factory"]
    assert answer["bricks"] == 0


def test_what_cannot_be_proved_is_refused(program, pair):
    (program.folder / "t.csv").write_text("otadata,data,ota,0xd000,0x2000\nota_0,app,ota_0,0x20000,0x10000\n")
    assert "needs otadata, ota_0" in program.failed("prove", *pair, "--partitions", "t.csv").stderr
    (program.folder / "small.csv").write_text(
        "otadata,data,ota,0xd000,0x2000\nota_0,app,ota_0,0x10000,0x2000\nota_1,app,ota_1,0x20000,0x10000\n")
    program.failed("prove", *pair, "--partitions", "small.csv")
    assert "same file" in program.failed("prove", "--old", "v1.bin", "--new", "v1.bin").stderr
    assert "esp32" in program.failed("prove", *pair, "--chip", "esp32").stderr
    (program.folder / "bad.bin").write_bytes(b"no image")
    assert "bad.bin" in program.failed("prove", "--old", "bad.bin", "--new", "v2.bin").stderr


@pytest.mark.parametrize("words", [(), ("--rollback", "maybe"), ("--jobs", "0"), ("--chip", "z80"), ("--replay", "nothing")])
def test_wrong_usage(program, pair, words):
    assert program.run("prove", *(pair if words else ()), *words).returncode == 2
