// Pairs up the equal elements of two sequences, in order, as many as possible (Myers, "An O(ND) difference algorithm", with a limit).
#pragma once

#include <stdint.h>

#include "esp_compiler.h"
#include "esp_err.h"

#define TOKEN_ALIGN_NONE UINT32_MAX

// pairs[i]: which element of a the i-th of b is paired with, or TOKEN_ALIGN_NONE. ESP_ERR_NO_MEM.
esp_err_t token_align(const uint16_t *a, uint32_t a_len, const uint16_t *b, uint32_t b_len,
                      uint32_t *pairs) ESP_MUST_CHECK;
