// Which deflate streams of the new image are made from which of the old one, token by token.
#pragma once

#include "byte_buffer.h"
#include "delta_encoder.h"

struct deflate_copy {
    uint32_t new_at;
    uint32_t new_len;
    uint32_t old_at;
    struct byte_buffer script; // of uint32_t: the answers that delta_deflate.c asks for
};

// In the order of new_at.
struct deflate_plan {
    struct deflate_copy *copies; // owned
    size_t count;
};

// Finds the gzip members of both files and pairs those of the new one that are not in the old one as they are. ESP_ERR_NO_MEM.
esp_err_t deflate_plan_make(const struct delta_file *old_file, const struct delta_file *new_file,
                            struct deflate_plan *plan) ESP_MUST_CHECK;
void deflate_plan_free(struct deflate_plan *plan);
