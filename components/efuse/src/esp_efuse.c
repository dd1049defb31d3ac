#include "esp_efuse.h"
#include "efuse_keys.h"
#include "efuse_ops.h"
#include "esp_log.h"

#define SECTOR_SIZE 4096u // fact: the field counts flash sectors of this size

static const char TAG[] = "efuse";

struct efuse *efuse_default; // one process is one device
uint32_t efuse_secure_version_bits = EFUSE_SECURE_VERSION_BITS_BUILD;

/** Width of a field of this device; 0: it has none. */
static uint32_t field_bit_count(enum efuse_field field)
{
    return efuse_default ? efuse_default->ops->bit_count(efuse_default, field) : 0;
}

/** Reads a field of at most 32 bits as a little-endian number. */
static esp_err_t read_number(enum efuse_field field, uint32_t *value)
{
    uint8_t bits[EFUSE_FIELD_BYTES_MAX] = {0};
    esp_err_t err = efuse_default->ops->read(efuse_default, field, bits);
    if (err == ESP_OK) {
        *value =
            bits[0] | (uint32_t)bits[1] << 8 | (uint32_t)bits[2] << 16 | (uint32_t)bits[3] << 24;
    }
    return err;
}

static esp_err_t burn_number(enum efuse_field field, uint32_t value)
{
    uint8_t bits[EFUSE_FIELD_BYTES_MAX] = {(uint8_t)value, (uint8_t)(value >> 8),
                                           (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
    return efuse_default->ops->burn(efuse_default, field, bits);
}

static uint32_t count_ones(uint32_t value)
{
    uint32_t count = 0;
    for (; value; value &= value - 1) {
        count++;
    }
    return count;
}

/** `count` ones from bit 0 up. */
static uint32_t thermometer(uint32_t count)
{
    return count >= 32 ? UINT32_MAX : (UINT32_C(1) << count) - 1;
}

uint32_t efuse_secure_version_max(void)
{
    uint32_t width = field_bit_count(EFUSE_SECURE_VERSION);
    uint32_t limit = efuse_secure_version_bits;
    return limit > 0 && limit < width ? limit : width;
}

/** The version bits that count. */
static esp_err_t read_version_bits(uint32_t *bits)
{
    uint32_t all = 0;
    esp_err_t err = read_number(EFUSE_SECURE_VERSION, &all);
    if (err == ESP_OK) {
        *bits = all & thermometer(efuse_secure_version_max());
    }
    return err;
}

uint32_t esp_efuse_read_secure_version(void)
{
    uint32_t bits = 0;
    if (field_bit_count(EFUSE_SECURE_VERSION) == 0) {
        return 0;
    }
    if (read_version_bits(&bits) != ESP_OK) {
        return UINT32_MAX;
    }
    return count_ones(bits);
}

bool esp_efuse_check_secure_version(uint32_t secure_version)
{
    uint32_t stored = esp_efuse_read_secure_version();
    return stored != UINT32_MAX && secure_version >= stored;
}

/** Adds the lowest zeros of `bits` until `count` of them are one; a cut may have left gaps, a device may have other bits. */
static uint32_t raise_to(uint32_t bits, uint32_t count)
{
    while (count_ones(bits) < count) {
        bits |= bits + 1;
    }
    return bits;
}

esp_err_t esp_efuse_update_secure_version(uint32_t secure_version)
{
    uint32_t width = efuse_secure_version_max();
    if (width == 0) {
        return secure_version == 0 ? ESP_OK : ESP_ERR_NOT_SUPPORTED;
    }
    if (secure_version > width) {
        ESP_LOGE(TAG, "secure version %" PRIu32 " does not fit %" PRIu32 " eFuse bits",
                 secure_version, width);
        return ESP_ERR_INVALID_ARG;
    }
    uint32_t bits = 0;
    esp_err_t err = read_version_bits(&bits);
    if (err != ESP_OK || count_ones(bits) >= secure_version) {
        return err;
    }
    err = burn_number(EFUSE_SECURE_VERSION, raise_to(bits, secure_version));
    if (err == ESP_OK && esp_efuse_read_secure_version() < secure_version) {
        ESP_LOGE(TAG, "secure version %" PRIu32 " was burnt and does not read back",
                 secure_version);
        err = ESP_FAIL;
    }
    return err;
}

bool esp_efuse_get_digest_revoke(unsigned num_digest)
{
    struct efuse_key_slot slot;
    return efuse_key_read(num_digest, &slot) != ESP_OK || slot.is_revoked;
}

esp_err_t esp_efuse_set_digest_revoke(unsigned num_digest)
{
    return efuse_key_revoke(num_digest);
}

bool esp_efuse_is_flash_encryption_enabled(void)
{
    uint32_t bits = 0;
    return field_bit_count(EFUSE_FLASH_CRYPT_CNT) > 0 &&
           read_number(EFUSE_FLASH_CRYPT_CNT, &bits) == ESP_OK && count_ones(bits) % 2 == 1;
}

/** What stands in the field decides: nothing yet, this sector (or a part of it, after a cut), off, or another. */
static esp_err_t check_recovery_sector(uint32_t stored, uint32_t wanted, uint32_t width)
{
    if (stored == thermometer(width)) {
        ESP_LOGE(TAG, "the recovery bootloader is switched off for ever");
        return ESP_ERR_NOT_ALLOWED;
    }
    if ((stored & ~wanted) != 0) {
        ESP_LOGE(TAG, "the recovery bootloader is at 0x%" PRIx32 " already", stored * SECTOR_SIZE);
        return ESP_FAIL;
    }
    return ESP_OK;
}

esp_err_t esp_efuse_set_recovery_bootloader_offset(const uint32_t offset)
{
    uint32_t width = field_bit_count(EFUSE_RECOVERY_SECTOR);
    if (width == 0) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    uint32_t sector = offset / SECTOR_SIZE;
    if (offset % SECTOR_SIZE != 0 || sector == 0 || sector >= thermometer(width)) {
        ESP_LOGE(TAG, "0x%" PRIx32 " cannot be the offset of a recovery bootloader", offset);
        return ESP_ERR_INVALID_ARG;
    }
    uint32_t stored = 0;
    esp_err_t err = read_number(EFUSE_RECOVERY_SECTOR, &stored);
    if (err == ESP_OK) {
        err = check_recovery_sector(stored, sector, width);
    }
    if (err != ESP_OK || stored == sector) {
        return err;
    }
    return burn_number(EFUSE_RECOVERY_SECTOR, sector);
}
