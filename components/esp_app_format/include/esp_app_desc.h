/**
 * The application descriptor: the first 256 data bytes of an application image.
 *
 * fact: layout and function contracts as in ESP-IDF, esp_app_format: esp_app_desc.h. Little-endian.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ESP_APP_DESC_MAGIC_WORD 0xABCD5432u

typedef struct {
    uint32_t magic_word;     // ESP_APP_DESC_MAGIC_WORD
    uint32_t secure_version; // for anti-rollback
    uint32_t reserv1[2];
    char version[32]; // these strings may fill their field: no terminator then
    char project_name[32];
    char time[16];
    char date[16];
    char idf_ver[32];
    uint8_t app_elf_sha256[32];
    uint16_t min_efuse_blk_rev_full; // major * 100 + minor; 0 and 65535: no limit
    uint16_t max_efuse_blk_rev_full;
    uint8_t mmu_page_size;  // log2 of bytes; 0 in older images
    uint8_t spi_flash_mode; // 0 unknown, 1 QIO, 2 QOUT, 3 DIO, 4 DOUT, 5 OPI
    uint8_t reserv3[2];
    uint32_t reserv2[18];
} esp_app_desc_t;

#ifdef __cplusplus
static_assert(sizeof(esp_app_desc_t) == 256, "application descriptor is 256 bytes on flash");
#else
_Static_assert(sizeof(esp_app_desc_t) == 256, "application descriptor is 256 bytes on flash");
#endif

/** Descriptor of the running image; never NULL. The default says "unknown" until esp_app_set_description(). */
const esp_app_desc_t *esp_app_get_description(void);

/** Tells which image runs; desc is copied. Ours: on a chip the linker places the descriptor. */
void esp_app_set_description(const esp_app_desc_t *desc);

/**
 * ELF hash of the running image as hex, cut to size - 1 characters and terminated.
 * @return bytes written including the terminator; 0 when size is 0 or dst is NULL
 */
int esp_app_get_elf_sha256(char *dst, size_t size);

/** The first 16 hex digits of the ELF hash; static storage. */
char *esp_app_get_elf_sha256_str(void);

#ifdef __cplusplus
}
#endif
