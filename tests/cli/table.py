"""Rows of the reference vectors, as these tests use them."""

import csv
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "vectors" / "data"


def rows(kind):
    """The rows of one kind: dicts with path, params (a dict) and expect."""
    with open(DATA / "manifest.tsv", newline="") as manifest:
        for row in csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["kind"] == kind:
                yield {**row, "params": params_of(row["params"])}


def params_of(text):
    """"csv=a.csv options=--secure v1" -> {"csv": "a.csv", "options": "--secure v1"}"""
    params, last = {}, None
    for word in text.split(" "):
        name, equals, value = word.partition("=")
        if equals and not word.startswith("-"):
            last = name
            params[name] = value
        elif last:
            params[last] += " " + word
    return params


def options_of(row):
    options = row["params"].get("options", "-")
    return [] if options == "-" else options.split(" ")
