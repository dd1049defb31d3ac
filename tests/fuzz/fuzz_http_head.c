/* The head of an answer, line by line as curl delivers it. Input: the bytes of the head. */
#include <stdlib.h>
#include <string.h>

#include "curl_transport.h"
#include "fuzz_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct curl_head head = {0};
    struct http_response response = {0};
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = end ? (size_t)(end - (data + at)) + 1 : size - at;
        if (!curl_head_take_line(&head, (const char *)data + at, len)) {
            break;
        }
        at += len;
    }
    if (head.complete && curl_head_publish(&head, &response)) {
        size_t total = 0;
        for (size_t i = 0; i < response.header_count; i++) {
            total += strlen(response.headers[i].name) + strlen(response.headers[i].value) + 2;
        }
        FUZZ_CHECK(total == head.len && response.status >= 101 && response.status <= 999);
    }
    curl_head_free(&head);
    return 0;
}
