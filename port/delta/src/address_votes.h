// Learns where addresses went: every pair of references that a copy brings together is a vote.
#pragma once

#include "image_sweep.h"
#include "suffix_match.h"

struct address_prices {
    uint32_t entry; // what one more entry of the map costs, in 1/16 bit
    uint32_t miss;  // what one reference wrongly predicted costs
};

// ESP_ERR_NO_MEM. map->entries is freed by the caller.
esp_err_t address_votes_count(const struct image_sweep *old_sweep,
                              const struct image_sweep *new_sweep, const struct match_list *list,
                              const struct address_prices *prices,
                              struct address_map *map) ESP_MUST_CHECK;
