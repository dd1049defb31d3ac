// Rows of kind flash_encryption: the file against its plaintext in both directions, whole and cut into blocks, and through a
// chip that holds it at that address.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flash_encryption.h"
#include "nor_flash.h"
#include "vector.h"

#define SECTOR 4096u

typedef esp_err_t (*crypt_function)(struct flash_cipher *cipher, uint32_t address, const void *in,
                                    void *out, uint32_t len);

/** In pieces of step bytes; 0: at once. In place, as the contract allows. */
static bool check_direction(struct flash_cipher *cipher, crypt_function crypt, uint32_t address,
                            const struct vector_bytes *in, const struct vector_bytes *wanted,
                            uint32_t step, char *why)
{
    uint8_t *work = malloc(in->len + 1);
    esp_err_t err = work && in->len == wanted->len ? ESP_OK : ESP_ERR_INVALID_SIZE;
    if (work) {
        memcpy(work, in->data, in->len);
    }
    for (uint32_t at = 0; at < in->len && err == ESP_OK;) {
        uint32_t left = (uint32_t)in->len - at;
        uint32_t part = step && step < left ? step : left;
        err = crypt(cipher, address + at, work + at, work + at, part);
        at += part;
    }
    bool is_equal = err == ESP_OK && vector_compare(work, in->len, wanted->data, wanted->len, why);
    if (err != ESP_OK) {
        (void)snprintf(why, VECTOR_WHY_LEN, "%s", esp_err_to_name(err));
    }
    free(work);
    return is_equal;
}

/** Written through an encrypted chip the file stands on it, and reads back at any alignment. */
static bool check_chip(struct flash_cipher *cipher, uint32_t address,
                       const struct vector_bytes *file, const struct vector_bytes *plain, char *why)
{
    uint8_t part[48];
    esp_flash_t *chip = NULL;
    uint32_t size = (address + (uint32_t)file->len + SECTOR - 1) / SECTOR * SECTOR;
    if (address > 0x1000000 || file->len < sizeof(part)) { // a chip in memory has to stay small
        return true;
    }
    if (nor_flash_open_in_memory(size, &chip) != ESP_OK) {
        (void)snprintf(why, VECTOR_WHY_LEN, "no memory for a chip");
        return false;
    }
    chip->cipher = cipher;
    bool is_right =
        esp_flash_write_encrypted(chip, address, plain->data, (uint32_t)plain->len) == ESP_OK &&
        vector_compare(flash_map(chip, address, 1), file->len, file->data, file->len, why) &&
        esp_flash_read_encrypted(chip, address + 5, part, 37) == ESP_OK &&
        vector_compare(part, 37, plain->data + 5, 37, why);
    nor_flash_close(chip);
    return is_right;
}

static bool check_all(struct flash_cipher *cipher, uint32_t address,
                      const struct vector_bytes *file, const struct vector_bytes *plain, char *why)
{
    const uint32_t steps[] = {0, 16, 48, 112};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (!check_direction(cipher, cipher->ops->decrypt, address, file, plain, steps[i], why) ||
            !check_direction(cipher, cipher->ops->encrypt, address, plain, file, steps[i], why)) {
            return false;
        }
    }
    return check_chip(cipher, address, file, plain, why);
}

bool check_flash_encryption(const struct vector_row *row, char *why)
{
    static const char prefix[] = "decrypts_to=";
    char text[256];
    struct vector_bytes key = {0};
    struct vector_bytes file = {0};
    struct vector_bytes plain = {0};
    struct flash_encryption encryption;
    uint32_t address = (uint32_t)vector_param_number(row, "address", UINT32_MAX);
    uint32_t config =
        (uint32_t)vector_param_number(row, "flash_crypt_conf", FLASH_CRYPT_CONFIG_DEFAULT);
    if (strncmp(row->expect, prefix, sizeof(prefix) - 1) != 0 ||
        !vector_param(row, "key", text, sizeof(text)) || !vector_load(row, text, &key, why)) {
        return false;
    }
    bool is_xts = vector_param(row, "algo", text, sizeof(text)) && strcmp(text, "aes-xts") == 0;
    esp_err_t err = flash_encryption_init(
        &encryption, is_xts ? FLASH_SCHEME_XTS : FLASH_SCHEME_ESP32, key.data, key.len, config);
    if (err != ESP_OK) {
        (void)snprintf(why, VECTOR_WHY_LEN, "key: %s", esp_err_to_name(err));
    }
    bool is_right = err == ESP_OK && vector_load(row, row->path, &file, why) &&
                    vector_load(row, row->expect + sizeof(prefix) - 1, &plain, why) &&
                    check_all(&encryption.base, address, &file, &plain, why);
    flash_encryption_deinit(&encryption);
    free(key.data);
    free(file.data);
    free(plain.data);
    return is_right;
}
