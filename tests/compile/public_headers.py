#!/usr/bin/env python3
"""Compiles every public header alone, as C11 and as C++17 (also inside extern "C", as many applications include it), with all
components' headers on the include path.

Usage: public_headers.py --cc CC --cxx CXX COMPONENTS_FOLDER
Exits with 1 and the compiler's words if a header does not compile, or warns.
"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys

FLAGS = ["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic"]

# ESP-IDF's own structs have such members; GNU C++ knows them, ISO C++ does not.
ALLOWED = re.compile("anonymous (struct|types)")


def compile_alone(command, language, standard, include_dirs, header, wrap="{}"):
    """Returns what the compiler said, or None if it was content."""
    args = [command, "-x", language, f"-std={standard}", *FLAGS]
    args += [f"-I{directory}" for directory in include_dirs]
    # Twice: a header without a guard does not survive that.
    source = wrap.replace("{}", f'#include "{header}"\n#include "{header}"\n') + "extern int not_empty;\n"
    result = subprocess.run([*args, "-"], input=source, text=True, capture_output=True, check=False)
    complaints = [line for line in result.stderr.splitlines()
                  if ("warning:" in line or "error:" in line) and not ALLOWED.search(line)]
    if result.returncode == 0 and not complaints:
        return None
    return f"--- {header} as {standard}{' inside extern' if wrap != '{}' else ''}\n{result.stderr}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cc", required=True)
    parser.add_argument("--cxx", required=True)
    parser.add_argument("components", type=pathlib.Path)
    args = parser.parse_args()

    include_dirs = sorted(args.components.glob("*/include"))
    headers = [path.relative_to(directory)
               for directory in include_dirs for path in sorted(directory.rglob("*.h"))]
    if not headers:
        sys.exit(f"no headers below {args.components}")
    jobs = [(args.cc, "c", "gnu11", include_dirs, header) for header in headers]
    jobs += [(args.cxx, "c++", "gnu++17", include_dirs, header) for header in headers]
    jobs += [(args.cxx, "c++", "gnu++17", include_dirs, header, 'extern "C" {\n{}}\n') for header in headers]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        problems = [said for said in pool.map(lambda job: compile_alone(*job), jobs) if said]
    print("".join(problems), end="")
    print(f"{len(headers)} public headers, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
