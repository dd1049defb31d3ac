# What `cmake --install` puts under the prefix:
#
#   bin/esp-ota
#   lib/libesp_https_ota.a .so         every component, the ports of this host and the virtual device; private names have a
#                                      prefix (private_names.cmake)
#   lib/libesp_host_runtime.a          main() of firmware, and Unity
#   lib/cmake/EspHttpsOta              find_package(EspHttpsOta)
#   lib/pkgconfig/esp-https-ota.pc
#   include/esp-https-ota/include      public headers; ../bootloader_flash as tests of ESP-IDF expect it beside them
#   include/esp-https-ota/config       sdkconfig.h for programs that have none of their own
#   share/esp-https-ota/idf            what an ESP-IDF project finds under IDF_PATH
#   share/esp-https-ota/python         the pytest plugin: put it on PYTHONPATH, or give it to pip
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(ota_components GLOBAL PROPERTY OTA_COMPONENTS)
get_property(ota_built GLOBAL PROPERTY OTA_COMPONENTS_BUILT)
get_property(ota_ports GLOBAL PROPERTY OTA_PORTS)
set(ota_objects)
foreach(part IN LISTS ota_built ota_ports)
    list(APPEND ota_objects $<TARGET_OBJECTS:${part}>)
endforeach()

add_library(esp_https_ota_static STATIC ${ota_objects})
add_library(esp_https_ota_shared SHARED ${ota_objects})
foreach(library esp_https_ota_static esp_https_ota_shared)
    set_target_properties(${library} PROPERTIES OUTPUT_NAME esp_https_ota LINKER_LANGUAGE C)
endforeach()
set_target_properties(esp_host_runtime PROPERTIES ARCHIVE_OUTPUT_NAME esp_host_runtime)
set_target_properties(esp_https_ota_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_link_libraries(esp_https_ota_shared PRIVATE
    CURL::libcurl OpenSSL::SSL OpenSSL::Crypto ZLIB::ZLIB PkgConfig::zstd Threads::Threads m)

# Words for whoever links, without the names of this build's targets.
set(OTA_LINK_WORDS curl ssl crypto z zstd pthread m)
# The codecs register themselves: nothing else names their object, so the linker is told to take it.
set(OTA_LINK_TAKE ota_stages_register)
set(OTA_SANITIZE_FLAG)
if(OTA_SANITIZE)
    set(OTA_SANITIZE_FLAG -fsanitize=${OTA_SANITIZE})
endif()

# A program's own functions neither stand in for private ones of the shared library nor collide with those of the archives.
target_link_options(esp_https_ota_shared PRIVATE LINKER:-Bsymbolic-functions)
set(ota_public_dirs)
foreach(component IN LISTS ota_components)
    get_target_property(dir ${component} SOURCE_DIR)
    list(APPEND ota_public_dirs ${dir}/include)
endforeach()
foreach(dir sim/device/include sim/nor_flash/include sim/efuse/include
    components/bootloader_support/bootloader_flash components/bootloader_support/include_bootloader)
    list(APPEND ota_public_dirs ${PROJECT_SOURCE_DIR}/${dir})
endforeach()
set(ota_package_dir ${CMAKE_CURRENT_BINARY_DIR}/package)
file(MAKE_DIRECTORY ${ota_package_dir})
add_custom_command(OUTPUT ${ota_package_dir}/libesp_https_ota.a ${ota_package_dir}/libesp_host_runtime.a
    COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DOBJCOPY=${CMAKE_OBJCOPY} "-DHEADERS=${ota_public_dirs}"
        "-DKEEP=main;app_main;setUp;tearDown;${OTA_LINK_TAKE}" -DTO=${ota_package_dir}
        "-DFROM=$<TARGET_FILE:esp_https_ota_static>;$<TARGET_FILE:esp_host_runtime>"
        -P ${PROJECT_SOURCE_DIR}/cmake/private_names.cmake
    DEPENDS esp_https_ota_static esp_host_runtime ${PROJECT_SOURCE_DIR}/cmake/private_names.cmake
    COMMENT "Archives of the package" VERBATIM)
add_custom_target(package_archives ALL DEPENDS ${ota_package_dir}/libesp_https_ota.a)

install(TARGETS esp-ota RUNTIME)
install(TARGETS esp_https_ota_shared LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${ota_package_dir}/libesp_https_ota.a ${ota_package_dir}/libesp_host_runtime.a DESTINATION ${CMAKE_INSTALL_LIBDIR})

set(ota_include ${CMAKE_INSTALL_INCLUDEDIR}/esp-https-ota)
foreach(component IN LISTS ota_components)
    get_target_property(dir ${component} SOURCE_DIR)
    install(DIRECTORY ${dir}/include/ DESTINATION ${ota_include}/include FILES_MATCHING PATTERN *.h PATTERN sdkconfig.h EXCLUDE)
endforeach()
foreach(port sim/device sim/nor_flash sim/efuse)
    install(DIRECTORY ${port}/include/ DESTINATION ${ota_include}/include FILES_MATCHING PATTERN *.h)
endforeach()
install(DIRECTORY components/bootloader_support/bootloader_flash components/bootloader_support/include_bootloader DESTINATION ${ota_include})
install(FILES components/esp_common/include/sdkconfig.h DESTINATION ${ota_include}/config)
install(DIRECTORY tools/pytest-esp-ota/ DESTINATION ${CMAKE_INSTALL_DATADIR}/esp-https-ota/python
    PATTERN __pycache__ EXCLUDE PATTERN *.egg-info EXCLUDE)
install(DIRECTORY idf DESTINATION ${CMAKE_INSTALL_DATADIR}/esp-https-ota PATTERN __pycache__ EXCLUDE)

set(OTA_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/EspHttpsOta)
set(OTA_IDF_DIR ${CMAKE_INSTALL_DATADIR}/esp-https-ota/idf)
configure_package_config_file(cmake/EspHttpsOtaConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/EspHttpsOtaConfig.cmake
    INSTALL_DESTINATION ${OTA_PACKAGE_DIR} NO_SET_AND_CHECK_MACRO
    PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_BINDIR ota_include OTA_IDF_DIR)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/EspHttpsOtaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/EspHttpsOtaConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/EspHttpsOtaConfigVersion.cmake
    DESTINATION ${OTA_PACKAGE_DIR})

list(TRANSFORM OTA_LINK_WORDS PREPEND -l OUTPUT_VARIABLE words)
list(JOIN words " " OTA_PC_PRIVATE)
configure_file(cmake/esp-https-ota.pc.in ${CMAKE_CURRENT_BINARY_DIR}/esp-https-ota.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/esp-https-ota.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
