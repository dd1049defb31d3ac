"""What programs and people rely on: exit codes, where things are printed, the shape of --json."""

import json
import re

import pytest

from images import image

GOOD = image(size=20_000, version="2.0.0")


@pytest.fixture
def dev(device, program):
    return device(factory=program.firmware("v1.bin", version="1.0.0"))


@pytest.fixture
def args(dev, site):
    return dev.update_args(site.url(site.serve(GOOD)), "--cacert", site.ca)


def test_the_answer_of_an_update(program, args):
    answer = program.json(*args)
    assert (answer["result"], answer["slot"], answer["bytes"]) == ("ESP_OK", "ota_0", len(GOOD))


def test_the_answer_of_a_failed_update(program, dev, site):
    answer = program.json(*dev.update_args(site.url("status/404"), "--cacert", site.ca), exit_code=1)
    assert answer["result"] == "ESP_FAIL"


def test_the_answer_of_a_boot(dev):
    boot = dev.boot()
    assert boot["slot"] == "factory" and re.fullmatch(r"[a-z_]+", boot["reason"])


def test_the_answer_of_an_image(program):
    path = program.firmware("v1.bin", chip="esp32s3", project="lamp", version="1.2.3")
    info = program.json("image", "info", path)
    assert (info["chip"], info["project"], info["version"], info["valid"]) == ("esp32s3", "lamp", "1.2.3", True)


def test_the_answer_about_a_damaged_image(program):
    path = program.folder / "bad.bin"
    path.write_bytes(GOOD[:-1] + b"\0")
    assert program.json("image", "info", path)["valid"] is False
    assert program.json("image", "verify", path, exit_code=1)["valid"] is False


def test_json_is_all_that_standard_output_holds(program, args):
    json.loads(program.done(*args, "--json").stdout)


def test_the_end_names_slot_version_and_the_next_command(program, dev, args):
    result = program.done(*args)
    shown = result.stdout + result.stderr
    assert "ota_0" in shown and "2.0.0" in shown and f"esp-ota boot --flash {dev.flash}" in shown


def test_without_a_terminal_each_step_is_a_line(program, args):
    result = program.done(*args)
    assert not re.search(r"[\r\x1b]", result.stdout + result.stderr)


def test_quiet_says_nothing_while_all_is_well(program, args):
    result = program.done(*args, "--quiet")
    assert result.stderr == ""


def test_quiet_still_says_what_went_wrong(program, dev, site):
    assert "404" in program.failed(*dev.update_args(site.url("status/404"), "--cacert", site.ca, "--quiet")).stderr


@pytest.mark.parametrize("wrong", [["update"], ["update", "https://localhost/"], ["update", "--flash", "dev.bin"],
                                   ["update", "--flash", "dev.bin", "https://localhost/", "more"],
                                   ["update", "--no-such-option", "--flash", "dev.bin", "https://localhost/"],
                                   ["boot"], ["boot", "--flash", "dev.bin", "--rollback", "maybe"],
                                   ["image", "build"], ["image"], ["nonsense"], []],
                         ids=" ".join)
def test_wrong_usage_is_exit_code_2_and_names_the_help(program, wrong):
    result = program.run(*wrong)
    assert result.returncode == 2 and result.stdout == "", result.shown
    assert "usage" in result.stderr or "--help" in result.stderr, result.shown


@pytest.mark.parametrize("header", ["no colon", "X-Evil: a\r\nX-More: b", ": no name", "Sp ace: x"])
def test_a_header_that_is_none_is_refused(program, dev, site, header):
    before = dev.all_but()
    result = program.run(*dev.update_args(site.url(site.serve(GOOD)), "--cacert", site.ca, "--header", header))
    assert result.returncode in (1, 2) and dev.all_but() == before, result.shown


@pytest.mark.parametrize("url", ["", "v2.bin", "https://", "ftp://localhost/v2.bin", "https://localhost:port/v2.bin"])
def test_a_url_that_is_none_is_refused(program, dev, site, url):
    before = dev.all_but()
    result = program.run(*dev.update_args(url, "--cacert", site.ca))
    assert result.returncode in (1, 2) and dev.all_but() == before, result.shown


@pytest.mark.parametrize("option", ["--cacert", "--cert"])
def test_a_file_that_is_not_there_is_named(program, dev, site, option):
    more = () if option == "--cacert" else ("--cacert", site.ca, "--key", site.certificates.client_key)
    result = program.run(*dev.update_args(site.url(site.serve(GOOD)), option, "nowhere.pem", *more))
    assert result.returncode in (1, 2) and "nowhere.pem" in result.stderr, result.shown


def test_every_command_has_help_with_an_example(program):
    overview = program.done("--help").stdout
    for command in ("flash create", "flash info", "flash read", "flash write", "flash erase", "partitions gen", "partitions show",
                    "otadata show", "otadata switch", "otadata erase", "update", "boot", "image info", "image verify"):
        assert command in overview
        shown = program.done(*command.split(), "--help").stdout
        assert f"esp-ota {command}" in shown and "example" in shown, shown
