// Bytes that grow at the end. A failed allocation is remembered, so that a writer checks once, at its end.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct byte_buffer {
    uint8_t *bytes; // owned
    size_t len;
    size_t capacity;
    bool has_failed; // out of memory; what follows is dropped
};

void byte_buffer_add(struct byte_buffer *buffer, const void *bytes, size_t len);
void byte_buffer_add_byte(struct byte_buffer *buffer, uint8_t byte);
void byte_buffer_free(struct byte_buffer *buffer);
