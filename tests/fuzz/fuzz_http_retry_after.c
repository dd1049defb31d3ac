/* Any text as Retry-After. Input: eight bytes of clock, then the text. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_check.h"
#include "http_retry_after.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t now;
    int64_t delay_s = -7;
    if (size < sizeof(now)) {
        return 0;
    }
    memcpy(&now, data, sizeof(now));
    size_t len = size - sizeof(now);
    char *text = malloc(len + 1);
    FUZZ_CHECK(text != NULL);
    memcpy(text, data + sizeof(now), len);
    text[len] = '\0';
    esp_err_t err = http_retry_after_parse(text, (time_t)now, &delay_s);
    if (err == ESP_OK) {
        FUZZ_CHECK(delay_s >= 0 && delay_s <= HTTP_RETRY_AFTER_MAX_S);
    } else {
        FUZZ_CHECK(err == ESP_ERR_INVALID_RESPONSE && delay_s == -7);
    }
    free(text);
    return 0;
}
