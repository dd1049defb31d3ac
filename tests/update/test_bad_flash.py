"""Flash files that cannot be updated: refused with a documented error, before the server hears anything."""

import fcntl
import json
import os
import shutil

import pytest

from esp_ota import TABLE_OFFSET, TWO_OTA_CSV, slots_csv
from images import image
from mounts import Mounted, remount_read_only

GOOD = image(size=20_000, version="2.0.0")


@pytest.fixture
def dev(device, program):
    return device(factory=program.firmware("v1.bin", version="1.0.0"))


@pytest.fixture
def url(site):
    return site.url("norange/" + site.serve(GOOD))


def refuses(dev, site, url, *results):
    """Refused with one of results; the server was not asked."""
    before = dev.flash.read_bytes() if dev.flash.is_file() else None
    run = dev.program.failed(*dev.update_args(url, "--cacert", site.ca), "--json")
    assert json.loads(run.stdout)["result"] in results, run.shown
    errors = [line for line in run.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, run.shown
    assert before is None or dev.flash.read_bytes() == before
    assert site.requests(url.split("/", 3)[3]) == [], "the server was asked although the device cannot be updated"
    return errors[0]


def then_updates(dev, site, url):
    dev.update(url, "--cacert", site.ca)
    assert dev.boot()["version"] == "2.0.0"


@pytest.mark.parametrize("offset", [0, 12, 32, 0x20 * 6 + 16], ids=["magic", "label", "second entry", "MD5"])
def test_a_damaged_partition_table(dev, site, url, offset):
    at = TABLE_OFFSET + offset
    whole = dev.flash.read_bytes()[at:at + 1]
    dev.overwrite(at, bytes([whole[0] ^ 0x10]))
    refuses(dev, site, url, "ESP_ERR_INVALID_STATE")
    dev.overwrite(at, whole)
    then_updates(dev, site, url)


def test_an_erased_partition_table(dev, site, url):
    table = dev.flash.read_bytes()[TABLE_OFFSET:TABLE_OFFSET + 4096]
    dev.overwrite(TABLE_OFFSET, b"\xff" * 4096)
    refuses(dev, site, url, "ESP_ERR_INVALID_STATE")
    dev.overwrite(TABLE_OFFSET, table)
    then_updates(dev, site, url)


def test_a_flash_smaller_than_its_table_says(dev, site, url):
    whole = dev.flash.read_bytes()
    dev.flash.write_bytes(whole[:2 << 20])
    refuses(dev, site, url, "ESP_ERR_INVALID_SIZE", "ESP_ERR_INVALID_STATE")
    dev.flash.write_bytes(whole)
    then_updates(dev, site, url)


TOO_SMALL_FOR_A_TABLE = 4096


@pytest.mark.parametrize("size", [0, 1, 4095, TOO_SMALL_FOR_A_TABLE, (4 << 20) - 1])
def test_a_truncated_flash_file(dev, site, url, size):
    whole = dev.flash.read_bytes()
    dev.flash.write_bytes(whole[:size])
    refuses(dev, site, url, "ESP_ERR_INVALID_SIZE", "ESP_ERR_INVALID_STATE")
    dev.flash.write_bytes(whole)
    then_updates(dev, site, url)


def test_no_flash_at_all(dev, site, url):
    dev.flash.unlink()
    assert str(dev.flash) in refuses(dev, site, url, "ESP_ERR_NOT_FOUND")
    assert not dev.flash.exists()


def test_a_folder_instead_of_a_flash(dev, site, url):
    dev.flash.unlink()
    dev.flash.mkdir()
    refuses(dev, site, url, "ESP_ERR_FLASH_OP_FAIL", "ESP_ERR_NOT_ALLOWED")


def test_something_else_instead_of_a_flash(dev, site, url):
    dev.flash.write_bytes(b"This is a letter, not a flash.\n" * 4096)
    refuses(dev, site, url, "ESP_ERR_INVALID_STATE", "ESP_ERR_INVALID_SIZE")


def test_a_flash_in_use_by_another_process(dev, site, url):
    with open(dev.flash, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "in use" in refuses(dev, site, url, "ESP_ERR_INVALID_STATE")
    then_updates(dev, site, url)


def test_a_table_without_a_slot_to_update(device, program, site, url):
    csv = "nvs, data, nvs, 0x9000, 0x4000,\notadata, data, ota, 0xd000, 0x2000,\nfactory, app, factory, 0x10000, 1M,\n"
    dev = device(table=csv, factory=program.firmware("v1.bin"))
    refuses(dev, site, url, "ESP_FAIL")


def test_a_table_with_the_running_slot_only(device, program, site, url):
    dev = device(table=slots_csv(1, 0x100000), ota_0=program.firmware("v1.bin"))
    refuses(dev, site, url, "ESP_FAIL")


def test_a_table_without_otadata_leaves_the_running_image(device, program, site, url):
    csv = "\n".join(line for line in TWO_OTA_CSV.splitlines() if not line.startswith("otadata"))
    dev = device(table=csv, factory=program.firmware("v1.bin", version="1.0.0"))
    before = dev.all_but("ota_0")
    run = dev.program.failed(*dev.update_args(url, "--cacert", site.ca), "--json")
    assert '"ESP_ERR_NOT_FOUND"' in run.stdout, run.shown
    assert dev.all_but("ota_0") == before
    assert dev.boot()["version"] == "1.0.0"


# ---------------------------------------------------------------------- what the system refuses

def test_a_flash_that_may_not_be_written(dev, site, url, tmp_path):
    """Permissions do not stop root, so root tries a read-only mount instead."""
    if os.geteuid() != 0:
        dev.flash.chmod(0o444)
        refuses(dev, site, url, "ESP_ERR_NOT_ALLOWED")
        dev.flash.chmod(0o644)
    else:
        with Mounted(tmp_path / "mnt", "--bind", dev.flash.parent) as mnt:
            remount_read_only(mnt)
            there, dev.flash = dev.flash, mnt / dev.flash.name
            refuses(dev, site, url, "ESP_ERR_NOT_ALLOWED")
            dev.flash = there
    then_updates(dev, site, url)


def test_a_full_disk_under_a_flash_with_holes(dev, site, url, tmp_path):
    """A flash file that is not allocated in full yet must not meet the full disk in the middle of an update."""
    with Mounted(tmp_path / "mnt", "-t", "tmpfs", "-o", "size=1M", "tmpfs") as mnt:
        whole = dev.flash.read_bytes()
        there, dev.flash = dev.flash, mnt / "dev.bin"
        with open(dev.flash, "wb") as flash:  # table and factory app, then a hole
            flash.write(whole[:0x20000])
            flash.truncate(len(whole))
        shutil.copy(f"{there}.efuse", f"{dev.flash}.efuse")
        refuses(dev, site, url, "ESP_ERR_FLASH_OP_FAIL")
        dev.flash = there
    then_updates(dev, site, url)


def test_a_full_disk_under_a_new_device(program, tmp_path):
    with Mounted(tmp_path / "mnt", "-t", "tmpfs", "-o", "size=1M", "tmpfs") as mnt:
        csv = tmp_path / "table.csv"
        csv.write_text(TWO_OTA_CSV)
        result = program.failed("flash", "create", mnt / "dev.bin", "--chip", "esp32", "--size", "4MB", "--partitions", csv)
        assert "space" in result.stderr, result.shown
        assert list(mnt.iterdir()) == []
