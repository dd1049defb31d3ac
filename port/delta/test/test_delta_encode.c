// Encoder and stage together: what is made can be applied in pieces of any size, in the memory that the header announces, and is
// refused where it must be.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "delta_encoder.h"
#include "esp_delta_stage.h"
#include "esp_log.h"

#define OLD_LEN 20000
#define NEW_LEN 21000

struct files {
    uint8_t old_bytes[OLD_LEN];
    uint8_t new_bytes[NEW_LEN];
    uint8_t made[NEW_LEN];
    uint32_t made_len; // given to the caller of step
    unsigned reads;    // of the old file
};

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static int set_up(void **state)
{
    struct files *files = calloc(1, sizeof(*files));
    uint32_t seed = 7;
    esp_log_level_set("*", ESP_LOG_NONE);
    for (size_t i = 0; i < OLD_LEN; i++) {
        files->old_bytes[i] = (uint8_t)next_random(&seed);
    }
    memcpy(files->new_bytes, files->old_bytes + 3000, 17000);
    memcpy(files->new_bytes + 17000, files->old_bytes, 2000);
    memcpy(files->new_bytes + 19000, files->new_bytes + 16000,
           2000); // only there: straddles a seam of the old file
    *state = files;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static esp_err_t read_old(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    struct files *files = context;
    assert_true(offset <= OLD_LEN && len <= OLD_LEN - offset);
    files->reads++;
    memcpy(out, files->old_bytes + offset, len);
    return ESP_OK;
}

// Only what earlier calls of step gave may be asked for.
static esp_err_t read_made(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    const struct files *files = context;
    assert_true(offset <= files->made_len && len <= files->made_len - offset);
    memcpy(out, files->made + offset, len);
    return ESP_OK;
}

static struct ota_stage *make_stage(struct files *files, size_t memory, uint64_t max_output)
{
    struct esp_delta_base base = {.context = files, .size = OLD_LEN, .read = read_old};
    struct ota_stage_output output = {files, read_made};
    struct ota_stage *stage = NULL;
    assert_int_equal(esp_delta_stage_create(&base, memory, max_output, &stage), ESP_OK);
    stage->ops->attach(stage, &output);
    files->made_len = 0;
    files->reads = 0;
    return stage;
}

static esp_err_t apply(struct files *files, struct ota_stage *stage, const uint8_t *patch,
                       size_t len, uint32_t seed)
{
    esp_err_t err = ESP_OK;
    bool is_done = false;
    for (size_t at = 0; err == ESP_OK && !is_done;) {
        size_t in_len = seed ? next_random(&seed) % 300 : len;
        size_t out_len = seed ? next_random(&seed) % 700 : NEW_LEN;
        in_len = in_len < len - at ? in_len : len - at;
        out_len = out_len < NEW_LEN - files->made_len ? out_len : NEW_LEN - files->made_len;
        err = at < len
                  ? stage->ops->step(stage, patch + at, &in_len, files->made + files->made_len,
                                     &out_len)
                  : stage->ops->finish(stage, files->made + files->made_len, &out_len, &is_done);
        at += at < len ? in_len : 0;
        files->made_len += err == ESP_OK ? (uint32_t)out_len : 0;
    }
    stage->ops->destroy(stage);
    return err;
}

static size_t encode(struct files *files, enum esp_delta_class ram_class, uint8_t **patch)
{
    struct delta_file old_file = {files->old_bytes, OLD_LEN};
    struct delta_file new_file = {files->new_bytes, NEW_LEN};
    size_t len = 0;
    assert_int_equal(delta_encode(&old_file, &new_file, ram_class, true, patch, &len, NULL),
                     ESP_OK);
    return len;
}

static void pieces_of_any_size_give_the_same_file(void **state)
{
    struct files *files = *state;
    for (int ram_class = ESP_DELTA_4K; ram_class <= ESP_DELTA_64K; ram_class++) {
        uint8_t *patch = NULL;
        struct esp_delta_patch header;
        size_t len = encode(files, (enum esp_delta_class)ram_class, &patch);
        assert_true(len < 250);
        assert_int_equal(esp_delta_patch_parse(patch, len, &header), ESP_OK);
        for (uint32_t seed = 0; seed < 20; seed++) {
            struct ota_stage *stage = make_stage(files, esp_delta_patch_memory(&header), NEW_LEN);
            assert_int_equal(apply(files, stage, patch, len, seed), ESP_OK);
            assert_int_equal(files->made_len, NEW_LEN);
            assert_memory_equal(files->made, files->new_bytes, NEW_LEN);
        }
        free(patch);
    }
}

static void too_little_memory_is_told_before_anything_is_read(void **state)
{
    struct files *files = *state;
    uint8_t *patch = NULL;
    struct esp_delta_patch header;
    size_t len = encode(files, ESP_DELTA_16K, &patch);
    assert_int_equal(esp_delta_patch_parse(patch, len, &header), ESP_OK);
    struct ota_stage *stage = make_stage(files, esp_delta_patch_memory(&header) - 1, NEW_LEN);
    assert_int_equal(apply(files, stage, patch, len, 0), ESP_ERR_NO_MEM);
    assert_int_equal(files->reads, 0);
    assert_int_equal(files->made_len, 0);
    free(patch);
}

static void too_little_room_is_told_before_anything_is_read(void **state)
{
    struct files *files = *state;
    uint8_t *patch = NULL;
    size_t len = encode(files, ESP_DELTA_64K, &patch);
    struct ota_stage *stage = make_stage(files, esp_delta_class_memory(ESP_DELTA_64K), NEW_LEN - 1);
    assert_int_equal(apply(files, stage, patch, len, 0), ESP_ERR_INVALID_SIZE);
    assert_int_equal(files->reads, 0);
    free(patch);
}

static void another_base_gives_no_byte(void **state)
{
    struct files *files = *state;
    uint8_t *patch = NULL;
    size_t len = encode(files, ESP_DELTA_64K, &patch);
    files->old_bytes[OLD_LEN - 1] ^= 1;
    struct ota_stage *stage = make_stage(files, esp_delta_class_memory(ESP_DELTA_64K), NEW_LEN);
    assert_int_equal(apply(files, stage, patch, len, 0), ESP_ERR_INVALID_VERSION);
    assert_int_equal(files->made_len, 0);
    free(patch);
}

static void every_early_end_is_noticed(void **state)
{
    struct files *files = *state;
    uint8_t *patch = NULL;
    size_t len = encode(files, ESP_DELTA_4K, &patch);
    for (size_t cut = 0; cut < len; cut++) {
        struct ota_stage *stage = make_stage(files, esp_delta_class_memory(ESP_DELTA_4K), NEW_LEN);
        assert_int_equal(apply(files, stage, patch, cut, (uint32_t)cut), ESP_ERR_NOT_FINISHED);
    }
    free(patch);
}

static void every_flipped_bit_is_noticed(void **state)
{
    struct files *files = *state;
    uint8_t *patch = NULL;
    size_t len = encode(files, ESP_DELTA_4K, &patch);
    for (size_t bit = 0; bit < len * 8; bit += 3) {
        patch[bit / 8] ^= (uint8_t)(1 << bit % 8);
        struct ota_stage *stage = make_stage(files, esp_delta_class_memory(ESP_DELTA_4K), NEW_LEN);
        assert_int_not_equal(apply(files, stage, patch, len, 0), ESP_OK);
        patch[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(patch);
}

static void what_nothing_makes_smaller_is_stored(void **state)
{
    struct files *files = *state;
    uint32_t seed = 99;
    for (size_t i = 0; i < NEW_LEN; i++) {
        files->new_bytes[i] = (uint8_t)(next_random(&seed) >> 9);
    }
    for (int ram_class = ESP_DELTA_4K; ram_class <= ESP_DELTA_64K; ram_class++) {
        uint8_t *patch = NULL;
        size_t len = encode(files, (enum esp_delta_class)ram_class, &patch);
        assert_int_equal(len, ESP_DELTA_PATCH_HEADER_LEN + NEW_LEN);
        for (uint32_t piece = 0; piece < 5; piece++) {
            struct ota_stage *stage =
                make_stage(files, esp_delta_class_memory((enum esp_delta_class)ram_class), NEW_LEN);
            assert_int_equal(apply(files, stage, patch, len, piece), ESP_OK);
            assert_int_equal(files->made_len, NEW_LEN);
            assert_memory_equal(files->made, files->new_bytes, NEW_LEN);
        }
        for (size_t cut = 0; cut < len; cut += 997) {
            struct ota_stage *stage =
                make_stage(files, esp_delta_class_memory((enum esp_delta_class)ram_class), NEW_LEN);
            assert_int_equal(apply(files, stage, patch, cut, 0), ESP_ERR_NOT_FINISHED);
        }
        patch[len - 1] ^= 1;
        struct ota_stage *stage =
            make_stage(files, esp_delta_class_memory((enum esp_delta_class)ram_class), NEW_LEN);
        assert_int_equal(apply(files, stage, patch, len, 0), ESP_ERR_INVALID_CRC);
        free(patch);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pieces_of_any_size_give_the_same_file),
        TEST(too_little_memory_is_told_before_anything_is_read),
        TEST(too_little_room_is_told_before_anything_is_read),
        TEST(another_base_gives_no_byte),
        TEST(every_early_end_is_noticed),
        TEST(every_flipped_bit_is_noticed),
        TEST(what_nothing_makes_smaller_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
