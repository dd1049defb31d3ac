"""idf/tools/kconfig.py: Kconfig files and defaults become the sdkconfig.h that ESP-IDF would make of them."""

import re
import subprocess
import sys

import pytest

from esp_ota import ROOT

TOOL = ROOT / "idf" / "tools" / "kconfig.py"


def run(folder, kconfig, *options, defaults="", sdkconfig=None):
    (folder / "Kconfig").write_text(kconfig)
    (folder / "defaults").write_text(defaults)
    words = [sys.executable, TOOL, "--kconfig", folder / "Kconfig", "--defaults", folder / "defaults", "--out", folder / "out", *options]
    if sdkconfig is not None:
        (folder / "sdkconfig").write_text(sdkconfig)
        words += ["--sdkconfig", folder / "sdkconfig"]
    return subprocess.run([str(word) for word in words], text=True, capture_output=True, cwd=folder)


def values(folder, kconfig, *options, **more):
    """{name: text} of the definitions in sdkconfig.h."""
    result = run(folder, kconfig, *options, **more)
    assert result.returncode == 0, result.stderr
    return dict(re.findall(r"#define CONFIG_(\w+) (.*)", (folder / "out" / "sdkconfig.h").read_text()))


TABLE = {
    "bools that are n are not defined": ("config A\n bool\n default y\nconfig B\n bool \"b\"\n", "", {"A": "1"}),
    "strings are quoted": ('config A\n string "a"\n default "x \\"y\\""\n', "", {"A": '"x \\"y\\""'}),
    "hex and int keep their form": ("config A\n hex\n default 0x10\nconfig B\n int\n default 16\n", "", {"A": "0x10", "B": "16"}),
    "the first default whose condition holds": ("config A\n int\n default 1 if B\n default 2\nconfig B\n bool\n", "", {"A": "2"}),
    "a default may be another symbol": ("config A\n int\n default B\nconfig B\n int\n default 7\n", "", {"A": "7", "B": "7"}),
    "what was set wins over the default": ('config A\n int "a"\n default 1\n', "CONFIG_A=5\n", {"A": "5"}),
    "the last setting wins": ('config A\n int "a"\n', "CONFIG_A=5\nCONFIG_A=6\n", {"A": "6"}),
    "without a prompt nobody can set": ("config A\n bool\n default n\n", "CONFIG_A=y\n", {}),
    "depends on": ('config A\n bool "a"\n default y\n depends on B\nconfig B\n bool "b"\n', "", {}),
    "depends on, fulfilled": ('config A\n bool "a"\n default y\n depends on B && !C\nconfig B\n bool "b"\nconfig C\n bool\n', "CONFIG_B=y\n", {"A": "1", "B": "1"}),
    "a value that is not visible is not defined": ('config A\n int "a"\n default 3\n depends on B\nconfig B\n bool\n', "CONFIG_A=4\n", {}),
    "if and menu": ('menu "m"\ndepends on B\nif C\nconfig A\n int\n default 1\nendif\nendmenu\nconfig B\n def_bool y\nconfig C\n def_bool y\n', "",
                    {"A": "1", "B": "1", "C": "1"}),
    "select": ('config A\n bool "a"\n select B if C\n select D\nconfig B\n bool\nconfig C\n bool\nconfig D\n bool\n', "CONFIG_A=y\n", {"A": "1", "D": "1"}),
    "a text compared": ('config A\n string "a"\n default "no"\nconfig B\n bool\n default y if A = "FROM_STDIN"\n', 'CONFIG_A="FROM_STDIN"\n',
                        {"A": '"FROM_STDIN"', "B": "1"}),
    "numbers compared": ("config A\n int\n default 12\nconfig B\n bool\n default y if A > 9\n", "", {"A": "12", "B": "1"}),
    "a choice has one member": ('choice X\n prompt "x"\n default B\nconfig A\n bool "a"\nconfig B\n bool "b"\nendchoice\n', "", {"B": "1"}),
    "a choice as set": ('choice X\n prompt "x"\n default B\nconfig A\n bool "a"\nconfig B\n bool "b"\nendchoice\n', "CONFIG_A=y\n", {"A": "1"}),
    "a member that is not visible is not chosen": ('choice\n prompt "x"\nconfig A\n bool "a"\n depends on C\nconfig B\n bool "b"\nendchoice\nconfig C\n bool\n', "",
                                                   {"B": "1"}),
    "help is skipped, whatever it says": ('config A\n    bool "a"\n    default y\n    help\n        config B\n\n        default n\nconfig C\n    def_bool y\n', "",
                                          {"A": "1", "C": "1"}),
    "a name nobody knows is taken as it is": ("", 'CONFIG_A=y\nCONFIG_B=0x10\nCONFIG_C="1"\nCONFIG_D=3\n# CONFIG_E is not set\n',
                                              {"A": "1", "B": "0x10", "C": '"1"', "D": "3"}),
    "defined twice": ('config A\n int "a"\n default 1 if B\nconfig A\n int\n default 2\nconfig B\n bool\n', "", {"A": "2"}),
    "comments and continued lines": ('config A # one\n bool "a # b"\n default y if \\\n  B\nconfig B\n def_bool y\n', "", {"A": "1", "B": "1"}),
    "implied": ('config A\n bool "a"\n imply B\nconfig B\n bool "b"\n', "CONFIG_A=y\n", {"A": "1", "B": "1"}),
    "implied and refused": ('config A\n bool "a"\n imply B\nconfig B\n bool "b"\n', "CONFIG_A=y\nCONFIG_B=n\n", {"A": "1"}),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_configuration_becomes_definitions(name, tmp_path):
    kconfig, defaults, expected = TABLE[name]
    assert values(tmp_path, kconfig, defaults=defaults) == expected


def test_the_command_line_wins_over_sdkconfig_and_that_over_defaults(tmp_path):
    kconfig = "".join(f'config {name}\n int "x"\n default 0\n' for name in "ABC")
    got = values(tmp_path, kconfig, "--set", "CONFIG_C=3", defaults="CONFIG_A=1\nCONFIG_B=1\nCONFIG_C=1\n", sdkconfig="CONFIG_B=2\nCONFIG_C=2\n")
    assert got == {"A": "1", "B": "2", "C": "3"}


def test_sourced_files_are_read_where_they_stand(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "Kconfig").write_text("config B\n def_bool y\n")
    got = values(tmp_path, 'rsource "sub/Kconfig"\norsource "nothing/Kconfig"\nsource "$NO_SUCH/Kconfig"\nconfig A\n def_bool B\n')
    assert got == {"A": "1", "B": "1"}


def test_sdkconfig_can_be_read_again(tmp_path):
    kconfig = 'config A\n string "a"\n default "q\\"x"\nconfig B\n bool "b"\nconfig C\n hex "c"\n default 0xA\n'
    first = values(tmp_path, kconfig)
    again = values(tmp_path, kconfig, sdkconfig=(tmp_path / "out" / "sdkconfig").read_text())
    assert first == again and "# CONFIG_B is not set" in (tmp_path / "out" / "sdkconfig").read_text()


@pytest.mark.parametrize("kconfig, defaults, word", [
    ("config A\n boole\n", "", "Kconfig:2: not understood"),
    ('menu "m"\nconfig A\n bool\n', "", "endmenu is missing"),
    ('config A\n int "a"\n range 1 5\n', "CONFIG_A=6\n", "CONFIG_A is 6, which is not in 1 .. 5"),
    ('config A\n int "a"\n', "CONFIG_A=six\n", "is no number"),
    ("", "A=6\n", "defaults:1: not understood"),
    ("config A\n bool\n default y if (B\n", "", "expected )"),
])
def test_what_is_wrong_is_said_with_its_place(kconfig, defaults, word, tmp_path):
    result = run(tmp_path, kconfig, defaults=defaults)
    assert result.returncode == 1
    assert result.stderr.startswith("error: ") and word in result.stderr, result.stderr


def test_a_symbol_that_depends_on_itself_does_not_hang(tmp_path):
    assert values(tmp_path, 'config A\n bool "a"\n default y if B\nconfig B\n bool "b"\n default y if A\n') == {}
