/**
 * Seam: the decompressors. Implemented by a port (on a PC port/stages, through zlib and libzstd), because their code and
 * memory are the host's; a target without them leaves them out and with them the calls.
 */
#pragma once

#include "ota_stage.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Largest zstd window accepted, in bytes. chosen: what every conforming decoder must offer (RFC 8878, 3.1.1.1.2) */
#define OTA_STAGE_ZSTD_WINDOW_MAX (8u * 1024 * 1024)

/**
 * Makes a stage that unpacks a gzip file (RFC 1952): one or more members, nothing behind them.
 * Cannot be continued (save is NULL). Takes its about 48 KiB here; no allocation while bytes flow.
 *
 * Errors of its step: ESP_ERR_INVALID_RESPONSE: no gzip, damaged, or something else behind the last member;
 * ESP_ERR_INVALID_CRC: checksum or length in a trailer differs; ESP_ERR_INVALID_SIZE: more than max_output bytes would come
 * out. Of its finish: ESP_ERR_NOT_FINISHED: the file ends too early.
 *
 * @param max_output  limit of the output in bytes, usually the size of the slot
 * @return the stage, freed with stage->ops->destroy(); NULL: out of memory
 */
struct ota_stage *ota_stage_gzip_create(uint64_t max_output);

/**
 * Makes a stage that unpacks a zstd file (RFC 8878): one or more frames, nothing behind them. Frames with a dictionary or a
 * window above OTA_STAGE_ZSTD_WINDOW_MAX are refused with a sentence in the log (zstd makes larger ones with --long and
 * with --ultra -20 and above). Takes its about 8.5 MiB here, of which the host only backs what a frame's window uses; no
 * allocation while bytes flow.
 *
 * Otherwise as ota_stage_gzip_create(); a frame without checksum cannot end with ESP_ERR_INVALID_CRC.
 * Which error tells of a file with several faults may depend on the sizes of the pieces.
 */
struct ota_stage *ota_stage_zstd_create(uint64_t max_output);

#ifdef __cplusplus
}
#endif
