/* The URL changes: by the application, by the server, and what is left behind then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scripted_transport.h"

struct row {
    const char *from;
    const char *location;
    esp_err_t result;
    const char *url; // afterwards
    bool keeps_secrets;
    bool keeps_connection;
};

/* Asks `from`, is sent to `location`, follows once; then checks what the next request carries. */
static void check_redirect(const struct row *row)
{
    char headers[200];
    char url[100];
    snprintf(headers, sizeof(headers), "Location: %s\nContent-Length: 0\n", row->location);
    SCRIPT({.status = 302, .headers = headers}, {.status = 200, .headers = "Content-Length: 0\n"});
    esp_http_client_handle_t client =
        script_client((esp_http_client_config_t){.url = row->from,
                                                 .username = "user",
                                                 .password = "pass",
                                                 .auth_type = HTTP_AUTH_TYPE_BASIC});
    esp_http_client_set_header(client, "X-Api-Key", "1234");
    esp_http_client_set_header(client, "Cookie", "a=b");
    esp_http_client_set_header(client, "X-Device", "7");
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), 0);
    print_message("%s -> %s\n", row->from, row->location);
    assert_int_equal(esp_http_client_set_redirection(client), row->result);
    assert_int_equal(esp_http_client_get_url(client, url, sizeof(url)), ESP_OK);
    assert_string_equal(url, row->url);
    if (row->result == ESP_OK) {
        assert_int_equal(g_script.close_count, row->keeps_connection ? 0 : 1);
        assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
        const char *sent = g_script.requests[1].headers;
        assert_int_equal(strstr(sent, "Authorization: Basic dXNlcjpwYXNz\n") != NULL,
                         row->keeps_secrets);
        assert_int_equal(strstr(sent, "X-Api-Key") != NULL, row->keeps_secrets);
        assert_int_equal(strstr(sent, "Cookie") != NULL, row->keeps_secrets);
        assert_non_null(strstr(sent, "X-Device: 7\n"));
    }
    esp_http_client_cleanup(client);
}

static void redirects_are_followed_as_far_as_they_are_safe(void **state)
{
    static const struct row rows[] = {
        {"https://h/a/b", "https://h/c", ESP_OK, "https://h:443/c", true, true},
        {"https://h/a/b", "/c", ESP_OK, "https://h:443/c", true, true},
        {"https://h/a/b", "c", ESP_OK, "https://h:443/a/c", true, true},
        {"https://h/a/b", "HTTPS://H/c", ESP_OK, "https://H:443/c", true, true},
        {"https://h/a/b", "//other/c", ESP_OK, "https://other:443/c", false, false},
        {"https://h/a/b", "https://other/c", ESP_OK, "https://other:443/c", false, false},
        {"https://h/a/b", "https://h:8443/c", ESP_OK, "https://h:8443/c", false, false},
        {"http://h/a/b", "https://h/c", ESP_OK, "https://h:443/c", true, false},
        {"http://h/a/b", "https://other/c", ESP_OK, "https://other:443/c", false, false},
        {"http://h:8080/a/b", "https://h:8443/c", ESP_OK, "https://h:8443/c", false, false},
        {"https://h/a/b", "http://h/c", ESP_ERR_HTTP_REDIRECT_DOWNGRADE, "https://h:443/a/b", 0, 0},
        {"https://h/a/b", "ftp://h/c", ESP_ERR_HTTP_REDIRECT_DOWNGRADE, "https://h:443/a/b", 0, 0},
        {"https://h/a/b", "https://h:99999/", ESP_ERR_INVALID_ARG, "https://h:443/a/b", 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_redirect(&rows[i]);
    }
}

static void without_a_location_there_is_nothing_to_follow(void **state)
{
    (void)state;
    SCRIPT({.status = 302, .headers = "Content-Length: 0\n"});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_set_redirection(client), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), 0);
    assert_int_equal(esp_http_client_set_redirection(client), ESP_ERR_INVALID_ARG);
    esp_http_client_cleanup(client);
}

static void the_host_header_follows_host_and_port(void **state)
{
    char *value;
    (void)state;
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_set_url(client, "https://other:8443/x"), ESP_OK);
    assert_int_equal(esp_http_client_get_header(client, "Host", &value), ESP_OK);
    assert_string_equal(value, "other:8443");
    assert_int_equal(esp_http_client_set_url(client, "https://other:9443/x"), ESP_OK);
    assert_int_equal(esp_http_client_get_header(client, "Host", &value), ESP_OK);
    assert_string_equal(value, "other:9443");
    esp_http_client_cleanup(client);
}

static void a_new_url_may_be_relative_and_bring_credentials(void **state)
{
    char url[64];
    char *value;
    (void)state;
    SCRIPT({.status = 200});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_set_url(client, "/only/path"), ESP_OK);
    assert_int_equal(esp_http_client_get_url(client, url, sizeof(url)), ESP_OK);
    assert_string_equal(url, "https://host.example:443/only/path");
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_string_equal(g_script.requests[0].target, "/only/path");
    assert_int_equal(esp_http_client_set_url(client, "https://me:pw@host.example/"), ESP_OK);
    assert_int_equal(esp_http_client_get_password(client, &value), ESP_OK);
    assert_string_equal(value, "pw");
    assert_int_equal(esp_http_client_set_url(client, ""), ESP_OK);
    assert_int_equal(esp_http_client_set_url(client, "https://"), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_set_url(client, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_http_client_get_url(client, url, 9), ESP_OK);
    assert_string_equal(url, "https://");
    esp_http_client_cleanup(client);
}

static void the_transport_follows_the_scheme(void **state)
{
    (void)state;
    SCRIPT({.status = 200}, {.status = 200});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){.url = "http://h/"});
    assert_int_equal(esp_http_client_get_transport_type(client), HTTP_TRANSPORT_OVER_TCP);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_set_url(client, "https://h/"), ESP_OK);
    assert_int_equal(esp_http_client_get_transport_type(client), HTTP_TRANSPORT_OVER_SSL);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_string_equal(g_script.requests[1].scheme, "https");
    esp_http_client_cleanup(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redirects_are_followed_as_far_as_they_are_safe),
        cmocka_unit_test(without_a_location_there_is_nothing_to_follow),
        cmocka_unit_test(the_host_header_follows_host_and_port),
        cmocka_unit_test(a_new_url_may_be_relative_and_bring_credentials),
        cmocka_unit_test(the_transport_follows_the_scheme),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
