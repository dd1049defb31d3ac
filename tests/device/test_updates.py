"""Firmware updates itself over real HTTPS, from slot to slot, as often as one likes."""

import json
import os
import shutil

LOOPS = 200 if os.environ.get("OTA_LONG") == "1" else 20


def serve(device, site, image, name="v2.bin"):
    """Lets the firmware find an image and the authority of its server."""
    path = site.serve(image.read_bytes(), name)
    (device.program.folder / "url").write_text(site.url(path))
    shutil.copy(site.ca, device.program.folder / "ca.pem")


def test_v1_updates_itself_and_v2_confirms(alive, site):
    device = alive(first="1-update")
    serve(device, site, device.pack("2"))
    boots, end, console = device.run(5)
    assert [(b["slot"], b["version"], b["reset"], b["end"]) for b in boots] == [
        ("ota_0", "1-update", "POWERON", "restart"), ("ota_1", "2", "SW", "idle")]
    assert boots[1]["on_trial"] and not boots[1]["unconfirmed"]
    assert "hello from 2 in ota_1, reset reason 3" in console
    assert device.states() == ["VALID", "VALID"] and end["ended"] == "idle"


def test_v2_that_crashes_gives_way_to_v1(alive, site):
    device = alive(first="1-update")
    serve(device, site, device.pack("2-crash"))
    boots, _, _ = device.run(3)
    assert [(b["slot"], b["end"]) for b in boots] == [("ota_0", "restart"), ("ota_1", "panic"), ("ota_0", "restart")]
    assert boots[2]["reason"] == "rolled_back"


def test_v2_that_hangs_gives_way_to_v1(alive, site):
    device = alive(first="1-update")
    serve(device, site, device.pack("2-hang"))
    boots, _, _ = device.run(3, "--watchdog", 2)
    assert [(b["slot"], b["end"]) for b in boots] == [("ota_0", "restart"), ("ota_1", "watchdog"), ("ota_0", "restart")]


def test_a_program_for_real_silicon_is_refused_by_the_running_firmware(alive, site):
    device = alive(first="1-update")
    serve(device, site, device.program.firmware("esp32.bin", chip="esp32"))
    boots, _, _ = device.run(1, exit_code=1)  # the firmware aborts
    assert boots[0]["end"] == "panic"
    assert device.states() == ["VALID", None]


def resources(pid):
    """(open descriptors, KiB of memory of its own) of a process; pages of the mapped flash file are not its own."""
    own = next(line for line in open(f"/proc/{pid}/status") if line.startswith("RssAnon"))
    return len(os.listdir(f"/proc/{pid}/fd")), int(own.split()[1])


def test_many_updates_in_a_row_leave_no_leak_no_growth_and_no_drift(alive, site):
    device = alive(first="odd-loop")
    for name in ("odd", "even"):
        path = site.serve(device.pack(f"{name}-loop").read_bytes(), f"{name}.bin")
    (device.program.folder / "url").write_text(site.url(path).rsplit("/", 1)[0])
    shutil.copy(site.ca, device.program.folder / "ca.pem")
    before = os.stat(device.flash)
    console = open(device.program.folder / "console", "w")
    # A sanitizer keeps freed memory back for a while, which would look like growth.
    process = device.start("--max-boots", LOOPS + 1, "--json", env={"ASAN_OPTIONS": "quarantine_size_mb=1"}, stderr=console)
    boots, samples = [], []
    for line in process.stdout:
        boots.append(json.loads(line))
        if LOOPS // 2 < boots[-1].get("boot", 0) <= LOOPS:
            samples.append(resources(process.pid))
    assert process.wait(60) == 0, (device.program.folder / "console").read_text()[-3000:]  # a leak would be an error, too
    assert boots.pop() == {"ended": "max_boots", "boots": LOOPS + 1, "error": None}
    for number, boot in enumerate(boots):
        assert (boot["slot"], boot["version"], boot["end"]) == (
            f"ota_{number % 2}", "even-loop" if number % 2 else "odd-loop", "restart"), boot
        assert boot["reset"] == ("SW" if number else "POWERON") and not boot["unconfirmed"]
    records = device.program.json("otadata", "show", device.flash)["records"]
    assert max(record["seq"] for record in records) == LOOPS + 2  # one a choice, and one for the update of the last life
    after = os.stat(device.flash)
    assert (after.st_size, after.st_blocks, after.st_ino) == (before.st_size, before.st_blocks, before.st_ino)
    # It works on while it is looked at, so the least of several looks counts. One descriptor an update would be `half` more.
    half = len(samples) // 2
    (fds_before, kib_before), (fds_after, kib_after) = (map(min, zip(*part)) for part in (samples[:half], samples[half:]))
    assert fds_after - fds_before < half // 2, f"descriptors leak: {samples}"
    assert kib_after - kib_before < 2048, f"the supervisor grows: {samples}"
    left = sorted(path.name for path in device.program.folder.iterdir())
    assert left == sorted({"dev.bin", "dev.bin.efuse", "dev.csv", "odd-loop.bin", "even-loop.bin", "url", "ca.pem", "console"}), left
