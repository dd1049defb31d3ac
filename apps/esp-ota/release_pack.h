/** Compressed files, made and undone. */
#pragma once

#include "esp_ota_release.h"
#include "cli.h"

/** Compresses as small as a device can unpack; the same bytes each time. @return false: said why; free out->bytes */
bool release_pack(enum esp_ota_release_kind kind, const struct cli_bytes *file,
                  struct cli_bytes *out);

/** Whether unpacking packed, as a device does, gives file. */
bool release_unpacks_to(enum esp_ota_release_kind kind, const struct cli_bytes *packed,
                        const struct cli_bytes *file);
