#include "sim_efuse_format.h"

#include <string.h>

#include "chip_traits.h"
#include "esp_rom_crc.h"

#define MAGIC_LEN              8u
#define FORMAT_VERSION         1u
#define VERSION_OFFSET         8u
#define CHIP_ID_OFFSET         10u
#define CHIP_REV_OFFSET        12u
#define BLK_REV_OFFSET         14u
#define CRC_OFFSET             16u
#define SECURE_VERSION_OFFSET  20u
#define RECOVERY_SECTOR_OFFSET 24u
#define FLAGS_OFFSET           26u
#define KEY_PRESENT_OFFSET     27u
#define KEY_REVOKED_OFFSET     28u
#define CRYPT_CNT_OFFSET       29u
#define CRYPT_CONFIG_OFFSET    30u
#define KEY_DIGEST_OFFSET      32u

#define FLAG_IGNORE_MAX_CHIP_REV 0u // bits of the flags byte
#define FLAG_IGNORE_MAX_BLK_REV  1u
#define FLAG_SECURE_BOOT         2u

#define RECOVERY_SECTOR_BITS 12u // fact: EFUSE_RECOVERY_BOOTLOADER_FLASH_SECTOR_LEN
#define KEY_COUNT            3u
#define CRYPT_CNT_BITS_ESP32                                                                       \
    7u // fact: FLASH_CRYPT_CNT; SPI_BOOT_CRYPT_CNT of the other chips has 3
#define CRYPT_CNT_BITS    3u
#define CRYPT_CONFIG_BITS 4u
#define KEY_DIGEST_BITS   256u

static const uint8_t MAGIC[MAGIC_LEN] = {'E', 'S', 'P', 'E', 'F', 'U', 'S', 'E'};

static void put_u16(uint8_t *bytes, uint16_t value)
{
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static uint16_t get_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static bool has_recovery_bootloader(esp_chip_id_t chip_id)
{
    // fact: chips whose soc_caps.h defines SOC_RECOVERY_BOOTLOADER_SUPPORTED
    return chip_id == ESP_CHIP_ID_ESP32C5 || chip_id == ESP_CHIP_ID_ESP32C61;
}

static uint32_t secure_version_bits(esp_chip_id_t chip_id)
{
    const struct chip_traits *traits = chip_traits_by_id(chip_id);
    return traits ? traits->secure_version_bits : 0;
}

// fact: ESP32 keeps one digest, in block 2, ESP32-C2 one of 16 bytes in its only key block; neither has revoke bits
static uint32_t key_slot_count(esp_chip_id_t chip_id)
{
    return chip_id == ESP_CHIP_ID_ESP32 || chip_id == ESP_CHIP_ID_ESP32C2 ? 1 : KEY_COUNT;
}

static struct efuse_place key_digest_place(uint32_t slot, esp_chip_id_t chip_id)
{
    uint32_t bits = chip_id == ESP_CHIP_ID_ESP32C2 ? KEY_DIGEST_BITS / 2 : KEY_DIGEST_BITS;
    return (struct efuse_place){KEY_DIGEST_OFFSET + slot * KEY_DIGEST_BITS / 8, 0,
                                slot < key_slot_count(chip_id) ? bits : 0};
}

struct efuse_place sim_efuse_place(enum efuse_field field, esp_chip_id_t chip_id)
{
    switch (field) {
    case EFUSE_SECURE_VERSION:
        return (struct efuse_place){SECURE_VERSION_OFFSET, 0, secure_version_bits(chip_id)};
    case EFUSE_RECOVERY_SECTOR:
        return (struct efuse_place){RECOVERY_SECTOR_OFFSET, 0,
                                    has_recovery_bootloader(chip_id) ? RECOVERY_SECTOR_BITS : 0};
    case EFUSE_IGNORE_MAX_CHIP_REV:
        return (struct efuse_place){FLAGS_OFFSET, FLAG_IGNORE_MAX_CHIP_REV, 1};
    case EFUSE_IGNORE_MAX_BLK_REV:
        return (struct efuse_place){FLAGS_OFFSET, FLAG_IGNORE_MAX_BLK_REV, 1};
    case EFUSE_SECURE_BOOT:
        return (struct efuse_place){FLAGS_OFFSET, FLAG_SECURE_BOOT, 1};
    case EFUSE_KEY_PRESENT:
        return (struct efuse_place){KEY_PRESENT_OFFSET, 0, key_slot_count(chip_id)};
    case EFUSE_KEY_REVOKED:
        return (struct efuse_place){KEY_REVOKED_OFFSET, 0,
                                    key_slot_count(chip_id) > 1 ? KEY_COUNT : 0};
    case EFUSE_KEY_DIGEST_0:
    case EFUSE_KEY_DIGEST_1:
    case EFUSE_KEY_DIGEST_2:
        return key_digest_place((uint32_t)(field - EFUSE_KEY_DIGEST_0), chip_id);
    case EFUSE_FLASH_CRYPT_CNT:
        return (struct efuse_place){CRYPT_CNT_OFFSET, 0,
                                    chip_id == ESP_CHIP_ID_ESP32 ? CRYPT_CNT_BITS_ESP32
                                                                 : CRYPT_CNT_BITS};
    case EFUSE_FLASH_CRYPT_CONFIG:
        return (struct efuse_place){CRYPT_CONFIG_OFFSET, 0,
                                    chip_id == ESP_CHIP_ID_ESP32 ? CRYPT_CONFIG_BITS : 0};
    case EFUSE_FIELD_COUNT:
        break;
    }
    return (struct efuse_place){0};
}

esp_err_t sim_efuse_encode(const struct chip_identity *chip, uint8_t bytes[SIM_EFUSE_SIZE])
{
    if (!chip_traits_by_id(chip->chip_id)) {
        return ESP_ERR_INVALID_ARG;
    }
    memset(bytes, 0, SIM_EFUSE_SIZE);
    memcpy(bytes, MAGIC, MAGIC_LEN);
    put_u16(bytes + VERSION_OFFSET, FORMAT_VERSION);
    put_u16(bytes + CHIP_ID_OFFSET, chip->chip_id);
    put_u16(bytes + CHIP_REV_OFFSET, chip->chip_rev);
    put_u16(bytes + BLK_REV_OFFSET, chip->blk_rev);
    uint32_t crc = esp_rom_crc32_le(0, bytes, CRC_OFFSET);
    put_u16(bytes + CRC_OFFSET, (uint16_t)crc);
    put_u16(bytes + CRC_OFFSET + 2, (uint16_t)(crc >> 16));
    bytes[FLAGS_OFFSET] = (uint8_t)(chip->ignore_max_chip_rev << FLAG_IGNORE_MAX_CHIP_REV |
                                    chip->ignore_max_blk_rev << FLAG_IGNORE_MAX_BLK_REV);
    return ESP_OK;
}

esp_err_t sim_efuse_parse(const uint8_t bytes[SIM_EFUSE_SIZE], struct chip_identity *chip)
{
    if (memcmp(bytes, MAGIC, MAGIC_LEN) != 0) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    uint32_t crc = get_u16(bytes + CRC_OFFSET) | (uint32_t)get_u16(bytes + CRC_OFFSET + 2) << 16;
    if (crc != esp_rom_crc32_le(0, bytes, CRC_OFFSET)) {
        return ESP_ERR_INVALID_CRC;
    }
    if (get_u16(bytes + VERSION_OFFSET) != FORMAT_VERSION) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    uint16_t chip_id = get_u16(bytes + CHIP_ID_OFFSET);
    const struct chip_traits *traits = chip_traits_by_id(chip_id);
    if (!traits) {
        return ESP_ERR_INVALID_ARG;
    }
    uint8_t flags = bytes[FLAGS_OFFSET];
    *chip = (struct chip_identity){
        .chip_id = traits->id,
        .chip_rev = get_u16(bytes + CHIP_REV_OFFSET),
        .blk_rev = get_u16(bytes + BLK_REV_OFFSET),
        .ignore_max_chip_rev = flags >> FLAG_IGNORE_MAX_CHIP_REV & 1,
        .ignore_max_blk_rev = flags >> FLAG_IGNORE_MAX_BLK_REV & 1,
    };
    return ESP_OK;
}
