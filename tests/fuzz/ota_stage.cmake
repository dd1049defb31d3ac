# The stages between network and flash.
foreach(name IN ITEMS fuzz_stage_gzip fuzz_stage_zstd fuzz_stage_preenc)
    ota_fuzz(${name} SRCS ${name}.c fuzz_stage.c REQUIRES ota_stage esp_encrypted_img log
        PORTS port_stages port_crypto port_posix)
    target_link_libraries(${name} PRIVATE ZLIB::ZLIB PkgConfig::zstd OpenSSL::Crypto)
endforeach()
