# What the bootloader reads: images, signatures, otadata, the trust store, the table and the slots.
foreach(name IN ITEMS fuzz_image fuzz_boot fuzz_otadata fuzz_signature fuzz_trust_store)
    ota_fuzz(${name} SRCS ${name}.c REQUIRES bootloader_support spi_flash log
        PORTS port_posix port_crypto)
endforeach()
