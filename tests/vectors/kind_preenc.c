// Rows of kind pre_encrypted: through the public functions, through the stage with pieces of many sizes, and through a new
// stage at every boundary, restored from the state of the one before.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_encrypted_img.h"
#include "esp_encrypted_img_stage.h"
#include "vector.h"

#define MAX_OUTPUT    0x100000 // chosen: above all plaintexts of the vectors
#define PIECE_MAX     4096
#define SAVE_DISTANCE 1024

struct decryption {
    const struct vector_bytes *key;
    const struct vector_bytes *file;
    uint8_t *out; // MAX_OUTPUT bytes
    size_t out_len;
    bool is_complete; // as many bytes as announced have come
    bool is_refused;  // before the end
    bool is_good;
    esp_err_t err;
};

/** Sizes of pieces, the same in every run. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

// ---- The public functions --------------------------------------------------------------------------

static void decrypt_with_functions(struct decryption *run, uint32_t seed)
{
    esp_decrypt_cfg_t cfg = {.private_key = (const char *)run->key->data,
                             .private_key_len = run->key->len};
    esp_decrypt_handle_t handle = esp_encrypted_img_decrypt_start(&cfg);
    run->err = handle ? ESP_ERR_NOT_FINISHED : ESP_ERR_INVALID_ARG;
    run->out_len = 0;
    for (size_t at = 0; at < run->file->len && !run->is_refused;) {
        size_t piece = 1 + next_random(&seed) % PIECE_MAX;
        pre_enc_decrypt_arg_t args = {.data_in = (const char *)run->file->data + at,
                                      .data_in_len = piece};
        if (args.data_in_len > run->file->len - at) {
            args.data_in_len = run->file->len - at;
        }
        run->err = esp_encrypted_img_decrypt_data(handle, &args);
        run->is_refused = run->err != ESP_OK && run->err != ESP_ERR_NOT_FINISHED;
        if (args.data_out_len > 0) {
            memcpy(run->out + run->out_len, args.data_out, args.data_out_len);
            run->out_len += args.data_out_len;
            free(args.data_out);
        }
        at += args.data_in_len;
    }
    run->is_complete = esp_encrypted_img_is_complete_data_received(handle);
    run->is_good = esp_encrypted_img_decrypt_end(handle) == ESP_OK;
}

// ---- The stage -------------------------------------------------------------------------------------

static bool replace_stage(const struct decryption *run, struct ota_stage **stage)
{
    uint8_t state[OTA_STAGE_STATE_MAX];
    size_t len = 0;
    esp_err_t err = (*stage)->ops->save(*stage, state, &len);
    if (err == ESP_ERR_NOT_SUPPORTED) {
        return true; // inside the header
    }
    (*stage)->ops->destroy(*stage);
    *stage = NULL;
    return err == ESP_OK &&
           esp_encrypted_img_stage_create(run->key->data, run->key->len, MAX_OUTPUT, stage) ==
               ESP_OK &&
           (*stage)->ops->restore(*stage, state, len) == ESP_OK;
}

/** With saves_at the stage is replaced there and at every later multiple of it; 0: never. */
static void decrypt_with_stage(struct decryption *run, uint32_t seed, size_t saves_at)
{
    struct ota_stage *stage = NULL;
    bool is_done = false;
    run->out_len = 0;
    run->err = esp_encrypted_img_stage_create(run->key->data, run->key->len, MAX_OUTPUT, &stage);
    for (size_t at = 0; at < run->file->len && run->err == ESP_OK;) {
        size_t in_len = 1 + next_random(&seed) % PIECE_MAX;
        size_t out_len = 1 + next_random(&seed) % PIECE_MAX;
        size_t limit = saves_at ? at / saves_at * saves_at + saves_at : run->file->len;
        limit = limit < run->file->len ? limit : run->file->len;
        in_len = in_len < limit - at ? in_len : limit - at;
        run->err = stage->ops->step(stage, run->file->data + at, &in_len, run->out + run->out_len,
                                    &out_len);
        if (run->err == ESP_OK) {
            at += in_len;
            run->out_len += out_len;
            if (saves_at && at == limit && !replace_stage(run, &stage)) {
                run->err = ESP_ERR_NOT_SUPPORTED;
            }
        }
    }
    run->is_refused = run->err != ESP_OK;
    if (run->err == ESP_OK) {
        size_t none = 0;
        run->err = stage->ops->finish(stage, run->out, &none, &is_done);
    }
    run->is_complete = run->err == ESP_OK || run->err == ESP_ERR_INVALID_CRC;
    run->is_good = run->err == ESP_OK && is_done;
    if (stage) {
        stage->ops->destroy(stage);
    }
}

// ---- Verdicts --------------------------------------------------------------------------------------

static bool judge_good(const struct vector_row *row, const struct decryption *run, char *why)
{
    static const char prefix[] = "ok decrypts_to=";
    struct vector_bytes plain;
    if (!run->is_good) {
        (void)snprintf(why, VECTOR_WHY_LEN, "reject:%s", esp_err_to_name(run->err));
        return false;
    }
    if (strncmp(row->expect, prefix, sizeof(prefix) - 1) != 0) {
        (void)snprintf(why, VECTOR_WHY_LEN, "ok");
        return false;
    }
    if (!vector_load(row, row->expect + sizeof(prefix) - 1, &plain, why)) {
        return false;
    }
    bool is_equal = vector_compare(run->out, run->out_len, plain.data, plain.len, why);
    free(plain.data);
    return is_equal;
}

/** What our answers mean in the words of the manifest: refused before the end, too short, or the tag. */
static bool judge(const struct vector_row *row, const struct decryption *run, char *why)
{
    const char *expect = row->expect;
    bool is_early = run->is_refused;
    bool is_short = !run->is_refused && !run->is_complete;
    bool is_tag = !run->is_refused && run->is_complete && !run->is_good;
    if (strncmp(expect, "ok", 2) == 0 || run->is_good) {
        return judge_good(row, run, why);
    }
    (void)snprintf(why, VECTOR_WHY_LEN, "reject: %s, %s",
                   is_early   ? "before the end"
                   : is_short ? "incomplete"
                              : "auth_tag",
                   esp_err_to_name(run->err));
    if (strcmp(expect, "reject:magic") == 0 || strcmp(expect, "reject:key") == 0) {
        return is_early && run->out_len == 0;
    }
    if (strcmp(expect, "reject:incomplete") == 0) {
        return is_short;
    }
    if (strcmp(expect, "reject:auth_tag") == 0) {
        return is_tag;
    }
    if (strcmp(expect, "reject:key_or_auth_tag") == 0) {
        return is_tag || (is_early && run->out_len == 0);
    }
    return strcmp(expect, "reject:auth_tag_or_incomplete") == 0; // refused in any way
}

// NOLINTBEGIN(readability-non-const-parameter): written through a copy, or given by the seam
static bool check_all_ways(const struct vector_row *row, const struct vector_bytes *key,
                           const struct vector_bytes *file, uint8_t *out, char *why)
// NOLINTEND(readability-non-const-parameter)
{
    for (uint32_t seed = 1; seed <= 3; seed++) {
        struct decryption run = {.key = key, .file = file, .out = out};
        decrypt_with_functions(&run, seed);
        if (!judge(row, &run, why)) {
            return false;
        }
        const size_t distances[] = {0, SAVE_DISTANCE, 531};
        for (size_t i = 0; i < sizeof(distances) / sizeof(distances[0]); i++) {
            run = (struct decryption){.key = key, .file = file, .out = out};
            decrypt_with_stage(&run, seed, distances[i]);
            if (!judge(row, &run, why)) {
                return false;
            }
        }
    }
    return true;
}

bool check_pre_encrypted(const struct vector_row *row, char *why)
{
    char key_path[256];
    struct vector_bytes key = {0};
    struct vector_bytes file = {0};
    uint8_t *out = malloc(MAX_OUTPUT + PIECE_MAX);
    bool is_right = out && vector_param(row, "key", key_path, sizeof(key_path)) &&
                    vector_load(row, key_path, &key, why) &&
                    vector_load(row, row->path, &file, why) &&
                    check_all_ways(row, &key, &file, out, why);
    free(out);
    free(file.data);
    free(key.data);
    return is_right;
}
