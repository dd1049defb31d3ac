// What a chip does before the first instruction: the key becomes the cipher of its flash. The scheme follows from the chip and
// the length of the key, so nothing but the key needs to be kept.

#include "device_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chip_traits.h"
#include "esp_efuse.h"
#include "esp_log.h"

static const char *TAG = "device";

/** @return bytes of the key, at most FLASH_KEY_LEN_MAX + 1; negative: said why */
static ssize_t read_key(const char *path, uint8_t key[FLASH_KEY_LEN_MAX + 1])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, key, FLASH_KEY_LEN_MAX + 1);
    if (len < 0) {
        ESP_LOGE(TAG, "the key of the flash encryption, %s: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return len;
}

// Without eFuses the setting that ESP-IDF burns.
static esp_err_t read_crypt_config(const struct device *device, uint32_t *config)
{
    uint8_t bits[EFUSE_FIELD_BYTES_MAX] = {0};
    *config = FLASH_CRYPT_CONFIG_DEFAULT;
    if (!device->efuse ||
        device->efuse->ops->bit_count(device->efuse, EFUSE_FLASH_CRYPT_CONFIG) == 0) {
        return ESP_OK;
    }
    esp_err_t err = device->efuse->ops->read(device->efuse, EFUSE_FLASH_CRYPT_CONFIG, bits);
    *config = bits[0];
    return err;
}

static esp_err_t use_key(struct device *device, const char *path)
{
    uint8_t key[FLASH_KEY_LEN_MAX + 1];
    uint32_t config;
    enum flash_scheme scheme = flash_encryption_scheme_of(device->chip.chip_id);
    esp_err_t err = read_crypt_config(device, &config);
    ssize_t len = err == ESP_OK ? read_key(path, key) : 0;
    if (err != ESP_OK || len < 0) {
        return err != ESP_OK ? err : ESP_ERR_NOT_FOUND;
    }
    err = flash_encryption_init(&device->cipher, scheme, key, (size_t)len, config);
    esp_crypto_secret.wipe(key, sizeof(key));
    if (err == ESP_ERR_INVALID_SIZE) {
        ESP_LOGE(TAG, "%s is no key for the flash encryption of %s: %s bytes are needed", path,
                 chip_name(device->chip.chip_id),
                 scheme == FLASH_SCHEME_ESP32 ? "32 or 24" : "32, 64 or 16");
    }
    if (err == ESP_OK) {
        device->flash->cipher = &device->cipher.base;
        device->encryption = flash_encryption_name(scheme, (size_t)len);
    }
    return err;
}

static esp_err_t use_key_beside(struct device *device, const char *path)
{
    size_t size = strlen(path) + sizeof(".key");
    char *key_path = malloc(size);
    if (!key_path) {
        return ESP_ERR_NO_MEM;
    }
    (void)snprintf(key_path, size, "%s.key", path); // it fits
    esp_err_t err = use_key(device, key_path);
    free(key_path);
    return err;
}

esp_err_t device_encryption_begin(struct device *device, const char *path,
                                  const struct device_options *options)
{
    bool is_on = esp_efuse_is_flash_encryption_enabled();
    if (!is_on && !options->flash_key) {
        return ESP_OK;
    }
    if (!is_on && device->efuse) {
        ESP_LOGE(TAG, "a key is given, but the eFuses of %s say that its flash is not encrypted",
                 path);
        return ESP_ERR_INVALID_STATE;
    }
    if (device->chip.chip_id == ESP_CHIP_ID_INVALID) {
        ESP_LOGE(TAG, "there is no %s.efuse: name the chip of the encrypted flash with --chip",
                 path);
        return ESP_ERR_NOT_FOUND;
    }
    return options->flash_key ? use_key(device, options->flash_key) : use_key_beside(device, path);
}

void device_encryption_end(struct device *device)
{
    if (device->flash) {
        device->flash->cipher = NULL;
    }
    flash_encryption_deinit(&device->cipher);
}
