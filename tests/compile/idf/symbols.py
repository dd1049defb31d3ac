#!/usr/bin/env python3
"""Checks a list of headers and names (symbols.txt) against our public headers, and links every function.

    symbols.py --cc CC --cxx CXX --list symbols.txt --out FOLDER [--link WORD]... INCLUDE_FOLDER...

Writes one C file per "in H" block that includes H alone, compiles it, and links all of them with the words given.
--skip HEADER leaves a block out. Exit code 1: something is missing, with the compiler's words.
"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys


def read_list(path):
    """([header], {header: [(kind, words)]}) in the order of the file."""
    headers, blocks, current = [], {}, None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "header":
            headers += words[1:]
        elif words[0] == "in":
            current = blocks.setdefault(words[1], [])
        elif current is None or words[0] not in EMIT:
            sys.exit(f"{path}:{number}: not understood: {line}")
        else:
            current.append((words[0], words[1:]))
    return headers, blocks


def of_function(words):
    return [f"    use((const void *)(uintptr_t)&{name});" for name in words]


def of_value(words):
    return [f"    (void)({name});" for name in words]


def of_macro(words):
    return [line for name in words for line in (f"#ifndef {name}", f"#error {name} is not defined", "#endif")]


def of_constant(words):
    return [f"    _Static_assert(__builtin_constant_p({name}), \"{name}\");" for name in words]


def of_type(words):
    return [f"    use(({name}{'' if name.endswith('*') else ' *'})0);" for name in words]


def of_member(words):
    return [f"    (void)sizeof((({words[0]} *)0)->{name});" for name in words[1:]]


EMIT = {"function": of_function, "value": of_value, "macro": of_macro, "constant": of_constant, "type": of_type, "member": of_member}


def source_of(header, rows):
    body = [line for kind, words in rows for line in EMIT[kind](words)]
    name = "check_" + re.sub(r"\W", "_", header)
    return "\n".join([f'#include "{header}"', "#include <stddef.h>", "#include <stdint.h>", "void use(const void *p);", f"void {name}(void);",
                      f"void {name}(void)", "{", *body, "}", ""]), name


def run(command):
    result = subprocess.run(command, text=True, capture_output=True)
    return None if result.returncode == 0 else f"$ {' '.join(map(str, command))}\n{result.stderr}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option in ("--cc", "--cxx"):
        parser.add_argument(option, required=True)
    parser.add_argument("--list", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--link", action="append", default=[], metavar="WORD")
    parser.add_argument("--skip", action="append", default=[], metavar="HEADER")
    parser.add_argument("include", nargs="+")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    includes = [f"-I{folder}" for folder in args.include]
    headers, blocks = read_list(args.list)
    jobs, objects, calls = [], [], []
    for header, rows in blocks.items():
        if header in args.skip:
            continue
        text, name = source_of(header, rows)
        path = args.out / f"{name}.c"
        path.write_text(text)
        jobs.append([args.cc, "-std=gnu17", "-c", path, "-o", path.with_suffix(".o"), *includes])
        objects.append(path.with_suffix(".o"))
        calls.append(name)
    for header in headers + [each for each in blocks if each not in args.skip]:
        path = args.out / ("alone_" + re.sub(r"\W", "_", header) + ".cpp")
        path.write_text(f'#include "{header}"\n')
        jobs.append([args.cxx, "-std=gnu++17", "-fsyntax-only", path, *includes])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        problems = [words for words in pool.map(run, jobs) if words]
    main_c = args.out / "main.c"
    main_c.write_text("#include <stdio.h>\nvoid use(const void *p);\nvoid use(const void *p) { (void)p; }\nvoid app_main(void);\nvoid app_main(void) {}\n"
                      + "".join(f"void {name}(void);\n" for name in calls)
                      + "int main(void)\n{\n" + "".join(f"    {name}();\n" for name in calls) + '    puts("all there");\n}\n')
    if not problems and args.link:
        words = run([args.cc, main_c, *objects, "-o", args.out / "all", *args.link])
        problems += [words] if words else []
    print("\n".join(problems))
    count = sum(len(words) - (kind == "member") for rows in blocks.values() for kind, words in rows)
    print(f"{len(headers) + len(blocks)} headers, {count} names, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
