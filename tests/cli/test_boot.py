"""boot, otadata and bootsim: which slot, why, and what is written."""

import subprocess

import pytest

from esp_ota import TWO_OTA_CSV, find_program

WITHOUT_FACTORY = "".join(line for line in TWO_OTA_CSV.splitlines(True) if "factory" not in line)


@pytest.fixture
def dev(program, device):
    """v1 in factory, v2 in ota_0, v3 in ota_1."""
    images = {slot: program.firmware(f"{slot}.img", version=f"{i + 1}.0.0") for i, slot in enumerate(["factory", "ota_0", "ota_1"])}
    return device(**images)


def states(program, dev):
    return [None if r["empty"] else r["state"] for r in program.json("otadata", "show", dev.flash)["records"]]


def switch(program, dev, slot, *more):
    return program.json("otadata", "switch", dev.flash, slot, *more)


def test_a_new_device_boots_factory_and_nothing_is_written(program, dev):
    before = dev.read("otadata")
    boot = dev.boot()
    assert (boot["slot"], boot["reason"], boot["project"], boot["version"]) == ("factory", "default", "hello", "1.0.0")
    assert boot["before"] == boot["after"]
    assert dev.read("otadata") == before


@pytest.mark.parametrize("name, slot", [("ota_0", "ota_0"), ("0", "ota_0"), ("ota_1", "ota_1"), ("1", "ota_1")])
def test_switch_chooses_a_slot_by_name_or_number(program, dev, name, slot):
    assert switch(program, dev, name)["slot"] == slot
    assert dev.boot()["slot"] == slot


def test_switch_to_factory_erases_otadata(program, dev):
    switch(program, dev, "ota_1")
    switch(program, dev, "factory")
    assert dev.read("otadata") == b"\xff" * 0x2000
    assert dev.boot()["slot"] == "factory"


def test_switch_knows_labels(program):
    (program.folder / "t.csv").write_text("otadata, data, ota, , 0x2000\nalpha, app, ota_0, , 1M\nbeta, app, ota_1, , 1M\n")
    image = program.firmware("v1.bin")
    program.done("flash", "create", "dev.bin", "--chip", "esp32", "--size", "4MB", "--partitions", "t.csv", "--put", f"beta={image}")
    assert program.json("otadata", "switch", "dev.bin", "beta")["slot"] == "ota_1"
    assert program.json("boot", "--flash", "dev.bin")["label"] == "beta"


@pytest.mark.parametrize("slot, said", [("ota_1", "ota_1"), ("ota_9", '"ota_9"'), ("nonsense", '"nonsense"'), ("99", '"99"')])
def test_switch_to_a_slot_that_cannot_boot_changes_nothing(program, device, slot, said):
    dev = device(factory=program.firmware("v1.bin"))
    before = dev.flash.read_bytes()
    assert said in program.failed("otadata", "switch", dev.flash, slot).stderr
    assert dev.flash.read_bytes() == before


def test_switch_by_force_does_not_look_at_the_image(program, device):
    dev = device(factory=program.firmware("v1.bin"))
    switch(program, dev, "ota_1", "--force")
    boot = dev.boot()
    assert (boot["slot"], boot["reason"], boot["selected"]) == ("factory", "fallback", "ota_1")
    assert [t["partition"] for t in boot["tries"]][0] == "ota_1"


def test_an_unconfirmed_image_is_given_up_at_the_second_boot(program, dev):
    switch(program, dev, "ota_0")
    switch(program, dev, "ota_1", "--rollback", "on")
    first = dev.boot(rollback=True)
    assert (first["slot"], first["after"][1]["state"]) == ("ota_1", "PENDING_VERIFY")
    second = dev.boot(rollback=True)
    assert (second["slot"], second["reason"], second["after"][1]["state"]) == ("ota_0", "rolled_back", "ABORTED")


def test_a_confirmed_image_stays(program, dev):
    switch(program, dev, "ota_1", "--rollback", "on")
    dev.boot(rollback=True)
    program.done("otadata", "confirm", dev.flash)
    assert states(program, dev)[0] == "VALID"
    assert [dev.boot(rollback=True)["slot"] for _ in range(2)] == ["ota_1", "ota_1"]


def test_a_rejected_image_is_rolled_back(program, dev):
    switch(program, dev, "ota_0")
    switch(program, dev, "ota_1", "--rollback", "on")
    dev.boot(rollback=True)
    program.done("otadata", "reject", dev.flash)
    assert states(program, dev)[1] == "INVALID"
    assert dev.boot(rollback=True)["slot"] == "ota_0"


def test_confirming_what_never_booted_with_rollback_is_noted(program, dev):
    switch(program, dev, "ota_1", "--rollback", "on")
    assert "note: no bootloader with rollback" in program.done("otadata", "confirm", dev.flash).stderr
    switch(program, dev, "ota_0", "--rollback", "on")
    dev.boot(rollback=True)
    assert "note" not in program.done("otadata", "confirm", dev.flash).stderr


def test_the_only_image_cannot_be_rejected(program, device):
    dev = device(table=WITHOUT_FACTORY, ota_0=program.firmware("v1.bin"))
    dev.boot()
    before = dev.flash.read_bytes()
    assert "ESP_ERR_OTA_ROLLBACK_FAILED" in program.failed("otadata", "reject", dev.flash).stderr
    assert dev.flash.read_bytes() == before


def test_confirming_factory_has_a_reason_not_to(program, dev):
    assert "default (factory)" in program.failed("otadata", "confirm", dev.flash).stderr


def test_erase_forgets_the_choice(program, dev):
    switch(program, dev, "ota_1")
    program.done("otadata", "erase", dev.flash)
    assert states(program, dev) == [None, None]


def test_nothing_bootable_is_a_failure_with_a_decision(program, device):
    dev = device()
    before = dev.flash.read_bytes()
    boot = program.json("boot", "--flash", dev.flash, exit_code=1)
    assert (boot["slot"], boot["reason"]) == (None, "not_bootable")
    assert "nothing to boot" in program.failed("boot", "--flash", dev.flash).stderr
    assert dev.flash.read_bytes() == before


def test_a_device_without_factory_boots_its_first_slot_and_records_it(program, device):
    dev = device(table=WITHOUT_FACTORY, ota_0=program.firmware("v1.bin"))
    boot = dev.boot()
    assert boot["slot"] == "ota_0"
    assert boot["after"][0]["state"] == "VALID"


def test_a_table_without_otadata_cannot_be_switched(program):
    (program.folder / "t.csv").write_text("factory, app, factory, , 1M\n")
    image = program.firmware("v1.bin")
    program.done("flash", "create", "dev.bin", "--chip", "esp32", "--size", "4MB", "--partitions", "t.csv", "--put", f"factory={image}")
    assert program.json("boot", "--flash", "dev.bin")["reason"] == "no_otadata"
    for args in (["show", "dev.bin"], ["erase", "dev.bin"], ["switch", "dev.bin", "factory"], ["confirm", "dev.bin"]):
        assert "no otadata partition" in program.failed("otadata", *args).stderr


# ---- bootsim ----


def run_bootsim(*args):
    path = find_program().parent.parent / "bootsim" / "bootsim"
    if not path.exists():
        pytest.skip(f"no bootsim beside {find_program()}")
    return subprocess.run([path, *map(str, args)], text=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("rollback", ["on", "off"])
def test_bootsim_decides_and_writes_as_esp_ota_does(program, dev, rollback):
    switch(program, dev, "ota_1", "--rollback", "on")
    twin = dev.flash.with_name("twin.bin")
    twin.write_bytes(dev.flash.read_bytes())
    twin.with_name("twin.bin.efuse").write_bytes(dev.flash.with_name(dev.flash.name + ".efuse").read_bytes())
    for _ in range(3):
        boot = dev.boot(rollback=rollback == "on")
        result = run_bootsim(twin, "--rollback", rollback)
        assert result.returncode == 0, result.stdout
        assert f"starting hello {boot['version']} at 0x{boot['offset']:x}" in result.stdout
        assert twin.read_bytes() == dev.flash.read_bytes()


def test_bootsim_fails_when_nothing_boots(device):
    dev = device()
    result = run_bootsim(dev.flash)
    assert result.returncode == 1
    assert "nothing to start" in result.stdout
    assert run_bootsim().returncode == 2
    assert run_bootsim(dev.flash, "--nonsense").returncode == 2


def test_a_second_process_cannot_use_the_flash_at_the_same_time(program, dev):
    import fcntl
    with open(dev.flash, "rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "in use" in program.failed("boot", "--flash", dev.flash).stderr
