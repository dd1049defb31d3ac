// Pumps bytes through stages.
//
// One sweep steps every stage once, first to last; sweeps go on until one changes nothing. Because a stage that has both
// input and room must do something, a sweep without change means: the input is used up, or the output is full.

#include "ota_chain.h"

#include <string.h>

#include "esp_log.h"

static const char TAG[] = "ota_chain";

/** One call's input and output, with what is left of both. */
struct pump {
    const uint8_t *in;
    size_t in_left;
    uint8_t *out;
    size_t out_left;
    bool has_changed; // in this sweep
};

// ---- Links -----------------------------------------------------------------------------------------

static size_t link_room(const struct ota_chain *chain, const struct ota_chain_link *link)
{
    return chain->link_size - link->len;
}

/** Moves waiting bytes to the start, so that all room lies behind them. */
static void compact(struct ota_chain_link *link)
{
    if (link->start > 0) {
        memmove(link->bytes, link->bytes + link->start, link->len);
        link->start = 0;
    }
}

/** Where stage i puts its output, and how much fits. */
static uint8_t *output_of(struct ota_chain *chain, size_t i, const struct pump *pump, size_t *room)
{
    if (i + 1 == chain->count) {
        *room = pump->out_left;
        return pump->out;
    }
    struct ota_chain_link *link = &chain->links[i];
    compact(link);
    *room = link_room(chain, link);
    return link->bytes + link->len;
}

static void note_output(struct ota_chain *chain, size_t i, struct pump *pump, size_t len)
{
    if (i + 1 < chain->count) {
        chain->links[i].len += len;
    } else if (len > 0) { // out may be NULL when there is no room
        pump->out += len;
        pump->out_left -= len;
    }
    pump->has_changed |= len > 0;
}

static void note_input(struct ota_chain *chain, size_t i, struct pump *pump, size_t len)
{
    if (i > 0) {
        chain->links[i - 1].start += len;
        chain->links[i - 1].len -= len;
    } else if (len > 0) {
        pump->in += len;
        pump->in_left -= len;
    }
    pump->has_changed |= len > 0;
}

// ---- Steps -----------------------------------------------------------------------------------------

static esp_err_t step_stage(struct ota_chain *chain, size_t i, struct pump *pump)
{
    struct ota_stage *stage = chain->stages[i];
    const struct ota_chain_link *before = i > 0 ? &chain->links[i - 1] : NULL;
    const uint8_t *in = before ? before->bytes + before->start : pump->in;
    size_t in_len = before ? before->len : pump->in_left;
    size_t room;
    uint8_t *out = output_of(chain, i, pump, &room);
    size_t offered = in_len;
    size_t out_len = room;
    esp_err_t err = stage->ops->step(stage, in, &in_len, out, &out_len);
    if (err != ESP_OK) {
        return err;
    }
    if (in_len > offered || out_len > room || (offered > 0 && room > 0 && !in_len && !out_len)) {
        ESP_LOGE(TAG, "stage %s broke its contract: %u of %u bytes in, %u of %u out",
                 stage->ops->name, (unsigned)in_len, (unsigned)offered, (unsigned)out_len,
                 (unsigned)room);
        return ESP_ERR_INVALID_STATE;
    }
    note_input(chain, i, pump, in_len);
    note_output(chain, i, pump, out_len);
    return ESP_OK;
}

/** Steps the stages that are not finished until nothing changes. */
static esp_err_t run(struct ota_chain *chain, struct pump *pump)
{
    do {
        pump->has_changed = false;
        for (size_t i = chain->finished; i < chain->count; i++) {
            esp_err_t err = step_stage(chain, i, pump);
            if (err != ESP_OK) {
                return err;
            }
        }
    } while (pump->has_changed);
    return ESP_OK;
}

/** Tells the first unfinished stage that its input has ended, if it has taken all of it. */
static esp_err_t finish_stage(struct ota_chain *chain, struct pump *pump)
{
    size_t i = chain->finished;
    if (i > 0 && chain->links[i - 1].len > 0) {
        return ESP_OK; // it waits for room
    }
    struct ota_stage *stage = chain->stages[i];
    size_t room;
    uint8_t *out = output_of(chain, i, pump, &room);
    size_t out_len = room;
    bool is_done = false;
    esp_err_t err = stage->ops->finish(stage, out, &out_len, &is_done);
    if (err != ESP_OK) {
        return err;
    }
    if (out_len > room) {
        ESP_LOGE(TAG, "stage %s broke its contract: %u bytes in room for %u", stage->ops->name,
                 (unsigned)out_len, (unsigned)room);
        return ESP_ERR_INVALID_STATE;
    }
    note_output(chain, i, pump, out_len);
    if (is_done) {
        chain->finished++;
        pump->has_changed = true;
    }
    return ESP_OK;
}

// ---- The public face -------------------------------------------------------------------------------

esp_err_t ota_chain_init(struct ota_chain *chain, struct ota_stage *const *stages, size_t count,
                         uint8_t *buffer, size_t buffer_len)
{
    if (!chain || !stages || count < 1 || count > OTA_CHAIN_STAGES_MAX) {
        return ESP_ERR_INVALID_ARG;
    }
    for (size_t i = 0; i < count; i++) {
        if (!stages[i]) {
            return ESP_ERR_INVALID_ARG;
        }
    }
    size_t link_size = count > 1 && buffer ? buffer_len / (count - 1) : 0;
    if (count > 1 && link_size < OTA_CHAIN_LINK_MIN) {
        return ESP_ERR_INVALID_SIZE;
    }
    *chain = (struct ota_chain){.count = count, .link_size = link_size, .error = ESP_OK};
    for (size_t i = 0; i < count; i++) {
        chain->stages[i] = stages[i];
        if (i > 0) {
            chain->links[i - 1].bytes = buffer + (i - 1) * link_size;
        }
    }
    return ESP_OK;
}

// NOLINTBEGIN(readability-non-const-parameter): written through a copy, or given by the seam
esp_err_t ota_chain_step(struct ota_chain *chain, const uint8_t *in, size_t *in_len, uint8_t *out,
                         size_t *out_len)
// NOLINTEND(readability-non-const-parameter)
{
    struct pump pump = {.in = in, .in_left = *in_len, .out = out, .out_left = *out_len};
    if (chain->error == ESP_OK) {
        chain->error = chain->finished > 0 ? ESP_ERR_INVALID_STATE : run(chain, &pump);
    }
    *in_len -= pump.in_left;
    *out_len -= pump.out_left;
    return chain->error;
}

// NOLINTBEGIN(readability-non-const-parameter): written through a copy, or given by the seam
esp_err_t ota_chain_finish(struct ota_chain *chain, uint8_t *out, size_t *out_len, bool *is_done)
// NOLINTEND(readability-non-const-parameter)
{
    struct pump pump = {.out = out, .out_left = *out_len};
    do {
        if (chain->error == ESP_OK) {
            chain->error = run(chain, &pump);
        }
        pump.has_changed = false;
        if (chain->error == ESP_OK && chain->finished < chain->count) {
            chain->error = finish_stage(chain, &pump);
        }
    } while (chain->error == ESP_OK && pump.has_changed);
    *out_len -= pump.out_left;
    *is_done = chain->error == ESP_OK && chain->finished == chain->count;
    return chain->error;
}

bool ota_chain_can_save(const struct ota_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        if (!chain->stages[i]->ops->save || !chain->stages[i]->ops->restore) {
            return false;
        }
    }
    return chain->count > 0;
}

void ota_chain_destroy(struct ota_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        chain->stages[i]->ops->destroy(chain->stages[i]);
    }
    for (size_t i = 0; i + 1 < chain->count; i++) {
        volatile uint8_t *bytes = chain->links[i].bytes; // volatile: not optimised away
        for (size_t k = 0; k < chain->link_size; k++) {
            bytes[k] = 0;
        }
    }
    *chain = (struct ota_chain){.error = ESP_ERR_INVALID_STATE};
}

// ---- States ----------------------------------------------------------------------------------------
//
// count (1 byte), then for each stage: length of its state (2 bytes, little-endian), the state.

esp_err_t ota_chain_save(const struct ota_chain *chain, uint8_t *state, size_t *state_len)
{
    if (chain->error != ESP_OK || chain->finished > 0) {
        return ESP_ERR_INVALID_STATE;
    }
    if (!ota_chain_can_save(chain)) {
        return ESP_ERR_NOT_SUPPORTED;
    }
    size_t at = 0;
    state[at++] = (uint8_t)chain->count;
    for (size_t i = 0; i < chain->count; i++) {
        uint8_t part[OTA_STAGE_STATE_MAX];
        size_t part_len = 0;
        if (i > 0 && chain->links[i - 1].len > 0) {
            return ESP_ERR_NOT_SUPPORTED;
        }
        esp_err_t err = chain->stages[i]->ops->save(chain->stages[i], part, &part_len);
        if (err != ESP_OK) {
            return err;
        }
        if (part_len + 2 > OTA_CHAIN_STATE_MAX - at) {
            return ESP_ERR_INVALID_SIZE;
        }
        state[at++] = (uint8_t)part_len;
        state[at++] = (uint8_t)(part_len >> 8);
        memcpy(state + at, part, part_len);
        at += part_len;
    }
    *state_len = at;
    return ESP_OK;
}

/** Whether state holds exactly one part for each stage. */
static bool has_form_of(const struct ota_chain *chain, const uint8_t *state, size_t state_len)
{
    size_t at = 1;
    if (state_len < 1 || state_len > OTA_CHAIN_STATE_MAX || state[0] != chain->count) {
        return false;
    }
    for (size_t i = 0; i < chain->count; i++) {
        if (state_len - at < 2) {
            return false;
        }
        size_t part_len = state[at] | (size_t)state[at + 1] << 8;
        at += 2;
        if (part_len > OTA_STAGE_STATE_MAX || part_len > state_len - at) {
            return false;
        }
        at += part_len;
    }
    return at == state_len;
}

esp_err_t ota_chain_restore(struct ota_chain *chain, const uint8_t *state, size_t state_len)
{
    if (!ota_chain_can_save(chain) || !has_form_of(chain, state, state_len)) {
        return ESP_ERR_INVALID_ARG;
    }
    size_t at = 1;
    for (size_t i = 0; i < chain->count; i++) {
        size_t part_len = state[at] | (size_t)state[at + 1] << 8;
        esp_err_t err = chain->stages[i]->ops->restore(chain->stages[i], state + at + 2, part_len);
        if (err != ESP_OK) {
            chain->error = err;
            return err;
        }
        at += 2 + part_len;
    }
    return ESP_OK;
}
