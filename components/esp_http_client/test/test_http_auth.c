/* Credentials: when, how and to whom they are shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scripted_transport.h"

static esp_http_client_handle_t challenged(const char *challenge, int retries)
{
    char headers[300];
    snprintf(headers, sizeof(headers), "%sContent-Length: 0\n", challenge);
    SCRIPT({.status = 401, .headers = headers}, {.status = 200, .headers = "Content-Length: 0\n"});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){
        .username = "user", .password = "pass", .max_authorization_retries = retries});
    assert_int_equal(esp_http_client_add_auth(client), ESP_OK); // too early: nothing happens
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), 0);
    return client;
}

static void basic_is_sent_at_once_when_configured(void **state)
{
    char *value;
    (void)state;
    SCRIPT({.status = 200}, {.status = 200});
    esp_http_client_handle_t client = script_client(
        (esp_http_client_config_t){.username = "user", .auth_type = HTTP_AUTH_TYPE_BASIC});
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_get_header(client, "Authorization", &value), ESP_OK);
    assert_string_equal(value, "Basic dXNlcjo=");
    assert_int_equal(esp_http_client_set_password(client, "pass"), ESP_OK);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_non_null(strstr(g_script.requests[1].headers, "Authorization: Basic dXNlcjpwYXNz\n"));
    esp_http_client_cleanup(client);
}

static void a_basic_challenge_is_answered_with_the_next_request(void **state)
{
    (void)state;
    esp_http_client_handle_t client = challenged("WWW-Authenticate: Basic realm=\"x\"\n", 0);
    assert_null(strstr(g_script.requests[0].headers, "Authorization"));
    assert_int_equal(esp_http_client_add_auth(client), ESP_OK);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_non_null(strstr(g_script.requests[1].headers, "Authorization: Basic dXNlcjpwYXNz\n"));
    assert_string_equal(g_script.requests[1].digest_user, "");
    esp_http_client_cleanup(client);
}

static void digest_is_preferred_and_left_to_the_transport(void **state)
{
    (void)state;
    esp_http_client_handle_t client = challenged(
        "WWW-Authenticate: Basic realm=\"x\"\nWWW-Authenticate: Digest nonce=\"n\"\n", 0);
    assert_string_equal(g_script.requests[0].digest_user, "");
    assert_int_equal(esp_http_client_add_auth(client), ESP_OK);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_null(strstr(g_script.requests[1].headers, "Authorization"));
    assert_string_equal(g_script.requests[1].digest_user, "user");
    assert_string_equal(g_script.requests[1].digest_password, "pass");
    esp_http_client_cleanup(client);
}

static void digest_credentials_do_not_follow_to_another_host(void **state)
{
    (void)state;
    esp_http_client_handle_t client = challenged("WWW-Authenticate: Digest nonce=\"n\"\n", 0);
    assert_int_equal(esp_http_client_add_auth(client), ESP_OK);
    assert_int_equal(esp_http_client_set_url(client, "https://other/"), ESP_OK);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_string_equal(g_script.requests[1].digest_user, "");
    esp_http_client_cleanup(client);
}

static void unknown_or_missing_challenges_are_not_supported(void **state)
{
    (void)state;
    esp_http_client_handle_t client = challenged("WWW-Authenticate: Bearer realm=\"x\"\n", 0);
    assert_int_equal(esp_http_client_add_auth(client), ESP_ERR_NOT_SUPPORTED);
    esp_http_client_cleanup(client);
    client = challenged("", 0);
    assert_int_equal(esp_http_client_add_auth(client), ESP_ERR_NOT_SUPPORTED);
    assert_int_equal(esp_http_client_set_auth_data(client, "Basic realm=x, or more", 13), ESP_OK);
    assert_int_equal(esp_http_client_add_auth(client), ESP_OK);
    esp_http_client_cleanup(client);
}

static void minus_one_allows_no_authorization_at_all(void **state)
{
    (void)state;
    esp_http_client_handle_t client = challenged("WWW-Authenticate: Basic realm=\"x\"\n", -1);
    assert_int_equal(esp_http_client_add_auth(client), ESP_FAIL);
    esp_http_client_cleanup(client);
}

static void redirects_and_authorizations_are_counted_apart(void **state)
{
    (void)state;
    SCRIPT({.status = 302, .headers = "Location: /a\nContent-Length: 0\n"},
           {.status = 302, .headers = "Location: /b\nContent-Length: 0\n"},
           {.status = 401, .headers = "WWW-Authenticate: Basic x=y\nContent-Length: 0\n"},
           {.status = 200, .headers = "Content-Length: 0\n"});
    esp_http_client_handle_t client =
        script_client((esp_http_client_config_t){.username = "u",
                                                 .password = "p",
                                                 .max_redirection_count = 2,
                                                 .max_authorization_retries = 1});
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(esp_http_client_get_status_code(client), 200);
    esp_http_client_cleanup(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basic_is_sent_at_once_when_configured),
        cmocka_unit_test(a_basic_challenge_is_answered_with_the_next_request),
        cmocka_unit_test(digest_is_preferred_and_left_to_the_transport),
        cmocka_unit_test(digest_credentials_do_not_follow_to_another_host),
        cmocka_unit_test(unknown_or_missing_challenges_are_not_supported),
        cmocka_unit_test(minus_one_allows_no_authorization_at_all),
        cmocka_unit_test(redirects_and_authorizations_are_counted_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
