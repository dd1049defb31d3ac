#pragma once

#include "device.h"

// Finds out what the chip is, from the options, the eFuse file or the images. device->slots is filled already.
// Errors as device_open() promises.
esp_err_t device_identity_find(struct device *device, const char *efuse_path,
                               const struct device_options *options) ESP_MUST_CHECK;
