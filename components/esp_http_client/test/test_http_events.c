/* Copies of the events on the default loop, when there is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

#include "esp_event.h"
#include "esp_log.h"
#include "scripted_transport.h"

static char s_ids[64];
static esp_http_client_handle_t s_client;
static int64_t s_data_process;
static int s_redirect_status;
static int s_log_lines;
static atomic_bool s_all_seen;

/* Notes the id as a digit. Runs on the loop's task; deleting the loop waits for it. */
static void note(void *arg, esp_event_base_t base, int32_t id, void *data)
{
    size_t len = strlen(s_ids);
    (void)arg;
    (void)base;
    s_ids[len] = (char)('0' + id);
    if (id == HTTP_EVENT_ON_DATA) {
        s_data_process = ((esp_http_client_on_data_t *)data)->data_process;
    } else if (id == HTTP_EVENT_REDIRECT) {
        s_redirect_status = ((esp_http_client_redirect_event_data_t *)data)->status_code;
    } else {
        assert_ptr_equal(*(esp_http_client_handle_t *)data, s_client);
    }
    if (id == HTTP_EVENT_ERROR) {
        atomic_store(&s_all_seen, true);
    }
}

static int count_lines(const char *format, va_list args)
{
    (void)format;
    (void)args;
    return ++s_log_lines;
}

static void all_events_are_copied_to_the_default_loop_even_automatic_redirects(void **state)
{
    (void)state;
    memset(s_ids, 0, sizeof(s_ids));
    SCRIPT({.status = 302, .headers = "Location: /a\nContent-Length: 0\n"},
           {.status = 200, .headers = "Content-Length: 4\n", .body = "data", .chunk = 2});
    assert_int_equal(esp_event_loop_create_default(), ESP_OK);
    assert_int_equal(
        esp_event_handler_register(ESP_HTTP_CLIENT_EVENT, ESP_EVENT_ANY_ID, note, NULL), ESP_OK);
    s_client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_perform(s_client), ESP_OK);
    while (esp_event_post(ESP_HTTP_CLIENT_EVENT, HTTP_EVENT_ERROR, &s_client,
                          sizeof(esp_http_client_handle_t), 100) != ESP_OK) {
    }
    while (!atomic_load(&s_all_seen)) { // the mark posted last has been handled
    }
    assert_int_equal(esp_event_loop_delete_default(), ESP_OK);
    assert_string_equal(s_ids, "125334925346670");
    assert_int_equal(s_data_process, 4);
    assert_int_equal(s_redirect_status, 302);
    esp_http_client_cleanup(s_client);
}

static void without_a_default_loop_nothing_is_logged(void **state)
{
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 4\n", .body = "data"});
    vprintf_like_t sink = esp_log_set_vprintf(count_lines);
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    esp_http_client_cleanup(client);
    (void)esp_log_set_vprintf(sink);
    assert_int_equal(s_log_lines, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_events_are_copied_to_the_default_loop_even_automatic_redirects),
        cmocka_unit_test(without_a_default_loop_nothing_is_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
