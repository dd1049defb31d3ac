#pragma once

#include "device.h"

// Finds out what the chip is, from the options, the eFuse file or the images. device->slots is filled already.
// Errors as device_open() promises.
esp_err_t device_identity_find(struct device *device, const char *efuse_path,
                               const struct device_options *options) ESP_MUST_CHECK;

// Tells the rest of the stack what runs and how the bootloader was built.
void device_hand_over(const struct device *device, uint32_t app_address, bool rollback);
