"""What this project wants to reach, beside what was measured."""

import statistics

from measuring import BASELINE, median_of, ratios
from sections import BLANK, EARLIER, EARLY, ERASED, FAR, FIFTH, GOOD, NARROW, SCATTERED, SETTLED

UPDATE = "esp-ota update"


def times_baseline(report, size, measure):
    results = report["sizes"].get(size)
    return statistics.median(ratios(results[UPDATE], results[BASELINE], measure)) if results else None


def peak(report, size):
    results = report["sizes"].get(size)
    return median_of(results[UPDATE], "peak_mib") if results else None


def growth(report):
    sizes = sorted(report["sizes"])
    return peak(report, sizes[-1]) / peak(report, sizes[0]) if len(sizes) > 1 else None


def cell(report, letter, row, column):
    return report["sections"].get(letter, {}).get(row, {}).get(column)


def for_each_mib(report, row):
    seconds = cell(report, "e", row, "ours s")
    return seconds and seconds / cell(report, "e", row, "image MiB")


def allocations(report):
    rows = [row for row in report["sections"].get("f", {}).values() if "all other steps" in row]
    return max(row["all other steps"] for row in rows) if rows else None


def goals(report):
    """(figure, goal, measured or None) of each."""
    part = "W25Q32JV, "
    yield "(a) CPU of a verified update of 256 MiB, times the minimal loop", 1.10, times_baseline(report, 256, "cpu")
    yield "(a) wall, 16 MiB, times the minimal loop", 1.10, times_baseline(report, 16, "wall")
    yield "(a) wall, 256 MiB, times the minimal loop", 1.10, times_baseline(report, 256, "wall")
    yield "(a) peak RSS, largest image, MiB", 12, peak(report, max(report["sizes"], default=0))
    yield "(a) peak RSS, largest image against smallest (flat)", 1.05, growth(report)
    yield "(b) ranges of 64 KiB against one GET, CPU", 1.10, cell(report, "b", "ranges of 64 KiB", "times")
    yield "(b) the same, wall", 1.10, cell(report, "b", "ranges of 64 KiB", "times ")
    yield "(e) passes over the image after the download", 0.05, cell(report, "e", part + GOOD, "ours, passes after")
    for link, goal in ((GOOD, 1.02), (NARROW, 1.45), (FAR, 1.45)):
        yield f"(e) modelled, {part}{link}, times the bound, slot only", goal, cell(report, "e", part + link, "ours, slot only")
        yield "(e) the same, whole update", goal, cell(report, "e", part + link, "ours, whole")
    changed = [(row + settled, goal) for settled in ("", SETTLED) for row, goal in ((BLANK, 1.7), (FIFTH, 1.1), (SCATTERED, 1.1))]
    for row, goal in ((EARLY, 2.9), (EARLIER, 2.9), (ERASED, 1.7), *changed):
        yield f"(e) modelled, {row}, s for each MiB", goal, for_each_mib(report, row)
    yield "(f) allocations of ours between begin and finish", 0, allocations(report)


def as_table(report):
    """Markdown; what was not measured is left out."""
    lines = ["| figure | goal | measured | reached |", "|---|---:|---:|---|"]
    for figure, goal, measured in goals(report):
        if measured is not None:
            lines.append(f"| {figure} | {goal:g} | {measured:.2f} | {'yes' if measured <= goal else '**no**'} |")
    return "\n".join(lines) if len(lines) > 2 else ""
