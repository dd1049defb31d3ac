"""The parts of bench/run beside the update itself: ranges, resuming, handshakes, modelled flash, heap, power cuts, boots.

Each takes the Bench and gives {name of a row: {column: value}}; medians of paired runs where something is timed.
"""

import json
import os
import re
import statistics
import subprocess

MIB = 1 << 20
PARTS = ("W25Q32JV", "W25Q64JV", "W25Q128JV", "GD25Q32", "MX25L6406E", "MX25UM25645G")
# What the link does not limit, ESP-IDF's window on a near and on a far server. --slot other: nothing can be kept.
WIDE, GOOD, NARROW, FAR = "5MB/s, 2 ms, 64 KiB", "500 KB/s, 20 ms, 32 KiB", "500 KB/s, 10 ms, 5.7 KiB", "500 KB/s, 20 ms, 5.7 KiB"
BLANK, ERASED, FIFTH, SCATTERED, EARLY, EARLIER = ("W25Q32JV, " + what for what in (
    "blank slot", "slot erased since power-on", "the last fifth changed", "every fifth sector changed",
    "1.2 s handshake, erased meanwhile", "2.5 s handshake, erased meanwhile"))
# fact: what users of an ESP32 report: micropython-esp32 issue 131 (1.18 to 1.28 s), esp-idf issue 8852 (up to 2.5 s)
HANDSHAKES = {EARLY: "1.2s", EARLIER: "2.5s"}
SETTLED = ", no write was ever cut"
LINKS = {WIDE: ("5MB/s,2ms,65536", ("--buffer", "32768")),
         GOOD: ("500KB/s,20ms,32KB", ("--buffer", "32768")),
         NARROW: ("500KB/s,10ms,5760B", ("--buffer", "1024")),
         FAR: ("500KB/s,20ms,5760B", ("--buffer", "1024"))}


def ranges(bench, runs):
    """(b) Ranges of 64 KiB over one connection, and over a new one each, against one GET."""
    names = ("one GET", "ranges of 64 KiB", "the same, a connection each")
    results = {name: [] for name in names}
    images = bench.pair(16)
    for _ in range(runs):
        for name in names:
            extra = () if name == names[0] else ("--range-size", "65536")
            path = "no-keep-alive/" if name == names[2] else ""
            results[name].append(bench.update(next(images), *extra, path=path))
    return bench.compared(results, names[0])


def resume(bench, runs):
    """(c) An update that was broken off in the middle, and its continuation, against one that was not."""
    results = {"whole": [], "continued": []}
    rows = {}
    images = bench.pair(16)
    for _ in range(runs):
        results["whole"].append(bench.update(next(images)))
        image = next(images)
        size = image.stat().st_size
        broken = bench.update_json(image, "--max-bytes", size // 2, "--retries", "0", exit_code=1)
        answer = bench.update_json(image, rewind=False)
        rows["fetched twice"] = {"bytes": broken["received"] + answer["received"] - size}
        bench.update_json(image, "--max-bytes", size // 2, "--retries", "0", exit_code=1, spoil=True)
        results["continued"].append(bench.update(image, rewind=False))
    return {**bench.compared(results, "whole"), **rows}


def handshakes(bench, runs):
    """(d) One TLS handshake with a certificate that is checked, as the client pays for it."""
    found = {"full": [], "resumed": []}
    for _ in range(runs):
        answer = json.loads(bench.output(bench.tool("bench_handshake"), "localhost", bench.server.ports["https"], bench.certs.ca, 40))
        for kind in found:
            assert answer[kind]["resumed"] == (40 if kind == "resumed" else 0)
            found[kind].append(answer[kind])
    return {kind: {f"{column} ms": statistics.median(run[f"{column}_ms"] for run in each) for column in ("cpu", "wall")}
            for kind, each in found.items()}


def modelled(bench, _):
    """(e) A rehearsal of about 1 MiB on each part, the handshake left out, against the least time the part needs for the image (erased in units
    of 64 KiB, whole pages programmed). Slot only: without the flash operations of boot record, resume journal and partition table. Whole: with them."""
    old, new = bench.two_images()
    rows = {}
    for part in PARTS:
        for title, (link, extra) in LINKS.items():
            rows[f"{part}, {title}"] = rehearsed(bench, old, new, "--part", part, "--link", f"{link},handshake=0s", "--slot", "other", *extra)
    link = ("--link", LINKS[WIDE][0] + ",handshake=0s", "--buffer", "32768")
    length = new.stat().st_size
    fifth = bench.mostly_like(new, length // 5 * 4 // 4096 * 4096, 4096)
    scattered = bench.mostly_like(new, 4 * 4096, 5 * 4096)
    rows[ERASED] = rehearsed(bench, old, new, "--slot", "erased", *link)
    for settled, options in (("", ()), (SETTLED, ("--settled",))):
        rows[BLANK + settled] = rehearsed(bench, old, new, "--slot", "blank", *link, *options)
        rows[FIFTH + settled] = rehearsed(bench, fifth, new, *link, *options)
        rows[SCATTERED + settled] = rehearsed(bench, scattered, new, *link, *options)
    for row, handshake in HANDSHAKES.items():
        early = ("--link", f"{LINKS[WIDE][0]},handshake={handshake}", "--buffer", "32768", "--slot", "other")
        rows[row] = rehearsed(bench, old, new, "--erase-early", "1MB", *early)
    return rows


def rehearsed(bench, old, new, *options):
    answer = json.loads(bench.output(bench.tool("esp-ota"), "rehearse", "--old", old, "--new", new, "--json", *options))
    bound, handshake = answer["bound_seconds"], answer["handshake_seconds"]
    row = {"image MiB": answer["bytes"] / MIB, "bound s": bound}
    for name, who in (("ours", "ours"), ("ESP-IDF", "esp_idf")):
        seconds = answer[who]["seconds"] - handshake
        row[f"{name} s"] = seconds
        row[f"{name}, slot only"] = (seconds - answer[who]["bookkeeping_seconds"]) / bound
        row[f"{name}, whole"] = seconds / bound
        row[f"{name}, passes after"] = answer[who]["read_after_download_bytes"] / answer["bytes"]
    return row


def heap(bench, _):
    """(f) Allocations of this project's code in each phase (test_ota_allocations), and of the whole process with all its libraries."""
    rows = {}
    test = bench.build / "components" / "esp_https_ota" / "test" / "test_ota_allocations"
    names = ("scripted server", "with a resume journal", "flash not mapped")
    phases = re.findall(r"begin (\d+), first step (\d+), (\d+) steps (\d+), finish (\d+)", bench.output(test))
    for name, (begin, first, steps, loop, finish) in zip(names, phases, strict=True):
        rows[f"ours, {name}"] = {"begin": int(begin), "first step": int(first), "all other steps": int(loop), "finish": int(finish)}
    images = {size: bench.pair(size) for size in (1, 16)}
    for size, pair in images.items():
        report = bench.folder / "heap.json"
        preload = {"LD_PRELOAD": str(bench.build / "bench" / "libbench_count_heap.so"), "COUNT_HEAP": str(report)}
        bench.update_json(next(pair), env=preload)
        counted = json.loads(report.read_text())
        rows[f"esp-ota and libraries, {bench.title(size)}"] = {"high water KiB": counted["high_water"] / 1024, "allocations": counted["allocations"]}
    return rows


def power_cuts(bench, _):
    """(g) Power-cut states a second: two scenarios of tests/powercut, every operation cut in every way, with the device's lives after it."""
    answer = bench.measured_output([bench.build / "tests" / "powercut" / "powercut_sweep", "--scenario", "first,over_older_https"])
    last = answer["output"].strip().splitlines()[-1]
    counts = {what: int(re.search(rf"(\d+) {what}", last)[1]) for what in ("cases", "cuts", "lives")}
    return {"first, over_older_https": {**counts, **{f"{what} a CPU second": counts[what] / answer["cpu"] for what in ("cuts", "lives")}}}


def boots(bench, runs):
    """(h) A decision alone, and a device that boots its firmware over and over (a boot: power on to the end of the program)."""
    flash = bench.virtual_device()
    found = [bench.measured([bench.tool("esp-ota"), "boot", "--flash", flash]) for _ in range(runs)]
    rows = {"boot: decision alone": {"cpu ms": 1e3 * statistics.median(run["cpu"] for run in found),
                                     "wall ms": 1e3 * statistics.median(run["wall"] for run in found)}}
    many = 20
    lives = bench.output(bench.tool("esp-ota"), "device", "run", "--flash", flash, "--max-boots", many, "--json")
    times = [json.loads(line)["milliseconds"] for line in lives.splitlines() if "milliseconds" in line]
    size = bench.firmware().stat().st_size / MIB
    rows[f"device run: a boot of {size:.1f} MiB of firmware"] = {"wall ms": statistics.median(times)}
    return rows


SECTIONS = {"b": ranges, "c": resume, "d": handshakes, "e": modelled, "f": heap, "g": power_cuts, "h": boots}


def as_table(rows):
    """One Markdown table; columns that a row lacks stay empty."""
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(shown(row.get(column)) for column in columns) + " |")
    return "\n".join(lines)


def shown(value):
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) and abs(value) < 100 else f"{value:.0f}" if isinstance(value, float) else str(value)
