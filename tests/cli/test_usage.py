"""Help, wrong usage and exit codes of every command."""

import json
import subprocess

import pytest

COMMANDS = ["flash create", "flash info", "flash read", "flash write", "flash erase", "partitions gen", "partitions show",
            "otadata show", "otadata switch", "otadata erase", "otadata confirm", "otadata reject", "update", "boot",
            "image info", "image verify", "image build"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_helps_with_an_example(program, command):
    shown = program.done(*command.split(), "--help").stdout
    assert f"usage: esp-ota {command}" in shown
    assert f"example:  esp-ota {command}" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unknown_option_is_named_and_help_offered(program, command):
    result = program.run(*command.split(), "--nonsense")
    assert result.returncode == 2, result.shown
    assert "unknown option --nonsense" in result.stderr
    assert f"esp-ota {command} --help" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_without_arguments_is_wrong_usage(program, command):
    result = program.run(*command.split())
    assert result.returncode == 2, result.shown
    assert result.stderr.startswith("error: ")


@pytest.mark.parametrize("args", [[], ["nonsense"], ["--nonsense"], ["flash"], ["flash", "nonsense"], ["image", "nonsense", "x"]])
def test_an_unknown_command_is_wrong_usage(program, args):
    assert program.run(*args).returncode == 2


def test_the_overview_lists_every_command(program):
    shown = program.done("--help").stdout
    for command in COMMANDS:
        assert f"  {command} " in shown
        assert max(len(line) for line in shown.splitlines()) <= 120


def test_the_version_is_a_version(program):
    assert program.done("--version").stdout.split()[0] == "esp-ota"


@pytest.mark.parametrize("args, said", [
    (["flash", "create", "x", "--chip", "esp99", "--size", "4MB", "--partitions", "t"], '"esp99" is no chip'),
    (["flash", "create", "x", "--chip", "esp32", "--size", "4 apples", "--partitions", "t"], "4MB"),
    (["flash", "create", "x", "--chip", "esp32", "--size", "4097", "--partitions", "t"], "multiple of 4096"),
    (["flash", "create", "x", "--chip", "esp32", "--size", "4MB", "--partitions", "t", "--put", "nofile"], "LABEL=FILE"),
    (["flash", "create", "x", "--chip", "esp32", "--size", "4MB"], "--partitions"),
    (["flash", "read", "x", "y"], "--partition LABEL is needed"),
    (["flash", "info", "x", "--rollback", "maybe"], "on or off"),
    (["boot"], "--flash FLASH is needed"),
    (["boot", "--flash"], "--flash needs a value"),
    (["boot", "--flash", "x", "y"], "too many arguments"),
    (["partitions", "gen", "a", "b", "--flash-size", "3MB"], "--flash-size needs"),
    (["partitions", "show", "a", "--csv", "--json"], "exclude each other"),
    (["image", "verify", "x", "--chip", "esp99"], '"esp99" is no chip'),
    (["image", "verify", "x", "--part-size", "many"], '--part-size: "many" is no number'),
    (["image", "build", "--chip", "esp32", "--secure-version", "-1"], '--secure-version: "-1" is no number'),
    (["flash", "info", "x", "--chip", "esp99"], '"esp99" is no chip'),
    (["boot", "x"], "--flash FLASH is needed"),
    (["update", "--flash", "x", "--system-ca", "https:///v2.bin"], "names no server"),
    (["update", "--flash", "x", "--system-ca", "--max-bytes", "2 apples", "https://localhost/"], "such as 4096 or 64K"),
    (["image", "build", "--chip", "esp32", "-o", "x"], "--project"),
    (["image", "build", "--chip", "esp32", "--project", "p", "--version", "v" * 33, "-o", "x"], "at most 32 bytes"),
    (["image", "build", "--chip", "esp32", "--project", "p", "--version", "v", "--size", "10", "-o", "x"], "smallest image"),
])
def test_wrong_usage_is_told_before_anything_happens(program, args, said):
    result = program.run(*args)
    assert result.returncode == 2, result.shown
    assert said in result.stderr
    assert not (program.folder / "x").exists()


def test_a_failure_answers_json_with_json(program):
    result = program.run("flash", "info", "absent.bin", "--json")
    assert result.returncode == 1
    assert "absent.bin" in json.loads(result.stdout)["error"]
    assert "absent.bin" in result.stderr


def test_a_full_disk_behind_standard_output_is_a_failure(program):
    image = program.firmware("v1.bin")
    with open("/dev/full", "w") as full:
        result = subprocess.run([program.path, "image", "info", image], stdout=full, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert "standard output cannot be written" in result.stderr


def test_an_argument_too_many_is_named(program):
    result = program.run("partitions", "gen", "a.csv", "b.bin", "--secure", "v3")
    assert result.returncode == 2 and '"v3"' in result.stderr, result.shown
