#!/usr/bin/python3
"""Compares what the components use with what their CMakeLists.txt declare.

    tools/check_layers.py [--build build/dev]

Reads layers.json, which configuring wrote into the build folder, and the compiled objects beside it. Five checks:

  includes   direct #includes against REQUIRES (public headers) and REQUIRES + PRIV_REQUIRES (sources);
             outside the tree a component may include C11 standard headers only
  symbols    undefined symbols of the objects against what the declared components define, the seams that
             a port fills, and the part of the C library that exists on every target
  unused     declarations nobody needs, and REQUIRES that only sources need
  cycles     no component reaches itself through its declarations
  rows       a component uses lower rows of ROWS only

Exit code 0: nothing found; 1: findings, one paragraph each; 2: the build folder cannot be read.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

# Lowest row first. A component may use components of lower rows, never of its own row or above.
ROWS = [
    ["esp_common"],
    ["freertos", "esp_rom"],
    ["log", "esp_app_format", "esp_timer", "esp_driver_gpio", "unity"],
    ["esp_system", "esp_event"],
    ["spi_flash", "efuse", "esp_netif"],
    ["bootloader_support", "ota_stage", "esp_wifi", "protocol_examples_common", "esp_hw_support"],
    ["esp_partition", "partition_table", "esp_crt_bundle", "mbedtls"],
    ["app_update", "esp_http_client", "nvs_flash"],
    ["esp_https_ota", "esp_delta_ota", "esp_encrypted_img", "esp_ota_release"],
]

# The heap and threads are missing on the smallest target, so these components and all they use do without.
WITHOUT_HEAP_AND_THREADS = ["bootloader_support"]

C11_HEADERS = {
    "assert.h", "complex.h", "ctype.h", "errno.h", "fenv.h", "float.h", "inttypes.h", "iso646.h", "limits.h",
    "locale.h", "math.h", "setjmp.h", "signal.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h",
    "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "stdnoreturn.h", "string.h", "tgmath.h", "threads.h",
    "time.h", "uchar.h", "wchar.h", "wctype.h",
}

# (component, header): foreign headers it may include, each only behind __has_include.
HEADER_EXCEPTIONS = {
    # struct ifreq is a member type of esp_http_client_config_t (if_name); targets without it get a stand-in.
    ("esp_http_client", "esp_http_client.h"): {"sys/socket.h", "net/if.h"},
    # An application may bring partition subtypes of its own, as in ESP-IDF, where the build generates the file.
    ("esp_partition", "esp_partition.h"): {"extra_partition_subtypes.inc"},
}

HEAP = {
    "malloc", "calloc", "realloc", "free", "aligned_alloc", "strdup", "strndup", "asprintf", "vasprintf",
    "reallocarray", "posix_memalign", "memalign", "open_memstream", "getline",
}
THREADS = re.compile(r"^(pthread|mtx|cnd|thrd|tss|sem)_\w+$|^call_once$")

# What the C library owes a component on every target: pure functions, the heap, text to stdio streams that
# are already open. Files, processes, environment and clocks are the operating system's and come through seams.
LIBC = set("""
    memchr memcmp memcpy memmove memset strcat strchr strcmp strcpy strcspn strerror strlen strncat strncmp
    strncpy strpbrk strrchr strspn strstr strtok
    isalnum isalpha isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit tolower
    toupper __ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc
    sprintf snprintf vsnprintf sscanf vsscanf __isoc99_sscanf __isoc99_vsscanf
    stdout stderr fprintf vfprintf fputs fputc fwrite fflush printf vprintf puts putchar putc
    strtol strtoll strtoul strtoull strtod strtof strtoimax strtoumax atoi atol atoll abs labs llabs div ldiv
    qsort bsearch abort __assert_fail __errno_location
    mktime gmtime difftime strftime
    floor ceil round lround llround fabs fmod pow sqrt log2
    malloc calloc realloc free aligned_alloc
    mtx_init mtx_lock mtx_trylock mtx_timedlock mtx_unlock mtx_destroy call_once
    cnd_init cnd_signal cnd_broadcast cnd_wait cnd_timedwait cnd_destroy
    thrd_create thrd_join thrd_detach thrd_current thrd_equal thrd_exit thrd_yield tss_create tss_get tss_set tss_delete
""".split())
# Added by compiler, sanitizers, coverage and linker; nobody writes these calls.
COMPILER = re.compile(r"^(__asan_|__ubsan_|__tsan_|__sanitizer_|__sancov_|__gcov_|__stack_chk_|_GLOBAL_OFFSET_TABLE_"
                      r"|__atomic_|__tls_|__(u?div|u?mod|mul|popcount|clz|ctz|bswap)\w*[sdt]i\d$|_ITM_|__gmon_|__cxa_)")
# _FORTIFY_SOURCE renames memcpy to __memcpy_chk.
FORTIFIED = re.compile(r"^__(\w+)_chk$")


class Component:
    def __init__(self, row, root):
        self.name = row["name"]
        self.is_port = row["kind"] == "port"
        self.dir = root / row["dir"]
        self.requires = row["requires"]
        self.priv_requires = row["priv_requires"]
        self.objects = sorted(Path(row["objects"], "CMakeFiles", self.name + ".dir").rglob("*.o"))
        self.headers = {h.relative_to(self.dir / "include").as_posix(): h
                        for h in sorted(self.dir.glob("include/**/*.h"))}

    @property
    def declared(self):
        return self.requires + self.priv_requires

    def sources(self):
        """Everything private: all .c and .h outside include/ and test/."""
        for path in sorted(self.dir.rglob("*.[ch]")):
            if path.relative_to(self.dir).parts[0] not in ("include", "test"):
                yield path


class Tree:
    def __init__(self, root, build):
        self.root = root
        rows = json.loads((build / "layers.json").read_text())
        self.parts = {row["name"]: Component(row, root) for row in rows}
        self.findings = []

    def components(self):
        return [c for c in self.parts.values() if not c.is_port]

    def report(self, where, what, why, fix):
        if isinstance(where, tuple):
            where = f"{where[0].relative_to(self.root)}:{where[1]}"
        self.findings.append(f"{where}: {what}\n    why: {why}\n    fix: {fix}")

    def reachable(self, names):
        """The named parts and what their public headers bring along (REQUIRES of REQUIRES)."""
        return self._closure(names, lambda part: part.requires)

    def linked(self, names):
        """The named parts and everything they need to run."""
        return self._closure(names, lambda part: part.declared)

    def _closure(self, names, step):
        seen, todo = set(), list(names)
        while todo:
            name = todo.pop()
            if name in self.parts and name not in seen:
                seen.add(name)
                todo += step(self.parts[name])
        return seen


def strip_comments(text):
    """The text with comments blanked; strings and line numbers stay."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()) if m.group().startswith("/") else m.group(), text)


def code_of(path, cache={}):
    if path not in cache:
        cache[path] = strip_comments(path.read_text(errors="replace"))
    return cache[path]


def find_word(paths, word):
    """Where word first stands in paths as (path, line), or None."""
    pattern = re.compile(rf"\b{re.escape(word)}\b")
    for path in paths:
        match = pattern.search(code_of(path))
        if match:
            return path, code_of(path).count("\n", 0, match.start()) + 1
    return None


def includes_of(path):
    for number, line in enumerate(code_of(path).splitlines(), 1):
        match = re.match(r"\s*#\s*include\s*(.*)", line)
        if match:
            yield number, match.group(1).strip()


# ---- includes -------------------------------------------------------------------------------------------------------


def check_includes(tree):
    owners = {}
    for part in tree.parts.values():
        for name, path in part.headers.items():
            if name in owners:
                tree.report((path, 1), f"header name {name} exists twice (also in {owners[name].name})",
                            "which of the two an #include finds depends on the order of the include path",
                            "rename the one that is ours")
            owners[name] = part
    for part in tree.parts.values():
        for path in part.headers.values():
            check_file_includes(tree, owners, part, path, is_public=True)
        for path in part.sources():
            check_file_includes(tree, owners, part, path, is_public=False)


def check_file_includes(tree, owners, part, path, is_public):
    for line, spec in includes_of(path):
        match = re.match(r'[<"]([^>"]+)[>"]$', spec)
        if not match:
            tree.report((path, line), f"#include {spec} is computed", "nobody, this tool included, sees what it takes in",
                        "name the header")
            continue
        name = match.group(1)
        if ".." in Path(name).parts:
            tree.report((path, line), f'#include "{name}" climbs out of its folder',
                        "it goes around the include path, which is what enforces the layers",
                        "include the header by its public name and declare its component")
        elif name in part.headers or is_private_header(part, path, name):
            if is_public and name not in part.headers:
                tree.report((path, line), f'public header includes the private "{name}"',
                            "users of the header do not have the private folder on their include path",
                            "move what users need into include/")
        elif name in owners:
            check_declared(tree, part, owners[name], path, line, name, is_public)
        elif not part.is_port:
            check_foreign(tree, part, path, line, name)


def is_private_header(part, path, name):
    return (path.parent / name).is_file() or (part.dir / "src" / name).is_file()


def check_declared(tree, part, owner, path, line, name, is_public):
    allowed = part.requires if is_public else part.declared
    if owner.name in allowed:
        return
    wanted = "REQUIRES" if is_public else "PRIV_REQUIRES"
    if is_public and owner.name in part.priv_requires:
        why = f"{part.name} declares {owner.name} under PRIV_REQUIRES, but this public header shows it to users"
        fix = f"move {owner.name} to REQUIRES in {part.dir.name}/CMakeLists.txt, or include it in the source only"
    elif owner.is_port:
        why = f"{owner.name} is a port; a component never knows who implements its seams"
        fix = "call through a seam declared in a component's public header"
    else:
        why = f"{part.name} does not declare {owner.name}, so the declaration lies about what it uses"
        fix = f"add {owner.name} to {wanted} in {part.dir.name}/CMakeLists.txt if it lies in a lower row, or do without"
    tree.report((path, line), f'#include "{name}" of {owner.name} is not declared', why, fix)


def check_foreign(tree, part, path, line, name):
    if name in C11_HEADERS:
        return
    homeless = next(tree.root.glob(f"components/*/include/{name}"), None)
    if homeless:
        tree.report((path, line), f"<{name}> belongs to {homeless.relative_to(tree.root).parts[1]}, which is not in the build",
                    "nothing is known about what that component may use", "give it a CMakeLists.txt with ota_component()")
        return
    excepted = HEADER_EXCEPTIONS.get((part.name, path.name), set())
    if name in excepted and re.search(rf'__has_include\(["<]{re.escape(name)}[">]\)', code_of(path)):
        return
    tree.report((path, line), f"#include <{name}> in a component",
                "components see C11 standard headers and each other only, so that they run where this header is missing",
                "put the call behind a seam and its implementation into port/ or sim/")


# ---- unused declarations ----------------------------------------------------------------------------------------------


def check_unused(tree):
    owners = {name: part.name for part in tree.parts.values() for name in part.headers}
    for part in tree.components():
        shown = owners_of_includes(owners, part.headers.values())
        used = shown | owners_of_includes(owners, part.sources())
        for name in part.declared:
            where = declaration_of(tree, part, name)
            if name not in tree.parts:
                continue
            if name not in used:
                tree.report(where, f"{part.name} declares {name} and includes none of its headers",
                            "a declaration nobody needs permits what nobody decided", "remove it")
            elif name in part.requires and name not in shown:
                tree.report(where, f"{part.name} declares {name} under REQUIRES, but no public header shows it",
                            "users of the component see headers they should not know about", "move it to PRIV_REQUIRES")


def owners_of_includes(owners, paths):
    names = (spec.strip('<>"') for path in paths for _, spec in includes_of(path))
    return {owners[name] for name in names if name in owners}


# ---- symbols --------------------------------------------------------------------------------------------------------


def read_symbols(objects):
    """({symbol: object} undefined, {symbol} defined) over all objects of one part."""
    undefined, defined = {}, set()
    if not objects:
        return undefined, defined
    output = subprocess.run(["nm", "-A", "-P", *map(str, objects)], check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        where, symbol, kind = line.split()[:3]
        if kind in "Uwv":
            undefined.setdefault(symbol, where.rstrip(":"))
        elif kind.isupper() or kind in "ui":
            defined.add(symbol)
    return {s: o for s, o in undefined.items() if s not in defined}, defined


def check_symbols(tree):
    tables = {name: read_symbols(part.objects) for name, part in tree.parts.items()}
    definers = {}
    for name, (_, defined) in tables.items():
        for symbol in defined:
            definers.setdefault(symbol, set()).add(name)
    bare = tree.linked(WITHOUT_HEAP_AND_THREADS)
    for part in tree.components():
        if not part.objects and any(part.dir.glob("src/**/*.c")):
            tree.report(f"{part.dir.relative_to(tree.root)}/CMakeLists.txt:1", f"no objects of {part.name} in the build",
                        "its undefined symbols could not be checked", "build first, then check")
        for symbol, where in sorted(tables[part.name][0].items()):
            check_symbol(tree, part, symbol, where, definers.get(symbol, set()), part.name in bare)


def check_symbol(tree, part, symbol, where, definers, is_bare):
    fortified = FORTIFIED.match(symbol)
    libc_name = fortified.group(1) if fortified else symbol
    if is_bare and (libc_name in HEAP or THREADS.match(libc_name)):
        kind = "heap" if libc_name in HEAP else "thread"
        tree.report(locate(tree, part, libc_name, where), f"{part.name} uses the {kind}: {libc_name}()",
                    f"{' and '.join(WITHOUT_HEAP_AND_THREADS)} and everything below run where there is no {kind}",
                    "let the caller pass the memory" if kind == "heap" else "leave locking to a layer above")
        return
    usable = tree.reachable(part.declared)
    if definers & usable:
        return
    others = sorted(name for name in definers if not tree.parts[name].is_port)
    if others:
        other = others[0]
        tree.report(locate(tree, part, symbol, where), f"{symbol}() of {other} is used without being declared",
                    f"{part.name} does not declare {other}; a forward declaration hides the dependency from readers",
                    f"include its header and add {other} to PRIV_REQUIRES if it lies in a lower row, or do without")
        return
    if libc_name in LIBC or COMPILER.match(symbol):
        return
    headers = [h for name in usable | {part.name} for h in tree.parts[name].headers.values()]
    if find_word(headers, symbol):
        return  # a seam: some port defines it, and a program without that port does not link
    if definers:
        what, fix = f"{symbol}() of port {sorted(definers)[0]} is called directly", "declare it as a seam in a public header"
    else:
        what, fix = f"{symbol}() is neither C library nor seam", "put the call behind a seam, implemented in port/ or sim/"
    tree.report(locate(tree, part, symbol, where), what,
                "a component calls declared components, seams from their headers, and the allowed part of libc", fix)


def locate(tree, part, symbol, where):
    return find_word([*part.sources(), *part.headers.values()], symbol) or where


# ---- cycles and rows ------------------------------------------------------------------------------------------------


def declaration_of(tree, part, name):
    return find_word([part.dir / "CMakeLists.txt"], name) or (part.dir / "CMakeLists.txt", 1)


def check_cycles(tree):
    reported = set()
    for start in tree.parts:
        path = shortest_way_back(tree, start)
        if path and frozenset(path) not in reported:
            reported.add(frozenset(path))
            tree.report(declaration_of(tree, tree.parts[start], path[1]), "cycle: " + " -> ".join(path),
                        "components in a circle can only be understood, tested and linked together",
                        "move what both need into a lower component, or turn one call into a seam")


def shortest_way_back(tree, start):
    queue, seen = [[start]], set()
    while queue:
        path = queue.pop(0)
        for name in tree.parts[path[-1]].declared:
            if name == start:
                return path + [start]
            if name in tree.parts and name not in seen:
                seen.add(name)
                queue.append(path + [name])
    return None


def check_rows(tree):
    row_of = {name: number for number, row in enumerate(ROWS) for name in row}
    for part in tree.components():
        if part.name not in row_of:
            tree.report((part.dir / "CMakeLists.txt", 1), f"{part.name} stands in no row",
                        "without a row nobody knows who may use it", "give it a place in ROWS of tools/check_layers.py")
            continue
        for name in part.declared:
            where = declaration_of(tree, part, name)
            if name not in tree.parts or tree.parts[name].is_port:
                tree.report(where, f"{part.name} declares {name}, which is no component",
                            "REQUIRES and PRIV_REQUIRES name components; libraries and ports belong to programs and ports",
                            "remove it, or reach it through a seam")
            elif row_of.get(name, -1) >= row_of[part.name]:
                side = "the same row" if row_of[name] == row_of[part.name] else "a higher row"
                tree.report(where, f"{part.name} uses {name} from {side}",
                            "dependencies point downwards only; see ROWS in tools/check_layers.py",
                            "move what is shared down, or let the upper component call the lower one")


def check(root, build):
    """All findings as a list of paragraphs."""
    tree = Tree(root, build)
    check_includes(tree)
    check_unused(tree)
    check_symbols(tree)
    check_cycles(tree)
    check_rows(tree)
    return tree


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = Path(__file__).resolve().parent.parent
    parser.add_argument("--root", type=Path, default=root, help="the source tree (default: this one)")
    parser.add_argument("--build", type=Path, default=None, help="a configured and built folder (default: build/dev)")
    args = parser.parse_args()
    build = args.build or args.root / "build" / "dev"
    try:
        tree = check(args.root.resolve(), build.resolve())
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"check_layers: cannot read {build}: {error}\n    fix: cmake --preset dev && cmake --build build/dev",
              file=sys.stderr)
        return 2
    for finding in tree.findings:
        print(finding)
    count = len(tree.findings)
    objects = sum(len(part.objects) for part in tree.components())
    print(f"check_layers: {len(tree.components())} components, {objects} objects, "
          + (f"{count} finding{'s' if count > 1 else ''}" if count else "nothing found"))
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
