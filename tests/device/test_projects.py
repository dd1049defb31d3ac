"""ESP-IDF projects, unedited, live as firmware: built with an installed copy, updated over HTTPS from nginx, restarted, confirmed
or rolled back. The projects in tests/projects have the shapes of several releases."""

import re
import shutil

import pytest

from projects import Builder, Life, find_build, install

RELEASES = ("v4", "v5", "v6")


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    build = find_build()
    if not build:
        pytest.skip("no build/release (cmake --preset release && cmake --build build/release)")
    return install(build, tmp_path_factory.mktemp("installed"))


@pytest.fixture(scope="session")
def session_builder(prefix, tmp_path_factory, certs):
    return Builder(prefix, tmp_path_factory.mktemp("projects"), certs.ca)


class Bench:
    """The images of one test, and a device."""

    def __init__(self, builder, folder, site):
        self.builder, self.folder, self.site = builder, folder, site
        self.flash = folder / "dev.bin"

    def build(self, project, name, *options, **config):
        return self.builder.build(project, self.folder / name, *options, **config).image

    def url(self, name="v2.bin"):
        return self.site.url(f"{self.site.folder}/{name}")

    def serve(self, project, version, *options, **config):
        image = self.build(project, "v2.bin", "--version", version, *options, **config)
        return self.site.serve(image.read_bytes(), "v2.bin")

    def life(self, *options, **more):
        return Life(self.builder.program, self.flash, *options, **more)


@pytest.fixture
def bench(session_builder, tmp_path, site):
    return Bench(session_builder, tmp_path, site)


@pytest.mark.parametrize("release", ("v3", *RELEASES))
def test_a_simple_application_updates_itself(bench, release):
    project = f"simple_{release}"
    url = "FIRMWARE_UPGRADE_URL" if release == "v3" else "EXAMPLE_FIRMWARE_UPGRADE_URL"
    config = {} if release == "v3" else {"EXAMPLE_USE_CERT_BUNDLE": "n"}
    bench.serve(project, "2.0.0", **config, **{url: bench.url("nothing.bin")})
    bench.build(project, "v1.bin", "--version", "1.0.0", "--flash", bench.flash, "--idf-version",
                {"v3": "3.3.6", "v4": "4.4.8", "v5": "5.3", "v6": "6.1"}[release], **config, **{url: bench.url()})
    slots = ("factory", "ota_0") if release == "v3" else ("ota_0", "ota_1")
    with bench.life() as life:
        life.expect("simple: version 1.0.0")
        life.expect(f"firmware [0-9a-f]{{64}} in {slots[0]}")
        life.expect("update done, restarting")
        life.expect("simple: version 2.0.0")
        life.expect(f"firmware [0-9a-f]{{64}} in {slots[1]}")
        life.expect("simple: update failed")


def test_a_url_is_read_from_the_console_and_the_interface_by_name(bench):
    """FROM_STDIN and BIND_IF: options that a Kconfig file derives from others."""
    bench.serve("simple_v6", "2.0.0", EXAMPLE_FIRMWARE_UPGRADE_URL="FROM_STDIN")
    bench.build("simple_v6", "v1.bin", "--version", "1.0.0", "--flash", bench.flash, EXAMPLE_FIRMWARE_UPGRADE_URL="FROM_STDIN",
                EXAMPLE_USE_CERT_BUNDLE="n", EXAMPLE_FIRMWARE_UPGRADE_BIND_IF="y")
    with bench.life(stdin=bench.url() + "\n") as life:
        life.expect("update done, restarting")
        life.expect("simple: version 2.0.0")


def test_the_systems_store_is_the_certificate_bundle(bench):
    bench.serve("simple_v6", "2.0.0", EXAMPLE_FIRMWARE_UPGRADE_URL=bench.url("nothing.bin"))
    bench.build("simple_v6", "v1.bin", "--version", "1.0.0", "--flash", bench.flash, EXAMPLE_FIRMWARE_UPGRADE_URL=bench.url())
    with bench.life() as life:
        life.expect("update failed")  # a store that does not know the test's CA
    with bench.life(env={"SSL_CERT_FILE": str(bench.site.ca)}) as life:
        life.expect("update done, restarting")
        life.expect("simple: version 2.0.0")


@pytest.mark.parametrize("default", ["FULL", "NONE"])
def test_certificates_of_the_project_join_the_bundle(bench, default):
    """As ESP-IDF's simple example is configured: the bundle holds server_certs/ca_cert.pem."""
    custom = {"MBEDTLS_CUSTOM_CERTIFICATE_BUNDLE": "y", "MBEDTLS_CUSTOM_CERTIFICATE_BUNDLE_PATH": "server_certs/ca_cert.pem",
              f"MBEDTLS_CERTIFICATE_BUNDLE_DEFAULT_{default}": "y"}
    bench.serve("simple_v6", "2.0.0", EXAMPLE_FIRMWARE_UPGRADE_URL=bench.url("nothing.bin"))
    bench.build("simple_v6", "v1.bin", "--version", "1.0.0", "--flash", bench.flash, EXAMPLE_FIRMWARE_UPGRADE_URL=bench.url(), **custom)
    with bench.life() as life:
        life.expect("update done, restarting")
        life.expect("simple: version 2.0.0")


@pytest.mark.parametrize("release", RELEASES)
def test_an_application_in_steps_updates_checks_and_confirms(bench, release):
    project = f"advanced_{release}"
    bench.serve(project, "2.0.0", EXAMPLE_FIRMWARE_UPGRADE_URL=bench.url())
    bench.build(project, "v1.bin", "--version", "1.0.0", "--flash", bench.flash, EXAMPLE_FIRMWARE_UPGRADE_URL=bench.url())
    with bench.life() as life:
        life.expect("advanced: version 1.0.0")
        life.expect("running version: 1.0.0")
        life.expect("update done, restarting")
        life.expect("advanced: version 2.0.0")
        life.expect("this version stays")
        life.expect("the same version, not taken")
        life.expect("advanced: update failed")
    if release != "v4":
        events = re.findall(r"event: (\w+)", life.text)
        assert events[:5] == ["start", "connected", "description", "chip", "revision" if release == "v6" else "boot"]
        assert "finish" in events
    with bench.life() as life:
        life.expect("advanced: version 2.0.0")  # after a power cycle too


def test_an_unhealthy_version_goes_back(bench):
    bench.serve("advanced_v6", "2.0.0", EXAMPLE_FIRMWARE_UPGRADE_URL=bench.url(), HEALTH_IS_GOOD="n")
    bench.build("advanced_v6", "v1.bin", "--version", "1.0.0", "--flash", bench.flash, EXAMPLE_FIRMWARE_UPGRADE_URL=bench.url())
    with bench.life("--max-boots", "3") as life:
        life.expect("advanced: version 1.0.0")
        life.expect("advanced: version 2.0.0")
        life.expect("not healthy, going back")
        life.expect("advanced: version 1.0.0")


@pytest.mark.parametrize("option", ["EXAMPLE_ENABLE_PARTIAL_HTTP_DOWNLOAD", "EXAMPLE_ENABLE_OTA_RESUMPTION"])
def test_options_of_the_application_change_how_it_downloads(bench, option):
    bench.serve("advanced_v6", "2.0.0", EXAMPLE_FIRMWARE_UPGRADE_URL=bench.url())
    bench.build("advanced_v6", "v1.bin", "--version", "1.0.0", "--flash", bench.flash, EXAMPLE_FIRMWARE_UPGRADE_URL=bench.url(), **{option: "y"})
    with bench.life() as life:
        life.expect("update done, restarting")
        life.expect("this version stays")


def test_an_application_made_of_parts_updates_and_looks_at_a_pin(bench):
    rollback = ("--sdkconfig-defaults", bench.builder.copy("native") / "sdkconfig.ci.rollback")
    bench.serve("native", "9.0.0", *rollback, EXAMPLE_FIRMWARE_UPG_URL=bench.url())
    bench.build("native", "v1.bin", "--flash", bench.flash, *rollback, EXAMPLE_FIRMWARE_UPG_URL=bench.url())
    with bench.life("--max-boots", "3", env={"ESP_OTA_GPIO": "4=0"}) as life:
        life.expect("native: version 2.3.4, table")
        life.expect("native: version 9.0.0")
        life.expect("diagnostics failed, going back")
        life.expect("this version was rolled back before")
    with bench.life() as life:
        life.expect("this version was rolled back before")  # after a power cycle too


def test_a_pin_that_is_high_lets_the_new_version_stay(bench):
    config = {"BOOTLOADER_APP_ROLLBACK_ENABLE": "y"}
    bench.serve("native", "9.0.0", EXAMPLE_FIRMWARE_UPG_URL=bench.url(), **config)
    bench.build("native", "v1.bin", "--flash", bench.flash, **config, EXAMPLE_FIRMWARE_UPG_URL=bench.url())
    with bench.life("--max-boots", "2") as life:
        life.expect("native: version 9.0.0")
        life.expect("this version stays")
        life.expect("this version runs already")




@pytest.fixture
def app_of_tests(bench):
    bench.build("update_tests", "tests.bin", "--version", "1", "--flash", bench.flash, BOOTLOADER_APP_ROLLBACK_ENABLE="y")
    return bench


def test_tests_of_an_application_run_through_their_resets(app_of_tests, tmp_path):
    env = {"ESP_OTA_TESTS": "[ota]", "ESP_OTA_TESTS_STATE": str(tmp_path / "state")}
    with app_of_tests.life("--max-boots", "9", env=env) as life:
        text = life.rest()
    assert "4 Tests 0 Failures 0 Ignored\nOK" in text, text
    assert text.count("Running switch to a copy and back...") == 3
    assert not (tmp_path / "state").exists()


def test_the_menu_runs_what_is_asked_for(app_of_tests):
    answers = '\n"begin refuses nonsense"\n[fails]\n5\n1\n5\n2\n5\n3\n'
    with app_of_tests.life("--max-boots", "3", stdin=answers) as life:
        text = life.rest()
    assert '(5)\t"switch to a copy and back" [ota][reset=SW_CPU_RESET][multi_stage]' in text
    assert re.search(r"test_operations.c:\d+:begin refuses nonsense:PASS", text)
    assert re.search(r"test_operations.c:\d+:this one is wrong:FAIL: Expected 1 Was 2", text)
    assert re.search(r"test_switch.c:\d+:switch to a copy and back:PASS", text), text


def describe(bench, image):
    return bench.builder.run("image", "info", image).stdout


def test_every_option_of_project_build_arrives(bench):
    extra = bench.folder / "more.defaults"
    extra.write_text("CONFIG_ESPTOOLPY_FLASHSIZE_8MB=y\n")
    run = bench.builder.build("native", bench.folder / "o.bin", "--version", "5.6.7-rc1", "--secure-version", "4", "--idf-version", "4.4.8",
                              "--sdkconfig-defaults", extra, "--flash", bench.flash, "--quiet", build_dir=bench.folder / "b",
                              EXAMPLE_FIRMWARE_UPG_URL='https://localhost/a b"c')
    said = describe(bench, run.image)
    assert "5.6.7-rc1" in said and "v4.4.8" in said and re.search(r"(?i)secure.version\D+4", said), said
    header = (bench.folder / "b" / "config" / "sdkconfig.h").read_text()
    assert '#define CONFIG_EXAMPLE_FIRMWARE_UPG_URL "https://localhost/a b\\"c"' in header
    assert bench.flash.stat().st_size == 8 << 20
    assert "Build files" not in run.stderr


def test_the_version_comes_from_where_esp_idf_takes_it(bench):
    from_config = {"APP_PROJECT_VER_FROM_CONFIG": "y", "APP_PROJECT_VER": "8.8"}
    from_file = bench.builder.copy("native")
    from_cmake = bench.folder / "from_cmake"
    shutil.copytree(from_file, from_cmake)
    lists = from_cmake / "CMakeLists.txt"
    lists.write_text(lists.read_text().replace("project(", 'set(PROJECT_VER "1.2.3")\nproject('))
    unnamed = bench.folder / "unnamed"
    shutil.copytree(from_file, unnamed)
    (unnamed / "version.txt").unlink()
    for project, config, version in ((from_cmake, {}, "1.2.3"), (from_file, {}, "2.3.4"), (from_file, from_config, "8.8"),
                                     (unnamed, {}, "1|[0-9a-f]{7,}.*")):
        image = bench.build(project, "o.bin", **config)
        assert re.search(fr"\n  version +({version})\n", describe(bench, image)), version


def test_a_project_that_does_not_compile_shows_why(bench, tmp_path):
    broken = tmp_path / "broken"
    (broken / "main").mkdir(parents=True)
    (broken / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.16)\ninclude($ENV{IDF_PATH}/tools/cmake/project.cmake)\nproject(broken)\n")
    register = broken / "main" / "CMakeLists.txt"
    register.write_text('idf_component_register(SRCS "main.c")\n')
    (broken / "main" / "main.c").write_text("void app_main(void) { no_such_thing; }\n")
    run = bench.builder.run("project", "build", broken, "-o", tmp_path / "o.bin")
    assert run.returncode == 1 and "no_such_thing" in run.stderr and "broken does not build" in run.stderr
    register.write_text("idf_component_regster()\n")
    run = bench.builder.run("project", "build", broken, "-o", tmp_path / "o.bin")
    assert run.returncode == 1 and "idf_component_regster" in run.stderr and "cannot configure" in run.stderr
    assert not (tmp_path / "o.bin").exists()


def test_projects_of_the_oldest_form_and_with_embedded_files_of_any_name_build(bench, tmp_path):
    old = tmp_path / "old"
    (old / "main").mkdir(parents=True)
    (old / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.5)\ninclude($ENV{IDF_PATH}/tools/cmake/project.cmake)\nproject(old)\n"
                                        'target_add_binary_data(old.elf "main/2 odd-name.txt" TEXT RENAME_TO odd)\n')
    (old / "main" / "CMakeLists.txt").write_text('set(COMPONENT_SRCS "main.c")\nset(COMPONENT_ADD_INCLUDEDIRS ".")\n'
                                                 'set(COMPONENT_EMBED_FILES "a-b.c.bin")\nregister_component()\n')
    (old / "main" / "a-b.c.bin").write_bytes(b"\0\1\2")
    (old / "main" / "2 odd-name.txt").write_bytes(b"text")
    (old / "main" / "main.c").write_text("""
#include <stdio.h>
#include <string.h>
#include "esp_system.h"
extern const char bin_start[] asm("_binary_a_b_c_bin_start");
extern const char bin_end[] asm("_binary_a_b_c_bin_end");
extern const unsigned bin_length asm("a_b_c_bin_length");
extern const char text_start[] asm("_binary_odd_start");
extern const char text_end[] asm("_binary_odd_end");
void app_main(void)
{
    printf("bin %d %u %d\\n", (int)(bin_end - bin_start), bin_length, bin_start[2]);
    printf("text %d %d\\n", (int)(text_end - text_start), (int)strlen(text_start));
}
""")
    run = bench.builder.run("project", "build", old, "-o", tmp_path / "old.bin", "--flash", bench.flash)
    assert run.returncode == 0, run.stderr
    assert "Warning" not in run.stdout + run.stderr, "nothing is wrong with this project"
    with bench.life("--max-boots", "1") as life:
        text = life.rest()
    assert "bin 3 3 2\n" in text and "text 5 4\n" in text, text


def test_a_component_of_tests_alone_becomes_an_application(bench, tmp_path):
    component = tmp_path / "app_update" / "test"
    component.mkdir(parents=True)
    (component / "CMakeLists.txt").write_text('idf_component_register(SRC_DIRS "." PRIV_INCLUDE_DIRS "." PRIV_REQUIRES cmock test_utils app_update nvs_flash)\n')
    source = (bench.builder.copy("update_tests") / "main" / "test_operations.c").read_text()
    (component / "test_operations.c").write_text(source)
    run = bench.builder.run("project", "build", component, "-o", tmp_path / "t.bin", "--config", "PARTITION_TABLE_TWO_OTA=y", "--flash", bench.flash)
    assert run.returncode == 0, run.stderr
    with bench.life("--max-boots", "1", env={"ESP_OTA_TESTS": "[flash]"}) as life:
        assert "1 Tests 0 Failures 0 Ignored" in life.rest()
