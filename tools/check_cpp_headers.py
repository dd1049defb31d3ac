#!/usr/bin/python3
"""Every public header of a component also compiles alone as C++17, for applications written in it.

    tools/check_cpp_headers.py [--build build/dev]

The include path holds what REQUIRES gives, as for a C user. Exit code 1 when a header does not compile.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from check_layers import Tree

# Without -Wpedantic: ESP-IDF's types have anonymous structs, which C++ knows as an extension only.
COMMAND = ["g++", "-std=c++17", "-x", "c++", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]


def compile_alone(tree, part, path):
    """The compiler's words when it refuses, or None."""
    folders = [f"-I{tree.parts[name].dir / 'include'}" for name in sorted(tree.reachable([part.name]))]
    source = f'#include "{path.relative_to(part.dir / "include").as_posix()}"\n'
    result = subprocess.run([*COMMAND, *folders, "-"], input=source, text=True, capture_output=True, cwd=tree.root)
    return f"{path.relative_to(tree.root)} is no C++:\n{result.stderr}" if result.returncode else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--root", type=Path, default=root, help="the source tree (default: this one)")
    parser.add_argument("--build", type=Path, default=None, help="a configured folder (default: build/dev)")
    args = parser.parse_args()
    try:
        tree = Tree(args.root.resolve(), (args.build or args.root / "build" / "dev").resolve())
    except (OSError, ValueError) as error:
        print(f"check_cpp_headers: {error}\n    fix: cmake --preset dev", file=sys.stderr)
        return 2
    headers = [(part, path) for part in tree.components() for path in part.headers.values()]
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        refusals = [words for words in pool.map(lambda each: compile_alone(tree, *each), headers) if words]
    print("\n".join(refusals + [f"check_cpp_headers: {len(headers)} headers, {len(refusals)} refused"]))
    return 1 if refusals else 0


if __name__ == "__main__":
    sys.exit(main())
