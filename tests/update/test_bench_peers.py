"""bench/run --peers: the way there and back, with stand-ins for SWUpdate and RAUC, which need not be installed."""

import json
import os
import shutil
import stat
import struct
import subprocess
import sys

import pytest

from esp_ota import LIMIT_SECONDS, ROOT

sys.path.insert(0, str(ROOT / "bench"))

import payload  # noqa: E402
import peers  # noqa: E402

# What the real ones do, as far as bench/run can see it: fetch, and put the image where they were told to.
SWUPDATE = r"""#!/usr/bin/python3
import re, ssl, sys, urllib.request
if "--fail" in open(sys.argv[0] + ".mode").read():
    sys.exit("stand-in: told to fail")
url = re.search(r"-u (\S+)", sys.argv[sys.argv.index("-d") + 1])[1]
data = urllib.request.urlopen(url, context=ssl._create_unverified_context()).read()
members, at = {}, 0
while data[at:at + 6] == b"070702":
    fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
    name = data[at + 110:at + 110 + fields[11] - 1].decode()
    at += (110 + fields[11] + 3) // 4 * 4
    members[name] = data[at:at + fields[6]]
    assert sum(members[name]) & 0xFFFFFFFF == fields[12]
    at += (fields[6] + 3) // 4 * 4
assert list(members) == ["sw-description", "sw-description.sig", "image.bin", "TRAILER!!!"], list(members)
with open(re.search(rb'device = "(.*?)"', members["sw-description"])[1], "r+b") as target:
    target.write(members["image.bin"])
"""
RAUC = r"""#!/usr/bin/python3
import configparser, pathlib, shutil, ssl, sys, time, urllib.request
arguments = sys.argv[1:]
if "bundle" in arguments:
    shutil.copyfile(pathlib.Path(arguments[-2]) / "image.img", arguments[-1])
elif "service" in arguments:
    time.sleep(600)
elif "install" in arguments:
    system = configparser.ConfigParser()
    system.read(arguments[arguments.index("-c") + 1])
    data = urllib.request.urlopen(arguments[-1], context=ssl._create_unverified_context()).read()
    with open(system["slot.rootfs.1"]["device"], "r+b") as target:
        target.write(data)
elif "extract" in arguments:
    pathlib.Path(arguments[-1]).mkdir()
    shutil.copyfile(arguments[-2], pathlib.Path(arguments[-1]) / "image.img")
"""
BUS = "#!/bin/sh\necho unix:path=/nowhere\nexec sleep 600\n"
UNSHARE = '#!/bin/sh\nexec rauc -c "$7" service\n'  # -m sh -c SCRIPT sh CA CONFIGURATION; a stand-in needs no name space


@pytest.fixture
def stand_ins(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {"swupdate": SWUPDATE, "rauc": RAUC, "dbus-daemon": BUS, "unshare": UNSHARE, "mksquashfs": "#!/bin/sh\n",
                       "unsquashfs": "#!/bin/sh\n"}.items():
        path = folder / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (folder / "swupdate.mode").write_text("")
    return folder


@pytest.fixture
def bench(tmp_path, stand_ins):
    if not (ROOT / "build" / "release" / "apps" / "esp-ota" / "esp-ota").exists():
        pytest.skip("build/release is not built; bench/run would build it")
    temp = tmp_path / "temp"
    temp.mkdir()

    def run(*options):
        result = subprocess.run([ROOT / "bench" / "run", "--runs", "1", "--sizes", "1", *options], text=True, capture_output=True, timeout=LIMIT_SECONDS,
                                env={**os.environ, "TMPDIR": str(temp), "PATH": f"{stand_ins}:{os.environ['PATH']}"})
        assert list(temp.iterdir()) == [], "left behind"
        return result
    return run


RAUC_NAME = "rauc install" if os.geteuid() == 0 else "curl, rauc extract"


def test_both_are_measured_beside_the_others(bench):
    result = bench("--only", "a", "--peers", "--json")
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    for name in ("swupdate -d", RAUC_NAME):
        [run] = report["sizes"]["1"][name]
        assert run["cpu"] > 0 and run["wall"] > 0 and run["peak_mib"] > 0
    assert {"swupdate", "rauc"} <= report["environment"].keys()


def test_one_that_fails_is_left_out_and_the_reason_is_in_the_text(bench, stand_ins):
    (stand_ins / "swupdate.mode").write_text("--fail")
    result = bench("--only", "a", "--peers")
    assert result.returncode == 0, result.stderr
    assert "\nNot measured: swupdate -d: " in result.stdout and "stand-in: told to fail" in result.stdout
    assert "| swupdate -d |" not in result.stdout and f"| 1 MiB | {RAUC_NAME} |" in result.stdout


def test_one_that_delivers_something_else_does_not_count(bench, stand_ins):
    swupdate = stand_ins / "swupdate"
    swupdate.write_text(SWUPDATE.replace('target.write(members["image.bin"])', 'target.write(bytes(8192))'))
    result = bench("--only", "a", "--peers")
    assert "Not measured: swupdate -d: it reports success and did not deliver the image" in result.stdout, result.stderr


def test_without_peers_nobody_else_is_started(bench, stand_ins):
    for name in ("swupdate", "rauc"):
        (stand_ins / name).write_text("#!/bin/sh\nexit 1\n")
    result = bench("--only", "a")
    assert result.returncode == 0 and "rauc" not in result.stdout and "Not measured" not in result.stdout, result.stderr


# ---------------------------------------------------------------------- installing

class Answers:
    """Stands in for subprocess.run."""

    def __init__(self, *codes):
        self.codes, self.commands = list(codes), []

    def __call__(self, command, **_):
        self.commands.append(command)
        return subprocess.CompletedProcess(command, self.codes.pop(0), "", "E: no route\n")


def nowhere(_):
    return None


def test_what_is_there_is_not_installed():
    call = Answers()
    assert peers.install(which=lambda name: f"/usr/bin/{name}", call=call, is_root=True) is None and call.commands == []


def test_what_is_missing_is_installed_after_an_update_if_need_be():
    call = Answers(0)
    assert peers.install(which=nowhere, call=call, is_root=True) is None
    assert call.commands[0][:2] == ["apt-get", "install"] and {"swupdate", "rauc", "squashfs-tools", "dbus-daemon"} <= set(call.commands[0])
    call = Answers(100, 0, 0)
    assert peers.install(which=lambda name: None if name == "rauc" else name, call=call, is_root=True) is None
    assert [command[1] for command in call.commands] == ["install", "update", "install"] and call.commands[0][-1] == "rauc"


def test_why_something_is_still_missing_is_said():
    assert "E: no route" in peers.install(which=nowhere, call=Answers(100, 100, 100), is_root=True)
    assert "only root can: apt-get install" in peers.install(which=nowhere, call=Answers(), is_root=False)

    def no_apt(*_, **__):
        raise FileNotFoundError
    assert "there is no apt-get" in peers.install(which=nowhere, call=no_apt, is_root=True)


# ---------------------------------------------------------------------- formats

def test_cpio_reads_what_is_written(tmp_path):
    swu = tmp_path / "a.swu"
    peers.write_swu(swu, [("one", b"1"), ("three", b"123"), ("four", b"1234")])
    if not shutil.which("bsdtar") and not shutil.which("cpio"):
        pytest.skip("neither cpio nor bsdtar is installed")
    command = ["cpio", "-i", "--quiet"] if shutil.which("cpio") else ["bsdtar", "-x", "-f", "-"]
    subprocess.run(command, cwd=tmp_path, stdin=open(swu, "rb"), check=True)
    assert [(tmp_path / name).read_bytes() for name in ("one", "three", "four")] == [b"1", b"123", b"1234"]


def test_a_process_that_runs_on_is_measured():
    before = peers.cpu_seconds(os.getpid())
    total = sum(range(300000))
    assert total and peers.cpu_seconds(os.getpid()) > before
    assert peers.peak_mib(os.getpid()) > 1


# ---------------------------------------------------------------------- real firmware

@pytest.fixture
def images(program):
    return [program.firmware(f"{v}.bin", version=v, size=size) for v, size in (("1", 90000), ("2", 100000))]


def test_real_images_are_used_as_they_are_and_as_content(bench, images):
    result = bench("--sizes", "1,2", "--only", "ae", "--json", "--payload", *images)
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["titles"] == {"1": "image as it is", "2": "2 MiB"} and "1.bin (90000 bytes)" in report["environment"]["payload"]
    assert report["sections"]["e"]["W25Q32JV, blank slot"]["image MiB"] == pytest.approx(100000 / 2**20)


def test_a_large_image_holds_the_content_of_the_small_ones_and_is_valid(program, images):
    large = program.firmware("large.bin", version="3", size=400000)
    pieces = [data[offset:offset + length] for data in (image.read_bytes() for image in images) for offset, length in payload.segments_of(data)]
    data = payload.filled(large.read_bytes(), pieces, 1)
    assert len(data) == 400000 and pieces[1][:4096] in data and pieces[-1][-4096:] in data
    large.write_bytes(data)
    assert program.json("image", "info", large)["valid"] is True
    offset, _ = payload.segments_of(data)[0]
    assert struct.unpack_from("<I", data, offset) == (0xABCD5432,)  # the descriptor stays


def test_what_is_no_payload_is_refused(bench, program, images, tmp_path):
    other = program.firmware("c3.bin", chip="esp32c3", size=65536)
    notes = tmp_path / "notes"
    notes.write_text("no firmware")
    for files, said in (([images[0]], "two or more"), ([images[0], images[0]], "that differ"), ([images[0], other], "c3.bin is for esp32c3"),
                        ([images[0], notes], "notes"), ([images[0], tmp_path / "nowhere"], "nowhere")):
        result = bench("--only", "e", "--payload", *files)
        assert result.returncode == 1 and said in result.stderr, result.stderr
        assert "Traceback" not in result.stderr
