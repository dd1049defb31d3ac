// Mappings of encrypted flash: memory that holds the plain text and follows what is written.
#pragma once

#include "esp_partition.h"

// Makes a mapping of size bytes of the main chip, known by handle from then on; *out points to the byte at address.
// ESP_ERR_NO_MEM; or the error of reading. On failure there is none.
esp_err_t partition_shadow_create(esp_partition_mmap_handle_t handle, uint32_t address,
                                  uint32_t size, const void **out) ESP_MUST_CHECK;

// Ends it; other handles are ignored.
void partition_shadow_free(esp_partition_mmap_handle_t handle);
