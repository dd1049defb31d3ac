/** Which stage a file needs, told by its first bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes that ota_stage_detect() wants to see; with fewer it may answer OTA_STAGE_UNKNOWN. */
#define OTA_STAGE_MAGIC_LEN 4

enum ota_stage_kind {
    OTA_STAGE_UNKNOWN, // none of the below: a data partition, or not for us
    OTA_STAGE_IMAGE,   // an application or bootloader image as it is; needs no stage
    OTA_STAGE_GZIP,
    OTA_STAGE_ZSTD,
    OTA_STAGE_ENCRYPTED, // Espressif's pre-encrypted image
    OTA_STAGE_DELTA,     // a patch: ours or Espressif's
};

/**
 * Tells the kind of a file. A hint, not a check: the stage itself refuses what only begins alike.
 * A zstd file that begins with a skippable frame and zlib data without gzip header are OTA_STAGE_UNKNOWN.
 * @param bytes  the first len bytes of the file; may be NULL when len is 0
 */
enum ota_stage_kind ota_stage_detect(const uint8_t *bytes, size_t len);

/** A word for log lines: "image", "gzip", ...; "unknown" for anything else. */
const char *ota_stage_kind_name(enum ota_stage_kind kind);

#ifdef __cplusplus
}
#endif
