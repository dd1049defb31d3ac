#!/usr/bin/env bash
# Every C file is formatted as .clang-format says. `tools/check_format.sh --fix` formats instead of complaining.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files -co --exclude-standard '*.c' '*.h' '*.cpp' | sort -u | while read -r f; do [ -f "$f" ] && echo "$f"; done)
[ "${#files[@]}" -gt 0 ] || { echo "check_format: no C files found" >&2; exit 2; }
if [ "${1:-}" = --fix ]; then
    clang-format -i "${files[@]}"
elif ! clang-format --dry-run -Werror "${files[@]}"; then
    echo "check_format: run tools/check_format.sh --fix" >&2
    exit 1
fi
echo "check_format: ${#files[@]} files"
