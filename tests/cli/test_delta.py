"""esp-ota delta: patches between files, without a device."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import pytest

from esp_ota import ROOT
from images import descriptor, filler, image

VECTORS = ROOT / "tests" / "vectors" / "data"
FIRMWARE = Path(os.environ.get("OTA_FIRMWARE") or ROOT.parent / "shared" / "firmware")

PAYLOAD = filler("payload", 60_000)
OLD = image(first=descriptor(version="1.0.0") + PAYLOAD)
NEW = image(first=descriptor(version="2.0.0") + PAYLOAD[:32_000] + b"something new..\0" + PAYLOAD[32_000:])


@pytest.fixture
def files(program):
    for name, data in (("old.bin", OLD), ("new.bin", NEW)):
        (program.folder / name).write_bytes(data)
    return program


def applied(program, old="old.bin", patch="p.patch"):
    program.done("delta", "apply", old, patch, "made.bin")
    return (program.folder / "made.bin").read_bytes()


@pytest.mark.parametrize("ram,limit", [("4K", 6 << 10), ("16K", 16 << 10), ("64K", 64 << 10)])
def test_a_patch_keeps_to_its_class_and_gives_the_new_file(files, ram, limit):
    made = files.json("delta", "create", "--ram", ram, "old.bin", "new.bin", "p.patch")
    info = files.json("delta", "info", "p.patch")
    assert applied(files) == NEW
    assert info["ram_class"] == ram and info["memory"] <= limit
    assert made["bytes"] == info["bytes"] == (files.folder / "p.patch").stat().st_size < 600
    assert made["kind"] == info["kind"] == "delta" and made["old_size"] == len(OLD) and info["new_size"] == len(NEW)
    assert info["old_digest"] == hashlib.sha256(OLD).hexdigest()[:32] and info["new_digest"] == hashlib.sha256(NEW).hexdigest()[:32]


def test_the_same_files_make_the_same_patch(files):
    files.done("delta", "create", "old.bin", "new.bin", "p.patch")
    files.done("delta", "create", "old.bin", "new.bin", "q.patch")
    assert (files.folder / "p.patch").read_bytes() == (files.folder / "q.patch").read_bytes()


def test_the_account_adds_up(files):
    made = files.json("delta", "create", "old.bin", "new.bin", "p.patch")
    assert abs(sum(made["account"].values()) + 64 - made["bytes"]) < 8


def page(edit):
    """A compressed page between other bytes, as web servers in firmware have them."""
    text = b"".join(b"<tr><td>%d</td><td class=c%d>row %x</td></tr>" % (i, i % 7, i * 2654435761 % 65521) for i in range(900))
    return filler(1, 3000) + gzip.compress(text.replace(b"row 9", edit, 3), mtime=0) + filler(2, 3000)


def test_compressed_pages_are_looked_into(program):
    (program.folder / "old.bin").write_bytes(page(b"row 9"))
    (program.folder / "new.bin").write_bytes(page(b"an edit"))
    sizes = {}
    for options in (), ("--no-streams",), ("--ram", "16K"), ("--ram", "4K"):
        program.done("delta", "create", *options, "old.bin", "new.bin", "p.patch")
        assert applied(program) == page(b"an edit")
        sizes[options] = (program.folder / "p.patch").stat().st_size
        assert program.json("delta", "info", "p.patch")["streams"] is (options in [(), ("--ram", "16K")])
    assert sizes[()] * 4 < sizes[("--no-streams",)] and sizes[("--ram", "16K")] * 4 < sizes[("--ram", "4K")]


def test_info_in_words(files):
    files.done("delta", "create", "old.bin", "new.bin", "p.patch")
    text = files.done("delta", "info", "p.patch").stdout
    assert "delta patch for esp32" in text and f"{len(OLD)} bytes" in text and "class 64K" in text
    files.done("delta", "create", "--legacy", "old.bin", "new.bin", "p.patch")
    assert "legacy patch" in files.done("delta", "info", "p.patch").stdout
    assert files.json("delta", "info", "p.patch")["kind"] == "legacy"


@pytest.mark.parametrize("old,new", [(b"", b""), (b"", b"x" * 1000), (b"x" * 1000, b""), (b"a", b"b"), (filler(1, 5000), filler(2, 5000)),
                                     (filler(3, 40_000), filler(3, 40_000)[7000:] + filler(3, 9000)), (OLD, b"no image"), (b"no image", NEW),
                                     (OLD, NEW + b"behind the image"), (OLD[:-40], NEW[:-40]), (OLD, OLD)],
                         ids=["nothing", "from_nothing", "to_nothing", "a_byte", "unrelated", "moved", "to_no_image", "from_no_image", "signed", "cut", "same"])
@pytest.mark.parametrize("options", [(), ("--ram", "4K"), ("--legacy",)], ids=["64K", "4K", "legacy"])
def test_any_two_files_will_do(program, old, new, options):
    (program.folder / "old.bin").write_bytes(old)
    (program.folder / "new.bin").write_bytes(new)
    program.done("delta", "create", *options, "old.bin", "new.bin", "p.patch")
    assert applied(program) == new


def test_a_moved_function_costs_next_to_nothing(program):
    """Calls to a place that moved are computed, not sent: RISC-V jal from everywhere to one spot."""
    def jal(offset):
        bits = lambda high, low: offset >> low & ((1 << (high - low + 1)) - 1)
        return struct.pack("<I", (bits(20, 20) << 31 | bits(10, 1) << 21 | bits(11, 11) << 20 | bits(19, 12) << 12 | 0x80 | 0x6F) & 0xFFFFFFFF)
    def firmware(shift, version):
        code = b""
        for i in range(4000):
            code += bytes(shift) if i == 3000 else b""
            filling = struct.pack("<I", 0x13 | (i * 2654435761 >> 7 & 0xFFF) << 20)
            code += jal(12_000 + shift - len(code)) if i % 2 else filling
        return with_code(code, version)
    (program.folder / "old.bin").write_bytes(firmware(0, "1.0.0"))
    (program.folder / "new.bin").write_bytes(firmware(64, "2.0.0"))
    made = program.json("delta", "create", "old.bin", "new.bin", "p.patch")
    assert applied(program) == (program.folder / "new.bin").read_bytes()
    plain = program.json("delta", "create", "--legacy", "old.bin", "new.bin", "q.patch")
    assert made["bytes"] * 4 < plain["bytes"], (made, plain)


def with_code(code, version):
    """An ESP32-C3 image with a data and a code segment."""
    from images import header_of, sealed
    data = descriptor(version=version)
    code += bytes(-len(code) % 4)
    body = header_of("esp32c3", 2, True, 0, 0xFFFF)
    body += struct.pack("<II", 0x3C000020, len(data)) + data + struct.pack("<II", 0x42000020, len(code)) + code
    return sealed(body, [data, code], True)


def test_real_firmware(program):
    old, new = (FIRMWARE / f"wled-esp32c3-{version}.bin" for version in ("0.14.3", "0.14.4"))
    if not old.exists():
        pytest.skip(f"no {old.name} beside the repository; OTA_FIRMWARE=DIR names a folder")
    made = program.json("delta", "create", "--ram", "16K", old, new, "p.patch")
    assert applied(program, old=old) == new.read_bytes()
    assert made["bytes"] < made["new_size"] // 150


@pytest.mark.parametrize("name,reason", [("bad_magic", "no delta patch"), ("bad_digest", "does not belong"), ("trunc", "cannot be applied"),
                                         ("lzma", "cannot be applied"), ("header_only", "cannot be applied")])
def test_refused_legacy_patches(program, name, reason):
    run = program.failed("delta", "apply", VECTORS / "images" / "delta_base.bin", VECTORS / "delta" / f"{name}.patch", "made.bin")
    assert run.stderr.count("error: ") == 1 and not (program.folder / "made.bin").exists(), run.shown


def test_espressif_s_patch_is_applied(program):
    program.done("delta", "apply", VECTORS / "images" / "delta_base.bin", VECTORS / "delta" / "base_to_new.patch", "made.bin")
    assert (program.folder / "made.bin").read_bytes() == (VECTORS / "images" / "delta_new.bin").read_bytes()


def test_every_flipped_bit_of_a_patch_is_noticed(files):
    files.done("delta", "create", "old.bin", "new.bin", "p.patch")
    good = (files.folder / "p.patch").read_bytes()
    for at in list(range(0, 64, 7)) + list(range(64, len(good), 29)):
        damaged = bytearray(good)
        damaged[at] ^= 4
        (files.folder / "q.patch").write_bytes(damaged)
        run = files.failed("delta", "apply", "old.bin", "q.patch", "made.bin")
        assert not (files.folder / "made.bin").exists(), (at, run.shown)


def test_the_example_in_the_documents_is_a_patch(program):
    """docs/delta.md walks through these bytes; when the format changes, so must they (esp-ota delta create --ram 4K)."""
    lines = (ROOT / "docs" / "delta.md").read_text().splitlines()
    texts = [line[4:] + "\n" for line in lines if line.startswith("    The lamp")]
    patch = bytes.fromhex("".join(line for line in lines if line.startswith(("    d5 4f", "    0c 7d", "    f0 fc"))))
    (program.folder / "old.bin").write_text(texts[0])
    (program.folder / "p.patch").write_bytes(patch)
    assert len(patch) == 73 and applied(program).decode() == texts[1]


def test_the_wrong_old_file_is_told(files):
    files.done("delta", "create", "old.bin", "new.bin", "p.patch")
    for options in ((), ("--legacy",)):
        files.done("delta", "create", *options, "old.bin", "new.bin", "p.patch")
        run = files.failed("delta", "apply", "new.bin", "p.patch", "made.bin")
        assert "another image" in run.stderr or "does not belong" in run.stderr, run.shown


@pytest.mark.parametrize("arguments", [("create", "old.bin", "new.bin"), ("create", "--ram", "8K", "old.bin", "new.bin", "p"),
                                       ("create", "--ram", "4K", "--legacy", "old.bin", "new.bin", "p"), ("create", "--no-streams", "--legacy", "old.bin", "new.bin", "p"), ("apply", "old.bin"), ("info",),
                                       ("info", "a", "b"), ("apply", "--json", "a", "b", "c")])
def test_wrong_usage(files, arguments):
    assert files.run("delta", *arguments).returncode == 2


def test_missing_and_foreign_files_are_told(files):
    assert "nowhere.bin" in files.failed("delta", "create", "nowhere.bin", "new.bin", "p").stderr
    assert "old.bin" in files.failed("delta", "info", "old.bin").stderr
    files.done("delta", "create", "old.bin", "new.bin", "p.patch")
    (files.folder / "q.patch").write_bytes((files.folder / "p.patch").read_bytes()[:-1])
    assert "announces" in files.failed("delta", "info", "q.patch").stderr
