# ota_component(), ota_port(), ota_program(), ota_test(): the only ways code enters the build.
#
# What each component declares here is also what it may use: the include path holds only the declared
# folders, every public header must compile alone (CMAKE_VERIFY_INTERFACE_HEADER_SETS), and
# tools/check_layers.py compares includes and undefined symbols with ${CMAKE_BINARY_DIR}/layers.json.

define_property(GLOBAL PROPERTY OTA_LAYERS BRIEF_DOCS "JSON rows written to layers.json")
define_property(GLOBAL PROPERTY OTA_COMPONENTS BRIEF_DOCS "Components; those with sources also in OTA_COMPONENTS_BUILT")
define_property(GLOBAL PROPERTY OTA_COMPONENTS_BUILT BRIEF_DOCS "Components that have objects")
define_property(GLOBAL PROPERTY OTA_PORTS BRIEF_DOCS "Object libraries that implement the seams")

function(_ota_record kind name requires priv_requires)
    list(JOIN requires "\", \"" public_list)
    list(JOIN priv_requires "\", \"" private_list)
    if(public_list)
        set(public_list "\"${public_list}\"")
    endif()
    if(private_list)
        set(private_list "\"${private_list}\"")
    endif()
    file(RELATIVE_PATH dir ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
    set_property(GLOBAL APPEND PROPERTY OTA_LAYERS
        "{\"name\": \"${name}\", \"kind\": \"${kind}\", \"dir\": \"${dir}\", \"requires\": [${public_list}], \"priv_requires\": [${private_list}], \"objects\": \"${CMAKE_CURRENT_BINARY_DIR}\"}")
endfunction()

function(_ota_library name type kind)
    cmake_parse_arguments(PARSE_ARGV 3 arg "" "" "SRCS;REQUIRES;PRIV_REQUIRES;PRIV_LIBS;DEFINES")
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/include/*.h)
    if(arg_SRCS)
        add_library(${name} ${type} ${arg_SRCS})
        target_link_libraries(${name} PUBLIC ${arg_REQUIRES}
            PRIVATE ${arg_PRIV_REQUIRES} ${arg_PRIV_LIBS} ota_flags)
        target_compile_definitions(${name} PRIVATE ${arg_DEFINES})
        target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
        if(headers)
            target_sources(${name} PUBLIC FILE_SET HEADERS
                BASE_DIRS ${CMAKE_CURRENT_SOURCE_DIR}/include FILES ${headers})
        endif()
    else()
        add_library(${name} INTERFACE)
        target_link_libraries(${name} INTERFACE ${arg_REQUIRES})
        target_sources(${name} INTERFACE FILE_SET HEADERS
            BASE_DIRS ${CMAKE_CURRENT_SOURCE_DIR}/include FILES ${headers})
    endif()
    set_target_properties(${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON
        ARCHIVE_OUTPUT_NAME ota_${name})
    _ota_record(${kind} ${name} "${arg_REQUIRES}" "${arg_PRIV_REQUIRES}")
    if(kind STREQUAL component)
        set_property(GLOBAL APPEND PROPERTY OTA_COMPONENTS ${name})
        if(arg_SRCS)
            set_property(GLOBAL APPEND PROPERTY OTA_COMPONENTS_BUILT ${name})
        endif()
    endif()
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/test/CMakeLists.txt AND BUILD_TESTING)
        add_subdirectory(test)
    endif()
endfunction()

# A part of the portable product: components/<name>. No operating-system or library headers inside.
#   REQUIRES       components whose headers our public headers show
#   PRIV_REQUIRES  components used by our sources only
macro(ota_component name)
    _ota_library(${name} STATIC component ${ARGN})
endmacro()

# An implementation of a seam for the outside world (port/) or pretend hardware (sim/).
#   PRIV_LIBS      libraries of the operating system, e.g. CURL::libcurl
# Every program links every port registered with PORT_OF_HOST; see ota_program().
macro(ota_port name)
    _ota_library(${name} OBJECT port ${ARGN})
    set_property(GLOBAL APPEND PROPERTY OTA_PORTS ${name})
endmacro()

# A host program: the named sources and components plus the ports that implement the seams.
#   ota_program(esp-ota SRCS main.c REQUIRES esp_https_ota PORTS port_posix port_crypto LIBS m)
function(ota_program name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SRCS;REQUIRES;PORTS;LIBS")
    add_executable(${name} ${arg_SRCS})
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${arg_REQUIRES} ${arg_PORTS} ${arg_LIBS} ota_flags)
endfunction()

# A cmocka program that tests one source file: components/X/test/test_<file>.c.
# Runs under ctest with a time limit; PRIVATE_OF gives it the private headers of its own component.
#   ota_test(test_otadata SRCS test_otadata.c REQUIRES bootloader_support PORTS port_crypto LABELS unit)
function(ota_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "PRIVATE_OF;TIMEOUT" "SRCS;REQUIRES;PORTS;LIBS;LABELS;ARGS")
    ota_program(${name} SRCS ${arg_SRCS} REQUIRES ${arg_REQUIRES} PORTS ${arg_PORTS}
        LIBS ${arg_LIBS} PkgConfig::cmocka)
    if(arg_PRIVATE_OF)
        target_include_directories(${name} PRIVATE
            ${PROJECT_SOURCE_DIR}/components/${arg_PRIVATE_OF}/src)
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 300) # a hang is noticed, a busy machine is none
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS unit)
    endif()
    add_test(NAME ${name} COMMAND ${name} ${arg_ARGS})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
endfunction()

# Adds every folder below the current one that has a CMakeLists.txt.
function(ota_add_all_below)
    file(GLOB lists CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*/CMakeLists.txt)
    foreach(list IN LISTS lists)
        get_filename_component(dir ${list} DIRECTORY)
        add_subdirectory(${dir})
    endforeach()
endfunction()

# Writes what was declared, for tools/check_layers.py.
function(ota_write_layers)
    get_property(rows GLOBAL PROPERTY OTA_LAYERS)
    list(JOIN rows ",\n " text)
    file(WRITE ${CMAKE_BINARY_DIR}/layers.json "[${text}]\n")
endfunction()
