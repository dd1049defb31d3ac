/* What comes back: head, length, body, completeness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scripted_transport.h"

static esp_http_client_handle_t opened(int64_t expected)
{
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_get_status_code(client), -1);
    assert_int_equal(esp_http_client_fetch_headers(client), expected);
    return client;
}

static esp_err_t check_event(esp_http_client_event_t *event)
{
    static int seen;
    assert_ptr_equal(event->user_data, &g_script);
    if (event->event_id == HTTP_EVENT_ON_STATUS_CODE) {
        assert_int_equal(*(int *)event->data, 204);
        assert_int_equal(event->data_len, 4);
        seen = 0;
    } else if (event->event_id == HTTP_EVENT_ON_HEADER) {
        assert_string_equal(event->header_key, seen == 0 ? "A" : "B");
        assert_string_equal(event->header_value, seen == 0 ? "1" : "2");
        seen++;
    }
    return script_note_event(event);
}

static void events_come_in_order_with_their_data(void **state)
{
    (void)state;
    SCRIPT({.status = 204, .headers = "A: 1\nB: 2\n"});
    esp_http_client_handle_t client = script_client(
        (esp_http_client_config_t){.event_handler = check_event, .user_data = &g_script});
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), 0);
    assert_string_equal(g_events, "CSshhH");
    assert_int_equal(esp_http_client_get_state(client), HTTP_STATE_RES_ON_DATA_START);
    esp_http_client_cleanup(client);
}

static void a_body_is_complete_when_its_last_byte_was_read(void **state)
{
    char buffer[8];
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 10\n", .body = "0123456789"});
    esp_http_client_handle_t client = opened(10);
    assert_int_equal(esp_http_client_read(client, buffer, 8), 8);
    assert_false(esp_http_client_is_complete_data_received(client));
    assert_int_equal(esp_http_client_read(client, buffer, 8), 2);
    assert_true(esp_http_client_is_complete_data_received(client));
    assert_int_equal(esp_http_client_read(client, buffer, 8), 0);
    assert_string_equal(g_events, "CSshHDD");
    esp_http_client_cleanup(client);
}

static void a_chunked_body_is_complete_when_the_transport_says_so(void **state)
{
    char buffer[16];
    int len = 0;
    (void)state;
    SCRIPT({.status = 200, .headers = "Transfer-Encoding: gzip, chunked\n", .body = "0123456789"});
    esp_http_client_handle_t client = opened(0);
    assert_true(esp_http_client_is_chunked_response(client));
    assert_int_equal(esp_http_client_get_content_length(client), -1);
    assert_int_equal(esp_http_client_get_chunk_length(client, &len), ESP_OK);
    assert_int_equal(len, 10);
    assert_int_equal(esp_http_client_read(client, buffer, 16), 10);
    assert_false(esp_http_client_is_complete_data_received(client));
    assert_int_equal(esp_http_client_read(client, buffer, 16), 0);
    assert_true(esp_http_client_is_complete_data_received(client));
    esp_http_client_cleanup(client);
}

static void lengths_beyond_two_gigabytes_are_kept(void **state)
{
    (void)state;
    SCRIPT(
        {.status = 206,
         .headers = "Content-Length: 6000000000\nContent-Range: bytes 0-5999999999/7000000000\n"});
    esp_http_client_handle_t client = opened(INT64_C(6000000000));
    assert_int_equal(esp_http_client_get_content_length(client), INT64_C(6000000000));
    assert_int_equal(esp_http_client_get_content_range(client), INT64_C(7000000000));
    esp_http_client_cleanup(client);
}

static void a_content_range_is_not_remembered_from_an_earlier_answer(void **state)
{
    (void)state;
    SCRIPT({.status = 206, .headers = "Content-Length: 0\nContent-Range: bytes 0-0/10\n"},
           {.status = 200, .headers = "Content-Length: 0\n"});
    esp_http_client_handle_t client = opened(0);
    assert_int_equal(esp_http_client_get_content_range(client), 10);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), 0);
    assert_int_equal(esp_http_client_get_content_range(client), -1);
    esp_http_client_cleanup(client);
}

static void answers_without_a_body_are_complete_at_once(void **state)
{
    char byte;
    (void)state;
    SCRIPT({.status = 304, .headers = "Content-Length: 50\n", .body = "x"},
           {.status = 204, .body = "x"}, {.status = 200, .headers = "Content-Length: 0\n"});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    for (int i = 0; i < 3; i++) {
        assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
        assert_true(esp_http_client_fetch_headers(client) >= 0);
        assert_true(esp_http_client_is_complete_data_received(client));
        assert_int_equal(esp_http_client_read(client, &byte, 1), 0);
    }
    esp_http_client_cleanup(client);
}

static void a_failed_read_is_minus_one_with_errno_and_event(void **state)
{
    char buffer[8];
    (void)state;
    SCRIPT({.status = 200,
            .headers = "Content-Length: 10\n",
            .body = "0123",
            .body_error = ESP_ERR_HTTP_INCOMPLETE_DATA});
    g_script.failure.sys_errno = 104;
    esp_http_client_handle_t client = opened(10);
    assert_int_equal(esp_http_client_read(client, buffer, 8), 4);
    assert_int_equal(esp_http_client_read(client, buffer, 8), -1);
    assert_int_equal(esp_http_client_get_errno(client), 104);
    assert_false(esp_http_client_is_complete_data_received(client));
    assert_string_equal(g_events, "CSshHDE");
    esp_http_client_cleanup(client);
}

static void nothing_within_the_timeout_is_minus_eagain_and_may_be_repeated(void **state)
{
    char buffer[8];
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 4\n", .body = "0123", .not_yet = 1});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_EAGAIN);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), -ESP_ERR_HTTP_EAGAIN);
    assert_int_equal(esp_http_client_fetch_headers(client), 4);
    assert_int_equal(esp_http_client_read(client, buffer, 8), -ESP_ERR_HTTP_EAGAIN);
    assert_int_equal(esp_http_client_read(client, buffer, 8), 4);
    assert_int_equal(g_script.request_count, 1);
    esp_http_client_cleanup(client);
}

static void headers_of_the_answer_can_be_asked_for(void **state)
{
    char *value;
    (void)state;
    SCRIPT({.status = 200, .headers = "ETag: \"a\"\nX-Twice: 1\nX-Twice: 2\nContent-Length: 0\n"});
    esp_http_client_handle_t client = opened(0);
    assert_int_equal(esp_http_client_get_response_header(client, "etag", &value), ESP_OK);
    assert_string_equal(value, "\"a\"");
    assert_int_equal(esp_http_client_get_response_header(client, "X-TWICE", &value), ESP_OK);
    assert_string_equal(value, "2");
    assert_int_equal(esp_http_client_get_response_header(client, "X-None", &value),
                     ESP_ERR_NOT_FOUND);
    esp_http_client_cleanup(client);
}

static void knows_when_the_connection_stays_usable(void **state)
{
    static const struct {
        const char *headers;
        int version; // of HTTP/1.x, minus one
        bool persistent;
    } rows[] = {
        {"Content-Length: 5\n", 0, true},
        {"Content-Length: 5\nConnection: close\n", 0, false},
        {"Content-Length: 5\nConnection: Upgrade, Close\n", 0, false},
        {"Transfer-Encoding: chunked\n", 0, true},
        {"Server: x\n", 0, false},
        {"Content-Length: 5\n", -1, false},
        {"Content-Length: 5\nConnection: keep-alive\n", -1, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        SCRIPT({.status = 200,
                .headers = rows[i].headers,
                .body = "01234",
                .minor_version_minus_1 = rows[i].version});
        esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
        assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
        assert_true(esp_http_client_fetch_headers(client) >= 0);
        assert_int_equal(esp_http_client_is_persistent_connection(client), rows[i].persistent);
        esp_http_client_cleanup(client);
    }
}

static void the_rest_of_a_body_can_be_dropped(void **state)
{
    char buffer[2];
    int dropped = 0;
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 10\n", .body = "0123456789", .chunk = 3});
    esp_http_client_handle_t client = opened(10);
    assert_int_equal(esp_http_client_read_response(client, buffer, 2), 2);
    assert_int_equal(esp_http_client_flush_response(client, &dropped), ESP_OK);
    assert_int_equal(dropped, 8);
    esp_http_client_cleanup(client);
}

static void reading_needs_an_answer(void **state)
{
    char byte;
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 3\n", .body = "abc"});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_fetch_headers(client), -1);
    assert_int_equal(esp_http_client_read(client, &byte, 1), -1);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_read(client, &byte, 1), -1);
    assert_int_equal(esp_http_client_fetch_headers(client), 3);
    assert_int_equal(esp_http_client_close(client), ESP_OK);
    assert_int_equal(esp_http_client_read(client, &byte, 1), -1);
    assert_int_equal(esp_http_client_get_status_code(client), 200);
    esp_http_client_cleanup(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_order_with_their_data),
        cmocka_unit_test(a_body_is_complete_when_its_last_byte_was_read),
        cmocka_unit_test(a_chunked_body_is_complete_when_the_transport_says_so),
        cmocka_unit_test(lengths_beyond_two_gigabytes_are_kept),
        cmocka_unit_test(a_content_range_is_not_remembered_from_an_earlier_answer),
        cmocka_unit_test(answers_without_a_body_are_complete_at_once),
        cmocka_unit_test(a_failed_read_is_minus_one_with_errno_and_event),
        cmocka_unit_test(nothing_within_the_timeout_is_minus_eagain_and_may_be_repeated),
        cmocka_unit_test(headers_of_the_answer_can_be_asked_for),
        cmocka_unit_test(knows_when_the_connection_stays_usable),
        cmocka_unit_test(the_rest_of_a_body_can_be_dropped),
        cmocka_unit_test(reading_needs_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
