/* Making a client, its headers and options, and what happens with NULL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "esp_crt_bundle.h"
#include "esp_tls.h"
#include "scripted_transport.h"

static void check_url(esp_http_client_config_t config, const char *expected)
{
    char url[128];
    esp_http_client_handle_t client = script_client(config);
    assert_non_null(client);
    assert_int_equal(esp_http_client_get_url(client, url, sizeof(url)), ESP_OK);
    assert_string_equal(url, expected);
    esp_http_client_cleanup(client);
}

static void the_url_comes_from_url_or_from_host_and_path(void **state)
{
    (void)state;
    check_url((esp_http_client_config_t){.url = "https://h/p?q"}, "https://h:443/p");
    check_url((esp_http_client_config_t){.url = "http://h:81"}, "http://h:81/");
    check_url((esp_http_client_config_t){.host = "h", .path = "/p"}, "http://h:80/p");
    check_url((esp_http_client_config_t){.host = "h", .path = "p", .port = 8080},
              "http://h:8080/p");
    check_url((esp_http_client_config_t){.url = "https://other/x",
                                         .host = "h",
                                         .path = "/p",
                                         .transport_type = HTTP_TRANSPORT_OVER_SSL},
              "https://h:443/p");
    check_url((esp_http_client_config_t){.host = "::1", .path = "/"}, "http://[::1]:80/");
    check_url((esp_http_client_config_t){.url = "/p", .host = "h"}, "http://h:80/p");
}

static void init_refuses_what_cannot_work(void **state)
{
    (void)state;
    assert_null(esp_http_client_init(NULL));
    assert_null(esp_http_client_init(&(esp_http_client_config_t){0}));
    assert_null(esp_http_client_init(&(esp_http_client_config_t){.host = "h"}));
    assert_null(script_client((esp_http_client_config_t){.url = "nonsense"}));
    assert_null(script_client((esp_http_client_config_t){.url = "https:///path"}));
    assert_null(
        script_client((esp_http_client_config_t){.addr_type = (esp_http_client_addr_type_t)99}));
    assert_null(script_client((esp_http_client_config_t){.method = HTTP_METHOD_MAX}));
}

static void user_info_of_the_url_wins(void **state)
{
    char *value;
    (void)state;
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){
        .url = "https://me:p%40ss@h/", .username = "other", .password = "other"});
    assert_int_equal(esp_http_client_get_username(client, &value), ESP_OK);
    assert_string_equal(value, "me");
    assert_int_equal(esp_http_client_get_password(client, &value), ESP_OK);
    assert_string_equal(value, "p@ss");
    esp_http_client_cleanup(client);
}

static void request_headers_are_set_replaced_and_deleted(void **state)
{
    char *value = "untouched";
    (void)state;
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_get_header(client, "user-agent", &value), ESP_OK);
    assert_string_equal(value, "ESP32 HTTP Client/1.0");
    assert_int_equal(esp_http_client_set_header(client, "X-Device", " \tone \t"), ESP_OK);
    assert_int_equal(esp_http_client_get_header(client, "X-DEVICE", &value), ESP_OK);
    assert_string_equal(value, "one");
    assert_int_equal(esp_http_client_set_header(client, "x-device", "two"), ESP_OK);
    assert_int_equal(esp_http_client_get_header(client, "X-Device", &value), ESP_OK);
    assert_string_equal(value, "two");
    assert_int_equal(esp_http_client_set_header(client, "X-Device", NULL), ESP_OK);
    assert_int_equal(esp_http_client_get_header(client, "X-Device", &value), ESP_ERR_NOT_FOUND);
    assert_null(value);
    assert_int_equal(esp_http_client_delete_header(client, "X-Device"), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_http_client_delete_all_headers(client), ESP_OK);
    assert_int_equal(esp_http_client_get_header(client, "Host", &value), ESP_ERR_NOT_FOUND);
    esp_http_client_cleanup(client);
}

static void headers_that_would_break_the_request_are_refused(void **state)
{
    (void)state;
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_set_header(client, "X: Y", "z"), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_header(client, "", "z"), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_header(client, "X", "a\r\nY: b"), ESP_ERR_INVALID_ARG);
    esp_http_client_cleanup(client);
}

static void a_post_field_brings_its_content_type(void **state)
{
    char *value;
    (void)state;
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_get_post_field(client, &value), 0);
    assert_int_equal(esp_http_client_set_post_field(client, "a=b", 3), ESP_OK);
    assert_int_equal(esp_http_client_get_header(client, "Content-Type", &value), ESP_OK);
    assert_string_equal(value, "application/x-www-form-urlencoded");
    assert_int_equal(esp_http_client_get_post_field(client, &value), 3);
    assert_string_equal(value, "a=b");
    assert_int_equal(esp_http_client_set_post_field(client, NULL, 0), ESP_OK);
    assert_int_equal(esp_http_client_get_header(client, "Content-Type", &value), ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_http_client_set_post_field(client, NULL, 0), ESP_OK);
    esp_http_client_set_header(client, "Content-Type", "text/plain");
    assert_int_equal(esp_http_client_set_post_field(client, "a", 1), ESP_OK);
    assert_int_equal(esp_http_client_get_header(client, "Content-Type", &value), ESP_OK);
    assert_string_equal(value, "text/plain");
    esp_http_client_cleanup(client);
}

static void settings_reach_the_transport_with_their_defaults(void **state)
{
    const struct http_transport_settings *settings = &g_script.settings;
    struct ifreq interface = {.ifr_name = "eth7"};
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 0\n"});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){
        .cert_pem = "pem",
        .keep_alive_enable = true,
        .keep_alive_count = 9,
        .tls_version = ESP_HTTP_CLIENT_TLS_VER_TLS_1_3,
        .addr_type = HTTP_ADDR_TYPE_INET6,
        .if_name = &interface,
    });
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(settings->trust, HTTP_TRUST_CERTIFICATES);
    assert_string_equal(settings->ca.data, "pem");
    assert_true(settings->keep_alive);
    assert_int_equal(settings->keep_alive_idle, 5);
    assert_int_equal(settings->keep_alive_interval, 5);
    assert_int_equal(settings->keep_alive_count, 9);
    assert_int_equal(settings->tls_version, 13);
    assert_int_equal(settings->ip_version, 6);
    assert_string_equal(settings->interface, "eth7");
    esp_http_client_cleanup(client);
}

static void the_bundle_wins_over_the_store_and_the_store_over_the_certificate(void **state)
{
    static const unsigned char store[] = "store";
    (void)state;
    assert_int_equal(esp_tls_set_global_ca_store(store, sizeof(store)), ESP_OK);
    for (int round = 0; round < 3; round++) {
        SCRIPT({.status = 200, .headers = "Content-Length: 0\n"});
        esp_http_client_handle_t client = script_client((esp_http_client_config_t){
            .cert_pem = "pem",
            .use_global_ca_store = round > 0,
            .crt_bundle_attach = round > 1 ? esp_crt_bundle_attach : NULL,
        });
        assert_int_equal(esp_http_client_perform(client), ESP_OK);
        assert_int_equal(g_script.settings.trust,
                         round > 1 ? HTTP_TRUST_SYSTEM : HTTP_TRUST_CERTIFICATES);
        if (round < 2) {
            assert_string_equal(g_script.settings.ca.data, round == 0 ? "pem" : "store");
        }
        esp_http_client_cleanup(client);
    }
    esp_tls_free_global_ca_store();
}

static void a_null_handle_is_an_error_everywhere(void **state)
{
    char text[8];
    char *value;
    int number;
    void *data;
    (void)state;
    assert_int_equal(esp_http_client_cleanup(NULL), ESP_FAIL);
    assert_int_equal(esp_http_client_perform(NULL), ESP_FAIL);
    assert_int_equal(esp_http_client_prepare(NULL), ESP_FAIL);
    assert_int_equal(esp_http_client_request_send(NULL, 0), ESP_FAIL);
    assert_int_equal(esp_http_client_open(NULL, 0), ESP_FAIL);
    assert_int_equal(esp_http_client_write(NULL, "x", 1), -1);
    assert_int_equal(esp_http_client_chunk_write_begin(NULL, 1), -1);
    assert_int_equal(esp_http_client_chunk_write_end(NULL, true), -1);
    assert_int_equal(esp_http_client_fetch_headers(NULL), -1);
    assert_int_equal(esp_http_client_read(NULL, text, 1), -1);
    assert_int_equal(esp_http_client_read_response(NULL, text, 1), -1);
    assert_int_equal(esp_http_client_flush_response(NULL, &number), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_close(NULL), ESP_FAIL);
    assert_int_equal(esp_http_client_clear_response_buffer(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_cancel_request(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_url(NULL, "x"), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_get_url(NULL, text, 8), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_method(NULL, HTTP_METHOD_GET), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_header(NULL, "a", "b"), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_get_header(NULL, "a", &value), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_delete_header(NULL, "a"), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_delete_all_headers(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_get_response_header(NULL, "a", &value), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_post_field(NULL, "a", 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_get_post_field(NULL, &value), 0);
    assert_int_equal(esp_http_client_set_username(NULL, "a"), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_password(NULL, "a"), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_get_username(NULL, &value), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_get_password(NULL, &value), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_authtype(NULL, HTTP_AUTH_TYPE_BASIC), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_auth_data(NULL, "a", 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_add_auth(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_redirection(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_reset_redirect_counter(NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_user_data(NULL, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_get_user_data(NULL, &data), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_event_handler(NULL, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_timeout_ms(NULL, 1), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_get_status_code(NULL), -1);
    assert_int_equal(esp_http_client_get_content_length(NULL), -1);
    assert_int_equal(esp_http_client_get_content_range(NULL), -1);
    assert_false(esp_http_client_is_chunked_response(NULL));
    assert_false(esp_http_client_is_complete_data_received(NULL));
    assert_int_equal(esp_http_client_get_chunk_length(NULL, &number), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_get_transport_type(NULL), HTTP_TRANSPORT_UNKNOWN);
    assert_int_equal(esp_http_client_get_errno(NULL), -1);
    assert_int_equal(esp_http_client_get_and_clear_last_tls_error(NULL, NULL, NULL), ESP_FAIL);
    assert_int_equal(esp_http_client_get_state(NULL), HTTP_STATE_UNINIT);
    assert_false(esp_http_client_is_persistent_connection(NULL));
    assert_int_equal(esp_http_client_get_socket(NULL), -1);
    assert_string_equal(esp_http_client_get_error_text(NULL), "");
    assert_int_equal(esp_tls_get_and_clear_last_error(NULL, NULL, NULL), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_crt_bundle_attach(NULL), ESP_ERR_INVALID_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_url_comes_from_url_or_from_host_and_path),
        cmocka_unit_test(init_refuses_what_cannot_work),
        cmocka_unit_test(user_info_of_the_url_wins),
        cmocka_unit_test(request_headers_are_set_replaced_and_deleted),
        cmocka_unit_test(headers_that_would_break_the_request_are_refused),
        cmocka_unit_test(a_post_field_brings_its_content_type),
        cmocka_unit_test(settings_reach_the_transport_with_their_defaults),
        cmocka_unit_test(the_bundle_wins_over_the_store_and_the_store_over_the_certificate),
        cmocka_unit_test(a_null_handle_is_an_error_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
