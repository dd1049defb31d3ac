"""rehearse: an update in virtual time. What is asserted is arithmetic of the model, never how long the command takes."""

import hashlib
import json
import xml.etree.ElementTree as ElementTree

import pytest

PARTS = ["W25Q32JV", "W25Q64JV", "W25Q128JV", "GD25Q32", "MX25L6406E", "MX25UM25645G"]
FIGURES = {"seconds", "network_seconds", "waiting_seconds", "erase_seconds", "program_seconds", "verify_seconds", "bookkeeping_seconds",
           "network_bytes", "erased_bytes", "programmed_bytes", "read_bytes", "read_after_download_bytes", "erases", "wear", "peak_heap_bytes"}
SIZE = 256 * 1024


@pytest.fixture
def images(program):
    return (program.firmware("v1.bin", version="1.0.0", size=SIZE), program.firmware("v2.bin", version="2.0.0", size=SIZE))


@pytest.fixture
def rehearse(program, images):
    """The answer as JSON; the images may be others."""
    def run(*options, old=images[0], new=images[1]):
        return program.json("rehearse", "--old", old, "--new", new, *options)
    return run


def test_help_shows_every_option_and_an_example(program):
    shown = program.done("rehearse", "--help").stdout
    for option in ("--old", "--new", "--patch", "--part", "--link", "--buffer", "--slot", "--erase-early", "--worst", "--report", "--json"):
        assert option in shown
    for part in PARTS:
        assert part in shown
    assert "example: esp-ota rehearse" in shown


# ----------------------------------------------------------------------- results

@pytest.mark.parametrize("part", PARTS)
def test_our_update_is_faster_than_esp_idfs_on_every_part(rehearse, part):
    answer = rehearse("--part", part.lower(), "--link", "500KB/s,20ms,32KB")
    assert answer["part"] == part and answer["bytes"] == SIZE
    assert answer["ours"].keys() == FIGURES and answer["esp_idf"].keys() == FIGURES
    ours, theirs = answer["ours"], answer["esp_idf"]
    assert ours["seconds"] < theirs["seconds"]
    assert ours["seconds"] > answer["bound_seconds"]
    assert ours["erases"] < theirs["erases"]
    assert ours["read_bytes"] < theirs["read_bytes"]


def test_the_parts_of_the_time_are_the_time(rehearse):
    for options in ([], ["--worst"], ["--slot", "blank"], ["--erase-early", "128KB"]):
        answer = rehearse(*options)
        for run in (answer["ours"], answer["esp_idf"]):
            spent = sum(run[f"{activity}_seconds"] for activity in ("waiting", "erase", "program", "verify"))
            assert spent == pytest.approx(run["seconds"], abs=1e-6)
            assert run["network_seconds"] == pytest.approx(answer["handshake_seconds"] + SIZE / 500e3, rel=0.01)
            assert 0 < run["bookkeeping_seconds"] < run["seconds"]


def test_only_esp_idf_reads_the_image_again_when_it_is_all_there(rehearse):
    answer = rehearse()
    assert answer["ours"]["read_after_download_bytes"] <= 8192  # the rest of what was in the buffer, read back once
    assert answer["esp_idf"]["read_after_download_bytes"] == 2 * SIZE


def test_rehearsing_twice_gives_the_same_figures(rehearse):
    first, second = rehearse(), rehearse()
    for answer in (first, second):
        answer["ours"].pop("peak_heap_bytes")  # what the C library keeps for later is its business
    assert first == second


def test_text_says_the_same_as_json(program, rehearse, images):
    answer = rehearse()
    shown = program.done("rehearse", "--old", images[0], "--new", images[1]).stdout
    rows = {line[:16].strip(): line[16:].split() for line in shown.splitlines() if line.startswith("  ")}
    for name, figure in (("total", "seconds"), ("waiting", "waiting_seconds"), ("erasing", "erase_seconds"), ("network busy", "network_seconds")):
        assert [rows[name][0], rows[name][2]] == [f"{answer[who][figure]:.2f}" for who in ("ours", "esp_idf")], shown
    for name in ("image", "journal", "boot record"):
        wear = [answer[who]["wear"][name.replace(" ", "_")] for who in ("ours", "esp_idf")]
        assert rows[name] == [word for w in wear for word in (str(w["sectors"]), f"({w['most_erases']}x)")], shown
    assert shown.startswith(f"{answer['ours']['seconds']:.1f} seconds, and {answer['esp_idf']['seconds']:.1f} with ESP-IDF's algorithm")
    assert [line[2:] for line in shown.splitlines() if line.startswith("- ")] == answer["advice"]
    assert "W25Q32JV" in shown and "500 KB/s" in shown and "5760 bytes" in shown


def test_a_narrow_window_and_a_part_that_erases_fast_leave_little_to_gain(rehearse):
    """64 KiB erases last longer than it takes to fill the window; ESP-IDF's small ones hide the round trips better."""
    answer = rehearse("--part", "MX25UM25645G", "--link", "500KB/s,20ms,5760B")
    assert answer["ours"]["seconds"] < 1.1 * answer["esp_idf"]["seconds"]


def test_what_looks_blank_is_erased_all_the_same(rehearse):
    blank, other = rehearse("--slot", "blank"), rehearse("--slot", "other")
    assert blank["ours"]["erased_bytes"] == other["ours"]["erased_bytes"]


def test_what_the_application_erased_is_not_erased_again(rehearse):
    answer = rehearse("--slot", "erased")
    assert answer["ours"]["erased_bytes"] == 4096  # the boot record's
    assert answer["ours"]["programmed_bytes"] >= SIZE


def test_of_a_slot_that_holds_the_image_only_the_beginning_is_erased(rehearse, images):
    same = rehearse(old=images[1])
    assert same["ours"]["erased_bytes"] < SIZE / 2  # the first unit is erased while the first bytes are on their way
    assert same["ours"]["programmed_bytes"] >= SIZE
    assert same["ours"]["seconds"] < rehearse("--slot", "other")["ours"]["seconds"]


def test_where_no_write_was_ever_cut_what_is_blank_or_right_is_used_as_it_is(rehearse, images):
    blank = rehearse("--slot", "blank", "--settled")["ours"]
    assert blank["erased_bytes"] == 2 * 4096  # the boot record's and the journal's
    assert blank["programmed_bytes"] >= SIZE
    same = rehearse("--settled", old=images[1])["ours"]
    assert same["programmed_bytes"] < SIZE / 2  # but the first unit


def test_a_sector_is_erased_at_most_once_but_for_the_journal(rehearse):
    answer = rehearse("--slot", "other")
    ours, theirs = answer["ours"]["wear"], answer["esp_idf"]["wear"]
    assert ours["image"] == theirs["image"] == {"sectors": SIZE // 4096, "most_erases": 1}
    assert 1 <= ours["journal"]["most_erases"] <= 2 and theirs["journal"] == {"sectors": 0, "most_erases": 0}
    assert ours["boot_record"] == theirs["boot_record"] == {"sectors": 1, "most_erases": 1}


def test_erasing_early_hides_erases_behind_the_handshake(rehearse):
    link = ("--link", "500KB/s,20ms,32KB,handshake=2s")
    late, early = rehearse(*link), rehearse(*link, "--erase-early", "1MB")
    assert early["ours"]["seconds"] < late["ours"]["seconds"] - 0.3
    assert early["ours"]["erase_seconds"] >= late["ours"]["erase_seconds"]
    assert late["handshake_seconds"] == 2


def test_the_worst_times_are_longer(rehearse):
    typical, worst = rehearse(), rehearse("--worst")
    assert worst["bound_seconds"] > typical["bound_seconds"]
    assert worst["ours"]["seconds"] > typical["ours"]["seconds"]


@pytest.mark.parametrize("slower, faster", [
    ("50KB/s,20ms,32KB", "500KB/s,20ms,32KB"), ("500KB/s,200ms,5760B", "500KB/s,20ms,5760B"), ("500KB/s,50ms,2880", "500KB/s,50ms,32KB"),
    ("500KB/s,50ms,32KB,loss=5%", "500KB/s,50ms,32KB,loss=0%"), ("500KB/s,20ms,32KB,handshake=3s", "500KB/s,20ms,32KB,handshake=100ms"),
    ("0.4Mbit/s,20ms,32KB", "1MB/s,20ms,32KB"), ("60kbit/s", "60kB/s"), ("60000B/s", "0.5MB/s"),
])
def test_every_word_of_the_link_counts(rehearse, slower, faster):
    assert rehearse("--link", slower)["ours"]["seconds"] > rehearse("--link", faster)["ours"]["seconds"]


def test_the_buffer_is_memory_of_the_device(rehearse):
    small, large = rehearse("--buffer", "1024"), rehearse("--buffer", "4096")
    if small["ours"]["peak_heap_bytes"] is None:
        pytest.skip("this build's allocator does not tell what is in use")
    assert small["ours"]["peak_heap_bytes"] < large["ours"]["peak_heap_bytes"] < 64 * 1024
    assert small["esp_idf"]["peak_heap_bytes"] is None


def test_firmware_for_any_chip_can_be_rehearsed(program, rehearse):
    old, new = (program.firmware(f"c3-{v}.bin", chip="esp32c3", version=v, size=65536) for v in "12")
    assert rehearse(old=old, new=new)["bytes"] == 65536


# ----------------------------------------------------------------------- patches

@pytest.fixture
def pair(program, images):
    """An image and a similar one: two bits of its data differ, so that the checksum is the same, and the SHA-256 at its end."""
    data = bytearray(images[0].read_bytes())
    for at in (SIZE // 2, SIZE // 3):
        data[at] ^= 1
    data[-32:] = hashlib.sha256(data[:-32]).digest()
    similar = program.folder / "similar.bin"
    similar.write_bytes(data)
    return images[0], similar


@pytest.fixture
def patch(program, pair):
    out = program.folder / "a.patch"
    program.done("delta", "create", *pair, out)
    return out


def test_a_patch_is_downloaded_in_place_of_the_image_and_ends_in_the_same_image(rehearse, pair, patch):
    whole, answer = (rehearse("--link", "20KB/s", *extra, old=pair[0], new=pair[1]) for extra in ([], ["--patch", patch]))
    assert answer["ours"]["network_bytes"] == patch.stat().st_size
    assert answer["ours"]["programmed_bytes"] >= SIZE
    assert answer["esp_idf"] == whole["esp_idf"] and answer["bytes"] == SIZE
    assert answer["ours"]["network_seconds"] < whole["ours"]["network_seconds"]


def test_a_patch_for_other_images_is_refused(program, images, patch):
    said = program.failed("rehearse", "--old", images[0], "--new", images[1], "--patch", patch).stderr
    assert "does not make the image of --new" in said and "delta create" in said
    said = program.failed("rehearse", "--old", images[1], "--new", images[0], "--patch", patch).stderr
    assert said.startswith("error: the patch is for another image")
    empty = program.folder / "empty"
    empty.touch()
    assert "empty is empty" in program.failed("rehearse", "--old", images[0], "--new", images[1], "--patch", empty).stderr
    assert "nowhere" in program.failed("rehearse", "--old", images[0], "--new", images[1], "--patch", "nowhere").stderr


# ----------------------------------------------------------------------- what to do about it

@pytest.mark.parametrize("options, wanted", [
    (["--link", "500KB/s,40ms,5760B"], "are 144 KB/s; the line carries 500 KB/s. A window of 20000 bytes"),
    (["--link", "20KB/s,5ms,64KB"], "--patch"),
    (["--link", "5MB/s,100ms,5760B,loss=1%"], "the line carries 174 KB/s. A window of 17"),
    (["--link", "5MB/s,100ms,64KB,loss=9%"], "it carries 58 KB/s with its losses"),
    (["--link", "500KB/s,20ms,64KB,handshake=1s"], "--erase-early 256KB"),
], ids=["window", "line", "window and losses", "losses", "handshake"])
def test_what_would_help_is_said(rehearse, options, wanted):
    assert any(wanted in advice for advice in rehearse(*options)["advice"]), rehearse(*options)


def test_that_esp_idfs_algorithm_is_faster_is_said(rehearse):
    answer = rehearse("--part", "MX25L6406E", "--link", "100KB/s,80ms,5760B")
    assert answer["ours"]["seconds"] > answer["esp_idf"]["seconds"]
    assert any("ESP-IDF's algorithm is faster here" in advice for advice in answer["advice"])
    assert not any("faster" in advice for advice in rehearse("--link", "500KB/s,20ms,64KB")["advice"])


def test_where_nothing_would_help_nothing_is_said(rehearse):
    assert rehearse("--link", "5MB/s,2ms,64KB,handshake=100ms")["advice"] == []


# ----------------------------------------------------------------------- the page

def test_the_page_is_one_well_formed_file_that_needs_no_network(program, rehearse, images):
    report = program.folder / "report.html"
    answer = rehearse("--report", report)
    page = report.read_text()
    assert page.startswith("<!DOCTYPE html>\n")
    for outside in ("<script", "http:", "https:", "src=", "@import", "url(", "<link"):
        assert outside not in page
    root = ElementTree.fromstring(page.split("\n", 1)[1].replace('<meta charset="utf-8">', ""))
    text = " ".join(root.itertext())
    pictures = root.findall(".//svg")
    assert len(pictures) == 2 and len(root.findall(".//svg/rect")) > 20
    for picture in pictures:
        assert [row.text for row in picture.findall("text") if "x" in row.attrib and row.attrib["x"] == "0"] == [
            "network", "waiting", "erase", "program", "verify"]
        assert len({bar.attrib["fill"] for bar in picture.findall("rect")}) == 5
    for advice in answer["advice"]:
        assert advice in text
    for who in ("ours", "esp_idf"):
        assert f"{answer[who]['seconds']:.2f} s" in text
    assert answer["part_source"] in text
    assert len(page) < 1 << 20


def test_no_page_where_it_cannot_be_written(program, images):
    result = program.failed("rehearse", "--old", images[0], "--new", images[1], "--report", program.folder / "no" / "r.html")
    assert "r.html" in result.stderr and result.stderr.startswith("error: ")


# ----------------------------------------------------------------------- what is wrong

@pytest.mark.parametrize("options, said", [
    (["--part", "W25Q1"], "known are W25Q32JV, W25Q64JV"),
    (["--link", "fast"], "500KB/s,20ms,5760B"), (["--link", "0KB/s"], "--link 0KB/s"), (["--link", "500KB/s,20"], "ROUND-TRIP"),
    (["--link", "500KB/s,20ms,0"], "WINDOW"), (["--link", "500KB/s,20ms,5760B,loss=60%"], "loss=0.1%"),
    (["--link", "500KB/s,20ms,5760B,handshake=-1s"], "handshake=1s"), (["--link", "500KB/s,20ms,5760B,7"], "--link"),
    (["--link", ""], "--link"), (["--link", "nanKB/s"], "--link"), (["--link", "1" * 200], "--link"),
    (["--buffer", "lots"], "--buffer lots"), (["--buffer", "2MB"], "1048576"),
    (["--slot", "full"], "old, blank, erased or other"), (["--erase-early", "2MB"], "--erase-early 2MB"),
    (["more"], "more"),
], ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "")
def test_wrong_usage_says_what_to_write(program, images, options, said):
    result = program.run("rehearse", "--old", images[0], "--new", images[1], *options)
    assert result.returncode == 2, result.shown
    assert result.stderr.startswith("error: ") and said in result.stderr, result.shown
    assert result.stdout == ""


@pytest.mark.parametrize("missing", ["--old", "--new"])
def test_both_images_are_needed(program, images, missing):
    given = {"--old": images[0], "--new": images[1]}
    del given[missing]
    result = program.run("rehearse", *[word for pair in given.items() for word in pair])
    assert result.returncode == 2 and missing in result.stderr, result.shown


def test_a_file_that_is_no_image_is_named(program, images):
    other = program.folder / "notes.txt"
    other.write_text("not firmware at all, but long enough to be looked at")
    for pair in ((images[0], other), (other, images[1])):
        said = program.failed("rehearse", "--old", pair[0], "--new", pair[1]).stderr
        assert "notes.txt is no ESP image" in said
    assert "nowhere.bin" in program.failed("rehearse", "--old", images[0], "--new", "nowhere.bin").stderr


def test_an_image_that_does_not_fit_twice_asks_for_a_larger_part(program, rehearse, images):
    large = program.firmware("large.bin", size=2 * 1024 * 1024)
    said = program.failed("rehearse", "--old", images[0], "--new", large, "--part", "GD25Q32").stderr
    assert "do not fit into a GD25Q32" in said and "larger --part" in said
    assert rehearse("--part", "W25Q64JV", new=large)["bytes"] == 2 * 1024 * 1024


def test_a_damaged_image_is_refused_as_the_device_would(program, images):
    data = bytearray(images[1].read_bytes())
    data[1000] ^= 1
    broken = program.folder / "broken.bin"
    broken.write_bytes(data)
    result = program.failed("rehearse", "--old", images[0], "--new", broken, "--json")
    assert "checksum does not match" in result.stderr and "ESP_ERR_OTA_VALIDATE_FAILED" in result.stderr
    assert "checksum" in json.loads(result.stdout)["error"]


def test_firmware_of_another_chip_is_refused(program, images):
    other = program.firmware("c3.bin", chip="esp32c3", size=65536)
    said = program.failed("rehearse", "--old", images[0], "--new", other).stderr
    assert "v1.bin" in said and "c3.bin" in said and "esp32" in said
