# What an ESP-IDF project includes as $ENV{IDF_PATH}/tools/cmake/project.cmake: builds it as firmware of a virtual device.
#
# project() is taken over: it configures (kconfig.py), reads the project's components as ESP-IDF's build does and makes
# firmware.elf, from which `esp-ota project build` packs an image. Variables for whoever configures:
#   OTA_VERSION, OTA_SECURE_VERSION, OTA_SDKCONFIG_DEFAULTS (list), OTA_CONFIG (list of NAME=VALUE), OTA_IDF_VERSION (x.y.z)
# fact: names of functions, variables and properties as in ESP-IDF's build system.
include_guard(GLOBAL)
include(${CMAKE_CURRENT_LIST_DIR}/components.cmake)

get_filename_component(OTA_IDF_PATH "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
set(IDF_PATH "${OTA_IDF_PATH}")
set(ENV{IDF_PATH} "${OTA_IDF_PATH}")
set(IDF_TARGET linux)
if(NOT OTA_IDF_VERSION)
    set(OTA_IDF_VERSION 6.1.0)
endif()
string(REPLACE "." ";" _ota_version_parts "${OTA_IDF_VERSION}.0.0")
list(GET _ota_version_parts 0 IDF_VERSION_MAJOR)
list(GET _ota_version_parts 1 IDF_VERSION_MINOR)
list(GET _ota_version_parts 2 IDF_VERSION_PATCH)
set(IDF_VER "v${OTA_IDF_VERSION}")
set(IDF_BUILD_V2 0)

# The version of the application: given, PROJECT_VER of the project, its configuration, version.txt, git, else 1.
# fact: order as in ESP-IDF, tools/cmake/project.cmake.
function(_ota_project_version project_dir out)
    set(version "${PROJECT_VER}")
    set(from "PROJECT_VER")
    if(NOT version AND CONFIG_APP_PROJECT_VER_FROM_CONFIG)
        set(version "${CONFIG_APP_PROJECT_VER}")
        set(from "CONFIG_APP_PROJECT_VER")
    endif()
    if(NOT version AND EXISTS "${project_dir}/version.txt")
        file(STRINGS "${project_dir}/version.txt" version LIMIT_COUNT 1)
        set_property(DIRECTORY "${project_dir}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${project_dir}/version.txt")
        set(from "version.txt")
    endif()
    if(NOT version)
        execute_process(COMMAND git describe --always --tags --dirty WORKING_DIRECTORY "${project_dir}"
            OUTPUT_VARIABLE version ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE code)
        set(from "git describe")
        if(NOT code STREQUAL 0)
            set(version "")
        endif()
    endif()
    if(NOT version)
        set(version 1)
        set(from "nowhere")
    endif()
    if(OTA_VERSION)
        set(version "${OTA_VERSION}")
        set(from "the command line")
    endif()
    string(STRIP "${version}" version)
    message(STATUS "App \"${PROJECT_NAME}\" version: ${version} (${from})")
    set(${out} "${version}" PARENT_SCOPE)
endfunction()

# Runs kconfig.py over our Kconfig and those of the components; sets CONFIG_* here and in the caller.
function(_ota_configure project_dir)
    set(kconfigs "${OTA_IDF_PATH}/Kconfig")
    get_property(names GLOBAL PROPERTY OTA_PROJECT_COMPONENTS)
    foreach(name IN LISTS names)
        get_property(dir GLOBAL PROPERTY OTA_COMPONENT_DIR_${name})
        foreach(file Kconfig.projbuild Kconfig)
            if(EXISTS "${dir}/${file}")
                list(APPEND kconfigs "${dir}/${file}")
            endif()
        endforeach()
    endforeach()
    set(defaults)
    set(wanted "${SDKCONFIG_DEFAULTS}")
    if(NOT wanted)
        set(wanted sdkconfig.defaults)
    endif()
    foreach(file IN LISTS wanted OTA_SDKCONFIG_DEFAULTS)
        get_filename_component(file "${file}" ABSOLUTE BASE_DIR "${project_dir}")
        foreach(each "${file}" "${file}.linux")
            if(EXISTS "${each}")
                list(APPEND defaults "${each}")
            endif()
        endforeach()
    endforeach()
    # A file that was named and is not there is an error; the one that is looked for by itself is not.
    foreach(file IN LISTS OTA_SDKCONFIG_DEFAULTS)
        get_filename_component(file "${file}" ABSOLUTE BASE_DIR "${project_dir}")
        if(NOT EXISTS "${file}")
            message(FATAL_ERROR "sdkconfig defaults ${file}: no such file")
        endif()
    endforeach()
    set(sdkconfig)
    if(EXISTS "${project_dir}/sdkconfig")
        set(sdkconfig --sdkconfig "${project_dir}/sdkconfig")
    endif()
    set(settings)
    if(OTA_CONFIG)
        set(settings --set ${OTA_CONFIG})
    endif()
    find_program(OTA_PYTHON NAMES python3 REQUIRED)
    set(out "${CMAKE_BINARY_DIR}/config")
    set(ENV{IDF_TARGET} linux)
    set(ENV{COMPONENT_KCONFIGS_PROJBUILD_SOURCE_FILE} "")
    execute_process(COMMAND "${OTA_PYTHON}" "${OTA_IDF_PATH}/tools/kconfig.py" --kconfig ${kconfigs} --defaults ${defaults}
            ${sdkconfig} ${settings} --out "${out}" WORKING_DIRECTORY "${project_dir}"
        RESULT_VARIABLE code ERROR_VARIABLE words OUTPUT_VARIABLE words ERROR_STRIP_TRAILING_WHITESPACE)
    if(NOT code STREQUAL 0)
        message(FATAL_ERROR "The configuration cannot be made: ${words}")
    endif()
    set_property(DIRECTORY "${project_dir}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${kconfigs} ${defaults} "${OTA_IDF_PATH}/tools/kconfig.py")
endfunction()

# What every component and the program are compiled with. fact: dialects as in ESP-IDF v5 and later.
function(_ota_common_options)
    add_library(__ota_common INTERFACE)
    target_include_directories(__ota_common INTERFACE "${CMAKE_BINARY_DIR}/config")
    target_compile_definitions(__ota_common INTERFACE ESP_PLATFORM=1 _GNU_SOURCE=1 IDF_VER="${IDF_VER}"
        ESP_IDF_VERSION_MAJOR=${IDF_VERSION_MAJOR} ESP_IDF_VERSION_MINOR=${IDF_VERSION_MINOR} ESP_IDF_VERSION_PATCH=${IDF_VERSION_PATCH})
    # Formats: size_t is int on a chip, and uint32_t is long; what is right there warns here.
    # Enumerators: sources of an earlier release do not know the newest events.
    target_compile_options(__ota_common INTERFACE -Wall -Wno-format -Wno-unused-parameter -Wno-sign-compare -Wno-switch
        -Wno-int-to-pointer-cast $<$<COMPILE_LANGUAGE:C>:-Wno-pointer-to-int-cast> "SHELL:-include sdkconfig.h")
    target_link_libraries(__ota_common INTERFACE EspHttpsOta::firmware)
endfunction()

function(_ota_write_description version)
    set(secure "${CONFIG_BOOTLOADER_APP_SECURE_VERSION}")
    if(NOT "${OTA_SECURE_VERSION}" STREQUAL "")
        set(secure "${OTA_SECURE_VERSION}")
    endif()
    if("${secure}" STREQUAL "")
        set(secure 0)
    endif()
    string(SUBSTRING "${version}" 0 31 version)
    string(SUBSTRING "${PROJECT_NAME}" 0 31 name)
    string(REPLACE "\\" "\\\\" version "${version}")
    string(REPLACE "\"" "\\\"" version "${version}")
    # Found in the ELF by its symbol and packed into the image, where the bootloader and esp_app_get_description() read it.
    file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/app_description.c" @ONLY CONTENT [[
#include "esp_app_desc.h"
#include "esp_log.h"
#include "sdkconfig.h"

extern const esp_app_desc_t esp_app_desc;
__attribute__((used, section(".rodata_desc"))) const esp_app_desc_t esp_app_desc = {
    .magic_word = ESP_APP_DESC_MAGIC_WORD,
    .secure_version = @secure@,
    .version = "@version@",
    .project_name = "@name@",
    .time = __TIME__,
    .date = __DATE__,
    .idf_ver = "@IDF_VER@",
};

__attribute__((constructor)) static void set_log_level(void)
{
    esp_log_level_set("*", (esp_log_level_t)CONFIG_LOG_DEFAULT_LEVEL);
}
]])
endfunction()

# CONFIG_MBEDTLS_CUSTOM_CERTIFICATE_BUNDLE: one PEM file of what the path names, trusted from the start of the program.
function(_ota_add_certificates elf)
    get_filename_component(path "${CONFIG_MBEDTLS_CUSTOM_CERTIFICATE_BUNDLE_PATH}" ABSOLUTE BASE_DIR "${CMAKE_SOURCE_DIR}")
    set(files "${path}")
    if(IS_DIRECTORY "${path}")
        file(GLOB files "${path}/*.pem" "${path}/*.crt")
    elseif(NOT EXISTS "${path}")
        message(FATAL_ERROR "CONFIG_MBEDTLS_CUSTOM_CERTIFICATE_BUNDLE_PATH names ${path}, which does not exist; put the certificates there")
    endif()
    set(text "")
    foreach(file IN LISTS files)
        set_property(DIRECTORY "${CMAKE_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
        file(READ "${file}" more)
        string(FIND "${more}" "-----BEGIN" begin)
        if(begin LESS 0)
            message(WARNING "${file} holds no certificate in PEM and is left out of the bundle")
        else()
            string(SUBSTRING "${more}" ${begin} -1 more)
            string(APPEND text "${more}\n")
        endif()
    endforeach()
    file(WRITE "${CMAKE_BINARY_DIR}/custom_bundle.pem" "${text}")
    set(how esp_crt_bundle_add)
    if(CONFIG_MBEDTLS_CERTIFICATE_BUNDLE_DEFAULT_NONE)
        set(how esp_crt_bundle_set)
    endif()
    file(CONFIGURE OUTPUT "${CMAKE_BINARY_DIR}/custom_bundle.c" @ONLY CONTENT [[
#include "esp_crt_bundle.h"

extern const uint8_t bundle_start[] __asm__("_binary_custom_bundle_pem_start");
extern const uint8_t bundle_end[] __asm__("_binary_custom_bundle_pem_end");

__attribute__((constructor)) static void trust_certificates_of_the_project(void)
{
    (void)@how@(bundle_start, (size_t)(bundle_end - bundle_start)); // without memory nobody is trusted
}
]])
    target_sources(${elf} PRIVATE "${CMAKE_BINARY_DIR}/custom_bundle.c")
    target_add_binary_data(${elf} "${CMAKE_BINARY_DIR}/custom_bundle.pem" TEXT)
endfunction()

function(_ota_make_program version)
    _ota_write_description("${version}")
    set(elf "${PROJECT_NAME}.elf")
    idf_build_set_property(EXECUTABLE ${elf})
    add_executable(${elf} "${CMAKE_BINARY_DIR}/app_description.c")
    set_target_properties(${elf} PROPERTIES OUTPUT_NAME firmware SUFFIX .elf LINKER_LANGUAGE CXX)
    # Whole: tests register themselves, and nobody else names them. Ours below stay as they are.
    get_property(libraries GLOBAL PROPERTY OTA_PROJECT_LIBRARIES)
    target_link_libraries(${elf} PRIVATE -Wl,--whole-archive ${libraries} -Wl,--no-whole-archive __ota_common)
    if(CONFIG_MBEDTLS_CUSTOM_CERTIFICATE_BUNDLE)
        _ota_add_certificates(${elf})
    endif()
    target_link_options(${elf} PRIVATE -Wl,--gc-sections -Wl,--undefined=esp_app_desc)
    add_custom_command(TARGET ${elf} POST_BUILD VERBATIM
        COMMAND "${CMAKE_STRIP}" -o firmware.stripped firmware.elf COMMENT "Stripping firmware.elf")
    # Where the image and a flash are made from; read by `esp-ota project build`.
    get_filename_component(table "${CONFIG_PARTITION_TABLE_FILENAME}" ABSOLUTE BASE_DIR "${OTA_IDF_PATH}/partition_table")
    if(CONFIG_PARTITION_TABLE_CUSTOM)
        get_filename_component(table "${CONFIG_PARTITION_TABLE_CUSTOM_FILENAME}" ABSOLUTE BASE_DIR "${CMAKE_SOURCE_DIR}")
    endif()
    if(EXISTS "${table}")
        configure_file("${table}" "${CMAKE_BINARY_DIR}/partitions.csv" COPYONLY)
    else()
        message(WARNING "The configuration names the partition table ${table}, which does not exist")
    endif()
    file(WRITE "${CMAKE_BINARY_DIR}/flash_size" "${CONFIG_ESPTOOLPY_FLASHSIZE}\n")
    set(rollback off)
    if(CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE)
        set(rollback on)
    endif()
    file(WRITE "${CMAKE_BINARY_DIR}/rollback" "${rollback}\n")
endfunction()

function(_ota_build_project)
    set(dir "${CMAKE_CURRENT_SOURCE_DIR}")
    set(PROJECT_PATH "${dir}")     # fact: name in ESP-IDF v3.1, for components
    set(IDF_PROJECT_PATH "${dir}") # fact: name in v3.3
    idf_build_set_property(PROJECT_DIR "${dir}")
    idf_build_set_property(PROJECT_NAME "${PROJECT_NAME}")
    idf_build_set_property(BUILD_DIR "${CMAKE_BINARY_DIR}")
    idf_build_set_property(IDF_PATH "${OTA_IDF_PATH}")
    idf_build_set_property(IDF_TARGET linux)
    idf_build_set_property(IDF_VER "${IDF_VER}")
    idf_build_set_property(PYTHON "${OTA_PYTHON}")
    idf_build_set_property(SDKCONFIG "${CMAKE_BINARY_DIR}/config/sdkconfig")
    idf_build_set_property(SDKCONFIG_HEADER "${CMAKE_BINARY_DIR}/config/sdkconfig.h")
    idf_build_set_property(CONFIG_DIR "${CMAKE_BINARY_DIR}/config")
    _ota_find_components("${dir}")
    _ota_configure("${dir}")
    include("${CMAKE_BINARY_DIR}/config/sdkconfig.cmake")
    _ota_common_options()
    _ota_project_version("${dir}" version)
    idf_build_set_property(PROJECT_VER "${version}")
    set(PROJECT_VER "${version}" PARENT_SCOPE)
    _ota_add_idle_targets()
    _ota_add_components()
    _ota_make_program("${version}")
endfunction()

macro(project project_name)
    if(CMAKE_BUILD_TYPE STREQUAL "")
        set(CMAKE_BUILD_TYPE Debug) # unoptimised code is what a debugger wants; -O0 costs nothing where the network waits
    endif()
    _project(${project_name} LANGUAGES C CXX)
    set(CMAKE_C_STANDARD 17)
    set(CMAKE_CXX_STANDARD 20)
    set(CMAKE_C_EXTENSIONS ON)
    set(CMAKE_CXX_EXTENSIONS ON)
    set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
    find_package(EspHttpsOta CONFIG REQUIRED PATHS "${OTA_IDF_PATH}/../../.." NO_DEFAULT_PATH)
    _ota_build_project()
    include("${CMAKE_BINARY_DIR}/config/sdkconfig.cmake")
    set(project_elf "${PROJECT_NAME}.elf")
endmacro()
