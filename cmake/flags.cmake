# Compiler settings shared by everything in this tree.
option(OTA_WERROR "Warnings are errors" OFF)
option(OTA_COVERAGE "Build with gcov counters" OFF)
option(OTA_FUZZ "Build the libFuzzer harnesses as fuzzers (clang)" OFF)
set(OTA_SANITIZE "" CACHE STRING "Value for -fsanitize=, empty for none")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(ota_flags INTERFACE)
target_compile_options(ota_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wundef -Wvla -Wformat=2 -Wcast-align
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>
    $<$<BOOL:${OTA_WERROR}>:-Werror>)
# Inside this tree an ignored esp_err_t does not compile; applications keep ESP-IDF's freedom.
target_compile_definitions(ota_flags INTERFACE OTA_STRICT=1)
# One section a function, so that firmware (cmake/package.cmake) carries only what it uses.
add_compile_options(-ffunction-sections -fdata-sections)
if(OTA_SANITIZE)
    add_compile_options(-fsanitize=${OTA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${OTA_SANITIZE})
endif()
if(OTA_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link) # coverage feedback for the harnesses
endif()
if(OTA_COVERAGE)
    add_compile_options(--coverage)
    add_link_options(--coverage)
endif()
