"""A device lives: its firmware is a host program that runs from the slot, updates itself, and is rolled back."""

import os
import signal
import subprocess
import time

import pytest

from live_device import stop


def ends(boots):
    return [(boot["slot"], boot["version"], boot["reset"], boot["end"]) for boot in boots]


# ---- reset reasons ----------------------------------------------------------------------------------------------------


def test_the_first_boot_is_a_power_on_and_the_next_a_software_reset(alive):
    boots, end, console = alive(first="1-restart").run(3)
    assert [boot["reset"] for boot in boots] == ["POWERON", "SW", "SW"]
    assert [line.rsplit(" ", 1)[1] for line in console.splitlines() if "hello" in line] == ["1", "3", "3"]
    assert end == {"ended": "max_boots", "boots": 3, "error": None}


@pytest.mark.parametrize("kind, end, reset", [
    ("crash", "panic", "PANIC"),
    ("segv", "panic", "PANIC"),
    ("exit3", "panic", "PANIC"),
    ("hang", "watchdog", "TASK_WDT"),
    ("forget", "restart", "SW"),
])
def test_firmware_that_fails_its_trial_is_rolled_back(alive, kind, end, reset):
    device = alive()
    device.install(device.pack(f"2-{kind}"))
    boots, last, _ = device.run(2, "--watchdog", 1)
    assert ends(boots) == [("ota_1", f"2-{kind}", "POWERON", end), ("ota_0", "1", reset, "idle")]
    assert boots[0]["on_trial"] and boots[0]["unconfirmed"]
    assert boots[1]["reason"] == "rolled_back"
    assert last["ended"] == "idle"
    assert device.states() == ["VALID", "ABORTED"]


def test_firmware_that_leaves_before_it_confirms_is_rolled_back(alive):
    device = alive()
    device.install(device.pack("2-exit"))
    boots, _, _ = device.run(2, env={"ASAN_OPTIONS": "detect_leaks=0"})  # it leaves with everything allocated, on purpose
    assert ends(boots) == [("ota_1", "2-exit", "POWERON", "idle"), ("ota_0", "1", "PANIC", "idle")]


def test_attempts_give_firmware_on_trial_more_than_one_start(alive):
    device = alive()
    device.install(device.pack("2-crash"))
    boots, last, _ = device.run(3, "--attempts", "2")
    assert ends(boots) == [("ota_1", "2-crash", "POWERON", "panic"), ("ota_1", "2-crash", "PANIC", "panic"), ("ota_0", "1", "PANIC", "idle")]
    assert [boot["on_trial"] for boot in boots] == [True, True, False]


def test_firmware_that_crashes_after_its_trial_is_given_up_at_the_crash_limit(alive, program):
    device = alive()
    device.install(device.pack("2-crash"))
    program.done("boot", "--flash", device.flash, "--rollback", "on")
    program.done("otadata", "confirm", device.flash)
    boots, _, _ = device.run(4, "--crash-limit", "2")
    assert [(boot["slot"], boot["end"]) for boot in boots] == [("ota_1", "panic"), ("ota_1", "panic"), ("ota_0", "idle")]
    assert boots[-1]["reason"] == "crash_loop"


def test_anti_rollback_reaches_the_firmware_which_burns_what_it_confirms(alive, program):
    device = alive()
    device.install(device.pack("2", "--secure-version", "3"))
    assert program.json("efuse", "show", device.flash)["secure_version"] == 0
    boots, _, _ = device.run(1, "--anti-rollback", "on", "--rollback", "off")
    assert (boots[0]["version"], boots[0]["rollback"], boots[0]["on_trial"]) == ("2", True, True)
    assert program.json("efuse", "show", device.flash)["secure_version"] == 3
    assert device.states() == ["VALID", "VALID"]


@pytest.mark.parametrize("options", [("--attempts", "x"), ("--crash-limit", "-1"), ("--anti-rollback", "maybe")])
def test_wrong_counts_and_switches_are_wrong_usage(alive, options):
    device = alive()
    device.run_wrong(*options)


def test_a_program_that_can_not_be_executed_is_a_crash(alive, program):
    device = alive()
    (program.folder / "elf").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00" + bytes(100))
    program.done("image", "build", "--chip", "linux", "--elf", "elf", "--project", "demo", "--version", "2", "-o", "bad.bin")
    device.install("bad.bin")
    boots, _, _ = device.run(2)
    assert ends(boots) == [("ota_1", "2", "POWERON", "panic"), ("ota_0", "1", "PANIC", "idle")]
    assert boots[0]["exec_error"]


def test_feeding_keeps_a_long_trial_alive(alive):
    device = alive()
    device.install(device.pack("2-feed"))
    boots, _, _ = device.run(2, "--watchdog", 1)
    assert ends(boots) == [("ota_1", "2-feed", "POWERON", "idle")]
    assert device.states() == ["VALID", "VALID"]


def test_confirmed_firmware_may_take_its_time(alive):
    device = alive(first="1-wait")
    process = device.start("--watchdog", "1")
    assert any("hello" in line for line in process.stderr)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)  # twice the watchdog: what must not happen needs a while not to
    assert stop(process)[0] == 0


def test_without_rollback_nothing_is_on_trial(alive):
    device = alive()
    device.install(device.pack("2-crash"))
    boots, last, _ = device.run(2, "--rollback", "off", exit_code=1)
    assert [boot["version"] for boot in boots] == ["2-crash", "2-crash"]
    assert "ended with a panic" in last["error"]


def test_a_program_built_without_rollback_is_not_on_trial_unless_asked_for(alive):
    device = alive()
    device.install(device.pack("2-forget", "--app-rollback", "off"))
    boots, _, _ = device.run(3)
    assert [(boot["version"], boot["rollback"]) for boot in boots] == [("2-forget", False)] * 3
    device.install(device.pack("2-forget", "--app-rollback", "on"))
    assert [boot["version"] for boot in device.run(2)[0]] == ["2-forget", "1"]
    device.install(device.pack("2-forget", "--app-rollback", "off"))
    assert [boot["version"] for boot in device.run(2, "--rollback", "on")[0]] == ["2-forget", "1"]


def test_a_device_wakes_from_deep_sleep_when_its_timer_says_so(alive):
    boots, last, _ = alive(first="1-sleep").run(2)
    assert [(boot["end"], boot["sleep_us"], boot["reset"]) for boot in boots] == [
        ("deep_sleep", 5000000, "POWERON"), ("deep_sleep", 5000000, "DEEPSLEEP")]
    assert last["ended"] == "max_boots"


def test_deep_sleep_without_a_timer_ends_the_run(alive):
    boots, last, _ = alive(first="1-coma").run(5)
    assert len(boots) == 1 and boots[0]["end"] == "deep_sleep" and boots[0]["sleep_us"] == 0
    assert boots[0]["next_reset"] == "DEEPSLEEP" and last["ended"] == "deep_sleep"


def test_a_killed_program_is_a_power_cut(alive):
    device = alive(first="1-wait")
    process = device.start("--max-boots", "1", "--json")
    assert any("confirmed" in line for line in process.stderr)
    children = open(f"/proc/{process.pid}/task/{process.pid}/children").read().split()
    os.kill(int(children[0]), signal.SIGKILL)
    out, _ = process.communicate(timeout=60)
    assert '"end":"power_cut"' in out and '"next_reset":"POWERON"' in out


# ---- what may run -----------------------------------------------------------------------------------------------------


def test_firmware_of_real_silicon_is_verified_and_not_run(alive, program):
    image = program.firmware("esp32.bin", chip="esp32")
    boots, last, _ = alive(chip="esp32", first=image).run(2, exit_code=1)
    assert boots[0]["slot"] == "ota_0" and boots[0]["tries"][0]["verdict"] == "ok" and "end" not in boots[0]
    assert last["ended"] == "not_runnable" and "not run" in last["error"]


def test_an_image_that_carries_data_is_not_run(alive, program):
    image = program.firmware("data.bin", chip="linux")
    _, last, _ = alive(first=image).run(2, exit_code=1)
    assert "carries no program" in last["error"]


def test_nothing_to_boot_is_said(alive):
    device = alive()
    device.overwrite(0x10000, b"\0")
    boots, last, _ = device.run(2, exit_code=1)
    assert boots[0]["slot"] is None and last["ended"] == "nothing_boots"


def test_a_program_changed_in_its_slot_does_not_run(alive):
    """Tampering between two boots: one bit of v2's code, and v1 runs."""
    device = alive()
    device.install(device.pack("2"))
    offset = device.layout["ota_1"][0] + 100000
    with open(device.flash, "rb") as flash:
        flash.seek(offset)
        byte = flash.read(1)[0]
    device.overwrite(offset, bytes([byte ^ 4]))
    boots, _, console = device.run(1)
    assert boots[0]["slot"] == "ota_0" and boots[0]["reason"] == "fallback"
    assert "hello from 2" not in console


def test_linux_images_are_for_linux_devices_only(alive, program):
    device = alive()
    assert program.json("image", "verify", device.pack("2"), "--chip", "esp32", exit_code=1)["verdict"] == "chip_id"
    assert program.json("image", "verify", "2.bin", "--chip", "linux")["verdict"] == "ok"


# ---- the descriptor ---------------------------------------------------------------------------------------------------


def test_what_the_options_say_is_what_the_program_learns(alive, program):
    device = alive(first="7.7")
    info = program.json("image", "info", device.pack("9.9", "--secure-version", 3, project="renamed"))
    assert (info["project"], info["version"], info["chip"]) == ("renamed", "9.9", "linux")
    _, _, console = device.run(1)
    assert "hello from 7.7 in ota_0" in console


@pytest.mark.parametrize("options, sentence", [
    (["--chip", "esp32"], "--chip linux"),
    (["--chip", "linux", "--size", "64K"], "do not go with --elf"),
    (["--chip", "linux", "--version", "1"], "carries no descriptor"),
    (["--chip", "linux", "--app-rollback", "perhaps"], "--app-rollback is on or off"),
])
def test_packing_says_what_is_missing(program, firmware_elf, options, sentence):
    run = program.run("image", "build", "--elf", firmware_elf, *options, "-o", "out.bin")
    assert run.returncode in (1, 2) and sentence in run.stderr, run.shown
    assert not (program.folder / "out.bin").exists()


def test_app_rollback_is_about_programs(program):
    run = program.run("image", "build", "--chip", "linux", "--project", "p", "--version", "1", "--app-rollback", "on", "-o", "out.bin")
    assert run.returncode == 2 and "goes with --elf" in run.stderr, run.shown


def test_only_programs_are_packed(program):
    (program.folder / "text").write_text("#!/bin/sh\n")
    run = program.failed("image", "build", "--chip", "linux", "--elf", "text", "--project", "p", "--version", "1", "-o", "out.bin")
    assert "no ELF program" in run.stderr


def test_firmware_does_not_start_by_itself(firmware_elf):
    result = subprocess.run([firmware_elf], text=True, capture_output=True, timeout=60)
    assert result.returncode == 2 and "device run" in result.stderr


# ---- the supervisor ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_power_switch_ends_device_and_program(alive, number):
    device = alive(first="1-wait")
    process = device.start()
    assert any("confirmed" in line for line in process.stderr)
    child = open(f"/proc/{process.pid}/task/{process.pid}/children").read().split()[0]
    code, out, _ = stop(process, number)
    assert code == 0 and "switched off" in out
    assert not os.path.exists(f"/proc/{child}")
    device.program.done("boot", "--flash", device.flash)  # the flash is free again


def test_a_killed_supervisor_takes_the_program_along(alive):
    device = alive(first="1-wait")
    process = device.start()
    assert any("confirmed" in line for line in process.stderr)
    stop(process, signal.SIGKILL)
    deadline = time.monotonic() + 30  # nothing tells us when the kernel has ended the program; the lock shows it
    while device.program.run("boot", "--flash", device.flash).returncode != 0:
        assert time.monotonic() < deadline, "the program lives on and holds the flash"


def test_nobody_else_gets_the_flash_while_the_device_runs(alive):
    device = alive(first="1-wait")
    process = device.start()
    assert any("confirmed" in line for line in process.stderr)
    for command in (["device", "run"], ["boot"]):
        assert "in use" in device.program.failed(*command, "--flash", device.flash).stderr
    assert "in use" in device.program.failed("flash", "info", device.flash).stderr
    stop(process)


def test_the_lines_of_a_boot_tell_table_slot_and_reason(alive):
    device = alive()
    device.install(device.pack("2-crash"))
    run = device.program.done("device", "run", "--flash", device.flash, "--max-boots", "2")
    lines = [line.split("boot: ", 1)[1] for line in run.stdout.splitlines()]
    for expected in ("boot 1, reset reason POWERON", "otadata[1] seq 0x00000002 NEW, crc ok -> PENDING_VERIFY",
                     "starting demo 2-crash at 0x7f0000", "boot 2, reset reason PANIC",
                     "otadata[1] seq 0x00000002 PENDING_VERIFY, crc ok -> ABORTED", "starting demo 1 at 0x10000", "no task is left"):
        assert expected in lines, run.shown
    assert any(line.startswith("panic: the program was ended by signal 6") for line in lines), run.shown


@pytest.mark.parametrize("arguments, sentence", [
    ([], "--flash FLASH is needed"),
    (["--flash", "x", "--rollback", "maybe"], "on or off"),
    (["--flash", "x", "--max-boots", "many"], "--max-boots"),
    (["--flash", "x", "--watchdog", "-1"], "--watchdog"),
    (["--flash", "x", "--watchdog", "86401"], "--watchdog"),
    (["--flash", "x", "y"], "error"),
])
def test_wrong_usage_is_said(program, arguments, sentence):
    run = program.run("device", "run", *arguments)
    assert run.returncode == 2 and sentence in run.stderr, run.shown


def test_a_missing_flash_is_an_error(program):
    run = program.run("device", "run", "--flash", "none.bin", "--json")
    assert run.returncode == 1 and '"ended":"unusable"' in run.stdout and "none.bin" in run.stderr


# ---- what firmware starts itself --------------------------------------------------------------------------------------


def is_gone(pid):
    """Ended; perhaps nobody has waited for it yet."""
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until_gone(pid):
    deadline = time.monotonic() + 30  # nothing tells us when the kernel has ended what was killed
    while not is_gone(pid):
        assert time.monotonic() < deadline, f"process {pid} lives on"
        time.sleep(0.01)


def test_power_off_ends_what_the_firmware_started(alive):
    device = alive(first="1-parent")
    power = device.power_on()
    child = power.expect(r"started process (\d+)")[1]
    power.expect("confirmed")
    assert not is_gone(child)
    assert power.cut() == 0
    wait_until_gone(child)


def test_what_firmware_started_ends_with_it(alive):
    device = alive(first="1-orphan")
    power = device.power_on()
    child = power.expect(r"started process (\d+)")[1]
    assert power.wait() == 0 and power.ended["ended"] == "idle"
    wait_until_gone(child)
