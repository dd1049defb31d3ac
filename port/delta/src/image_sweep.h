// A whole image seen unit by unit, and in a form in which moved code is equal to itself.
#pragma once

#include "delta_decoder.h"
#include "delta_encoder.h"

#define SWEEP_NO_REFERENCE 0xFF

struct image_sweep {
    struct delta_file file;
    struct delta_layout layout;
    struct delta_region regions[WALK_REGIONS_MAX];
    uint32_t region_count;
    uint8_t *kind; // [file.len] of the reference that begins here, else SWEEP_NO_REFERENCE
    uint8_t
        *inside; // [file.len] 1 to 4: this is the first to fourth byte of a reference; 0: of none
    uint32_t *target; // [file.len] of that reference
};

// Where addresses went, sorted by from; an address below the first did not move.
struct address_map {
    struct delta_map_entry *entries; // owned
    uint32_t count;
};

void address_map_free(struct address_map *map);
uint32_t address_map_apply(const struct address_map *map, uint32_t address);

// Reads a file that is in memory (context: struct delta_file), as delta_read.
esp_err_t image_sweep_read(void *context, uint32_t offset, uint8_t *out, uint32_t len);

// ignores_addresses: as if the file were no image. ESP_ERR_NO_MEM.
esp_err_t image_sweep_init(struct image_sweep *sweep, const struct delta_file *file,
                           bool ignores_addresses) ESP_MUST_CHECK;
void image_sweep_free(struct image_sweep *sweep);

// Copies the file to out with the address fields of references replaced: by zeros without map, else by a hash of where the target
// is (the map is applied to it). Two units that refer to the same thing are then equal wherever they stand.
void image_sweep_normalise(const struct image_sweep *sweep, const struct address_map *map,
                           bool has_targets, uint8_t *out);
