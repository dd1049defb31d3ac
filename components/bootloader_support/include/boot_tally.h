/**
 * How often an image was started, and how often it said that it is healthy: an extension, off unless asked for.
 *
 * The counts stand in the sector of the otadata record that names the image, in bytes behind the record which nobody else
 * reads: stock bootloaders and applications look at the first 32 bytes of a sector only. A count is the number of bits that
 * have fallen, so counting needs no erase, and whoever rewrites the record (a new choice, NEW to PENDING_VERIFY, a confirmation)
 * erases the sector and thereby begins anew. Layout: SPEC.md "otadata". No heap.
 */
#pragma once

#include <stdbool.h>

#include "esp_flash.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BOOT_TALLY_MAX                                                                             \
    8192u // starts that can be counted; then the counts rest until the record is rewritten

struct boot_tally {
    uint32_t starts;
    uint32_t healthy; // of these, how many are known to have gone well; at most starts
    bool is_usable;   // false: somebody else's bytes stand there; nothing is counted
};

/**
 * Reads the counts of a record.
 * @param otadata  address of the otadata partition
 * @param index    of the record, 0 or 1
 * @return ESP_OK, or the flash error
 */
esp_err_t boot_tally_read(esp_flash_t *chip, uint32_t otadata, int index,
                          struct boot_tally *out) ESP_MUST_CHECK;

/** Counts one start. *tally is what was read. Cut: it is counted or not. @return ESP_OK or the flash error */
esp_err_t boot_tally_count_start(esp_flash_t *chip, uint32_t otadata, int index,
                                 struct boot_tally *tally) ESP_MUST_CHECK;

/** All starts so far went well. Cut: some of them count as such. @return ESP_OK or the flash error */
esp_err_t boot_tally_mark_healthy(esp_flash_t *chip, uint32_t otadata, int index,
                                  struct boot_tally *tally) ESP_MUST_CHECK;

#ifdef __cplusplus
}
#endif
