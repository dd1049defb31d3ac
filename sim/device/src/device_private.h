#pragma once

#include "device.h"
#include "signature_settings.h"

// Finds out what the chip is, from the options, the eFuse file or the images. device->slots is filled already.
// Errors as device_open() promises.
esp_err_t device_identity_find(struct device *device, const char *efuse_path,
                               const struct device_options *options) ESP_MUST_CHECK;

// Reads which signatures the device's firmware checks, and whether it has anti-rollback; without a file, what this stack was
// built for.
// Errors: ESP_ERR_INVALID_ARG (they make no sense), ESP_FAIL (not readable).
esp_err_t device_settings_load(const char *path, struct signature_settings *settings,
                               bool *anti_rollback) ESP_MUST_CHECK;
