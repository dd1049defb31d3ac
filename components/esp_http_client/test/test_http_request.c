/* What goes out: request line, headers, body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scripted_transport.h"

static void a_get_has_the_default_headers_and_no_body(void **state)
{
    (void)state;
    SCRIPT({.status = 200});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_get_state(client), HTTP_STATE_INIT);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_get_state(client), HTTP_STATE_REQ_COMPLETE_HEADER);
    const struct script_request *request = &g_script.requests[0];
    assert_string_equal(request->method, "GET");
    assert_string_equal(request->scheme, "https");
    assert_string_equal(request->host, "host.example");
    assert_int_equal(request->port, 443);
    assert_string_equal(request->target, "/dir/file?q");
    assert_string_equal(request->headers,
                        "User-Agent: ESP32 HTTP Client/1.0\nHost: host.example\n");
    assert_false(request->has_body);
    assert_string_equal(g_events, "CS");
    esp_http_client_cleanup(client);
    assert_string_equal(g_events, "CSX");
    assert_int_equal(g_script.destroy_count, 1);
}

static void the_host_header_names_ports_other_than_the_schemes(void **state)
{
    static const char *const rows[][2] = {{"http://h:8080/", "h:8080"},
                                          {"http://h:80/", "h"},
                                          {"https://h:443/", "h"},
                                          {"https://h:80/", "h:80"},
                                          {"https://[::1]:8443/", "[::1]:8443"}};
    char *value;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        esp_http_client_handle_t client =
            script_client((esp_http_client_config_t){.url = rows[i][0]});
        assert_int_equal(esp_http_client_get_header(client, "Host", &value), ESP_OK);
        assert_string_equal(value, rows[i][1]);
        esp_http_client_cleanup(client);
    }
}

static void host_is_sent_even_after_all_headers_were_deleted(void **state)
{
    (void)state;
    SCRIPT({.status = 200});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    esp_http_client_delete_all_headers(client);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_string_equal(g_script.requests[0].headers, "Host: host.example\n");
    esp_http_client_cleanup(client);
}

static void methods_that_usually_have_a_body_announce_an_empty_one(void **state)
{
    (void)state;
    for (int method = 0; method < HTTP_METHOD_MAX; method++) {
        SCRIPT({.status = 200});
        esp_http_client_handle_t client =
            script_client((esp_http_client_config_t){.method = (esp_http_client_method_t)method});
        assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
        bool bare =
            method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD || method == HTTP_METHOD_DELETE;
        assert_int_equal(g_script.requests[0].has_body, !bare);
        esp_http_client_cleanup(client);
    }
}

static void the_application_does_not_frame_the_body(void **state)
{
    (void)state;
    SCRIPT({.status = 200});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    esp_http_client_set_header(client, "Content-Length", "99");
    esp_http_client_set_header(client, "Transfer-Encoding", "chunked");
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_null(strstr(g_script.requests[0].headers, "Content-Length"));
    assert_null(strstr(g_script.requests[0].headers, "Transfer-Encoding"));
    esp_http_client_cleanup(client);
}

static void what_exceeds_the_transmit_buffer_is_refused_before_connecting(void **state)
{
    char value[600];
    char url[600];
    memset(value, 'v', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    snprintf(url, sizeof(url), "https://h/%.560s", value);
    (void)state;
    SCRIPT({.status = 200});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    esp_http_client_set_header(client, "X-Long", value);
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_HEADER_TOO_LONG);
    assert_string_equal(g_events, "E");
    esp_http_client_cleanup(client);
    client = script_client((esp_http_client_config_t){.url = url});
    assert_int_equal(esp_http_client_open(client, 0), ESP_FAIL);
    assert_non_null(strstr(esp_http_client_get_error_text(client), "buffer_size_tx"));
    esp_http_client_cleanup(client);
    client = script_client((esp_http_client_config_t){.url = url, .buffer_size_tx = 1024});
    esp_http_client_set_header(client, "X-Long", value);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(g_script.request_count, 1);
    esp_http_client_cleanup(client);
}

static void a_body_is_written_in_parts_up_to_what_was_announced(void **state)
{
    (void)state;
    SCRIPT({.status = 200});
    esp_http_client_handle_t client =
        script_client((esp_http_client_config_t){.method = HTTP_METHOD_POST});
    assert_int_equal(esp_http_client_write(client, "a", 1), -1);
    assert_int_equal(esp_http_client_open(client, 6), ESP_OK);
    assert_int_equal(esp_http_client_write(client, NULL, 1), -1);
    assert_int_equal(esp_http_client_write(client, "a", -1), -1);
    assert_int_equal(esp_http_client_write(client, NULL, 0), 0);
    assert_int_equal(esp_http_client_write(client, "abc", 3), 3);
    assert_int_equal(esp_http_client_get_state(client), HTTP_STATE_REQ_COMPLETE_HEADER);
    assert_int_equal(esp_http_client_write(client, "def", 3), 3);
    assert_int_equal(esp_http_client_get_state(client), HTTP_STATE_REQ_COMPLETE_DATA);
    assert_int_equal(esp_http_client_write(client, "g", 1), -1);
    assert_string_equal(g_script.requests[0].body, "abcdef");
    esp_http_client_cleanup(client);
}

static void chunk_framing_written_by_the_application_is_taken_off(void **state)
{
    (void)state;
    SCRIPT({.status = 200}, {.status = 200});
    esp_http_client_handle_t client =
        script_client((esp_http_client_config_t){.method = HTTP_METHOD_POST});
    assert_int_equal(esp_http_client_open(client, -1), ESP_OK);
    assert_int_equal(g_script.requests[0].body_len, -1);
    assert_int_equal(esp_http_client_chunk_write_begin(client, 10), 0);
    assert_int_equal(esp_http_client_write(client, "01234", 5), 5);
    assert_int_equal(esp_http_client_write(client, "56789", 5), 5);
    assert_int_equal(esp_http_client_chunk_write_end(client, false), 0);
    assert_int_equal(esp_http_client_write(client, "2\r\nab\r\n", 7), 7);
    assert_false(g_script.requests[0].body_ended);
    assert_int_equal(esp_http_client_write(client, "0\r\n\r\n", 5), 5);
    assert_true(g_script.requests[0].body_ended);
    assert_string_equal(g_script.requests[0].body, "0123456789ab");
    assert_int_equal(esp_http_client_open(client, -1), ESP_OK);
    assert_int_equal(esp_http_client_write(client, "not framed", 10), -1);
    esp_http_client_cleanup(client);
}

static void a_failed_connection_is_reported_once_with_error_event(void **state)
{
    int code = 0;
    (void)state;
    SCRIPT({.connect_error = ESP_ERR_HTTP_CONNECT}, {.status = 200});
    g_script.failure = (struct http_failure){
        .tls_code = ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT, .sys_errno = 110, .text = "too slow"};
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    assert_string_equal(g_events, "E");
    assert_int_equal(esp_http_client_get_state(client), HTTP_STATE_INIT);
    assert_int_equal(esp_http_client_get_errno(client), 110);
    assert_int_equal(esp_http_client_get_errno(client), 0);
    assert_int_equal(esp_http_client_get_and_clear_last_tls_error(client, &code, NULL),
                     ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_string_equal(esp_http_client_get_error_text(client), "");
    esp_http_client_cleanup(client);
}

static void a_connection_that_had_to_be_renewed_shows_in_the_events(void **state)
{
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 0\n"},
           {.status = 200, .headers = "Content-Length: 0\n"},
           {.status = 200, .headers = "Content-Length: 0\n", .new_connection = true});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_string_equal(g_events, "CSSXCS");
    esp_http_client_cleanup(client);
}

static void prepare_and_request_send_use_the_open_connection(void **state)
{
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 0\n"}, {.status = 206});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), 0);
    assert_int_equal(esp_http_client_prepare(client), ESP_OK);
    assert_int_equal(esp_http_client_get_status_code(client), -1);
    assert_int_equal(esp_http_client_set_header(client, "Range", "bytes=1-2"), ESP_OK);
    assert_int_equal(esp_http_client_request_send(client, 0), ESP_OK);
    assert_non_null(strstr(g_script.requests[1].headers, "Range: bytes=1-2\n"));
    assert_string_equal(g_events, "CSshHS");
    esp_http_client_cleanup(client);
}

static void a_cancelled_request_can_be_repeated(void **state)
{
    (void)state;
    SCRIPT({.status = 200}, {.status = 200});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_cancel_request(client), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_cancel_request(client), ESP_OK);
    assert_int_equal(g_script.close_count, 1);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_string_equal(g_events, "CSXCS");
    esp_http_client_cleanup(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_has_the_default_headers_and_no_body),
        cmocka_unit_test(the_host_header_names_ports_other_than_the_schemes),
        cmocka_unit_test(host_is_sent_even_after_all_headers_were_deleted),
        cmocka_unit_test(methods_that_usually_have_a_body_announce_an_empty_one),
        cmocka_unit_test(the_application_does_not_frame_the_body),
        cmocka_unit_test(what_exceeds_the_transmit_buffer_is_refused_before_connecting),
        cmocka_unit_test(a_body_is_written_in_parts_up_to_what_was_announced),
        cmocka_unit_test(chunk_framing_written_by_the_application_is_taken_off),
        cmocka_unit_test(a_failed_connection_is_reported_once_with_error_event),
        cmocka_unit_test(a_connection_that_had_to_be_renewed_shows_in_the_events),
        cmocka_unit_test(prepare_and_request_send_use_the_open_connection),
        cmocka_unit_test(a_cancelled_request_can_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
