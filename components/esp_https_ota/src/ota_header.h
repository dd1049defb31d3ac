// The first bytes of an image, judged before anything is erased.
#pragma once

#include "esp_https_ota.h"

struct ota_header {
    const char *bytes;
    size_t len;
    int64_t image_size; // -1: unknown
    const esp_partition_t *staging;
    const esp_partition_t *final;
};

// Posts the events about chip and revision, then checks everything the bytes can tell. Errors as esp_https_ota_perform.
esp_err_t ota_header_check(const struct ota_header *header) ESP_MUST_CHECK;

// Checks only that the announced size fits. ESP_ERR_INVALID_SIZE: it does not; ESP_FAIL: there is nothing at all.
esp_err_t ota_header_check_size(const struct ota_header *header) ESP_MUST_CHECK;
