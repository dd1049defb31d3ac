#!/usr/bin/env bash
# Installs the missing Debian packages of the named groups, saying which; does nothing when all are there.
#
#   tools/install_packages.sh build [try] [check]
set -euo pipefail
cd "$(dirname "$0")"
groups=" $* "
missing=()
while read -r package group _; do
    case "$package" in ''|'#'*) continue ;; esac
    case "$groups" in *" $group "*) ;; *) continue ;; esac
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
done <packages.txt
[ "${#missing[@]}" -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "This is no Debian; install what corresponds to: ${missing[*]}" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "Not root and no sudo. As root: apt-get install ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
echo "Installing with apt-get: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update -q && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    echo "apt-get failed; to see it again: apt-get install ${missing[*]}" >&2
    exit 1
fi
