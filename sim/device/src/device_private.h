#pragma once

#include "device.h"
#include "signature_settings.h"

// Opens the eFuse file, if there is one, and takes the chip the options name. Errors as device_open() promises.
esp_err_t device_identity_begin(struct device *device, const char *efuse_path,
                                const struct device_options *options) ESP_MUST_CHECK;

// Finds out what the chip is from the images, if it is not known yet. device->slots is filled already.
// Errors as device_open() promises.
esp_err_t device_identity_find(struct device *device, const char *efuse_path,
                               const struct device_options *options) ESP_MUST_CHECK;

// Reads which signatures the device's firmware checks, and whether it has anti-rollback; without a file, what this stack was
// built for.
// Errors: ESP_ERR_INVALID_ARG (they make no sense), ESP_FAIL (not readable).
esp_err_t device_settings_load(const char *path, struct signature_settings *settings,
                               bool *anti_rollback, uint32_t *version_bits) ESP_MUST_CHECK;

// Puts the cipher on the chip if the device is encrypted. Errors as device_open() promises.
esp_err_t device_encryption_begin(struct device *device, const char *path,
                                  const struct device_options *options) ESP_MUST_CHECK;

void device_encryption_end(struct device *device);
// Tells the rest of the stack what runs and how the bootloader was built.
void device_hand_over(const struct device *device, uint32_t app_address, bool rollback);
