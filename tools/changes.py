#!/usr/bin/python3
"""Collects docs/changes.d/<topic>.<kind>.md into the changelog.

    tools/changes.py                    print what the next release will say
    tools/changes.py --release VERSION  write it into CHANGELOG.md under VERSION and delete the fragments

Exit code 1 when a fragment has a wrong name or says nothing.
"""

import argparse
import datetime
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINDS = ["added", "changed", "fixed", "removed", "security"]


def read_fragments(folder):
    """({kind: [text]}, [path], [problem])"""
    texts, paths, problems = {kind: [] for kind in KINDS}, [], []
    for path in sorted(folder.iterdir()):
        if path.name == "README.md":
            continue
        parts = path.name.split(".")
        text = path.read_text().strip()
        if len(parts) != 3 or parts[1] not in KINDS or parts[2] != "md":
            problems.append(f"{path.name}: not <topic>.<{'|'.join(KINDS)}>.md")
        elif not text:
            problems.append(f"{path.name}: says nothing")
        else:
            texts[parts[1]].append(" ".join(text.split()))
            paths.append(path)
    return texts, paths, problems


def section(texts):
    blocks = ["### " + kind.capitalize() + "\n\n" + "\n".join("- " + text for text in texts[kind]) for kind in KINDS if texts[kind]]
    return "\n\n".join(blocks)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", metavar="VERSION")
    args = parser.parse_args()
    texts, paths, problems = read_fragments(ROOT / "docs" / "changes.d")
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    if not args.release:
        print(section(texts) or "Nothing yet.")
        return 0
    changelog = ROOT / "CHANGELOG.md"
    head, _, older = changelog.read_text().partition("\n## Unreleased\n")
    unreleased, mark, releases = older.partition("\n## ")
    today = datetime.date.today().isoformat()
    changelog.write_text(f"{head}\n## Unreleased\n{unreleased.rstrip()}\n\n## {args.release} - {today}\n\n{section(texts)}\n{mark}{releases}")
    for path in paths:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
