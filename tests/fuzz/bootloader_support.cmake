# What the bootloader reads: images, signatures, otadata, the trust store, the table and the slots.
foreach(name IN ITEMS fuzz_image fuzz_boot fuzz_otadata fuzz_signature fuzz_trust_store)
    ota_fuzz(${name} SRCS ${name}.c REQUIRES bootloader_support esp_rom spi_flash log
        PORTS port_posix port_crypto)
endforeach()

# What `image build --elf` reads.
ota_fuzz(fuzz_host_elf SRCS fuzz_host_elf.c
    REQUIRES bootloader_support spi_flash efuse esp_system esp_app_format log
    PORTS sim_device nor_flash sim_efuse port_posix port_crypto)
