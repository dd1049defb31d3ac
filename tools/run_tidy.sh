#!/usr/bin/env bash
# Runs clang-tidy over our sources, two at a time, and remembers what passed.
#
#   tools/run_tidy.sh [--build build/dev] [FILE...]
#
# A file is skipped when it passed before with the same content: its own text, every header of ours it may see,
# .clang-tidy and its compile command go into one hash, kept in build/tidy/. Exit code 1 when anything is found.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/dev
if [ "${1:-}" = --help ]; then sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0; fi
if [ "${1:-}" = --build ]; then build=$2; shift 2; fi
[ -f "$build/compile_commands.json" ] || { echo "run_tidy: no $build/compile_commands.json; configure first" >&2; exit 2; }

cache=build/tidy
mkdir -p "$cache"
headers=$( { clang-tidy --version; cat .clang-tidy tools/run_tidy.sh; git ls-files -co --exclude-standard '*.h' '*.inc' | sort | xargs -r sha256sum; } 2>/dev/null | sha256sum)

# One line per file: path, then the hash of everything that decides its verdict.
list=$(/usr/bin/python3 - "$build/compile_commands.json" "$headers" "$@" <<'PYTHON'
import hashlib, json, os, sys
database, headers, wanted = sys.argv[1], sys.argv[2], {os.path.abspath(p) for p in sys.argv[3:]}
root = os.getcwd()
seen = {}
for entry in json.load(open(database)):
    path = os.path.abspath(os.path.join(entry["directory"], entry["file"]))
    ours = path.startswith(root + os.sep) and not path.startswith(os.path.join(root, "build") + os.sep)
    if ours and path.endswith(".c") and (not wanted or path in wanted) and os.path.exists(path):
        text = open(path, "rb").read() + entry["command"].encode() + headers.encode()
        seen.setdefault(path, hashlib.sha256(text).hexdigest())
for path, digest in sorted(seen.items()):
    print(os.path.relpath(path, root), digest)
PYTHON
)

# Off in tests: they build short strings in large buffers under ASan, run programs to look at their answers, and
# read numbers from reference files of their own with sscanf.
off_in_tests=-clang-analyzer-security.insecureAPI.strcpy,-cert-env33-c,-cert-err34-c

check_one() { # path hash build cache findings
    local output more=()
    [ -e "$4/$2" ] && return 0
    case "$1" in */test/*|tests/*|bench/*) more=("--checks=$off_in_tests") ;; esac
    if output=$(clang-tidy --quiet -p "$3" "${more[@]}" "$1" 2>&1); then
        : >"$4/$2"
        echo "$1: ok"
    else
        printf '%s\n' "$output" >"$5/${1//\//_}"
        return 1
    fi
}
export -f check_one
export off_in_tests

total=$(printf '%s\n' "$list" | grep -c . || true)
[ "$total" -gt 0 ] || { echo "run_tidy: none of our sources in $build/compile_commands.json" >&2; exit 2; }
findings=$(mktemp -d)
trap 'rm -rf "$findings"' EXIT
if printf '%s\n' "$list" | xargs -P 2 -n 2 bash -c 'check_one "$1" "$2" "'"$build"'" "'"$cache"'" "'"$findings"'"' _; then
    find "$cache" -type f -mtime +30 -delete
    echo "run_tidy: $total files, nothing found"
else
    # A header's finding comes once per file that includes it; one is enough.
    cat "$findings"/* | awk '/: (error|warning): / { show = !seen[$0]++ } /^[0-9]+ warning|^Suppressed|^Use -/ { next } show' \
        | sed "s#$PWD/##"
    echo "run_tidy: findings above, in $total files looked at"
    exit 1
fi
