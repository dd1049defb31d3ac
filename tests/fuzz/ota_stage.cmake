# The stages between network and flash.
foreach(name IN ITEMS fuzz_stage_gzip fuzz_stage_zstd fuzz_stage_preenc)
    ota_fuzz(${name} SRCS ${name}.c fuzz_stage.c REQUIRES ota_stage esp_encrypted_img log
        PORTS port_stages port_crypto port_posix)
    target_link_libraries(${name} PRIVATE ZLIB::ZLIB PkgConfig::zstd OpenSSL::Crypto)
endforeach()

# Delta patches: their body on the decoder itself, everything else through the stage.
ota_fuzz(fuzz_delta_body SRCS fuzz_delta_body.c REQUIRES esp_delta_ota ota_stage log PORTS port_posix port_crypto)
target_include_directories(fuzz_delta_body PRIVATE ${PROJECT_SOURCE_DIR}/components/esp_delta_ota/src)
ota_fuzz(fuzz_delta_stage SRCS fuzz_delta_stage.c fuzz_stage.c REQUIRES esp_delta_ota ota_stage log PORTS port_posix port_crypto)
foreach(name IN ITEMS fuzz_delta_body fuzz_delta_stage)
    target_link_libraries(${name} PRIVATE OpenSSL::Crypto)
endforeach()
ota_fuzz(fuzz_release_index SRCS fuzz_release_index.c REQUIRES esp_ota_release bootloader_support esp_common PORTS port_posix port_crypto)
