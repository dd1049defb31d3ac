// The events of an update, in their order and with their data.

#include "update_fixture.h"

#include <stdlib.h>
#include <string.h>

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

ESP_EVENT_DEFINE_BASE(END_OF_TEST);

static char s_events[400];
static atomic_bool s_is_over;

static void note(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    static const char *const NAMES[] = {
        [ESP_HTTPS_OTA_START] = "start",
        [ESP_HTTPS_OTA_CONNECTED] = "connected",
        [ESP_HTTPS_OTA_GET_IMG_DESC] = "desc",
        [ESP_HTTPS_OTA_VERIFY_CHIP_ID] = "chip",
        [ESP_HTTPS_OTA_VERIFY_CHIP_REVISION] = "revision",
        [ESP_HTTPS_OTA_DECRYPT_CB] = "decrypt",
        [ESP_HTTPS_OTA_WRITE_FLASH] = "write",
        [ESP_HTTPS_OTA_UPDATE_BOOT_PARTITION] = "boot",
        [ESP_HTTPS_OTA_FINISH] = "finish",
        [ESP_HTTPS_OTA_ABORT] = "abort",
    };
    (void)arg;
    if (base == END_OF_TEST) {
        atomic_store(&s_is_over, true);
        return;
    }
    size_t len = strlen(s_events);
    char *at = s_events + len;
    size_t size = sizeof(s_events) - len;
    if (id == ESP_HTTPS_OTA_WRITE_FLASH) {
        (void)snprintf(at, size, "write %d ", *(int *)data);
    } else if (id == ESP_HTTPS_OTA_VERIFY_CHIP_ID) {
        (void)snprintf(at, size, "chip %d ", *(esp_chip_id_t *)data);
    } else if (id == ESP_HTTPS_OTA_VERIFY_CHIP_REVISION) {
        (void)snprintf(at, size, "revision %u ", *(uint16_t *)data);
    } else if (id == ESP_HTTPS_OTA_UPDATE_BOOT_PARTITION) {
        (void)snprintf(at, size, "boot %x ", *(esp_partition_subtype_t *)data);
    } else {
        (void)snprintf(at, size, "%s%s ", NAMES[id], data ? "?" : "");
    }
}

static void start_listening(void)
{
    s_events[0] = '\0';
    atomic_store(&s_is_over, false);
    assert_int_equal(esp_event_loop_create_default(), ESP_OK);
    assert_int_equal(esp_event_handler_register(ESP_HTTPS_OTA_EVENT, ESP_EVENT_ANY_ID, note, NULL),
                     ESP_OK);
    assert_int_equal(esp_event_handler_register(END_OF_TEST, 0, note, NULL), ESP_OK);
}

static const char *events(void)
{
    assert_int_equal(esp_event_post(END_OF_TEST, 0, NULL, 0, portMAX_DELAY), ESP_OK);
    while (!atomic_load(&s_is_over)) {
        vTaskDelay(1);
    }
    assert_int_equal(esp_event_loop_delete_default(), ESP_OK);
    return s_events;
}

static void an_update_posts_its_events_in_order(void **state)
{
    (void)state;
    free(g_image.bytes);
    g_image = DEVICE_IMAGE(.len = 2500);
    SERVER_START(ANSWER_IMAGE);
    start_listening();
    esp_https_ota_handle_t handle = begin();
    esp_app_desc_t desc;
    assert_int_equal(esp_https_ota_get_img_desc(handle, &desc), ESP_OK);
    assert_int_equal(perform_to_the_end(handle), ESP_OK);
    assert_int_equal(esp_https_ota_finish(handle), ESP_OK);
    assert_int_equal(g_image.len, 2496);
    assert_string_equal(events(), "start connected desc chip 0 revision 0 write 1024 write 2048 "
                                  "write 2496 boot 11 finish ");
}

static void a_refused_image_posts_what_was_looked_at(void **state)
{
    (void)state;
    free(g_image.bytes);
    g_image = DEVICE_IMAGE(.len = 2500, .chip_id = ESP_CHIP_ID_ESP32C3, .min_chip_rev = 3);
    SERVER_START(ANSWER_IMAGE);
    start_listening();
    assert_int_equal(update_usual(), ESP_ERR_INVALID_VERSION);
    assert_string_equal(events(), "start connected chip 5 revision 3 abort ");
}

static void a_failed_begin_posts_that_it_started(void **state)
{
    (void)state;
    SERVER_START({.status = 404});
    start_listening();
    esp_https_ota_handle_t handle;
    assert_int_equal(esp_https_ota_begin(NULL, &handle), ESP_ERR_INVALID_ARG);
    assert_int_equal(update_usual(), ESP_FAIL);
    assert_int_equal(esp_https_ota_abort(NULL), ESP_ERR_INVALID_ARG);
    assert_string_equal(events(), "start start abort ");
}

static void a_failed_finish_posts_finish_without_a_boot_choice(void **state)
{
    (void)state;
    free(g_image.bytes);
    g_image = DEVICE_IMAGE(.len = 2500);
    g_image.bytes[2000] ^= 1;
    SERVER_START(ANSWER_IMAGE);
    start_listening();
    assert_int_equal(update_usual(), ESP_ERR_OTA_VALIDATE_FAILED);
    assert_string_equal(
        events(), "start connected chip 0 revision 0 write 1024 write 2048 write 2496 finish ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, update_start, update_stop)
        FACT(an_update_posts_its_events_in_order),
        FACT(a_refused_image_posts_what_was_looked_at),
        FACT(a_failed_begin_posts_that_it_started),
        FACT(a_failed_finish_posts_finish_without_a_boot_choice),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
