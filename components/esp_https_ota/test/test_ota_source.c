// What the session makes of bytes that come in parts: resumed by the application, decrypted, staged, cancelled.

#include "update_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "boot_handover.h"
#include "esp_log.h"
#include "partition_table.h"

#define SLOT_OFFSET    0x30000u // ota_1
#define STORAGE_OFFSET 0x50000u
#define STAGE_OFFSET   0x60000u
#define SECTOR         4096u

static esp_https_ota_handle_t begin_with(esp_https_ota_config_t *config)
{
    static esp_http_client_config_t http;
    esp_https_ota_handle_t handle = NULL;
    http = update_http_config();
    config->http_config = &http;
    assert_int_equal(esp_https_ota_begin(config, &handle), ESP_OK);
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

static esp_err_t run_with(esp_https_ota_config_t *config)
{
    esp_http_client_config_t http = update_http_config();
    config->http_config = &http;
    return update_run(config);
}

static esp_https_ota_stats_t stats_of(esp_https_ota_handle_t handle)
{
    esp_https_ota_stats_t stats;
    assert_int_equal(esp_https_ota_get_stats(handle, &stats), ESP_OK);
    return stats;
}

// ----------------------------------------------------------------------- the application's own offset

static char s_part_headers[96];

/** 206 with g_image from offset on. */
static struct server_answer rest_from(uint32_t offset)
{
    (void)snprintf(s_part_headers, sizeof(s_part_headers), "Content-Range: bytes %u-%u/%u\n",
                   offset, g_image.len - 1, g_image.len);
    return (struct server_answer){.status = 206,
                                  .headers = s_part_headers,
                                  .body = g_image.bytes + offset,
                                  .len = g_image.len - offset};
}

static void an_offset_of_the_application_goes_on_at_its_sector(void **state)
{
    (void)state;
    static const struct {
        size_t written;
        uint32_t resumed_from;
    } ROWS[] = {
        {4096, 4096}, {4097, 4096}, {8191, 4096}, {8192, 8192}, {9000, 8192}, {9999, 8192},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        char range[40];
        device_put("ota_1", g_image.bytes, (uint32_t)ROWS[i].written);
        SERVER_START(rest_from(ROWS[i].resumed_from));
        esp_https_ota_config_t config = {.ota_resumption = true,
                                         .ota_image_bytes_written = ROWS[i].written};
        esp_https_ota_handle_t handle = begin_with(&config);
        assert_int_equal(perform_to_the_end(handle), ESP_OK);
        esp_https_ota_stats_t stats = stats_of(handle);
        assert_int_equal(stats.resumed_from, ROWS[i].resumed_from);
        assert_int_equal(stats.received, g_image.len - ROWS[i].resumed_from);
        assert_int_equal(esp_https_ota_get_image_size(handle), g_image.len);
        assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
        (void)snprintf(range, sizeof(range), "Range: bytes=%u-\n", ROWS[i].resumed_from);
        assert_non_null(strstr(g_server.requests[0].headers, range));
        update_assert_installed(g_image);
        update_stop(NULL);
        update_start(NULL);
    }
}

static void an_offset_below_a_sector_begins_at_the_start(void **state)
{
    (void)state;
    const size_t offsets[] = {0, 1, 1023, 1024, 4095};
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        SERVER_START(ANSWER_IMAGE);
        esp_https_ota_config_t config = {.ota_resumption = true,
                                         .ota_image_bytes_written = offsets[i]};
        esp_https_ota_handle_t handle = begin_with(&config);
        assert_null(strstr(g_server.requests[0].headers, "Range:"));
        assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
    }
}

static void an_offset_without_resumption_is_ignored(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_config_t config = {.ota_image_bytes_written = 8192};
    assert_int_equal(run_with(&config), ESP_OK);
    assert_null(strstr(g_server.requests[0].headers, "Range:"));
    update_assert_installed(g_image);
}

static void the_whole_file_instead_of_its_rest_is_taken_from_the_start(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_config_t config = {.ota_resumption = true, .ota_image_bytes_written = 8192};
    esp_https_ota_handle_t handle = begin_with(&config);
    assert_int_equal(perform_to_the_end(handle), ESP_OK);
    esp_https_ota_stats_t stats = stats_of(handle);
    assert_int_equal(stats.resumed_from, 0);
    assert_int_equal(stats.restarts, 1);
    assert_int_equal(stats.received, g_image.len);
    assert_int_equal(g_server.request_count, 1); // that very answer is used
    assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
    update_assert_installed(g_image);
}

static void an_offset_that_is_not_true_never_boots(void **state)
{
    (void)state;
    SERVER_START(rest_from(8192)); // nothing was ever written
    esp_https_ota_config_t config = {.ota_resumption = true, .ota_image_bytes_written = 8192};
    assert_int_not_equal(run_with(&config), ESP_OK);
    update_assert_unchanged();
}

static void a_rest_that_begins_elsewhere_is_not_taken(void **state)
{
    (void)state;
    SERVER_START(rest_from(4096), ANSWER_IMAGE);
    esp_https_ota_config_t config = {.ota_resumption = true, .ota_image_bytes_written = 8192};
    assert_int_equal(run_with(&config), ESP_OK);
    assert_int_equal(g_server.request_count, 2);
    update_assert_installed(g_image);
}

static void one_call_goes_on_too(void **state)
{
    (void)state;
    device_put("ota_1", g_image.bytes, 8192);
    SERVER_START(rest_from(8192));
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_config_t config = {
        .http_config = &http, .ota_resumption = true, .ota_image_bytes_written = 8192};
    assert_int_equal(esp_https_ota(&config), ESP_OK);
    update_assert_installed(g_image);
}

// ----------------------------------------------------------------------- decryption by callback

#define CIPHER         0x5A
#define ENC_HEADER_LEN 16u

/** g_image as a server would have it: a header and every byte changed. To be freed. */
static struct device_image make_secret(void)
{
    struct device_image secret = {.len = g_image.len + ENC_HEADER_LEN};
    secret.bytes = malloc(secret.len);
    assert_non_null(secret.bytes);
    memset(secret.bytes, 'H', ENC_HEADER_LEN);
    for (uint32_t i = 0; i < g_image.len; i++) {
        secret.bytes[ENC_HEADER_LEN + i] = g_image.bytes[i] ^ CIPHER;
    }
    return secret;
}

struct decrypter {
    size_t header_left;
    size_t hoard_min; // gives nothing before it has so much
    uint8_t hoard[20000];
    size_t hoard_len;
    size_t seen;
    unsigned calls;
    unsigned hungry_calls; // that gave nothing
    esp_err_t err;         // for the third call
};

static esp_err_t decrypt(decrypt_cb_arg_t *args, void *user_ctx)
{
    struct decrypter *d = user_ctx;
    if (++d->calls == 3 && d->err != ESP_OK) {
        return d->err;
    }
    for (size_t i = 0; i < args->data_in_len; i++) {
        if (d->header_left > 0) {
            d->header_left--;
        } else {
            d->hoard[d->hoard_len++] = (uint8_t)args->data_in[i] ^ CIPHER;
        }
    }
    d->seen += args->data_in_len;
    bool is_last = d->seen == g_image.len + ENC_HEADER_LEN;
    if ((d->hoard_len < d->hoard_min && !is_last) || d->hoard_len == 0) {
        d->hungry_calls++;
        return ESP_OK; // data_out_len stays 0: more input is needed
    }
    args->data_out = malloc(d->hoard_len);
    assert_non_null(args->data_out);
    memcpy(args->data_out, d->hoard, d->hoard_len);
    args->data_out_len = d->hoard_len;
    d->hoard_len = 0;
    return ESP_OK;
}

static struct decrypter s_decrypter;

static esp_https_ota_config_t decrypting(void)
{
    memset(&s_decrypter, 0, sizeof(s_decrypter));
    s_decrypter.header_left = ENC_HEADER_LEN;
    return (esp_https_ota_config_t){.decrypt_cb = decrypt,
                                    .decrypt_user_ctx = &s_decrypter,
                                    .enc_img_header_size = ENC_HEADER_LEN};
}

static void a_callback_turns_what_is_sent_into_the_image(void **state)
{
    (void)state;
    struct device_image secret = make_secret();
    const uint32_t pieces[] = {0, 1, 15, 16, 17, 1000, 1024};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        SERVER_START({.body = secret.bytes, .len = secret.len, .piece = pieces[i]});
        esp_https_ota_config_t config = decrypting();
        assert_int_equal(run_with(&config), ESP_OK);
        update_assert_installed(g_image);
        update_stop(NULL);
        update_start(NULL);
    }
    free(secret.bytes);
}

static void a_callback_may_need_more_input(void **state)
{
    (void)state;
    struct device_image secret = make_secret();
    SERVER_START({.body = secret.bytes, .len = secret.len, .piece = 100});
    esp_https_ota_config_t config = decrypting();
    s_decrypter.hoard_min = 2500; // four times in the image of 10 000 bytes
    esp_https_ota_handle_t handle = begin_with(&config);
    assert_int_equal(perform_to_the_end(handle), ESP_OK);
    assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
    assert_true(s_decrypter.hungry_calls >= 4);
    update_assert_installed(g_image);
    free(secret.bytes);
}

static void the_error_of_a_callback_ends_the_update(void **state)
{
    (void)state;
    struct device_image secret = make_secret();
    SERVER_START({.body = secret.bytes, .len = secret.len, .piece = 100});
    esp_https_ota_config_t config = decrypting();
    s_decrypter.err = 0x4242;
    assert_int_equal(run_with(&config), 0x4242);
    update_assert_unchanged();
    free(secret.bytes);
}

static void the_descriptor_of_a_decrypted_image_can_be_asked_for(void **state)
{
    (void)state;
    struct device_image secret = make_secret();
    SERVER_START({.body = secret.bytes, .len = secret.len});
    esp_https_ota_config_t config = decrypting();
    esp_https_ota_handle_t handle = begin_with(&config);
    esp_app_desc_t desc;
    for (int i = 0; i < 2; i++) {
        memset(&desc, 0, sizeof(desc));
        assert_int_equal(esp_https_ota_get_img_desc(handle, &desc), ESP_OK);
        assert_string_equal(desc.version, "2");
    }
    assert_int_equal(g_flash.operations, 0);
    assert_int_equal(perform_to_the_end(handle), ESP_OK);
    assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
    update_assert_installed(g_image);
    free(secret.bytes);
}

static void the_header_of_the_encryption_does_not_count_as_image(void **state)
{
    (void)state;
    struct device_image secret = make_secret();
    esp_https_ota_config_t config = decrypting();
    SERVER_START({.body = secret.bytes, .len = secret.len});
    esp_https_ota_handle_t handle = begin_with(&config);
    assert_int_equal(esp_https_ota_get_image_size(handle), g_image.len);
    assert_int_equal(perform_to_the_end(handle), ESP_OK);
    assert_int_equal(esp_https_ota_get_image_size(handle), g_image.len);
    assert_int_equal(esp_https_ota_get_image_len_read(handle), g_image.len);
    assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
    config = decrypting();
    SERVER_START({.body = secret.bytes, .len = secret.len, .is_chunked = true});
    handle = begin_with(&config);
    assert_int_equal(esp_https_ota_get_image_size(handle), -1);
    assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
    free(secret.bytes);
}

static void a_decrypted_update_begins_anew_whatever_the_application_remembers(void **state)
{
    (void)state;
    struct device_image secret = make_secret();
    SERVER_START({.body = secret.bytes, .len = secret.len});
    esp_https_ota_config_t config = decrypting();
    config.ota_resumption = true;
    config.ota_image_bytes_written = 8192;
    assert_int_equal(run_with(&config), ESP_OK);
    assert_null(strstr(g_server.requests[0].headers, "Range:"));
    update_assert_installed(g_image);
    free(secret.bytes);
}

// ----------------------------------------------------------------------- staging and final

static void a_staged_data_file_is_copied_to_its_partition(void **state)
{
    (void)state;
    const uint8_t text[] = "not an image, just bytes";
    SERVER_START({.body = text, .len = sizeof(text)});
    esp_https_ota_config_t config = {.partition = {.staging = device_partition("ota_1"),
                                                   .final = device_partition("storage"),
                                                   .finalize_with_copy = true}};
    assert_int_equal(run_with(&config), ESP_OK);
    assert_memory_equal(device_bytes(STORAGE_OFFSET), text, sizeof(text));
    assert_int_equal(*device_bytes(STORAGE_OFFSET + sizeof(text)), 0xFF);
    update_assert_unchanged();
}

static void a_data_file_goes_straight_to_its_partition(void **state)
{
    (void)state;
    const uint8_t text[] = "not an image, just bytes";
    SERVER_START({.body = text, .len = sizeof(text)});
    esp_https_ota_config_t config = {.partition = {.staging = device_partition("storage")}};
    assert_int_equal(run_with(&config), ESP_OK);
    assert_memory_equal(device_bytes(STORAGE_OFFSET), text, sizeof(text));
    update_assert_unchanged();
}

static void an_image_staged_in_a_data_partition_is_copied_to_the_slot_and_boots(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_config_t config = {.partition = {.staging = device_partition("stage"),
                                                   .final = device_partition("ota_1"),
                                                   .finalize_with_copy = true}};
    assert_int_equal(run_with(&config), ESP_OK);
    assert_memory_equal(device_bytes(STAGE_OFFSET), g_image.bytes, g_image.len);
    update_assert_installed(g_image);
}

// A signed table is accepted in test_ota_trust.c; here it is the way over the network.
static void a_staged_table_needs_a_signature_where_secure_boot_v1_is_on(void **state)
{
    (void)state;
    static const esp_partition_info_t TABLE[] = {
        {.type = 1, .subtype = 0, .pos = {0xD000, 0x2000}, .label = "otadata"},
        {.type = 0, .subtype = 0x10, .pos = {0x20000, DEVICE_SLOT_SIZE}, .label = "ota_0"},
    };
    uint8_t bytes[ESP_PARTITION_TABLE_MAX_LEN];
    const esp_partition_t *table;
    assert_int_equal(partition_table_encode(TABLE, 2, true, bytes), ESP_OK);
    assert_int_equal(esp_partition_register_external(NULL, 0x8000, 0x1000, "table",
                                                     ESP_PARTITION_TYPE_PARTITION_TABLE, 0, &table),
                     ESP_OK);
    esp_https_ota_config_t config = {.partition = {.staging = device_partition("ota_1"),
                                                   .final = table,
                                                   .finalize_with_copy = true}};
    struct boot_handover handover = *boot_handover_get();
    handover.signatures = (struct signature_settings){
        .scheme = SIGNATURE_V1, .secure_boot = true, .v1_key = {1, 2, 3}};
    boot_handover_set(&handover);
    uint64_t before = device_sum(0x8000, 0x9000);
    SERVER_START({.body = bytes, .len = sizeof(bytes)});
    assert_int_equal(run_with(&config), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_true(device_sum(0x8000, 0x9000) == before);
    handover.signatures.secure_boot = false;
    boot_handover_set(&handover);
    SERVER_START({.body = bytes, .len = sizeof(bytes)});
    assert_int_equal(run_with(&config), ESP_OK);
    assert_true(device_holds(0x8000, bytes, sizeof(bytes)));
}

static void stale_bytes_behind_a_staged_image_are_not_copied(void **state)
{
    (void)state;
    memset(device_bytes(STAGE_OFFSET), 0x77, DEVICE_SLOT_SIZE);
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_config_t config = {.partition = {.staging = device_partition("stage"),
                                                   .final = device_partition("ota_1"),
                                                   .finalize_with_copy = true}};
    assert_int_equal(run_with(&config), ESP_OK);
    for (uint32_t at = (g_image.len + SECTOR - 1) / SECTOR * SECTOR; at < DEVICE_SLOT_SIZE; at++) {
        assert_int_not_equal(*device_bytes(SLOT_OFFSET + at), 0x77);
    }
    update_assert_installed(g_image);
}

static void without_a_copy_a_staged_image_does_not_boot(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_config_t config = {
        .partition = {.staging = device_partition("stage"), .final = device_partition("ota_1")}};
    assert_int_equal(run_with(&config), ESP_OK);
    assert_memory_equal(device_bytes(STAGE_OFFSET), g_image.bytes, g_image.len);
    update_assert_unchanged();
}

static void a_damaged_staged_image_is_not_copied(void **state)
{
    (void)state;
    g_image.bytes[5000] ^= 1;
    uint64_t before = device_sum(SLOT_OFFSET, SLOT_OFFSET + DEVICE_SLOT_SIZE);
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_config_t config = {.partition = {.staging = device_partition("stage"),
                                                   .final = device_partition("ota_1"),
                                                   .finalize_with_copy = true}};
    assert_int_equal(run_with(&config), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_true(device_sum(SLOT_OFFSET, SLOT_OFFSET + DEVICE_SLOT_SIZE) == before);
    update_assert_unchanged();
}

static void a_final_partition_that_cannot_be_written_ends_the_update(void **state)
{
    (void)state;
    SERVER_START({.body = (const uint8_t *)"data", .len = 4});
    esp_https_ota_config_t config = {.partition = {.staging = device_partition("ota_1"),
                                                   .final = device_partition("locked"),
                                                   .finalize_with_copy = true}};
    assert_int_equal(run_with(&config), ESP_ERR_NOT_ALLOWED);
    update_assert_unchanged();
}

// ----------------------------------------------------------------------- limits of the application

static bool is_true_from_the_third_question_on(void *context)
{
    unsigned *questions = context;
    return ++*questions >= 3;
}

static void an_application_can_cancel(void **state)
{
    (void)state;
    unsigned questions = 0;
    esp_https_ota_ext_t ext = {.is_cancelled = is_true_from_the_third_question_on,
                               .cancel_context = &questions};
    SERVER_START({.body = g_image.bytes, .len = g_image.len, .piece = 500});
    esp_https_ota_config_t config = {.ext = &ext};
    assert_int_equal(run_with(&config), ESP_ERR_NOT_FINISHED);
    assert_int_equal(questions, 3);
    update_assert_unchanged();
}

static void cancelling_before_the_first_request_sends_none(void **state)
{
    (void)state;
    unsigned questions = 2;
    esp_https_ota_ext_t ext = {.is_cancelled = is_true_from_the_third_question_on,
                               .cancel_context = &questions};
    SERVER_START(ANSWER_IMAGE);
    esp_https_ota_config_t config = {.ext = &ext};
    assert_int_equal(run_with(&config), ESP_ERR_NOT_FINISHED);
    assert_int_equal(g_server.request_count, 0);
}

static void more_bytes_than_allowed_end_the_update_even_with_the_last_one(void **state)
{
    (void)state;
    for (uint32_t spare = 0; spare < 2; spare++) {
        esp_https_ota_ext_t ext = {.max_bytes = g_image.len - spare};
        SERVER_START(ANSWER_IMAGE);
        esp_https_ota_config_t config = {.ext = &ext};
        assert_int_equal(run_with(&config), spare ? ESP_ERR_INVALID_SIZE : ESP_OK);
    }
}

static void statistics_tell_what_happened(void **state)
{
    (void)state;
    esp_https_ota_stats_t stats = {0};
    assert_int_equal(esp_https_ota_get_stats(NULL, &stats), ESP_ERR_INVALID_ARG);
    esp_https_ota_ext_t ext = {.retry_delay_ms = 1};
    struct server_answer rest = rest_from(6000);
    SERVER_START({.status = 503},
                 {.headers = "ETag: \"one\"\n",
                  .body = g_image.bytes,
                  .len = g_image.len,
                  .piece = 1000,
                  .break_at = 6000},
                 {.connect_error = ESP_ERR_HTTP_CONNECT}, rest);
    esp_https_ota_config_t config = {.ext = &ext};
    esp_https_ota_handle_t handle = begin_with(&config);
    assert_int_equal(esp_https_ota_get_stats(handle, NULL), ESP_ERR_INVALID_ARG);
    stats = stats_of(handle);
    assert_int_equal(stats.retries, 1);
    assert_int_equal(stats.received, 0);
    assert_int_equal(perform_to_the_end(handle), ESP_OK);
    stats = stats_of(handle);
    assert_int_equal(stats.retries, 3);
    assert_int_equal(stats.received, g_image.len);
    assert_int_equal(stats.resumed_from, 0);
    assert_int_equal(stats.restarts, 0);
    assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
    update_assert_installed(g_image);
}

/** 206 with the first bytes of the file, for a request that only looks at them. */
static struct server_answer beginning(const uint8_t *bytes)
{
    static char headers[96];
    (void)snprintf(headers, sizeof(headers), "Content-Range: bytes 0-4095/%u\n", g_image.len);
    return (struct server_answer){.status = 206, .headers = headers, .body = bytes, .len = 4096};
}

static void without_a_validator_the_first_block_vouches_for_the_rest(void **state)
{
    (void)state;
    for (int is_other = 0; is_other < 2; is_other++) {
        static uint8_t bytes[4096];
        memcpy(bytes, g_image.bytes, sizeof(bytes));
        bytes[4000] ^= (uint8_t)is_other;
        esp_https_ota_ext_t ext = {.retry_delay_ms = 1};
        struct server_answer lost = {
            .body = g_image.bytes, .len = g_image.len, .piece = 1000, .break_at = 6000};
        SERVER_START(lost, beginning(bytes),
                     is_other ? (struct server_answer)ANSWER_IMAGE : rest_from(6000));
        esp_https_ota_config_t config = {.ext = &ext};
        esp_https_ota_handle_t handle = begin_with(&config);
        assert_int_equal(perform_to_the_end(handle), ESP_OK);
        assert_int_equal(stats_of(handle).restarts, is_other);
        assert_int_equal(g_server.request_count, 3);
        assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
        update_assert_installed(g_image);
        update_stop(state);
        update_start(state);
    }
}

static void pieces_that_make_no_image_are_fetched_again_as_a_whole(void **state)
{
    (void)state;
    for (int is_damaged = 0; is_damaged < 2; is_damaged++) {
        static uint8_t mixture[8192];
        esp_https_ota_ext_t ext = {.retry_delay_ms = 1};
        struct server_answer lost = {.headers = "ETag: \"one\"\n",
                                     .body = g_image.bytes,
                                     .len = g_image.len,
                                     .piece = 1000,
                                     .break_at = g_image.len - 2000};
        struct server_answer rest = rest_from(g_image.len - 2000);
        struct server_answer whole = ANSWER_IMAGE;
        memcpy(mixture, rest.body, rest.len);
        mixture[100] ^= 1;
        rest.body = mixture;
        if (is_damaged) {
            whole.break_at = g_image.len - 2000; // again in pieces
        }
        SERVER_START(lost, rest, whole, beginning(g_image.bytes), rest);
        esp_https_ota_config_t config = {.ext = &ext};
        assert_int_equal(run_with(&config), is_damaged ? ESP_ERR_OTA_VALIDATE_FAILED : ESP_OK);
        assert_int_equal(g_server.request_count, is_damaged ? 5 : 3);
        if (is_damaged) {
            update_assert_unchanged();
        } else {
            update_assert_installed(g_image);
        }
        update_stop(state);
        update_start(state);
    }
}

static void a_file_that_keeps_changing_is_given_up(void **state)
{
    (void)state;
    esp_https_ota_ext_t ext = {.retry_delay_ms = 1};
    struct server_answer one = {
        .body = g_image.bytes, .len = g_image.len, .break_at = 6000, .headers = "ETag: \"one\"\n"};
    struct server_answer two = {
        .body = g_image.bytes, .len = g_image.len, .break_at = 6000, .headers = "ETag: \"two\"\n"};
    SERVER_START(one, two, one, two, one, two, one, two, one, two);
    esp_https_ota_config_t config = {.ext = &ext};
    assert_int_equal(run_with(&config), ESP_ERR_INVALID_RESPONSE);
    update_assert_unchanged();
}

static void a_server_without_ranges_that_always_breaks_off_is_a_failure(void **state)
{
    static const char *const VALIDATORS[] = {NULL, "ETag: \"one\"\n", "ETag: W/\"one\"\n"};
    for (size_t i = 0; i < sizeof(VALIDATORS) / sizeof(VALIDATORS[0]); i++) {
        esp_https_ota_ext_t ext = {.retry_delay_ms = 1};
        struct server_answer lost = {
            .body = g_image.bytes, .len = g_image.len, .break_at = 6000, .headers = VALIDATORS[i]};
        SERVER_START(lost, lost, lost, lost, lost, lost, lost, lost, lost, lost);
        esp_https_ota_config_t config = {.ext = &ext};
        assert_int_equal(run_with(&config), ESP_FAIL);
        update_assert_unchanged();
        update_stop(state);
        update_start(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, update_start, update_stop)
        FACT(an_offset_of_the_application_goes_on_at_its_sector),
        FACT(an_offset_below_a_sector_begins_at_the_start),
        FACT(an_offset_without_resumption_is_ignored),
        FACT(the_whole_file_instead_of_its_rest_is_taken_from_the_start),
        FACT(an_offset_that_is_not_true_never_boots),
        FACT(a_rest_that_begins_elsewhere_is_not_taken),
        FACT(one_call_goes_on_too),
        FACT(a_callback_turns_what_is_sent_into_the_image),
        FACT(a_callback_may_need_more_input),
        FACT(the_error_of_a_callback_ends_the_update),
        FACT(the_descriptor_of_a_decrypted_image_can_be_asked_for),
        FACT(the_header_of_the_encryption_does_not_count_as_image),
        FACT(a_decrypted_update_begins_anew_whatever_the_application_remembers),
        FACT(a_staged_data_file_is_copied_to_its_partition),
        FACT(a_data_file_goes_straight_to_its_partition),
        FACT(an_image_staged_in_a_data_partition_is_copied_to_the_slot_and_boots),
        FACT(a_staged_table_needs_a_signature_where_secure_boot_v1_is_on),
        FACT(stale_bytes_behind_a_staged_image_are_not_copied),
        FACT(without_a_copy_a_staged_image_does_not_boot),
        FACT(a_damaged_staged_image_is_not_copied),
        FACT(a_final_partition_that_cannot_be_written_ends_the_update),
        FACT(an_application_can_cancel),
        FACT(cancelling_before_the_first_request_sends_none),
        FACT(more_bytes_than_allowed_end_the_update_even_with_the_last_one),
        FACT(statistics_tell_what_happened),
        FACT(without_a_validator_the_first_block_vouches_for_the_rest),
        FACT(pieces_that_make_no_image_are_fetched_again_as_a_whole),
        FACT(a_file_that_keeps_changing_is_given_up),
        FACT(a_server_without_ranges_that_always_breaks_off_is_a_failure),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
