// Any bytes as an image. However they arrive - at once, in pieces, from where they stand - the verdict is the same, and
// the check of the first bytes refuses nothing that is a whole image.
//
// Input: 8 bytes of rules, then the image. See take_rules().

#include <assert.h>
#include <string.h>

#include "esp_log.h"
#include "fuzz_check.h"
#include "image_verify.h"

#define RULES_LEN 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct memory {
    const uint8_t *bytes;
    size_t len;
};

static struct image_rules take_rules(const uint8_t *data)
{
    struct image_rules rules = {
        .chip = {.chip_id = data[0],
                 .chip_rev = data[1],
                 .blk_rev = data[2],
                 .ignore_max_chip_rev = data[3] & 1,
                 .ignore_max_blk_rev = data[3] & 2},
        .flash_offset = (uint32_t)data[4] << 12,
        .partition_size = data[5] == 0xFF ? UINT32_MAX : ((uint32_t)data[5] << 12 | data[6]),
        .is_bootloader = data[3] & 4,
    };
    return rules;
}

static void check_info(const struct image_info *info)
{
    FUZZ_CHECK(info->segment_count <= ESP_IMAGE_MAX_SEGMENTS);
    FUZZ_CHECK(info->desc_len <= sizeof(info->desc));
    const esp_app_desc_t *desc = image_app_desc(info);
    FUZZ_CHECK(!desc || desc->magic_word == ESP_APP_DESC_MAGIC_WORD);
}

static void check_same(const struct image_info *a, const struct image_info *b)
{
    FUZZ_CHECK(memcmp(&a->header, &b->header, sizeof(a->header)) == 0);
    FUZZ_CHECK(a->segment_count == b->segment_count);
    FUZZ_CHECK(memcmp(a->segments, b->segments, sizeof(a->segments)) == 0);
    FUZZ_CHECK(a->image_len == b->image_len && a->checksum == b->checksum);
    FUZZ_CHECK(a->has_digest == b->has_digest);
    FUZZ_CHECK(memcmp(a->digest, b->digest, sizeof(a->digest)) == 0);
    FUZZ_CHECK(a->desc_len == b->desc_len);
    FUZZ_CHECK(memcmp(a->desc.bytes, b->desc.bytes, sizeof(a->desc.bytes)) == 0);
}

static enum image_fault verify_at_once(const struct memory *image, const struct image_rules *rules,
                                       struct image_info *info)
{
    struct image_verifier v;
    image_verifier_begin(&v, rules);
    enum image_fault so_far = image_verifier_write(&v, image->bytes, image->len);
    bool is_complete = image_verifier_is_complete(&v);
    enum image_fault fault = image_verifier_end(&v);
    FUZZ_CHECK(so_far == IMAGE_OK || so_far == fault);
    FUZZ_CHECK(is_complete == (fault == IMAGE_OK));
    *info = v.info;
    return fault;
}

static enum image_fault verify_in_pieces(const struct memory *image,
                                         const struct image_rules *rules, uint32_t seed,
                                         struct image_info *info)
{
    struct image_verifier v;
    image_verifier_begin(&v, rules);
    uint32_t random = seed + 1;
    for (size_t at = 0; at < image->len;) {
        random = random * 1664525u + 1013904223u;
        size_t len = 1 + (random >> 24) % (seed ? 97 : 1);
        len = len < image->len - at ? len : image->len - at;
        enum image_fault so_far = image_verifier_write(&v, image->bytes + at, len);
        FUZZ_CHECK(so_far == IMAGE_OK || so_far == image_verifier_end(&v));
        at += len;
    }
    enum image_fault fault = image_verifier_end(&v);
    *info = v.info;
    return fault;
}

static esp_err_t read_memory(void *context, uint32_t offset, void *buffer, uint32_t len)
{
    const struct memory *image = context;
    FUZZ_CHECK(offset <= image->len && len <= image->len - offset);
    memcpy(buffer, image->bytes + offset, len);
    return ESP_OK;
}

static void check_start(const struct memory *image, const struct image_rules *rules,
                        enum image_fault fault)
{
    const size_t lens[] = {0, 1, 23, 24, 32, 288, 1024, image->len};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        size_t len = lens[i] < image->len ? lens[i] : image->len;
        enum image_fault start = image_check_header(image->bytes, len, 0, rules);
        FUZZ_CHECK(start == IMAGE_OK || start == fault);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < RULES_LEN) {
        return 0;
    }
    esp_log_level_set("*", ESP_LOG_NONE);
    struct image_rules rules = take_rules(data);
    struct memory image = {data + RULES_LEN, size - RULES_LEN};
    struct image_source source = {
        .read = read_memory, .context = &image, .size = (uint32_t)image.len};
    struct image_info whole;
    struct image_info other;
    enum image_fault fault = verify_at_once(&image, &rules, &whole);
    check_info(&whole);
    FUZZ_CHECK(verify_in_pieces(&image, &rules, data[7], &other) == fault);
    check_same(&whole, &other);
    FUZZ_CHECK(image_verify(&source, &rules, &other) == fault);
    check_same(&whole, &other);
    if (fault == IMAGE_OK) {
        FUZZ_CHECK(whole.image_len <= image.len && whole.image_len <= rules.partition_size);
    }
    check_start(&image, &rules, fault);
    FUZZ_CHECK(image_fault_name(fault)[0] && image_fault_text(fault)[0]);
    (void)image_fault_to_err(fault); // total over all faults
    return 0;
}
