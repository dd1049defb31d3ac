"""The example project for CI: the steps of its workflow, as a runner does them, but for packages and (unless OTA_LONG=1) the stack's build."""

import os
import re
import shlex
import shutil
import subprocess

from esp_ota import ROOT

EXAMPLE = ROOT / "examples" / "ci-example"
WORKFLOW = EXAMPLE / ".github" / "workflows" / "ota.yml"


def steps():
    """{name: (commands, environment)} of the steps that run something; as much YAML as our file has."""
    found = {}
    for block in WORKFLOW.read_text().split("      - name: ")[1:]:
        run = re.search(r"^        run: (?:\|\n((?:          .*\n)+)|(.*)\n)", block, re.MULTILINE)
        env = re.search(r"^        env:\n((?:          .*\n)+)", block, re.MULTILINE)
        if run:
            lines = [line.strip() for line in (run[1] or run[2]).splitlines()]
            pairs = [line.strip().split(": ", 1) for line in env[1].splitlines()] if env else []
            found[block.splitlines()[0]] = (lines, dict(pairs))
    return found


def shell(line, folder, env):
    words = ["/usr/bin/python3" if word == "python3" else word for word in shlex.split(line)]  # a runner has only Debian's
    result = subprocess.run(words, cwd=folder, text=True, capture_output=True, timeout=900, env={**os.environ, **env})
    assert result.returncode == 0, f"$ {line}\n{result.stdout[-5000:]}{result.stderr[-5000:]}exit code {result.returncode}"
    return result.stdout


def test_the_workflow_installs_what_the_stack_needs():
    words = shlex.split(steps()["Install Debian packages"][0][1])
    installed = {word for word in words[2:] if not word.startswith("-")}
    rows = [line.split() for line in (ROOT / "tools" / "packages.txt").read_text().splitlines() if line and not line.startswith("#")]
    needed = {row[0] for row in rows if row[1] == "build"}
    assert needed <= installed, f"missing in {WORKFLOW}: {needed - installed}"
    assert installed <= {row[0] for row in rows}, "a package that we do not know"


def test_the_steps_of_the_workflow_pass(prefix, tmp_path):
    project = tmp_path / "lamp"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    (project / "esp-https-ota").symlink_to(ROOT)
    build, env = steps()["Build esp-https-ota"]
    if os.environ.get("OTA_LONG") == "1":
        for line in build:
            shell(line, project, env)
    else:
        shell(build[0], project, env)  # at least its options are right
        (project / "build" / "esp-https-ota").symlink_to(prefix)
    test, env = steps()["Test updates"]
    assert "4 passed" in shell(test[0], project, env)
