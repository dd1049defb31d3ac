// Compressed pages inside files: whatever deflate does, the page comes out bit for bit, and a small edit makes a small patch.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "delta_encoder.h"
#include "esp_log.h"

#define PAGE_MAX 400000
#define FILE_MAX 600000

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

// Text with repetitions like those of a web page.
static size_t write_page(char *page, size_t lines)
{
    static const char *const WORDS[] = {"<div class=", "\"button\"",     "function", "return",
                                        "slider",      "getElementById", "</div>",   "var",
                                        "color",       "preset"};
    uint32_t seed = 3;
    size_t len = 0;
    for (size_t i = 0; i < lines; i++) {
        for (int k = 0; k < 6; k++) {
            len += (size_t)sprintf(page + len, "%s %x ", WORDS[next_random(&seed) % 10],
                                   (unsigned)(next_random(&seed) & 0xFFF));
        }
        len += (size_t)sprintf(page + len, "line %zu\n", i);
    }
    return len;
}

static size_t insert(char *page, size_t len, size_t at, const char *text)
{
    size_t more = strlen(text);
    memmove(page + at + more, page + at, len - at);
    memcpy(page + at, text, more);
    return len + more;
}

struct how {
    int level;
    int strategy;
    int memory; // small: blocks are short
};

static size_t compress_page(const char *page, size_t len, struct how how, uint8_t *out)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, how.level, Z_DEFLATED, 15 + 16, how.memory, how.strategy),
                     Z_OK);
    z.next_in = (Bytef *)(uintptr_t)page;
    z.avail_in = (uInt)len;
    z.next_out = out;
    z.avail_out = FILE_MAX;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return FILE_MAX - z.avail_out;
}

// A file: something, the page, something else.
static struct delta_file make_file(const char *page, size_t page_len, struct how how, size_t before)
{
    uint8_t *bytes = malloc(FILE_MAX + 8192);
    uint32_t seed = 11;
    assert_non_null(bytes);
    for (size_t i = 0; i < before; i++) {
        bytes[i] = (uint8_t)next_random(&seed);
    }
    size_t len = before + compress_page(page, page_len, how, bytes + before);
    seed = 12;
    for (size_t i = 0; i < 3000; i++) {
        bytes[len++] = (uint8_t)next_random(&seed);
    }
    return (struct delta_file){bytes, len};
}

// delta_encode() applies what it makes; here once more, and the size is returned.
static size_t patch_len(const struct delta_file *old_file, const struct delta_file *new_file,
                        enum esp_delta_class ram_class, bool *has_deflate)
{
    uint8_t *patch = NULL;
    uint8_t *made = NULL;
    size_t len = 0;
    size_t made_len = 0;
    struct esp_delta_patch header;
    assert_int_equal(delta_encode(old_file, new_file, ram_class, &patch, &len, NULL), ESP_OK);
    assert_int_equal(esp_delta_patch_parse(patch, len, &header), ESP_OK);
    assert_int_equal(delta_apply(old_file, NULL, patch, len, &made, &made_len), ESP_OK);
    assert_int_equal(made_len, new_file->len);
    assert_memory_equal(made, new_file->bytes, made_len);
    *has_deflate = header.has_deflate;
    free(made);
    free(patch);
    return len;
}

// An edited page, compressed in some way. @return bytes of the patch
static size_t edit(size_t lines, struct how how, enum esp_delta_class ram_class, bool *has_deflate)
{
    char *page = malloc(PAGE_MAX);
    assert_non_null(page);
    size_t len = write_page(page, lines);
    struct delta_file old_file = make_file(page, len, how, 2000);
    len = insert(page, len, len / 3, "<b>an edit</b>");
    len = insert(page, len, len / 2, "another, with new words: quixotic zephyr");
    struct delta_file new_file = make_file(page, len, how, 2222);
    size_t size = patch_len(&old_file, &new_file, ram_class, has_deflate);
    free((void *)(uintptr_t)old_file.bytes);
    free((void *)(uintptr_t)new_file.bytes);
    free(page);
    return size;
}

static void an_edit_of_a_page_is_a_small_patch(void **state)
{
    (void)state;
    bool has_deflate;
    for (int ram_class = ESP_DELTA_16K; ram_class <= ESP_DELTA_64K; ram_class++) {
        size_t len = edit(600, (struct how){9, Z_DEFAULT_STRATEGY, 8},
                          (enum esp_delta_class)ram_class, &has_deflate);
        assert_true(has_deflate);
        assert_true(len < 1200); // of a page of 13 KB, and 222 bytes that are random
    }
}

static void the_smallest_class_sends_pages_whole(void **state)
{
    (void)state;
    bool has_deflate;
    size_t len = edit(600, (struct how){9, Z_DEFAULT_STRATEGY, 8}, ESP_DELTA_4K, &has_deflate);
    assert_false(has_deflate);
    assert_true(len > 2000);
}

static void streams_of_many_blocks_are_followed(void **state)
{
    (void)state;
    bool has_deflate;
    size_t len = edit(3000, (struct how){6, Z_DEFAULT_STRATEGY, 4}, ESP_DELTA_64K, &has_deflate);
    assert_true(has_deflate);
    assert_true(len < 12000); // blocks begin elsewhere now, so their codes are others
}

static void fixed_codes_are_followed(void **state)
{
    (void)state;
    bool has_deflate;
    assert_true(edit(300, (struct how){9, Z_FIXED, 8}, ESP_DELTA_64K, &has_deflate) < 700);
    assert_true(has_deflate);
}

static void matches_and_literals_alone_are_followed(void **state)
{
    (void)state;
    static const int STRATEGIES[] = {Z_HUFFMAN_ONLY, Z_RLE, Z_FILTERED};
    for (size_t i = 0; i < 3; i++) {
        bool has_deflate;
        (void)edit(200, (struct how){9, STRATEGIES[i], 8}, ESP_DELTA_64K, &has_deflate);
        assert_true(has_deflate);
    }
}

static void blocks_without_compression_are_sent_like_anything_else(void **state)
{
    (void)state;
    bool has_deflate;
    (void)edit(100, (struct how){0, Z_DEFAULT_STRATEGY, 8}, ESP_DELTA_64K, &has_deflate);
    assert_false(has_deflate);
}

// The old file's stream ends in the middle of nowhere: what the reader takes for tokens there, both sides take alike.
static void a_stream_that_is_cut_in_the_old_file_does_no_harm(void **state)
{
    (void)state;
    char *page = malloc(PAGE_MAX);
    assert_non_null(page);
    struct how how = {9, Z_DEFAULT_STRATEGY, 8};
    size_t len = write_page(page, 400);
    struct delta_file old_file = make_file(page, len, how, 100);
    struct delta_file new_file = make_file(page, insert(page, len, 5000, "edit"), how, 100);
    bool has_deflate;
    for (size_t cut = 120; cut < 4000; cut += 997) {
        old_file.len = cut;
        (void)patch_len(&old_file, &new_file, ESP_DELTA_64K, &has_deflate);
    }
    free((void *)(uintptr_t)old_file.bytes);
    free((void *)(uintptr_t)new_file.bytes);
    free(page);
}

static int be_quiet(void **state)
{
    (void)state;
    esp_log_level_set("*", ESP_LOG_NONE);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edit_of_a_page_is_a_small_patch),
        cmocka_unit_test(the_smallest_class_sends_pages_whole),
        cmocka_unit_test(streams_of_many_blocks_are_followed),
        cmocka_unit_test(fixed_codes_are_followed),
        cmocka_unit_test(matches_and_literals_alone_are_followed),
        cmocka_unit_test(blocks_without_compression_are_sent_like_anything_else),
        cmocka_unit_test(a_stream_that_is_cut_in_the_old_file_does_no_harm),
    };
    return cmocka_run_group_tests(tests, be_quiet, NULL);
}
