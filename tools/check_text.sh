#!/usr/bin/env bash
# Text every file must do without: paths of one machine, TODO without an issue number, tabs, spaces at line ends.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t files < <(git ls-files -co --exclude-standard | sort -u | while read -r f; do
    [ -f "$f" ] && [ ! -L "$f" ] && grep -qI . "$f" && echo "$f"; done)
[ "${#files[@]}" -gt 0 ] || { echo "check_text: no files found" >&2; exit 2; }
verdict=0

# forbid PATTERN WHY FIX PATHSPEC-REGEX
forbid() {
    local chosen hits
    mapfile -t chosen < <(printf '%s\n' "${files[@]}" | grep -E "$4" | grep -vE '^(LICENSE|tools/check_text\.sh|tests/vectors/.*|tests/fuzz/corpus/.*|tests/house/test_text\.py)$')
    [ "${#chosen[@]}" -gt 0 ] || return 0
    if hits=$(grep -nP "$1" /dev/null "${chosen[@]}"); then
        printf '%s\n' "$hits" | head -20
        printf '    why: %s\n    fix: %s\n' "$2" "$3"
        verdict=1
    fi
}

forbid '(?<![\w.$}])/(home|root|work|farm|Users)/\w' 'a path of one machine means nothing on another' 'use a path relative to the tree, or a temporary folder' '.'
forbid '\b(TODO|FIXME|XXX)\b(?!\(#\d+\))' 'a TODO without an issue is forgotten' 'open an issue and write TODO(#N), or do it now' '\.(c|h|cpp|py|sh|cmake)$|CMakeLists\.txt$|^(check|quickstart)$'
forbid '\t' 'tabs show differently everywhere' 'use spaces' '\.(c|h|cpp|py|sh|cmake|md|json|ini|csv)$|CMakeLists\.txt$|^(check|quickstart)$'
forbid '[ \t]+$' 'spaces at line ends make noise in every diff' 'remove them' '\.(c|h|cpp|py|sh|cmake|ini)$|CMakeLists\.txt$|^(check|quickstart)$'

[ "$verdict" = 0 ] && echo "check_text: ${#files[@]} files"
exit "$verdict"
