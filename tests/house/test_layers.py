"""The three layer checks notice what is planted: include path, header sets, tools/check_layers.py."""

import pytest

from mini_tree import MiniTree

PARTITION = "components/esp_partition"
BOOTLOADER = "components/bootloader_support"
FLASH = "components/spi_flash"


@pytest.fixture
def tree(tmp_path):
    return MiniTree(tmp_path / "mini")


def finds(tree, *facts):
    result = tree.check_layers()
    assert result.returncode == 1, result.stdout
    for fact in facts:
        assert fact in result.stdout
    assert "1 finding" in result.stdout and "1 findings" not in result.stdout, result.stdout


# ---- nothing planted ----


def test_a_clean_tree_passes_all_three_checks(tree):
    tree.built()
    headers = tree.build("all_verify_interface_header_sets")
    assert headers.returncode == 0, headers.stdout
    result = tree.check_layers()
    assert result.returncode == 0, result.stdout
    assert "nothing found" in result.stdout


def test_a_folder_that_was_never_configured_is_an_error_and_not_a_pass(tree):
    result = tree.check_layers()
    assert result.returncode == 2
    assert "cannot read" in result.stdout


# ---- first check: the include path ----


def test_a_header_of_an_undeclared_component_does_not_compile(tree):
    tree.replace(f"{BOOTLOADER}/src/otadata.c", '#include "otadata.h"\n', '#include "otadata.h"\n#include "esp_partition.h"\n')
    result = tree.build()
    assert result.returncode != 0
    assert "esp_partition.h: No such file" in result.stdout


def test_a_private_header_of_another_component_does_not_compile(tree):
    tree.write(f"{FLASH}/src/chip_state.h", "#pragma once\n")
    tree.append(f"{PARTITION}/src/partition.c", '#include "chip_state.h"\n')
    result = tree.build()
    assert result.returncode != 0
    assert "chip_state.h: No such file" in result.stdout


# ---- second check: every public header compiles alone ----


def test_a_public_header_that_needs_another_include_first_is_noticed(tree):
    tree.append(f"{PARTITION}/include/esp_partition.h", "uint32_t esp_partition_size(void);\n")
    assert tree.build().returncode != 0 or tree.build("all_verify_interface_header_sets").returncode != 0


def test_a_public_header_that_shows_a_private_requirement_is_noticed(tree):
    tree.append(f"{PARTITION}/include/esp_partition.h", '#include "flash_ops.h"\n')
    assert tree.build().returncode == 0, "its own sources do have the private folder on their path"
    result = tree.build("all_verify_interface_header_sets")
    assert result.returncode != 0
    assert "flash_ops.h: No such file" in result.stdout


def test_a_header_nobody_includes_is_compiled_too(tree):
    tree.write(f"{PARTITION}/include/lonely.h", "#pragma once\nsize_t lonely(void);\n")
    assert tree.build().returncode == 0
    assert tree.build("all_verify_interface_header_sets").returncode != 0


# ---- the same for C++ ----


def test_a_public_header_that_is_no_cpp_is_reported(tree):
    tree.built()
    assert tree.run_tool("check_cpp_headers.py").returncode == 0
    tree.append(f"{PARTITION}/include/esp_partition.h", "void esp_partition_copy(int class);\n")
    result = tree.built().run_tool("check_cpp_headers.py")
    assert result.returncode == 1
    assert f"{PARTITION}/include/esp_partition.h is no C++" in result.stdout


# ---- third check: check_layers.py, includes ----


def test_an_include_that_arrives_through_another_component_must_be_declared(tree):
    tree.replace(f"{PARTITION}/CMakeLists.txt", "REQUIRES esp_common PRIV_REQUIRES spi_flash", "REQUIRES spi_flash")
    tree.append(f"{PARTITION}/include/esp_partition.h", '#include "flash_ops.h"\n')
    finds(tree.built(), f"{PARTITION}/include/esp_partition.h:2", '"esp_err.h" of esp_common is not declared', "add esp_common to REQUIRES")


def test_an_upward_include_is_reported_with_its_line(tree):
    tree.append(f"{BOOTLOADER}/src/otadata.c", '#if 0\n#include "esp_partition.h"\n#endif\n')
    finds(tree.built(), f"{BOOTLOADER}/src/otadata.c:8", '"esp_partition.h" of esp_partition is not declared')


def test_a_public_header_may_not_include_what_is_declared_privately(tree):
    tree.append(f"{PARTITION}/include/esp_partition.h", '#include "flash_ops.h"\n')
    finds(tree.built(), f"{PARTITION}/include/esp_partition.h:4", "PRIV_REQUIRES", "move spi_flash to REQUIRES")


def test_an_operating_system_header_in_a_component_is_reported(tree):
    tree.append(f"{PARTITION}/src/partition.c", "#include <unistd.h>\n")
    finds(tree.built(), f"{PARTITION}/src/partition.c:10", "#include <unistd.h> in a component", "behind a seam")


@pytest.mark.parametrize("text, code", [
    ('#if __has_include("extra_partition_subtypes.inc")\n#include "extra_partition_subtypes.inc"\n#endif\n', 0),
    ('#ifdef EXTRA\n#include "extra_partition_subtypes.inc"\n#endif\n', 1),
], ids=["behind __has_include", "bare"])
def test_an_exception_holds_behind_has_include_only(tree, text, code):
    tree.append(f"{PARTITION}/include/esp_partition.h", text)
    assert tree.built().check_layers().returncode == code


def test_an_include_that_climbs_out_of_its_folder_is_reported(tree):
    tree.write(f"{FLASH}/src/chip_state.h", "#pragma once\n")
    tree.append(f"{PARTITION}/src/partition.c", '#include "../../spi_flash/src/chip_state.h"\n')
    finds(tree.built(), f"{PARTITION}/src/partition.c:10", "climbs out of its folder")


def test_an_include_in_a_comment_counts_for_nothing(tree):
    tree.append(f"{PARTITION}/src/partition.c", '// #include <unistd.h>\n/*\n#include "nvs.h"\n*/\n')
    assert tree.built().check_layers().returncode == 0


def test_a_port_may_include_the_operating_system_but_declares_components_like_everyone(tree):
    tree.append("port/posix/src/chip.c", '#include <sys/socket.h>\n#if 0\n#include "otadata.h"\n#endif\n')
    finds(tree.built(), "port/posix/src/chip.c:10", '"otadata.h" of bootloader_support is not declared')


def test_a_header_of_a_component_outside_the_build_is_reported_as_such(tree):
    tree.write("components/stray/include/stray.h", "#pragma once\n")
    tree.append(f"{PARTITION}/src/partition.c", '#if 0\n#include "stray.h"\n#endif\n')
    finds(tree.built(), f"{PARTITION}/src/partition.c:11", "<stray.h> belongs to stray, which is not in the build")


def test_a_declaration_nobody_needs_is_reported(tree):
    tree.replace(f"{PARTITION}/CMakeLists.txt", "PRIV_REQUIRES spi_flash", "PRIV_REQUIRES spi_flash bootloader_support")
    finds(tree.built(), f"{PARTITION}/CMakeLists.txt:1", "esp_partition declares bootloader_support and includes none of its headers")


def test_a_public_declaration_that_only_sources_need_is_reported(tree):
    tree.replace(f"{PARTITION}/CMakeLists.txt", "PRIV_REQUIRES spi_flash", "spi_flash")
    finds(tree.built(), f"{PARTITION}/CMakeLists.txt:1", "spi_flash under REQUIRES, but no public header shows it", "move it to PRIV_REQUIRES")


# ---- third check: symbols ----


def test_a_call_through_a_forward_declaration_is_reported(tree):
    tree.append(f"{BOOTLOADER}/src/otadata.c",
                "esp_err_t esp_partition_read(void *out);\nesp_err_t peek(int *slot);\n"
                "esp_err_t peek(int *slot)\n{\n    return esp_partition_read(slot);\n}\n")
    finds(tree.built(), f"{BOOTLOADER}/src/otadata.c:7", "esp_partition_read() of esp_partition is used without being declared")


def test_a_port_called_around_its_seam_is_reported(tree):
    tree.append("port/posix/src/chip.c", "int posix_trick(void);\nint posix_trick(void)\n{\n    return 1;\n}\n")
    tree.append(f"{PARTITION}/src/partition.c", "int posix_trick(void);\nint use(void);\nint use(void)\n{\n    return posix_trick();\n}\n")
    finds(tree.built(), f"{PARTITION}/src/partition.c:10", "posix_trick() of port port_posix is called directly")


def test_an_operating_system_call_without_its_header_is_reported(tree):
    tree.append(f"{PARTITION}/src/partition.c", "int fsync(int fd);\nint use(void);\nint use(void)\n{\n    return fsync(0);\n}\n")
    finds(tree.built(), f"{PARTITION}/src/partition.c:10", "fsync() is neither C library nor seam")


@pytest.mark.parametrize("call", ["free(slot)", "slot = malloc(4)", "slot = realloc(slot, 4)", "slot = calloc(1, 4)"])
def test_a_heap_call_in_bootloader_support_is_reported(tree, call):
    tree.append(f"{BOOTLOADER}/src/otadata.c",
                f"#include <stdlib.h>\nvoid *drop(void *slot);\nvoid *drop(void *slot)\n{{\n    {call};\n    return slot;\n}}\n")
    tree.replace("CMakeLists.txt", "include(cmake/flags.cmake)", "include(cmake/flags.cmake)\nadd_compile_options(-fno-builtin)")
    finds(tree.built(), f"{BOOTLOADER}/src/otadata.c:11", "bootloader_support uses the heap")


def test_a_heap_call_below_bootloader_support_is_reported(tree):
    tree.append(f"{FLASH}/src/spi_flash.c", "#include <stdlib.h>\nvoid drop(void *p);\nvoid drop(void *p)\n{\n    free(p);\n}\n")
    finds(tree.built(), f"{FLASH}/src/spi_flash.c:12", "spi_flash uses the heap: free()")


def test_a_lock_in_bootloader_support_is_reported(tree):
    tree.append(f"{BOOTLOADER}/src/otadata.c", "#include <threads.h>\nint lock(mtx_t *m);\nint lock(mtx_t *m)\n{\n    return mtx_lock(m);\n}\n")
    finds(tree.built(), f"{BOOTLOADER}/src/otadata.c:11", "bootloader_support uses the thread: mtx_lock()")


def test_a_component_without_objects_is_not_taken_for_a_clean_one(tree):
    tree.built()
    for path in (tree.folder / "build").rglob("otadata.c.o"):
        path.unlink()
    finds(tree, "no objects of bootloader_support in the build")


# ---- third check: cycles and rows ----


def test_a_cycle_and_the_upward_declaration_in_it_are_reported(tree):
    tree.replace(f"{FLASH}/CMakeLists.txt", "REQUIRES esp_common", "REQUIRES esp_common bootloader_support")
    tree.build()
    result = tree.check_layers()
    assert result.returncode == 1
    assert "cycle: spi_flash -> bootloader_support -> spi_flash" in result.stdout
    assert f"{FLASH}/CMakeLists.txt:1: spi_flash uses bootloader_support from a higher row" in result.stdout


def test_an_upward_declaration_is_reported_even_where_the_include_is_compiled_out(tree):
    tree.write("components/esp_system/CMakeLists.txt", "ota_component(esp_system SRCS src/esp_system.c PRIV_REQUIRES spi_flash)\n")
    tree.write("components/esp_system/src/esp_system.c", "#if 0\n#include \"flash_ops.h\"\n#endif\nint restart(void);\nint restart(void)\n{\n    return 0;\n}\n")
    tree.replace("CMakeLists.txt", "port/posix)", "port/posix components/esp_system)")
    finds(tree.built(), "components/esp_system/CMakeLists.txt:1", "esp_system uses spi_flash from a higher row")


def test_a_component_that_declares_a_port_is_reported(tree):
    tree.replace(f"{PARTITION}/CMakeLists.txt", "PRIV_REQUIRES spi_flash", "PRIV_REQUIRES spi_flash port_posix")
    result = tree.build() and tree.check_layers()
    assert "esp_partition declares port_posix, which is no component" in result.stdout


def test_a_component_without_a_row_is_reported(tree):
    tree.write("components/stray/CMakeLists.txt", "ota_component(stray SRCS src/stray.c)\n")
    tree.write("components/stray/src/stray.c", "int stray(void);\nint stray(void)\n{\n    return 0;\n}\n")
    tree.replace("CMakeLists.txt", "port/posix)", "port/posix components/stray)")
    finds(tree.built(), "components/stray/CMakeLists.txt:1", "stray stands in no row")
