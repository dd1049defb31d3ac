# The file that holds a device's eFuses.
ota_fuzz(fuzz_efuse SRCS fuzz_efuse.c REQUIRES efuse bootloader_support esp_rom log
    PORTS sim_efuse port_posix port_crypto)
target_include_directories(fuzz_efuse PRIVATE ${PROJECT_SOURCE_DIR}/sim/efuse/src)
