/* Any text as Content-Range. What is accepted keeps its promises and, written out again, is read the same. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_check.h"
#include "http_content_range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written_again(const struct http_content_range *range)
{
    char text[80];
    struct http_content_range again;
    int len =
        snprintf(text, sizeof(text), "bytes %" PRId64 "-%" PRId64 "/", range->first, range->last);
    if (range->total == HTTP_CONTENT_RANGE_TOTAL_UNKNOWN) {
        snprintf(text + len, sizeof(text) - (size_t)len, "*");
    } else {
        snprintf(text + len, sizeof(text) - (size_t)len, "%" PRId64, range->total);
    }
    FUZZ_CHECK(http_content_range_parse(text, &again) == ESP_OK);
    FUZZ_CHECK(again.first == range->first && again.last == range->last &&
               again.total == range->total);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_content_range range = {-7, -7, -7};
    char *text = malloc(size + 1);
    FUZZ_CHECK(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    esp_err_t err = http_content_range_parse(text, &range);
    if (err == ESP_OK) {
        FUZZ_CHECK(range.first >= 0 && range.first <= range.last);
        FUZZ_CHECK(range.total == HTTP_CONTENT_RANGE_TOTAL_UNKNOWN || range.total > range.last);
        check_written_again(&range);
    } else {
        FUZZ_CHECK(err == ESP_ERR_INVALID_RESPONSE && range.first == -7 && range.total == -7);
    }
    free(text);
    return 0;
}
