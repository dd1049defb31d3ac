# What the bootloader reads: images, otadata, the table and the slots.
foreach(name IN ITEMS fuzz_image fuzz_boot fuzz_otadata)
    ota_fuzz(${name} SRCS ${name}.c REQUIRES bootloader_support spi_flash log
        PORTS port_posix port_crypto)
endforeach()
