"""kill -9 in the middle of a real download, over and over: each next run goes on, and what arrives is byte-exact.

The seed is printed; HOSTILE_SEED=N repeats a run.
"""

import os
import random
import shutil
import subprocess
import time

import pytest

from esp_ota import Device, slots_csv
from hostile import HostileServer, honest
from images import image

SIZE = 3 << 20
SLOT = 0x380000
KILLS = 40
CHECKPOINT = 64 << 10
SECTOR = 4096
PIECE, PAUSE = 8 << 10, 0.002
LIMIT_SECONDS = 120


@pytest.fixture
def dice():
    seed = int(os.environ.get("HOSTILE_SEED", random.randrange(1 << 32)))
    print(f"HOSTILE_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def resuming(lab):
    if not lab.client.knows("--resume"):
        pytest.skip("esp-ota update has no --resume yet")
    return lab


@pytest.fixture(scope="module")
def large_device(lab):
    """Makes devices with slots of 3.5 MiB, as copies of one."""
    template = Device(lab.program, "large", size="8MB", table=slots_csv(2, SLOT), ota_0=lab.program.folder / "v1.bin")
    assert template.boot(rollback=True)["slot"] == "ota_0"

    def make(name):
        copy = object.__new__(Device)
        copy.program, copy.layout, copy.flash = lab.program, template.layout, lab.folder / f"large_{name}.bin"
        for end in ("", ".efuse"):
            shutil.copyfile(f"{template.flash}{end}", f"{copy.flash}{end}")
        return copy
    return make


def slowly(data, etag):
    return honest(data, etag=etag, piece=PIECE, seconds=PAUSE)


def sent_by(server, first_request):
    """Image bytes sent since that request, and where the last of them ended."""
    requests = server.requests[first_request:]
    return sum(request.body_sent for request in requests), max((request.first + request.body_sent for request in requests), default=0)


def written(device, data):
    """Bytes of data that stand in the slot, from its start, in whole sectors."""
    slot = device.read("ota_1", len(data))
    for at in range(0, len(data), SECTOR):
        if slot[at:at + SECTOR] != data[at:at + SECTOR]:
            return at
    return len(data)


def run_until_killed(lab, device, server, dice, url):
    """One run that is killed after a random number of image bytes; the finished process if it came first."""
    first, amount = len(server.requests), dice.randrange(1, 150 << 10) if dice.random() > 0.1 else 0
    command = lab.client.command(device.flash, lab.certificates.ca, url, retries=0)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + LIMIT_SECONDS
        while process.poll() is None and sent_by(server, first)[0] < amount:
            assert time.monotonic() < deadline, "it hangs"
            time.sleep(0.001)
        time.sleep(dice.random() * 0.02)
        was_running = process.poll() is None
        process.kill()
        out, err = process.communicate()
    assert was_running or process.returncode == 0, f"it ended by itself:\n{out}{err}"
    return was_running, first


def assert_only_the_choice_moved(device, before, on_flash, kill):
    """The kill met the commit itself, or the moment between it and the end of the program."""
    def other(flash):
        return without(without(flash, device.layout["ota_1"]), device.layout["otadata"])
    assert on_flash == SIZE, f"kill {kill}: a boot choice was made with {on_flash} bytes on flash"
    assert other(device.flash.read_bytes()) == other(before), f"kill {kill} changed more than the passive slot and the boot choice"


def without(flash, region):
    offset, size = region
    return flash[:offset] + bytes(size) + flash[offset + size:]


def test_killed_at_random_moments_it_goes_on(resuming, certs, large_device, dice):
    data = image(size=SIZE, version="2.0.0")
    kills, rounds, again, worst = 0, 0, 0, 0
    with HostileServer(certs, [slowly(data, '"one"')]) as server:
        while kills < KILLS:
            device = large_device(f"kill_{rounds}")
            before, reached, on_flash, rounds = device.all_but("ota_1"), 0, 0, rounds + 1
            while kills < KILLS:
                was_killed, first = run_until_killed(resuming, device, server, dice, server.url())
                started = [request.first for request in server.requests[first:]]
                if started:
                    assert on_flash - started[0] <= CHECKPOINT, f"kill {kills}: {on_flash} bytes stood on flash, the next run began at {started[0]}"
                    lost = max(reached - started[0], 0)
                    again, worst = again + lost, max(worst, lost)
                reached, on_flash = max(reached, sent_by(server, first)[1]), written(device, data)
                if not was_killed:
                    break
                kills += 1
                if device.all_but("ota_1") != before:
                    assert_only_the_choice_moved(device, before, on_flash, kills)
                    break
            if device.boot(rollback=True)["slot"] != "ota_1":
                outcome = resuming.update(device, server, server.url(), bound=LIMIT_SECONDS)
                assert outcome.result == "ESP_OK", outcome.shown
                assert on_flash < 2 * CHECKPOINT or outcome.answer["resumed_from"] > 0, outcome.shown
                assert device.boot(rollback=True)["slot"] == "ota_1"
            assert device.read("ota_1", SIZE) == data, "not the image of the server"
    print(f"{kills} kills in {rounds} downloads of {SIZE} bytes: {again} bytes came twice, at most {worst} after one kill")


def test_a_file_swapped_between_kills_is_never_mixed(resuming, certs, large_device, dice):
    files = [image(size=SIZE, version="2.0.0"), image(size=SIZE, version="3.0.0"), image(size=SIZE - 160_000, version="4.0.0")]
    device = large_device("swap")
    before = device.all_but("ota_1")
    with HostileServer(certs, [slowly(files[0], '"0"')]) as server:
        for turn in range(9):
            number = dice.randrange(len(files))
            server.behave(slowly(files[number], f'"{number}"'))
            was_killed, _ = run_until_killed(resuming, device, server, dice, server.url())
            assert was_killed and device.all_but("ota_1") == before
        last = dice.randrange(len(files))
        server.behave(slowly(files[last], f'"{last}"'))
        outcome = resuming.update(device, server, server.url(), bound=LIMIT_SECONDS)
        assert outcome.result == "ESP_OK", outcome.shown
        assert device.read("ota_1", len(files[last])) == files[last], f"a mixture\n{outcome.shown}"


def test_a_file_swapped_while_it_is_sent_is_never_activated(lab, certs, large_device):
    """Not even one server can help that: the first half of one file, the second half of another, in one answer."""
    old, new = image(size=SIZE, version="2.0.0"), image(size=SIZE, version="3.0.0")
    device = large_device("halves")
    before = device.all_but("ota_1")
    with HostileServer(certs, [honest(old[:SIZE // 2] + new[SIZE // 2:])]) as server:
        outcome = lab.update(device, server, server.url())
        assert outcome.result == "ESP_ERR_OTA_VALIDATE_FAILED" and device.all_but("ota_1") == before, outcome.shown
        server.behave(honest(new, etag='"new"'))
        outcome = lab.update(device, server, server.url())
        assert outcome.result == "ESP_OK" and device.read("ota_1", SIZE) == new, outcome.shown
