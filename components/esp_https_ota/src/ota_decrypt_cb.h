// ESP-IDF's decrypt callback as a stage.
#pragma once

#include "esp_https_ota.h"
#include "ota_stage.h"

// NULL: out of memory.
struct ota_stage *ota_decrypt_cb_create(decrypt_cb_t callback, void *user_ctx);
