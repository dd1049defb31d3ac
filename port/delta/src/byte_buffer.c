#include "byte_buffer.h"

#include <stdlib.h>
#include <string.h>

static bool make_room(struct byte_buffer *buffer, size_t len)
{
    if (buffer->has_failed || buffer->capacity - buffer->len >= len) {
        return !buffer->has_failed;
    }
    size_t capacity = buffer->capacity * 2 + len + 64;
    uint8_t *bytes = realloc(buffer->bytes, capacity);
    buffer->has_failed = !bytes;
    if (bytes) {
        buffer->bytes = bytes;
        buffer->capacity = capacity;
    }
    return bytes != NULL;
}

void byte_buffer_add(struct byte_buffer *buffer, const void *bytes, size_t len)
{
    if (len > 0 && make_room(buffer, len)) {
        memcpy(buffer->bytes + buffer->len, bytes, len);
        buffer->len += len;
    }
}

void byte_buffer_add_byte(struct byte_buffer *buffer, uint8_t byte)
{
    if (make_room(buffer, 1)) {
        buffer->bytes[buffer->len++] = byte;
    }
}

void byte_buffer_free(struct byte_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct byte_buffer){0};
}
