#!/usr/bin/env bash
# What a reviewer wants to see move: code size per component, the longest functions, the deepest stacks.
# Informational; never fails because of a number.
#
#   tools/report_size.sh [build/release]      needs a built release preset
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build/release}
[ -f "$build/layers.json" ] || { echo "report_size: build $build first (cmake --preset release && cmake --build build/release)" >&2; exit 2; }

rows() { /usr/bin/python3 -c 'import json, sys
for row in json.load(open(sys.argv[1])): print(row["name"], row["kind"], row["dir"], row["objects"] + "/CMakeFiles/" + row["name"] + ".dir")' "$build/layers.json"; }

echo "## Code size ($build), bytes"
printf '%-22s %8s %8s %8s\n' component text data bss
rows | while read -r name kind dir objects; do
    [ -d "$objects" ] || continue
    find "$objects" -name '*.o' -print0 | xargs -0 -r size | awk -v n="$name" 'NR > 1 && $1 ~ /^[0-9]+$/ { t += $1; d += $2; b += $3 } END { printf "%-22s %8d %8d %8d\n", n, t, d, b }'
done | sort -k2,2nr

echo
echo "## Longest functions, lines"
git ls-files -co --exclude-standard 'components/*.c' 'port/*.c' 'sim/*.c' 'apps/*.c' | grep -v /test/ | sort -u | while read -r file; do
    [ -f "$file" ] && awk -v f="$file" '
        /^[A-Za-z_].*[A-Za-z0-9_]\(/ && !/;[ ]*$/ { match($0, /[A-Za-z0-9_]+\(/); name = substr($0, RSTART, RLENGTH - 1) }
        /^{/ { start = NR } /^}/ && start { print NR - start - 1, f ":" start, name "()"; start = 0 }' "$file"
done | sort -rn | head -15

echo
echo "## Deepest stack frames, bytes (one function each, not the whole call chain)"
stacks=build/stack
mkdir -p "$stacks"
/usr/bin/python3 - "$build/compile_commands.json" "$stacks" <<'PYTHON' | sort -rn | head -15
import json, os, shlex, subprocess, sys
database, out = sys.argv[1:]
for number, entry in enumerate(json.load(open(database))):
    path = os.path.relpath(os.path.join(entry["directory"], entry["file"]))
    if not path.startswith(("components/", "port/")) or "/test/" in path or not path.endswith(".c"):
        continue
    command = shlex.split(entry["command"])
    target = os.path.abspath(f"{out}/{number}.o")
    command[command.index("-o") + 1] = target
    if subprocess.run([*command, "-fstack-usage"], cwd=entry["directory"], stderr=subprocess.DEVNULL).returncode:
        continue
    for line in open(target[:-2] + ".su"):
        place, size, kind = line.rstrip("\n").split("\t")
        print(size, path + ":" + place.split(":")[-3], place.split(":")[-1] + "()", "" if kind == "static" else kind)
PYTHON
