// The verifier answers the same for every way the bytes can arrive, and notices every damaged byte that matters.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "chip_traits.h"
#include "esp_log.h"
#include "image_encode.h"
#include "image_verify.h"
#include "nor_flash.h"

#define IMAGE_MAX 8192

struct fixture {
    uint8_t bytes[IMAGE_MAX];
    uint32_t len;
    struct image_rules rules;
};

static struct fixture encode(esp_chip_id_t chip, uint32_t payload_len)
{
    struct fixture f = {.rules = {.chip = {.chip_id = chip, .chip_rev = 100, .blk_rev = 100},
                                  .flash_offset = 0x10000,
                                  .partition_size = 0x100000}};
    struct image_encode_spec spec = {
        .chip_id = chip, .project = "unit", .version = "1.2.3", .payload_len = payload_len};
    for (uint32_t i = 0; i < payload_len; i++) {
        f.bytes[IMAGE_ENCODE_PAYLOAD_OFFSET + i] = (uint8_t)(i * 7 + 1);
    }
    f.len = image_encode_len(&spec);
    assert_true(f.len > 0 && f.len <= IMAGE_MAX);
    assert_int_equal(image_encode(&spec, f.bytes), ESP_OK);
    return f;
}

static enum image_fault judge(const struct fixture *f, const uint8_t *bytes, size_t len,
                              size_t piece)
{
    struct image_verifier v;
    image_verifier_begin(&v, &f->rules);
    for (size_t at = 0; at < len; at += piece) {
        (void)image_verifier_write(&v, bytes + at, len - at < piece ? len - at : piece);
    }
    return image_verifier_end(&v);
}

static void accepts_its_own_encoding_for_every_chip(void **state)
{
    (void)state;
    const struct chip_traits *traits;
    for (size_t i = 0; (traits = chip_traits_at(i)) != NULL; i++) {
        struct fixture f = encode(traits->id, 1000);
        assert_int_equal(judge(&f, f.bytes, f.len, f.len), IMAGE_OK);
    }
}

static void the_size_of_the_pieces_does_not_matter(void **state)
{
    (void)state;
    struct fixture f = encode(ESP_CHIP_ID_ESP32C6, 777);
    for (size_t piece = 1; piece <= f.len; piece++) {
        assert_int_equal(judge(&f, f.bytes, f.len, piece), IMAGE_OK);
    }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct fixture f = encode(ESP_CHIP_ID_ESP32, 100);
    for (size_t len = 0; len < f.len; len++) {
        assert_int_equal(judge(&f, f.bytes, len, 64), IMAGE_TRUNCATED);
    }
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct fixture f = encode(ESP_CHIP_ID_ESP32, 60);
    for (uint32_t bit = 0; bit < f.len * 8; bit++) {
        f.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum image_fault fault = judge(&f, f.bytes, f.len, f.len);
        // fact: with the digest flag cleared the digest is only trailing data, as on the chip
        bool is_digest_flag = bit == 23 * 8;
        assert_true(is_digest_flag ? fault == IMAGE_OK : fault != IMAGE_OK);
        f.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void bytes_behind_the_image_do_not_matter(void **state)
{
    (void)state;
    struct fixture f = encode(ESP_CHIP_ID_ESP32, 60);
    memset(f.bytes + f.len, 0x5A, 100);
    assert_int_equal(judge(&f, f.bytes, f.len + 100, 33), IMAGE_OK);
}

static void tells_when_it_has_seen_enough(void **state)
{
    (void)state;
    struct fixture f = encode(ESP_CHIP_ID_ESP32, 60);
    struct image_verifier v;
    image_verifier_begin(&v, &f.rules);
    assert_int_equal(image_verifier_write(&v, f.bytes, f.len - 1), IMAGE_OK);
    assert_false(image_verifier_is_complete(&v));
    assert_int_equal(image_verifier_write(&v, f.bytes + f.len - 1, 1), IMAGE_OK);
    assert_true(image_verifier_is_complete(&v));
    assert_int_equal(v.info.image_len, f.len);
}

static void an_image_larger_than_its_partition_is_refused(void **state)
{
    (void)state;
    struct fixture f = encode(ESP_CHIP_ID_ESP32, 60);
    f.rules.partition_size = f.len;
    assert_int_equal(judge(&f, f.bytes, f.len, f.len), IMAGE_OK);
    f.rules.partition_size = f.len - 1;
    assert_int_equal(judge(&f, f.bytes, f.len, f.len), IMAGE_EXCEEDS_PARTITION);
}

static void a_partition_beyond_16_mib_is_for_chips_with_32_bit_flash_only(void **state)
{
    (void)state;
    struct fixture small = encode(ESP_CHIP_ID_ESP32C3, 60);
    struct fixture large = encode(ESP_CHIP_ID_ESP32S3, 60);
    small.rules.partition_size = large.rules.partition_size = 0x1000001;
    assert_int_equal(judge(&small, small.bytes, small.len, small.len), IMAGE_PARTITION_TOO_LARGE);
    assert_int_equal(judge(&large, large.bytes, large.len, large.len), IMAGE_OK);
}

static void header_checks_refuse_before_the_body_is_there(void **state)
{
    (void)state;
    struct fixture f = encode(ESP_CHIP_ID_ESP32, 2000);
    assert_int_equal(image_check_header(f.bytes, 1024, f.len, &f.rules), IMAGE_OK);
    assert_int_equal(image_check_header(f.bytes, 1024, 0x100001, &f.rules),
                     IMAGE_EXCEEDS_PARTITION);
    f.rules.chip.chip_id = ESP_CHIP_ID_ESP32C3;
    assert_int_equal(image_check_header(f.bytes, 1024, f.len, &f.rules), IMAGE_BAD_CHIP_ID);
    f.rules.chip.chip_id = ESP_CHIP_ID_ESP32;
    f.bytes[15] = 101; // needs chip revision v1.1, this one is v1.0
    assert_int_equal(image_check_header(f.bytes, 1024, f.len, &f.rules), IMAGE_BAD_MIN_CHIP_REV);
}

static void the_ignore_efuses_lift_the_maximum_revisions(void **state)
{
    (void)state;
    struct fixture f = encode(ESP_CHIP_ID_ESP32C3, 60);
    f.bytes[17] = 99; // made for chips up to v0.99
    f.bytes[18] = 0;
    assert_int_equal(image_check_header(f.bytes, 24, 0, &f.rules), IMAGE_BAD_MAX_CHIP_REV);
    f.rules.chip.ignore_max_chip_rev = true;
    assert_int_equal(image_check_header(f.bytes, 24, 0, &f.rules), IMAGE_OK);
    f.rules.is_bootloader = true;
    f.rules.chip.ignore_max_chip_rev = false;
    assert_int_equal(image_check_header(f.bytes, 24, 0, &f.rules), IMAGE_OK);
}

static void the_page_size_is_asked_of_applications_only(void **state)
{
    (void)state;
    struct fixture f = encode(ESP_CHIP_ID_ESP32C6, 60);
    f.bytes[32 + 180] = 13; // pages of 8 KiB
    f.bytes[25] ^= 0x20;    // the load address fits those, and not the pages of 64 KiB
    image_encode_seal(f.bytes, IMAGE_ENCODE_PAYLOAD_OFFSET + 60);
    assert_int_equal(judge(&f, f.bytes, f.len, f.len), IMAGE_OK);
    f.rules.is_bootloader = true;
    assert_int_equal(judge(&f, f.bytes, f.len, f.len), IMAGE_BAD_MAP_ALIGNMENT);
}

static void reads_the_same_from_flash_as_from_a_stream(void **state)
{
    (void)state;
    struct fixture f = encode(ESP_CHIP_ID_ESP32S3, 5000);
    esp_flash_t *chip;
    struct image_info info;
    assert_int_equal(nor_flash_open_in_memory(2 * 1024 * 1024, &chip), ESP_OK);
    assert_int_equal(esp_flash_write(chip, f.bytes, f.rules.flash_offset, f.len), ESP_OK);
    assert_int_equal(image_verify_flash(chip, &f.rules, &info), IMAGE_OK);
    assert_int_equal(info.image_len, f.len);
    assert_string_equal(image_app_desc(&info)->version, "1.2.3");
    f.rules.flash_offset = 0x20000;
    assert_int_equal(image_verify_flash(chip, &f.rules, &info), IMAGE_BAD_MAGIC);
    nor_flash_close(chip);
}

static void every_fault_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    for (int fault = IMAGE_OK; fault <= IMAGE_READ_ERROR; fault++) {
        assert_string_not_equal(image_fault_name((enum image_fault)fault), "unknown");
        assert_true(strlen(image_fault_text((enum image_fault)fault)) > 4);
    }
    assert_string_equal(image_fault_name((enum image_fault)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_its_own_encoding_for_every_chip),
        cmocka_unit_test(the_size_of_the_pieces_does_not_matter),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(bytes_behind_the_image_do_not_matter),
        cmocka_unit_test(tells_when_it_has_seen_enough),
        cmocka_unit_test(an_image_larger_than_its_partition_is_refused),
        cmocka_unit_test(a_partition_beyond_16_mib_is_for_chips_with_32_bit_flash_only),
        cmocka_unit_test(header_checks_refuse_before_the_body_is_there),
        cmocka_unit_test(the_ignore_efuses_lift_the_maximum_revisions),
        cmocka_unit_test(the_page_size_is_asked_of_applications_only),
        cmocka_unit_test(reads_the_same_from_flash_as_from_a_stream),
        cmocka_unit_test(every_fault_has_a_name_and_a_sentence),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
