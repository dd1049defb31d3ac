// The update as a state machine: what reaches flash, what is refused before, descriptors, and every way to end.

#include "update_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "boot_handover.h"
#include "efuse_ops.h"
#include "esp_log.h"
#include "freertos/task.h"

static esp_https_ota_handle_t begin(void)
{
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_handle_t handle;
    assert_int_equal(update_begin(&http, &handle), ESP_OK);
    return handle;
}

static esp_err_t perform_to_the_end(esp_https_ota_handle_t handle)
{
    esp_err_t err;
    do {
        err = esp_https_ota_perform(handle);
    } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    return err;
}

// ----------------------------------------------------------------------- sizes and ways to arrive

static void images_of_every_size_are_installed(void **state)
{
    (void)state;
    for (uint32_t len = 336; len <= 4200; len += len < 1100 ? 16 : 176) {
        free(g_image.bytes);
        g_image = DEVICE_IMAGE(.len = len, .seed = len);
        DEVICE_START(.running = "ota_0");
        SERVER_START(ANSWER_IMAGE);
        if (update_usual() != ESP_OK) {
            fail_msg("an image of %u bytes is refused", len);
        }
        update_assert_installed(g_image);
    }
}

static void bodies_too_short_for_an_image_are_refused(void **state)
{
    (void)state;
    for (uint32_t len = 1; len < 336; len += 5) {
        SERVER_START({.body = g_image.bytes, .len = len});
        assert_int_equal(update_usual(), ESP_ERR_OTA_VALIDATE_FAILED);
        update_assert_unchanged();
        if (len < 24) {
            assert_int_equal(g_flash.operations, 0);
        }
    }
}

static void an_empty_body_is_refused_and_erases_nothing(void **state)
{
    (void)state;
    SERVER_START({.body = g_image.bytes, .len = 0});
    assert_int_equal(update_usual(), ESP_FAIL);
    SERVER_START({.is_chunked = true});
    assert_int_equal(update_usual(), ESP_FAIL);
    assert_int_equal(g_flash.operations, 0);
}

static void pieces_of_every_size_make_the_same_image(void **state)
{
    (void)state;
    const uint32_t pieces[] = {1, 7, 23, 24, 100, 288, 1000, 1023, 1024, 1025, 4096, 9999};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        for (int way = 0; way < 3; way++) {
            SERVER_START({.body = g_image.bytes,
                          .len = g_image.len,
                          .piece = pieces[i],
                          .is_chunked = way == 1,
                          .is_unmeasured = way == 2});
            DEVICE_START(.running = "ota_0");
            device_put_image("ota_0", "1");
            assert_int_equal(update_usual(), ESP_OK);
            update_assert_installed(g_image);
        }
    }
}

static void buffers_of_every_size_make_the_same_image(void **state)
{
    (void)state;
    const int sizes[] = {0, 1, 512, 1024, 1500, 4096, 20000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        SERVER_START(ANSWER_IMAGE);
        DEVICE_START(.running = "ota_0");
        device_put_image("ota_0", "1");
        esp_http_client_config_t http = update_http_config();
        http.buffer_size = sizes[i];
        esp_https_ota_config_t config = {.http_config = &http, .buffer_caps = i % 2};
        assert_int_equal(update_run(&config), ESP_OK);
        update_assert_installed(g_image);
    }
}

static void the_size_is_known_when_the_server_tells_it(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE, {.body = g_image.bytes, .len = g_image.len, .is_chunked = true});
    esp_https_ota_handle_t handle = begin();
    assert_int_equal(esp_https_ota_get_image_size(handle), g_image.len);
    assert_int_equal(esp_https_ota_get_status_code(handle), 200);
    assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
    handle = begin();
    assert_int_equal(esp_https_ota_get_image_size(handle), -1);
    assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
}

static void the_count_of_bytes_grows_with_what_is_written(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_handle_t handle = begin();
    assert_int_equal(esp_https_ota_get_image_len_read(handle), -1);
    esp_app_desc_t desc;
    assert_int_equal(esp_https_ota_get_img_desc(handle, &desc), ESP_OK);
    assert_int_equal(esp_https_ota_get_image_len_read(handle), -1);
    int before = 0;
    esp_err_t err;
    do {
        err = esp_https_ota_perform(handle);
        int count = esp_https_ota_get_image_len_read(handle);
        assert_in_range(count, before + (err != ESP_OK), g_image.len);
        assert_int_equal(err == ESP_OK, esp_https_ota_is_complete_data_received(handle) &&
                                            count == (int)g_image.len && err == ESP_OK);
        before = count;
    } while (err == ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    assert_int_equal(err, ESP_OK);
    assert_int_equal(before, g_image.len);
    assert_true(esp_https_ota_is_complete_data_received(handle));
    assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
}

static void flash_is_erased_ahead_of_each_write_or_in_bulk(void **state)
{
    (void)state;
    static const struct {
        bool bulk;
        bool is_chunked;
        uint32_t first; // erased by the first perform
        uint32_t total;
    } ROWS[] = {
        {false, false, 0x1000, 0x3000},
        {false, true, 0x8000,
         0x8000}, // as much as one operation can, the image's size being unknown
        {true, false, 0x3000, 0x3000},
        {true, true, DEVICE_SLOT_SIZE, DEVICE_SLOT_SIZE},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        DEVICE_START(.running = "ota_0");
        memset(device_bytes(0x30000), 0, DEVICE_SLOT_SIZE);
        SERVER_START({.body = g_image.bytes, .len = g_image.len, .is_chunked = ROWS[i].is_chunked});
        esp_http_client_config_t http = update_http_config();
        esp_https_ota_config_t config = {.http_config = &http, .bulk_flash_erase = ROWS[i].bulk};
        esp_https_ota_handle_t handle;
        assert_int_equal(esp_https_ota_begin(&config, &handle), ESP_OK);
        assert_int_equal(g_flash.operations, 0);
        assert_int_equal(esp_https_ota_perform(handle), ESP_ERR_HTTPS_OTA_IN_PROGRESS);
        assert_int_equal(g_flash.erased_bytes, ROWS[i].first);
        assert_int_equal(perform_to_the_end(handle), ESP_OK);
        assert_int_equal(g_flash.erased_bytes, ROWS[i].total);
        assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
    }
}

static void the_slot_is_erased_before_the_header_only_when_asked_to(void **state)
{
    (void)state;
    for (uint32_t bytes = 0; bytes <= 0x8000; bytes += 0x8000) {
        DEVICE_START(.running = "ota_0");
        memset(device_bytes(0x30000), 0, DEVICE_SLOT_SIZE);
        SERVER_START({.body = g_image.bytes, .len = g_image.len, .stalls = 1});
        esp_http_client_config_t http = update_http_config();
        esp_https_ota_ext_t ext = {.erase_before_header = bytes, .retry_delay_ms = 1};
        esp_https_ota_config_t config = {.http_config = &http, .ext = &ext};
        esp_https_ota_handle_t handle;
        esp_app_desc_t desc;
        assert_int_equal(esp_https_ota_begin(&config, &handle), ESP_OK);
        ESP_IGNORE_ERROR(esp_https_ota_get_img_desc(handle, &desc)); // waits for the first bytes
        assert_int_equal(g_flash.erased_bytes, bytes);
        assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
    }
}

static void an_image_that_is_refused_after_erasing_early_leaves_the_choice_alone(void **state)
{
    (void)state;
    static const uint8_t page[3000] = "<!DOCTYPE html>";
    SERVER_START({.body = page, .len = sizeof(page), .stalls = 1});
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_ext_t ext = {.erase_before_header = 0x8000, .retry_delay_ms = 1};
    esp_https_ota_config_t config = {.http_config = &http, .ext = &ext};
    assert_int_equal(esp_https_ota_run(&config), ESP_ERR_OTA_VALIDATE_FAILED);
    update_assert_unchanged();
    SERVER_START({.body = g_image.bytes, .len = g_image.len});
    assert_int_equal(esp_https_ota_run(&config), ESP_OK); // no transaction was left open
}

// ----------------------------------------------------------------------- refused before anything is erased

static void refuse_untouched(esp_err_t expected)
{
    assert_int_equal(update_usual(), expected);
    assert_int_equal(g_flash.operations, 0);
    update_assert_unchanged();
}

static void a_web_page_is_refused_before_anything_is_erased(void **state)
{
    (void)state;
    static char page[3000] = "<!DOCTYPE html>";
    SERVER_START({.body = (const uint8_t *)page, .len = sizeof(page)});
    refuse_untouched(ESP_ERR_OTA_VALIDATE_FAILED);
}

static void a_small_damaged_image_is_refused_before_anything_is_erased(void **state)
{
    (void)state;
    free(g_image.bytes);
    g_image = DEVICE_IMAGE(.len = 1000); // all of it comes with the header
    g_image.bytes[600] ^= 1;
    SERVER_START(ANSWER_IMAGE);
    refuse_untouched(ESP_ERR_OTA_VALIDATE_FAILED);
}

static void an_image_for_another_chip_is_refused_before_anything_is_erased(void **state)
{
    (void)state;
    free(g_image.bytes);
    g_image = DEVICE_IMAGE(.len = IMAGE_LEN, .chip_id = ESP_CHIP_ID_ESP32C3);
    SERVER_START(ANSWER_IMAGE);
    refuse_untouched(ESP_ERR_INVALID_VERSION);
}

static void an_image_for_a_newer_revision_is_refused_before_anything_is_erased(void **state)
{
    (void)state;
    free(g_image.bytes);
    g_image = DEVICE_IMAGE(.len = IMAGE_LEN, .min_chip_rev = 301);
    SERVER_START(ANSWER_IMAGE);
    refuse_untouched(ESP_ERR_INVALID_VERSION);
}

static uint32_t three_bits(const struct efuse *efuse, enum efuse_field field)
{
    (void)efuse;
    return field == EFUSE_SECURE_VERSION ? 3 : 0;
}

static esp_err_t two_are_set(struct efuse *efuse, enum efuse_field field, uint8_t *bits)
{
    (void)efuse;
    (void)field;
    *bits = 0x03;
    return ESP_OK;
}

static void a_secure_version_that_cannot_run_is_refused_before_anything_is_erased(void **state)
{
    (void)state;
    static const struct efuse_ops OPS = {.bit_count = three_bits, .read = two_are_set};
    static struct efuse efuse = {.ops = &OPS}; // counts to 3 and stands at 2
    const struct {
        uint32_t version;
        esp_err_t result;
    } cases[] = {{1, ESP_ERR_OTA_SMALL_SEC_VER}, {4, ESP_ERR_OTA_VALIDATE_FAILED}};
    struct boot_handover handover = *boot_handover_get();
    handover.anti_rollback = true;
    boot_handover_set(&handover);
    efuse_default = &efuse;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        free(g_image.bytes);
        g_image = DEVICE_IMAGE(.len = IMAGE_LEN, .secure_version = cases[i].version);
        SERVER_START(ANSWER_IMAGE);
        refuse_untouched(cases[i].result);
    }
    efuse_default = NULL;
}

static void an_image_for_another_flash_mode_is_refused_before_anything_is_erased(void **state)
{
    (void)state;
    const esp_app_desc_t before = *esp_app_get_description();
    esp_app_desc_t running = before;
    running.spi_flash_mode = 1;
    esp_app_set_description(&running);
    g_image.bytes[32 + 181] = 2; // fact: spec of the descriptor, SPI mode
    SERVER_START(ANSWER_IMAGE);
    refuse_untouched(ESP_ERR_OTA_SPI_MODE_MISMATCH);
    esp_app_set_description(&before);
}

static void an_image_that_is_announced_too_large_is_refused_before_anything_is_erased(void **state)
{
    (void)state;
    SERVER_START({.body = g_image.bytes, .len = g_image.len, .announced = DEVICE_SLOT_SIZE + 1});
    refuse_untouched(ESP_ERR_INVALID_SIZE);
}

static void an_image_that_turns_out_too_large_stops_at_the_end_of_the_slot(void **state)
{
    (void)state;
    free(g_image.bytes);
    g_image = DEVICE_IMAGE(.len = DEVICE_SLOT_SIZE + 4096);
    uint64_t behind = device_sum(0x40000, DEVICE_FLASH_SIZE);
    SERVER_START({.body = g_image.bytes, .len = g_image.len, .is_chunked = true});
    assert_int_equal(update_usual(), ESP_ERR_INVALID_SIZE);
    assert_true(device_sum(0x40000, DEVICE_FLASH_SIZE) == behind);
    update_assert_unchanged();
}

static void an_unconfirmed_application_may_not_be_updated(void **state)
{
    (void)state;
    DEVICE_START(.running = "ota_0", .rollback = true);
    device_put_record(0, 1, ESP_OTA_IMG_PENDING_VERIFY);
    SERVER_START(ANSWER_IMAGE);
    assert_int_equal(update_usual(), ESP_ERR_OTA_ROLLBACK_INVALID_STATE);
    assert_int_equal(g_flash.operations, 0);
}

// ----------------------------------------------------------------------- bodies that go wrong

static void a_damaged_image_does_not_change_what_boots(void **state)
{
    (void)state;
    for (uint32_t at = 300; at < g_image.len; at += 311) {
        SERVER_START(ANSWER_IMAGE);
        g_image.bytes[at] ^= 0x40;
        assert_int_equal(update_usual(), ESP_ERR_OTA_VALIDATE_FAILED);
        g_image.bytes[at] ^= 0x40;
        update_assert_unchanged();
    }
}

static void a_body_that_ends_early_does_not_change_what_boots(void **state)
{
    (void)state;
    for (uint32_t len = 0; len < g_image.len; len += 499) {
        SERVER_START({.body = g_image.bytes, .len = len, .announced = g_image.len});
        assert_int_equal(update_usual(), ESP_FAIL);
        update_assert_unchanged();
        SERVER_START({.body = g_image.bytes, .len = g_image.len, .break_at = len + 1});
        assert_int_equal(update_usual(), ESP_FAIL);
        update_assert_unchanged();
    }
}

static void a_body_of_unknown_length_that_ends_early_is_noticed_by_the_verifier(void **state)
{
    (void)state;
    for (uint32_t len = 336; len < g_image.len; len += 1999) {
        SERVER_START({.body = g_image.bytes, .len = len, .is_unmeasured = true});
        assert_int_equal(update_usual(), ESP_ERR_OTA_VALIDATE_FAILED);
        update_assert_unchanged();
    }
}

static void a_short_pause_is_waited_for(void **state)
{
    (void)state;
    const uint32_t places[] = {0, 500, 1024, 5000, g_image.len - 1};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        DEVICE_START(.running = "ota_0");
        device_put_image("ota_0", "1");
        SERVER_START(
            {.body = g_image.bytes, .len = g_image.len, .stall_at = places[i], .stalls = 11});
        assert_int_equal(update_usual(), ESP_OK);
        update_assert_installed(g_image);
    }
}

static void a_server_that_stays_silent_is_given_up(void **state)
{
    (void)state;
    const uint32_t places[] = {0, 500, 5000};
    esp_http_client_config_t http = update_http_config();
    http.timeout_ms = 30;
    esp_https_ota_config_t config = {.http_config = &http};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        SERVER_START({.body = g_image.bytes,
                      .len = g_image.len,
                      .stall_at = places[i],
                      .stalls = INT32_MAX});
        assert_int_equal(update_run(&config), ESP_ERR_HTTP_READ_TIMEOUT);
        update_assert_unchanged();
    }
}

static void a_timeout_leaves_perform_in_progress(void **state)
{
    (void)state;
    SERVER_START({.body = g_image.bytes, .len = g_image.len, .stall_at = 5000, .stalls = 3});
    esp_https_ota_handle_t handle = begin();
    int performs = 0;
    while (esp_https_ota_perform(handle) == ESP_ERR_HTTPS_OTA_IN_PROGRESS) {
        performs++;
    }
    assert_int_equal(performs, 3 + (int)(g_image.len / 1024));
    assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
    update_assert_installed(g_image);
}

// ----------------------------------------------------------------------- descriptors

static void the_descriptor_can_be_asked_for_at_any_time(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_handle_t handle = begin();
    for (int step = 0; step < 4; step++) {
        esp_app_desc_t desc = {0};
        for (int twice = 0; twice < 2; twice++) {
            assert_int_equal(esp_https_ota_get_img_desc(handle, &desc), ESP_OK);
            assert_string_equal(desc.version, "2");
            assert_string_equal(desc.project_name, "device");
        }
        assert_int_equal(esp_https_ota_perform(handle), ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    }
    assert_int_equal(perform_to_the_end(handle), ESP_OK);
    assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
    update_assert_installed(g_image);
}

static void asking_for_the_descriptor_does_not_touch_flash(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_handle_t handle = begin();
    esp_app_desc_t desc;
    assert_int_equal(esp_https_ota_get_img_desc(handle, &desc), ESP_OK);
    assert_int_equal(g_flash.operations, 0);
    assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
}

static void what_is_no_image_has_no_descriptor(void **state)
{
    (void)state;
    static const uint8_t ZEROS[2000];
    esp_app_desc_t desc = {.magic_word = 7};
    SERVER_START({.body = ZEROS, .len = sizeof(ZEROS)}, {.body = g_image.bytes, .len = 287});
    for (int i = 0; i < 2; i++) {
        esp_https_ota_handle_t handle = begin();
        assert_int_equal(esp_https_ota_get_img_desc(handle, &desc), ESP_FAIL);
        assert_int_equal(desc.magic_word, 7);
        assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
    }
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_handle_t handle = begin();
    esp_bootloader_desc_t bootloader;
    assert_int_equal(esp_https_ota_get_bootloader_img_desc(handle, &bootloader), ESP_FAIL);
    assert_int_equal(esp_https_ota_get_img_desc(handle, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_https_ota_get_img_desc(NULL, &desc), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
}

// ----------------------------------------------------------------------- ends

static void null_is_no_session(void **state)
{
    (void)state;
    assert_int_equal(esp_https_ota_perform(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_https_ota_finish(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_https_ota_abort(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_https_ota_get_image_len_read(NULL), -1);
    assert_int_equal(esp_https_ota_get_image_size(NULL), -1);
    assert_int_equal(esp_https_ota_get_status_code(NULL), -1);
    assert_false(esp_https_ota_is_complete_data_received(NULL));
    SERVER_START(ANSWER_IMAGE); // for update_stop
}

static void perform_after_the_end_is_refused(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_handle_t handle = begin();
    assert_int_equal(perform_to_the_end(handle), ESP_OK);
    assert_int_equal(esp_https_ota_perform(handle), ESP_FAIL);
    assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
    update_assert_installed(g_image);
}

static void finish_before_the_image_is_complete_does_not_change_what_boots(void **state)
{
    (void)state;
    for (int performs = 0; performs < 5; performs++) {
        SERVER_START(ANSWER_IMAGE);
        esp_https_ota_handle_t handle = begin();
        for (int i = 0; i < performs; i++) {
            assert_int_equal(esp_https_ota_perform(handle), ESP_ERR_HTTPS_OTA_IN_PROGRESS);
        }
        assert_int_equal(esp_https_ota_finish(handle),
                         performs == 0 ? ESP_OK : ESP_ERR_OTA_VALIDATE_FAILED);
        update_assert_unchanged();
    }
}

static void a_whole_image_with_an_unfinished_body_is_verified_but_does_not_boot(void **state)
{
    (void)state;
    uint32_t len = g_image.len + 2000;
    uint8_t *body = calloc(1, len);
    assert_non_null(body);
    memcpy(body, g_image.bytes, g_image.len);
    SERVER_START({.body = body, .len = len});
    esp_https_ota_handle_t handle = begin();
    while (esp_https_ota_get_image_len_read(handle) < (int)g_image.len) {
        assert_int_equal(esp_https_ota_perform(handle), ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    }
    assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
    update_assert_unchanged();
    free(body);
}

static void abort_is_possible_after_every_step(void **state)
{
    (void)state;
    for (int performs = 0; performs <= 10; performs++) {
        SERVER_START(ANSWER_IMAGE);
        esp_https_ota_handle_t handle = begin();
        for (int i = 0; i < performs; i++) {
            assert_int_equal(esp_https_ota_perform(handle), i == (int)(g_image.len / 1024)
                                                                ? ESP_OK
                                                                : ESP_ERR_HTTPS_OTA_IN_PROGRESS);
        }
        assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
        update_assert_unchanged();
    }
}

static void two_sessions_do_not_write_the_same_slot(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE, ANSWER_IMAGE);
    esp_https_ota_handle_t first = begin();
    esp_https_ota_handle_t second = begin();
    assert_int_equal(esp_https_ota_perform(first), ESP_ERR_HTTPS_OTA_IN_PROGRESS);
    assert_int_equal(esp_https_ota_perform(second), ESP_ERR_OTA_ALREADY_IN_PROGRESS);
    assert_int_equal(esp_https_ota_abort(second), ESP_OK);
    assert_int_equal(perform_to_the_end(first), ESP_OK);
    assert_int_equal(esp_https_ota_finish(first), ESP_OK);
    update_assert_installed(g_image);
}

static void a_failing_boot_choice_is_the_result_of_finish(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_handle_t handle = begin();
    assert_int_equal(perform_to_the_end(handle), ESP_OK);
    g_flash.fail_at = g_flash.operations + 2; // the first is the sync of the image
    assert_int_equal(esp_https_ota_finish(handle), ESP_ERR_FLASH_OP_FAIL);
    assert_string_equal(device_boot(), "ota_0");
}

// ----------------------------------------------------------------------- one call

static void one_call_takes_either_configuration(void **state)
{
    (void)state;
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_config_t config = {.http_config = &http};
    const esp_https_ota_config_t *pointer = &config;
    esp_err_t (*function)(const esp_http_client_config_t *) = esp_https_ota;
    for (int form = 0; form < 4; form++) {
        DEVICE_START(.running = "ota_0");
        device_put_image("ota_0", "1");
        SERVER_START(ANSWER_IMAGE);
        esp_err_t err = form == 0   ? esp_https_ota(&http)
                        : form == 1 ? esp_https_ota(&config)
                        : form == 2 ? esp_https_ota(pointer)
                                    : function(&http);
        assert_int_equal(err, ESP_OK);
        update_assert_installed(g_image);
    }
}

static void one_call_reports_the_step_that_failed(void **state)
{
    (void)state;
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_config_t config = {.http_config = &http, .ext = &g_once};
    esp_https_ota_config_t empty = {0};
    SERVER_START({.status = 304});
    assert_int_equal(esp_https_ota(&config), ESP_ERR_HTTP_NOT_MODIFIED);
    SERVER_START({.status = 404});
    assert_int_equal(esp_https_ota(&http), ESP_FAIL);
    SERVER_START({.body = g_image.bytes, .len = 5000, .announced = g_image.len});
    assert_int_equal(esp_https_ota(&config), ESP_FAIL);
    g_image.bytes[4000] ^= 1;
    SERVER_START(ANSWER_IMAGE);
    assert_int_equal(esp_https_ota(&config), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_int_equal(esp_https_ota(&empty), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_https_ota((const esp_https_ota_config_t *)NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_https_ota((const esp_http_client_config_t *)NULL), ESP_ERR_INVALID_ARG);
    update_assert_unchanged();
}

// ----------------------------------------------------------------------- partitions

static void a_named_partition_is_updated_and_boots(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_config_t config = {.http_config = &http};
    config.partition.staging = device_partition("ota_1");
    config.partition.final = device_partition("ota_1");
    assert_int_equal(update_run(&config), ESP_OK);
    update_assert_installed(g_image);
}

static void a_partition_that_is_not_in_the_table_is_refused_before_connecting(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_config_t config = {.http_config = &http};
    esp_partition_t other = *device_partition("ota_1");
    other.size += 4096;
    config.partition.final = &other;
    assert_int_equal(update_run(&config), ESP_FAIL);
    assert_int_equal(g_server.request_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, update_start, update_stop)
        FACT(images_of_every_size_are_installed),
        FACT(bodies_too_short_for_an_image_are_refused),
        FACT(an_empty_body_is_refused_and_erases_nothing),
        FACT(pieces_of_every_size_make_the_same_image),
        FACT(buffers_of_every_size_make_the_same_image),
        FACT(the_size_is_known_when_the_server_tells_it),
        FACT(the_count_of_bytes_grows_with_what_is_written),
        FACT(flash_is_erased_ahead_of_each_write_or_in_bulk),
        FACT(the_slot_is_erased_before_the_header_only_when_asked_to),
        FACT(an_image_that_is_refused_after_erasing_early_leaves_the_choice_alone),
        FACT(a_web_page_is_refused_before_anything_is_erased),
        FACT(a_small_damaged_image_is_refused_before_anything_is_erased),
        FACT(an_image_for_another_chip_is_refused_before_anything_is_erased),
        FACT(a_secure_version_that_cannot_run_is_refused_before_anything_is_erased),
        FACT(an_image_for_a_newer_revision_is_refused_before_anything_is_erased),
        FACT(an_image_for_another_flash_mode_is_refused_before_anything_is_erased),
        FACT(an_image_that_is_announced_too_large_is_refused_before_anything_is_erased),
        FACT(an_image_that_turns_out_too_large_stops_at_the_end_of_the_slot),
        FACT(an_unconfirmed_application_may_not_be_updated),
        FACT(a_damaged_image_does_not_change_what_boots),
        FACT(a_body_that_ends_early_does_not_change_what_boots),
        FACT(a_body_of_unknown_length_that_ends_early_is_noticed_by_the_verifier),
        FACT(a_short_pause_is_waited_for),
        FACT(a_server_that_stays_silent_is_given_up),
        FACT(a_timeout_leaves_perform_in_progress),
        FACT(the_descriptor_can_be_asked_for_at_any_time),
        FACT(asking_for_the_descriptor_does_not_touch_flash),
        FACT(what_is_no_image_has_no_descriptor),
        FACT(null_is_no_session),
        FACT(perform_after_the_end_is_refused),
        FACT(finish_before_the_image_is_complete_does_not_change_what_boots),
        FACT(a_whole_image_with_an_unfinished_body_is_verified_but_does_not_boot),
        FACT(abort_is_possible_after_every_step),
        FACT(two_sessions_do_not_write_the_same_slot),
        FACT(a_failing_boot_choice_is_the_result_of_finish),
        FACT(one_call_takes_either_configuration),
        FACT(one_call_reports_the_step_that_failed),
        FACT(a_named_partition_is_updated_and_boots),
        FACT(a_partition_that_is_not_in_the_table_is_refused_before_connecting),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
