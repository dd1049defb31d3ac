// What flash encryption changes for app_update; the other tests of this folder run on encrypted devices as well.

#include "ota_device.h"

#include <stdlib.h>
#include <string.h>

#include "esp_ota_ext.h"
#include "ota_tail.h"

#define SLOT 0x30000u // ota_1
#define TAIL (SLOT + DEVICE_SLOT_SIZE - ESP_OTA_JOURNAL_LEN)

static esp_ota_handle_t begin(void)
{
    esp_ota_handle_t handle;
    assert_int_equal(esp_ota_begin(device_partition("ota_1"), 0, &handle), ESP_OK);
    return handle;
}

// ----------------------------------------------------------------------- writing

static void pieces_of_any_length_make_the_image(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 9000);
    const uint32_t steps[] = {1, 15, 16, 17, 31, 33, 1000, 4097};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        DEVICE_START(.running = "ota_0");
        esp_ota_handle_t handle = begin();
        for (uint32_t at = 0; at < image.len; at += steps[i]) {
            uint32_t len = image.len - at < steps[i] ? image.len - at : steps[i];
            assert_int_equal(esp_ota_write(handle, image.bytes + at, len), ESP_OK);
        }
        assert_int_equal(esp_ota_end(handle), ESP_OK);
        assert_true(device_holds(SLOT, image.bytes, image.len));
        assert_memory_not_equal(device_bytes(SLOT), image.bytes, image.len);
        assert_int_equal(esp_ota_set_boot_partition(device_partition("ota_1")), ESP_OK);
        assert_string_equal(device_boot(), "ota_1");
    }
    free(image.bytes);
}

static void less_than_a_block_touches_no_flash_and_is_nothing(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 1500);
    esp_ota_handle_t handle = begin();
    device_forget();
    assert_int_equal(esp_ota_write(handle, image.bytes, 15), ESP_OK);
    assert_int_equal(g_flash.programs, 0);
    assert_int_equal(esp_ota_end(handle), ESP_ERR_INVALID_ARG);
    free(image.bytes);
}

// fact: see SPEC: 0 behind the first rest that was put together, 0xFF behind later ones
static void the_last_block_is_filled_up_as_esp_idf_does(void **state)
{
    (void)state;
    struct device_image image = DEVICE_IMAGE(.len = 1600);
    assert_int_equal(image.len % 16, 0);
    for (int is_cut = 0; is_cut < 2; is_cut++) {
        uint8_t last[16];
        DEVICE_START(.running = "ota_0");
        esp_ota_handle_t handle = begin();
        uint32_t first = is_cut ? 100 : image.len;
        assert_int_equal(esp_ota_write(handle, image.bytes, first), ESP_OK);
        assert_int_equal(esp_ota_write(handle, image.bytes + first, image.len - first), ESP_OK);
        assert_int_equal(esp_ota_write(handle, "xyz", 3), ESP_OK);
        assert_int_equal(esp_ota_end(handle), ESP_OK);
        device_read(SLOT + image.len, last, sizeof(last));
        assert_memory_equal(last, "xyz", 3);
        assert_int_equal(last[3], is_cut ? 0xFF : 0);
        assert_int_equal(last[15], is_cut ? 0xFF : 0);
    }
    free(image.bytes);
}

static void bytes_that_decrypt_to_0xff_are_not_blank_flash(void **state)
{
    (void)state;
    uint8_t old[8192];
    memset(old, 0xFF, sizeof(old));
    struct device_image image = DEVICE_IMAGE(.len = 8192, .seed = 3);
    for (int is_blank = 0; is_blank <= 1; is_blank++) {
        esp_ota_handle_t handle;
        DEVICE_START(.running = "ota_0");
        if (!is_blank) {
            device_put_plain(SLOT, old, sizeof(old));
        }
        assert_int_equal(
            esp_ota_begin(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, &handle), ESP_OK);
        assert_int_equal(esp_ota_tune(handle, &(esp_ota_tuning_t){.is_settled = true}), ESP_OK);
        device_forget();
        assert_int_equal(esp_ota_write(handle, image.bytes, image.len), ESP_OK);
        assert_int_equal(esp_ota_end(handle), ESP_OK);
        assert_true(device_holds(SLOT, image.bytes, image.len));
        assert_int_equal(g_flash.erases == 0, is_blank);
    }
    free(image.bytes);
}

static void offsets_are_those_of_blocks(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    static const uint8_t bytes[32] = {0xE9};
    esp_ota_handle_t handle = begin();
    assert_int_equal(esp_ota_write_with_offset(handle, bytes, 17, 0), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_write_with_offset(handle, bytes, 16, 8), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_ota_write_with_offset(handle, bytes, 32, 64), ESP_OK);
    assert_true(device_holds(SLOT + 64, bytes, 32));
    assert_int_equal(esp_ota_abort(handle), ESP_OK);
    assert_int_equal(
        esp_ota_resume(device_partition("ota_1"), OTA_WITH_SEQUENTIAL_WRITES, 8, &handle),
        ESP_ERR_INVALID_ARG);
}

static void a_failed_write_can_be_seen_and_loses_no_count(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct device_image image = DEVICE_IMAGE(.len = 1500);
    esp_ota_handle_t handle = begin();
    assert_int_equal(esp_ota_write(handle, image.bytes, 10), ESP_OK);
    device_forget();
    g_flash.fail_at = 1;
    assert_int_equal(esp_ota_write(handle, image.bytes + 10, 100), ESP_ERR_FLASH_OP_FAIL);
    assert_int_equal(esp_ota_write(handle, image.bytes + 10, image.len - 10), ESP_OK);
    assert_int_equal(esp_ota_end(handle), ESP_OK);
    free(image.bytes);
}

// ----------------------------------------------------------------------- records

static void an_erased_record_is_not_followed(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    device_put_image("factory", "1");
    device_put_image("ota_0", "1");
    device_put_record(1, 1, ESP_OTA_IMG_UNDEFINED); // the other sector is erased: noise
    assert_string_equal(device_boot(), "ota_0");
    assert_int_equal(esp_ota_set_boot_partition(device_partition("factory")), ESP_OK);
    assert_string_equal(device_boot(), "factory");
    assert_int_equal(esp_ota_set_boot_partition(device_partition("ota_0")), ESP_OK);
    assert_string_equal(device_boot(), "ota_0");
}

// ----------------------------------------------------------------------- the end of a slot

static struct ota_tail_header put_header(uint32_t magic)
{
    struct ota_tail_header header;
    const esp_partition_t *slot = device_partition("ota_1");
    ota_tail_prepare(slot, &header, magic, 7);
    assert_int_equal(ota_tail_erase(slot, 0), ESP_OK);
    assert_int_equal(ota_tail_write(slot, 0, &header), ESP_OK);
    return header;
}

static bool is_tail_free(void)
{
    bool is_free = false;
    assert_int_equal(ota_tail_is_free(device_partition("ota_1"), &is_free), ESP_OK);
    return is_free;
}

static void a_header_is_encrypted_and_read_back(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct ota_tail_header found;
    int sector;
    struct ota_tail_header header = put_header(OTA_TAIL_FINALIZE);
    assert_int_equal(ota_tail_read(device_partition("ota_1"), &found, &sector), ESP_OK);
    assert_int_equal(sector, 0);
    assert_memory_equal(&found, &header, sizeof(found));
    assert_memory_not_equal(device_bytes(TAIL), "OTAF", 4);
}

static void a_cleared_header_is_gone_and_leaves_room(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    struct ota_tail_header found;
    int sector;
    (void)put_header(OTA_TAIL_FINALIZE);
    assert_true(is_tail_free());
    assert_int_equal(ota_tail_clear(device_partition("ota_1"), 0, OTA_TAIL_FINALIZE), ESP_OK);
    assert_int_equal(ota_tail_read(device_partition("ota_1"), &found, &sector), ESP_OK);
    assert_int_equal(sector, OTA_TAIL_NONE);
    assert_true(is_tail_free());
}

// Whatever a cut leaves of clearing or writing a header, the sector is known as nobody's.
static void a_torn_header_leaves_room(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    for (uint32_t at = 0; at < 128; at += 5) {
        (void)put_header(OTA_TAIL_FINALIZE);
        *device_bytes(TAIL + at) ^= 0x10;
        assert_true(is_tail_free());
    }
}

static void other_bytes_at_the_end_are_somebodys(void **state)
{
    (void)state;
    const uint32_t places[] = {130, 200, 300, 4095, 4096 + 150, 8191};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        DEVICE_START(.running = "ota_0");
        assert_true(is_tail_free());
        *device_bytes(TAIL + places[i]) = 0;
        assert_false(is_tail_free());
    }
}

static void the_end_of_an_image_is_not_taken_for_a_torn_header(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0");
    const esp_partition_t *slot = device_partition("ota_1");
    uint32_t room = DEVICE_SLOT_SIZE - ESP_OTA_JOURNAL_LEN;
    assert_true(ota_tail_may_hold_image_end(slot, room + 16));
    assert_true(ota_tail_may_hold_image_end(slot, room));
    assert_false(ota_tail_may_hold_image_end(slot, room - 128));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_teardown(name, device_stop)
        FACT(pieces_of_any_length_make_the_image),
        FACT(less_than_a_block_touches_no_flash_and_is_nothing),
        FACT(the_last_block_is_filled_up_as_esp_idf_does),
        FACT(bytes_that_decrypt_to_0xff_are_not_blank_flash),
        FACT(offsets_are_those_of_blocks),
        FACT(a_failed_write_can_be_seen_and_loses_no_count),
        FACT(an_erased_record_is_not_followed),
        FACT(a_header_is_encrypted_and_read_back),
        FACT(a_cleared_header_is_gone_and_leaves_room),
        FACT(a_torn_header_leaves_room),
        FACT(other_bytes_at_the_end_are_somebodys),
        FACT(the_end_of_an_image_is_not_taken_for_a_torn_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
