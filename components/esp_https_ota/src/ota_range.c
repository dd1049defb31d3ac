#include "ota_range.h"

#include <string.h>

// Digits of a number below 2^63; false when there is none or it is larger.
static bool read_number(const char **at, int64_t *out)
{
    uint64_t value = 0;
    const char *digit = *at;
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        if (value > (INT64_MAX - 9) / 10) {
            return false;
        }
        value = value * 10 + (uint64_t)(*digit - '0');
    }
    bool is_number = digit != *at;
    *at = digit;
    *out = (int64_t)value;
    return is_number;
}

static bool take(const char **at, const char *text)
{
    size_t len = strlen(text);
    bool is_there = strncmp(*at, text, len) == 0;
    *at += is_there ? len : 0;
    return is_there;
}

esp_err_t ota_range_parse(const char *text, struct ota_range *out)
{
    struct ota_range range = {.total = -1};
    bool is_right = take(&text, "bytes ") && read_number(&text, &range.first) && take(&text, "-") &&
                    read_number(&text, &range.last) && take(&text, "/") &&
                    (take(&text, "*") || read_number(&text, &range.total)) && *text == '\0';
    if (!is_right || range.last < range.first || (range.total >= 0 && range.last >= range.total)) {
        return ESP_ERR_INVALID_RESPONSE;
    }
    *out = range;
    return ESP_OK;
}
