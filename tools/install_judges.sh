#!/usr/bin/env bash
# Puts the judges of tools/judges.txt into build/venv. Without PyPI it says so and succeeds: the tests that
# need a judge then skip with a reason. REQUIRE_JUDGES=1 makes it an error.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=build/venv/judges-$(sha256sum tools/judges.txt | cut -c1-16)
if [ -e "$stamp" ]; then echo "judges: there"; exit 0; fi
mkdir -p build
if [ ! -x build/venv/bin/pip ]; then rm -rf build/venv; /usr/bin/python3 -m venv build/venv; fi
if timeout 180 build/venv/bin/pip install -q --disable-pip-version-check --timeout 10 --retries 1 -r tools/judges.txt; then
    touch "$stamp"
    echo "judges: installed $(grep -v '^#' tools/judges.txt | tr '\n' ' ')"
elif [ "${REQUIRE_JUDGES:-0}" = 1 ]; then
    echo "judges: PyPI did not answer, and REQUIRE_JUDGES=1 asks for them" >&2
    exit 1
else
    echo "judges: PyPI did not answer; tests that need esptool will skip"
fi
