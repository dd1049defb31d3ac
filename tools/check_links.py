#!/usr/bin/python3
"""Every relative link in a Markdown file leads somewhere, and so does its #anchor.

    tools/check_links.py [FILE.md...]      default: every .md file git knows or would add

Looks at [text](target), [text]: target and <img src>; leaves http(s) and mailto alone, for CI has no say over
other people's servers. Exit code 1 when a link is broken.
"""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
INLINE = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^\s{0,3}\[[^\]]+\]:\s+<?(\S+?)>?(?:\s|$)")
IMAGE = re.compile(r"<(?:img|a)\b[^>]*\b(?:src|href)=\"([^\"]+)\"")


def prose_lines(path):
    """(number, line) outside code fences, code spans blanked."""
    fence = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        mark = re.match(r"\s*(`{3,}|~{3,})", line)
        if mark and (fence is None or mark.group(1).startswith(fence)):
            fence = mark.group(1) if fence is None else None
        elif fence is None:
            yield number, re.sub(r"`[^`]*`", "", line)


def anchors_of(path):
    """The anchors a reader on a code host can jump to: headings in its spelling, and explicit ids."""
    found, count = set(), {}
    fence = None
    for line in path.read_text().splitlines():
        mark = re.match(r"\s*(`{3,}|~{3,})", line)
        if mark:
            fence = None if fence else mark.group(1)
        found.update(re.findall(r"<a\b[^>]*\b(?:id|name)=\"([^\"]+)\"", line))
        heading = None if fence else re.match(r"#{1,6}\s+(.*?)\s*#*\s*$", line)
        if heading:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1))
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            seen = count.get(slug, 0)
            count[slug] = seen + 1
            found.add(f"{slug}-{seen}" if seen else slug)
    return found


def problem_with(source, target):
    """Why the link does not work, or None."""
    if re.match(r"[a-z][a-z0-9+.-]*:", target, re.I):
        return None
    name, _, anchor = target.partition("#")
    path = source if not name else (ROOT if name.startswith("/") else source.parent) / unquote(name).lstrip("/")
    if not path.exists():
        return "no such file"
    if anchor and path.suffix == ".md" and anchor not in anchors_of(path):
        return f"no heading #{anchor} in {path.name}"
    return None


def main():
    names = sys.argv[1:] or subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, check=True,
                                           capture_output=True, text=True).stdout.split()
    broken = links = 0
    for path in (ROOT / name for name in sorted(set(names))):
        if not path.exists():
            continue
        for number, line in prose_lines(path):
            for pattern in (INLINE, REFERENCE, IMAGE):
                for target in pattern.findall(line):
                    links += 1
                    problem = problem_with(path, target)
                    if problem:
                        broken += 1
                        where = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
                        print(f"{where}:{number}: link to {target}: {problem}")
    print(f"check_links: {len(set(names))} files, {links} links, {broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
