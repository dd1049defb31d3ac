// Encrypted flash: any bytes are read through whole blocks, and only whole blocks are written.

#include "flash_ops.h"

#include <string.h>

#define BLOCK FLASH_CIPHER_BLOCK
#define WRITE_CHUNK                                                                                \
    4096u // chosen: one sector on the stack; larger than any record that must be one operation

static esp_flash_t *chip_or_default(esp_flash_t *chip)
{
    return chip ? chip : esp_flash_default_chip;
}

bool flash_is_encrypted(const esp_flash_t *chip)
{
    const esp_flash_t *meant = chip ? chip : esp_flash_default_chip;
    return meant && meant->cipher;
}

// ----------------------------------------------------------------------- reading

/** A part of one block: len bytes from `skip` on. */
static esp_err_t read_part(esp_flash_t *chip, uint8_t *out, uint32_t block_address, uint32_t skip,
                           uint32_t len)
{
    uint8_t block[BLOCK];
    esp_err_t err = esp_flash_read(chip, block, block_address, BLOCK);
    if (err == ESP_OK) {
        err = chip->cipher->ops->decrypt(chip->cipher, block_address, block, block, BLOCK);
    }
    if (err == ESP_OK) {
        memcpy(out, block + skip, len);
    }
    return err;
}

static esp_err_t read_blocks(esp_flash_t *chip, uint8_t *out, uint32_t address, uint32_t len)
{
    esp_err_t err = esp_flash_read(chip, out, address, len);
    return err == ESP_OK ? chip->cipher->ops->decrypt(chip->cipher, address, out, out, len) : err;
}

static esp_err_t read_decrypted(esp_flash_t *chip, uint8_t *out, uint32_t address, uint32_t len)
{
    esp_err_t err = ESP_OK;
    while (len > 0 && err == ESP_OK) {
        uint32_t skip = address % BLOCK;
        uint32_t part = len / BLOCK * BLOCK;
        if (skip == 0 && part > 0) {
            err = read_blocks(chip, out, address, part);
        } else {
            part = len < BLOCK - skip ? len : BLOCK - skip;
            err = read_part(chip, out, address - skip, skip, part);
        }
        out += part;
        address += part;
        len -= part;
    }
    return err;
}

esp_err_t flash_plain_read(esp_flash_t *chip, void *buffer, uint32_t address, uint32_t len)
{
    chip = chip_or_default(chip);
    if (!flash_is_encrypted(chip)) {
        return esp_flash_read(chip, buffer, address, len);
    }
    bool is_inside = address <= chip->geometry.size && len <= chip->geometry.size - address;
    if (!is_inside || (!buffer && len > 0)) {
        return ESP_ERR_INVALID_ARG;
    }
    return read_decrypted(chip, buffer, address, len);
}

esp_err_t esp_flash_read_encrypted(esp_flash_t *chip, uint32_t address, void *out_buffer,
                                   uint32_t length)
{
    if (chip && chip != esp_flash_default_chip && !chip->cipher) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    return flash_plain_read(chip, out_buffer, address, length);
}

// ----------------------------------------------------------------------- writing

static esp_err_t write_encrypted(esp_flash_t *chip, const uint8_t *data, uint32_t address,
                                 uint32_t len)
{
    uint8_t chunk[WRITE_CHUNK];
    esp_err_t err = ESP_OK;
    for (uint32_t at = 0; at < len && err == ESP_OK;) {
        uint32_t part = len - at < WRITE_CHUNK ? len - at : WRITE_CHUNK;
        err = chip->cipher->ops->encrypt(chip->cipher, address + at, data + at, chunk, part);
        if (err == ESP_OK) {
            err = esp_flash_write(chip, chunk, address + at, part);
        }
        at += part;
    }
    return err;
}

esp_err_t esp_flash_write_encrypted(esp_flash_t *chip, uint32_t address, const void *buffer,
                                    uint32_t length)
{
    chip = chip_or_default(chip);
    if (!chip) {
        return ESP_ERR_FLASH_NOT_INITIALISED;
    }
    if (!chip->cipher) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    bool is_inside = address <= chip->geometry.size && length <= chip->geometry.size - address;
    if (!is_inside || (!buffer && length > 0) || address % BLOCK != 0) {
        return ESP_ERR_INVALID_ARG;
    }
    return length % BLOCK == 0 ? write_encrypted(chip, buffer, address, length)
                               : ESP_ERR_INVALID_SIZE;
}

esp_err_t flash_plain_write(esp_flash_t *chip, const void *buffer, uint32_t address, uint32_t len)
{
    return flash_is_encrypted(chip) ? esp_flash_write_encrypted(chip, address, buffer, len)
                                    : esp_flash_write(chip, buffer, address, len);
}

const void *flash_plain_map(esp_flash_t *chip, uint32_t address, uint32_t len)
{
    return flash_is_encrypted(chip) ? NULL : flash_map(chip, address, len);
}
