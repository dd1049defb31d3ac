/* perform: the whole exchange. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "esp_log.h"
#include "scripted_transport.h"

static void a_plain_exchange_fires_all_events_and_keeps_the_connection(void **state)
{
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 10\n", .body = "0123456789", .chunk = 5},
           {.status = 200, .headers = "Content-Length: 0\n"});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_string_equal(g_events, "CSshHDDF");
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_string_equal(g_events, "CSshHDDFSshHF");
    assert_int_equal(g_script.close_count, 0);
    assert_int_equal(esp_http_client_get_state(client), HTTP_STATE_CONNECTED);
    esp_http_client_cleanup(client);
}

static void nothing_is_left_to_read_after_it(void **state)
{
    (void)state;
    static const char *const HEADERS[] = {"Content-Length: 1\n",
                                          "Connection: close\nContent-Length: 1\n"};
    for (size_t i = 0; i < 2; i++) {
        SCRIPT({.status = 200, .headers = HEADERS[i], .body = "x"});
        esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
        char buffer[8];
        int flushed = -1;
        assert_int_equal(esp_http_client_read(client, buffer, sizeof(buffer)), -1); // no answer yet
        assert_int_equal(esp_http_client_perform(client), ESP_OK);
        assert_int_equal(esp_http_client_read(client, buffer, sizeof(buffer)), 0);
        assert_int_equal(esp_http_client_read_response(client, buffer, sizeof(buffer)), 0);
        assert_int_equal(esp_http_client_flush_response(client, &flushed), ESP_OK);
        assert_int_equal(flushed, 0);
        assert_true(esp_http_client_is_complete_data_received(client));
        esp_http_client_cleanup(client);
    }
}

static void a_server_that_does_not_keep_alive_is_left(void **state)
{
    (void)state;
    SCRIPT({.status = 200, .headers = "Connection: close\nContent-Length: 1\n", .body = "x"});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_string_equal(g_events, "CSshhHDFX");
    assert_int_equal(esp_http_client_get_status_code(client), 200);
    assert_int_equal(esp_http_client_get_state(client), HTTP_STATE_INIT);
    esp_http_client_cleanup(client);
}

static void data_pieces_fit_the_buffer_size(void **state)
{
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 10\n", .body = "0123456789"});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){.buffer_size = 4});
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_string_equal(g_events, "CSshHDDDF");
    esp_http_client_cleanup(client);
}

static void the_post_field_is_sent(void **state)
{
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 0\n"});
    esp_http_client_handle_t client =
        script_client((esp_http_client_config_t){.method = HTTP_METHOD_POST});
    esp_http_client_set_post_field(client, "a=b", 3);
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(g_script.requests[0].body_len, 3);
    assert_string_equal(g_script.requests[0].body, "a=b");
    esp_http_client_cleanup(client);
}

static void redirects_keep_method_and_body_except_see_other(void **state)
{
    static const int statuses[] = {301, 302, 303, 307, 308};
    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        SCRIPT({.status = statuses[i], .headers = "Location: /next\nContent-Length: 0\n"},
               {.status = 200, .headers = "Content-Length: 0\n"});
        esp_http_client_handle_t client =
            script_client((esp_http_client_config_t){.method = HTTP_METHOD_POST});
        esp_http_client_set_post_field(client, "a=b", 3);
        assert_int_equal(esp_http_client_perform(client), ESP_OK);
        bool see_other = statuses[i] == 303;
        assert_string_equal(g_script.requests[1].method, see_other ? "GET" : "POST");
        assert_string_equal(g_script.requests[1].body, see_other ? "" : "a=b");
        assert_string_equal(g_script.requests[1].target, "/next");
        esp_http_client_cleanup(client);
    }
}

static void redirects_end_at_the_limit(void **state)
{
    const struct script_exchange hop = {.status = 302,
                                        .headers = "Location: /a\nContent-Length: 0\n"};
    (void)state;
    SCRIPT(hop, hop, hop, hop);
    esp_http_client_handle_t client =
        script_client((esp_http_client_config_t){.max_redirection_count = 3});
    assert_int_equal(esp_http_client_perform(client), ESP_ERR_HTTP_MAX_REDIRECT);
    assert_int_equal(g_script.request_count, 4);
    assert_int_equal(esp_http_client_get_status_code(client), 302);
    assert_int_equal(esp_http_client_reset_redirect_counter(client), ESP_OK);
    esp_http_client_cleanup(client);
}

static esp_err_t follow_by_hand(esp_http_client_event_t *event)
{
    if (event->event_id == HTTP_EVENT_REDIRECT) {
        assert_int_equal(esp_http_client_set_redirection(event->client), ESP_OK);
    }
    return script_note_event(event);
}

static void without_auto_redirect_the_handler_decides(void **state)
{
    (void)state;
    for (int by_hand = 0; by_hand <= 1; by_hand++) {
        SCRIPT({.status = 302, .headers = "Location: /a\nContent-Length: 0\n"},
               {.status = 200, .headers = "Content-Length: 0\n"});
        esp_http_client_handle_t client = script_client((esp_http_client_config_t){
            .disable_auto_redirect = true, .event_handler = by_hand ? follow_by_hand : NULL});
        assert_int_equal(esp_http_client_perform(client), ESP_OK);
        assert_int_equal(esp_http_client_get_status_code(client), by_hand ? 200 : 302);
        assert_string_equal(g_events, by_hand ? "CSshhHRSshHF" : "CSshhHRF");
        esp_http_client_cleanup(client);
    }
}

static void other_statuses_are_for_the_caller(void **state)
{
    static const int statuses[] = {300, 304, 400, 403, 404, 416, 500, 503};
    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        SCRIPT({.status = statuses[i], .headers = "Content-Length: 0\n"});
        esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
        assert_int_equal(esp_http_client_perform(client), ESP_OK);
        assert_int_equal(esp_http_client_get_status_code(client), statuses[i]);
        esp_http_client_cleanup(client);
    }
}

static int s_error_lines;

__attribute__((format(printf, 1, 0))) static int count_error_lines(const char *format, va_list args)
{
    char line[600];
    int len = vsnprintf(line, sizeof(line), format, args);
    s_error_lines += strncmp(line, "E (", 3) == 0;
    return len;
}

static void failures_have_their_codes_and_events_and_one_log_line(void **state)
{
    static const struct {
        struct script_exchange exchange;
        esp_err_t result;
        const char *events;
    } rows[] = {
        {{.connect_error = ESP_ERR_HTTP_CONNECT}, ESP_ERR_HTTP_CONNECT, "E"},
        {{.connect_error = ESP_ERR_HTTP_WRITE_DATA}, ESP_ERR_HTTP_WRITE_DATA, "E"},
        {{.write_error = ESP_ERR_HTTP_WRITE_DATA}, ESP_ERR_HTTP_WRITE_DATA, "CSEX"},
        {{.head_error = ESP_ERR_HTTP_EAGAIN}, ESP_ERR_HTTP_EAGAIN, "CSX"},
        {{.head_error = ESP_ERR_HTTP_CONNECTION_CLOSED}, ESP_ERR_HTTP_CONNECTION_CLOSED, "CSEX"},
        {{.head_error = ESP_ERR_HTTP_FETCH_HEADER}, ESP_ERR_HTTP_FETCH_HEADER, "CSEX"},
        {{.status = 200,
          .headers = "Content-Length: 9\n",
          .body_error = ESP_ERR_HTTP_INCOMPLETE_DATA},
         ESP_ERR_HTTP_INCOMPLETE_DATA,
         "CSshHEX"},
        {{.status = 200, .headers = "Content-Length: 9\n", .body_error = ESP_ERR_HTTP_EAGAIN},
         ESP_ERR_HTTP_READ_TIMEOUT,
         "CSshHEX"},
        {{.status = 401, .headers = "Content-Length: 0\n"}, ESP_ERR_NOT_SUPPORTED, "CSshHEX"},
        {{.status = 302, .headers = "Location: http://h/\nContent-Length: 0\n"},
         ESP_ERR_HTTP_REDIRECT_DOWNGRADE,
         "CSshhHEX"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%zu\n", i);
        script_start(&rows[i].exchange, 1);
        esp_http_client_handle_t client =
            script_client((esp_http_client_config_t){.method = HTTP_METHOD_POST});
        esp_http_client_set_post_field(client, "a", 1);
        s_error_lines = 0;
        vprintf_like_t sink = esp_log_set_vprintf(count_error_lines);
        esp_err_t result = esp_http_client_perform(client);
        (void)esp_log_set_vprintf(sink);
        assert_int_equal(result, rows[i].result);
        assert_string_equal(g_events, rows[i].events);
        assert_int_equal(s_error_lines, 1);
        assert_string_not_equal(esp_http_client_get_error_text(client), "");
        esp_http_client_cleanup(client);
    }
}

static void an_asynchronous_client_comes_back_between_all_steps(void **state)
{
    int calls = 0;
    esp_err_t err;
    (void)state;
    SCRIPT({.status = 302,
            .headers = "Location: /a\nContent-Length: 4\n",
            .body = "gone",
            .not_yet = 2},
           {.status = 200,
            .headers = "Content-Length: 4\n",
            .body = "here",
            .chunk = 2,
            .not_yet = 2});
    esp_http_client_handle_t client =
        script_client((esp_http_client_config_t){.is_async = true, .method = HTTP_METHOD_POST});
    esp_http_client_set_post_field(client, "a=b", 3);
    while ((err = esp_http_client_perform(client)) == ESP_ERR_HTTP_EAGAIN) {
        calls++;
    }
    assert_int_equal(err, ESP_OK);
    assert_int_equal(calls, 2 * (2 + 2 + 2 + 2) + 2);
    assert_int_equal(g_script.request_count, 2);
    assert_string_equal(g_script.requests[1].body, "a=b");
    assert_string_equal(g_events, "CSshhHDSshHDDF");
    esp_http_client_cleanup(client);
}

static esp_err_t close_at_headers(esp_http_client_event_t *event)
{
    if (event->event_id == HTTP_EVENT_ON_HEADERS_COMPLETE) {
        esp_http_client_close(event->client);
    }
    return script_note_event(event);
}

static void a_handler_may_close_the_connection(void **state)
{
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 4\n", .body = "here"});
    esp_http_client_handle_t client =
        script_client((esp_http_client_config_t){.event_handler = close_at_headers});
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_string_equal(g_events, "CSshXH");
    assert_false(esp_http_client_is_complete_data_received(client));
    esp_http_client_cleanup(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_exchange_fires_all_events_and_keeps_the_connection),
        cmocka_unit_test(nothing_is_left_to_read_after_it),
        cmocka_unit_test(a_server_that_does_not_keep_alive_is_left),
        cmocka_unit_test(data_pieces_fit_the_buffer_size),
        cmocka_unit_test(the_post_field_is_sent),
        cmocka_unit_test(redirects_keep_method_and_body_except_see_other),
        cmocka_unit_test(redirects_end_at_the_limit),
        cmocka_unit_test(without_auto_redirect_the_handler_decides),
        cmocka_unit_test(other_statuses_are_for_the_caller),
        cmocka_unit_test(failures_have_their_codes_and_events_and_one_log_line),
        cmocka_unit_test(an_asynchronous_client_comes_back_between_all_steps),
        cmocka_unit_test(a_handler_may_close_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
