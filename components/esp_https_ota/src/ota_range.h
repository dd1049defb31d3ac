// Content-Range of an answer to one range.
#pragma once

#include "esp_err.h"

struct ota_range {
    int64_t first;
    int64_t last;
    int64_t total; // -1: not said
};

// Reads "bytes FIRST-LAST/TOTAL". Nothing else is accepted. ESP_ERR_INVALID_RESPONSE: malformed or out of order.
esp_err_t ota_range_parse(const char *text, struct ota_range *out) ESP_MUST_CHECK;
