"""./quickstart reports success only when the device really runs v2, and leaves nothing behind.

A stand-in for esp-ota shows the failures; the last test runs it with the real program.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from esp_ota import find_program

ROOT = Path(__file__).resolve().parent.parent.parent

STAND_IN = """#!{python}
# Knows just enough of esp-ota's command line; a flash file is JSON. FAULT chooses what goes wrong.
import json, os, ssl, sys, urllib.request
args, fault = sys.argv[1:], os.environ.get("FAULT", "")
option = lambda name, default=None: args[args.index(name) + 1] if name in args else default
load = lambda path: json.load(open(path))
save = lambda value, path: json.dump(value, open(path, "w"))
if " ".join(args[:2]) == fault or args[0] == fault:
    sys.exit("this goes wrong")
if args[:2] == ["image", "build"]:
    save({{"project": "hello", "version": option("--version")}}, option("-o"))
elif args[:2] == ["flash", "create"]:
    label, image = option("--put").split("=")
    save({{"boot": label, label: load(image), "boots": 0}}, args[2])
elif args[0] == "boot":
    flash = load(option("--flash"))
    flash["boots"] += 1
    save(flash, option("--flash"))
    print(json.dumps({{"slot": "factory" if fault == "rolls back" else flash["boot"], "reason": "chosen"}}, indent=2))
elif args[0] == "update":
    flash = load(option("--flash"))
    context = ssl.create_default_context(cafile=option("--cacert"))
    flash["ota_0"] = json.load(urllib.request.urlopen(args[-1], context=context))
    flash["boot"] = "factory" if fault == "same slot" else "ota_0"
    if fault == "wrong version":
        flash["ota_0"]["version"] = "1.5.0"
    save(flash, option("--flash"))
elif args[:2] == ["flash", "read"]:
    save(load(args[2])[option("--partition")], args[-1])
elif args[:2] == ["image", "info"]:
    print(open(args[2]).read())
elif args[:2] == ["flash", "info"]:
    print("boots:", load(args[2])["boots"])
else:
    sys.exit(2)
"""


def quickstart(tmp_path, program, *options, **settings):
    temp = tmp_path / "temp"
    temp.mkdir()
    result = subprocess.run([ROOT / "quickstart", *options], env={**os.environ, "ESP_OTA": str(program), "TMPDIR": str(temp), **settings},
                            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180)
    result.left_behind = list(temp.iterdir())
    return result


def servers_of(folder):
    return subprocess.run(["pgrep", "-f", f"nginx.*{folder}"], capture_output=True, text=True).stdout.split()


@pytest.fixture
def stand_in(tmp_path):
    path = tmp_path / "esp-ota"
    path.write_text(STAND_IN.format(python=sys.executable))
    path.chmod(0o755)
    return path


def test_it_ends_well_and_leaves_nothing_behind(tmp_path, stand_in):
    result = quickstart(tmp_path, stand_in)
    assert result.returncode == 0, result.stdout
    assert result.stdout.splitlines()[-1].startswith("quickstart: OK (")
    assert "-> runs hello 2.0.0 from ota_0" in result.stdout
    assert "boots: 2" in result.stdout, "each boot is one power-on"
    assert result.left_behind == [] and servers_of(tmp_path) == []


def test_keep_leaves_the_device_but_no_server(tmp_path, stand_in):
    result = quickstart(tmp_path, stand_in, "--keep")
    assert result.returncode == 0, result.stdout
    assert {"dev.bin", "v1.bin", "v2.bin", "ca.pem", "two_ota.csv"} <= {path.name for path in result.left_behind[0].iterdir()}
    assert servers_of(tmp_path) == []


@pytest.mark.parametrize("fault, reason", [
    ("image build", "v1 could not be built"), ("flash create", "the device could not be created"),
    ("boot", "the new device does not boot"), ("update", "the update"), ("flash info", "flash info"),
    ("same slot", "runs 1.0.0 from factory instead of 2.0.0"), ("rolls back", "runs 1.0.0 from factory"),
    ("wrong version", "runs 1.5.0 from ota_0 instead of 2.0.0"),
])
def test_a_failure_is_told_with_its_reason(tmp_path, stand_in, fault, reason):
    result = quickstart(tmp_path, stand_in, FAULT=fault)
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1].startswith("quickstart: FAILED: ")
    assert reason in result.stdout.splitlines()[-1]
    assert result.left_behind == [] and servers_of(tmp_path) == []


def test_a_reader_that_leaves_early_leaves_nothing_behind(tmp_path, stand_in):
    """As in ./quickstart | head: the next line that is written ends it."""
    temp = tmp_path / "temp"
    temp.mkdir()
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run([ROOT / "quickstart"], env={**os.environ, "ESP_OTA": str(stand_in), "TMPDIR": str(temp)},
                            stdout=writer, stderr=subprocess.DEVNULL, timeout=180)
    os.close(writer)
    assert result.returncode != 0
    assert list(temp.iterdir()) == [] and servers_of(tmp_path) == []


def test_a_program_in_a_folder_with_a_space_is_shown_by_its_name(tmp_path, stand_in):
    folder = tmp_path / "my programs"
    folder.mkdir()
    result = quickstart(tmp_path, stand_in.rename(folder / "esp-ota"))
    assert result.returncode == 0 and "$ esp-ota boot --flash dev.bin" in result.stdout, result.stdout


def test_it_may_be_started_through_a_link(tmp_path, stand_in):
    link = tmp_path / "try"
    link.symlink_to(ROOT / "quickstart")
    result = subprocess.run([link, "--help"], text=True, capture_output=True)
    assert result.returncode == 0, result.stderr
    result = subprocess.run([link], env={**os.environ, "ESP_OTA": str(stand_in)}, text=True, capture_output=True, timeout=180)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.skipif(not (ROOT / "apps/esp-ota/CMakeLists.txt").exists(), reason="there is no apps/esp-ota in this tree yet")
def test_the_real_program_gets_through(tmp_path):
    result = quickstart(tmp_path, find_program())
    assert result.returncode == 0, result.stdout
