// Chooses the operations: which bytes of the new image are copied, from where, and which are sent as literals.
//
// Every choice has an estimated price in bits, and the cheapest way through the image is found by dynamic programming: for each
// place, the cheapest way to get there with a literal before it, and with a copy on each of a handful of diagonals.
#pragma once

#include "delta_decoder.h"
#include "deflate_plan.h"
#include "image_sweep.h"

#define PRICE_BIT     16u             // prices are in 1/16 bit
#define PRICE_LITERAL (6 * PRICE_BIT) // measured: of a byte of new code

struct plan_input {
    const struct image_sweep *old_sweep;
    const struct image_sweep *new_sweep;
    struct delta_file old_file;    // normalised: what a copy brings is judged by it
    struct delta_file new_file;    // normalised
    const uint8_t *new_bytes;      // as they are: what copies from the new image must match
    const uint16_t *literal_price; // [new_file.len]
    bool allows_new;               // copies from the new image
};

struct operation_list {
    struct delta_operation *items; // owned
    size_t count;
};

// ESP_ERR_NO_MEM
esp_err_t copy_plan_make(const struct plan_input *input,
                         struct operation_list *list) ESP_MUST_CHECK;

// Puts the copies of deflate streams into the list, in place of what makes these bytes now. ESP_ERR_NO_MEM.
esp_err_t operation_list_insert(struct operation_list *list,
                                const struct deflate_plan *plan) ESP_MUST_CHECK;

void operation_list_free(struct operation_list *list);
