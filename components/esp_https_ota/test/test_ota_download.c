// From a configuration to a body: what begin checks, and what each answer of the server leads to.

#include "update_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "esp_crt_bundle.h"
#include "esp_log.h"

static esp_err_t begin_and_abort(const esp_http_client_config_t *http)
{
    esp_https_ota_handle_t handle;
    esp_err_t err = update_begin(http, &handle);
    if (err == ESP_OK) {
        assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
    }
    assert_int_equal(g_flash.operations, 0);
    return err;
}

static esp_err_t try_begin(void)
{
    esp_http_client_config_t http = update_http_config();
    return begin_and_abort(&http);
}

// ----------------------------------------------------------------------- the configuration

static void begin_needs_a_configuration_and_room_for_the_handle(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_config_t config = {.http_config = &http};
    esp_https_ota_config_t empty = {0};
    esp_https_ota_handle_t handle = &http;
    assert_int_equal(esp_https_ota_begin(&config, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_https_ota_begin(NULL, NULL), ESP_ERR_INVALID_ARG);
    assert_int_equal(esp_https_ota_begin(NULL, &handle), ESP_ERR_INVALID_ARG);
    assert_null(handle);
    handle = &http;
    assert_int_equal(esp_https_ota_begin(&empty, &handle), ESP_ERR_INVALID_ARG);
    assert_null(handle);
    assert_int_equal(g_server.request_count, 0);
}

static void a_server_that_cannot_be_verified_is_not_asked(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_http_client_config_t http = update_http_config();
    http.cert_pem = NULL;
    assert_int_equal(begin_and_abort(&http), ESP_ERR_INVALID_ARG);
    http.url = "http://host.example/app.bin";
    assert_int_equal(begin_and_abort(&http), ESP_ERR_INVALID_ARG);
    assert_int_equal(g_server.request_count, 0);
    esp_https_ota_allow_http(true);
    assert_int_equal(begin_and_abort(&http), ESP_OK);
    assert_int_equal(g_server.request_count, 1);
}

static void each_way_to_verify_the_server_is_enough(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        SERVER_START(ANSWER_IMAGE);
        esp_http_client_config_t http = update_http_config();
        http.cert_pem = way == 0 ? "certificate" : NULL;
        http.use_global_ca_store = way == 1;
        http.crt_bundle_attach = way == 2 ? esp_crt_bundle_attach : NULL;
        assert_int_equal(begin_and_abort(&http), ESP_OK);
    }
}

static void asynchronous_clients_are_refused(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_http_client_config_t http = update_http_config();
    http.is_async = true;
    assert_int_equal(begin_and_abort(&http), ESP_ERR_INVALID_ARG);
    assert_int_equal(g_server.request_count, 0);
}

static void a_url_that_is_none_is_refused(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_http_client_config_t http = update_http_config();
    http.url = NULL;
    assert_int_equal(begin_and_abort(&http), ESP_FAIL);
    http.url = "::::";
    assert_int_equal(begin_and_abort(&http), ESP_FAIL);
}

static void without_a_slot_to_update_the_server_is_not_asked(void **state)
{
    (void)state;
    static const esp_partition_info_t TABLE[] = {
        {.type = 1, .subtype = 0, .pos = {0xD000, 0x2000}, .label = "otadata"},
        {.type = 0, .subtype = 0x10, .pos = {0x20000, DEVICE_SLOT_SIZE}, .label = "ota_0"},
    };
    DEVICE_START(.running = "ota_0", .table = TABLE, .table_count = 2);
    SERVER_START(ANSWER_IMAGE);
    assert_int_equal(try_begin(), ESP_FAIL);
    assert_int_equal(g_server.request_count, 0);
}

static esp_err_t post_something(esp_http_client_handle_t client)
{
    esp_err_t err = esp_http_client_set_method(client, HTTP_METHOD_POST);
    if (err == ESP_OK) {
        err = esp_http_client_set_header(client, "X-Device", "7");
    }
    return err == ESP_OK ? esp_http_client_set_post_field(client, "device=7", 8) : err;
}

static void the_init_callback_can_add_a_body_and_headers(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_config_t config = {.http_config = &http, .http_client_init_cb = post_something};
    assert_int_equal(update_run(&config), ESP_OK);
    assert_string_equal(g_server.requests[0].method, "POST");
    assert_string_equal(g_server.requests[0].body, "device=7");
    assert_non_null(strstr(g_server.requests[0].headers, "X-Device: 7\n"));
    update_assert_installed(g_image);
}

static esp_err_t refuse(esp_http_client_handle_t client)
{
    (void)client;
    return 0x4242;
}

static void an_error_of_the_init_callback_ends_begin(void **state)
{
    (void)state;
    SERVER_START(ANSWER_IMAGE);
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_config_t config = {.http_config = &http, .http_client_init_cb = refuse};
    assert_int_equal(update_run(&config), 0x4242);
    assert_int_equal(g_server.request_count, 0);
}

// ----------------------------------------------------------------------- answers

static void only_200_is_an_image(void **state)
{
    (void)state;
    static const struct {
        int status;
        esp_err_t err;
    } ROWS[] = {
        {200, ESP_OK},   {201, ESP_FAIL}, {204, ESP_FAIL},
        {206, ESP_FAIL}, {300, ESP_FAIL}, {304, ESP_ERR_HTTP_NOT_MODIFIED},
        {305, ESP_FAIL}, {400, ESP_FAIL}, {403, ESP_FAIL},
        {404, ESP_FAIL}, {410, ESP_FAIL}, {416, ESP_ERR_HTTP_RANGE_NOT_SATISFIABLE},
        {500, ESP_FAIL}, {503, ESP_FAIL},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        print_message("status %d\n", ROWS[i].status);
        SERVER_START({.status = ROWS[i].status, .body = g_image.bytes, .len = g_image.len});
        assert_int_equal(try_begin(), ROWS[i].err);
        assert_int_equal(g_server.request_count, 1);
    }
}

static void answers_to_the_first_part_that_are_none(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *headers;
        esp_err_t err;
    } ROWS[] = {
        {304, NULL, ESP_ERR_HTTP_NOT_MODIFIED},
        {404, NULL, ESP_FAIL},
        {416, "Content-Range: bytes */0\n", ESP_ERR_HTTP_RANGE_NOT_SATISFIABLE},
        {206, NULL, ESP_FAIL},
        {206, "Content-Range: bytes 1-4096/10000\n", ESP_FAIL},
    };
    esp_http_client_config_t http = update_http_config();
    esp_https_ota_config_t config = {
        .http_config = &http, .partial_http_download = true, .max_http_request_size = 4096};
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct server_answer answer = {.status = ROWS[i].status,
                                       .headers = ROWS[i].headers,
                                       .body = g_image.bytes,
                                       .len = 4096};
        SERVER_START(answer, answer);
        esp_https_ota_handle_t handle = &http;
        assert_int_equal(esp_https_ota_begin(&config, &handle), ROWS[i].err);
        assert_null(handle);
        assert_int_equal(g_flash.operations, 0);
    }
}

static void failures_of_the_connection_are_reported_as_they_are(void **state)
{
    (void)state;
    SERVER_START({.connect_error = ESP_ERR_HTTP_CONNECT});
    assert_int_equal(try_begin(), ESP_ERR_HTTP_CONNECT);
    SERVER_START({.connect_error = ESP_ERR_HTTP_WRITE_DATA});
    assert_int_equal(try_begin(), ESP_ERR_HTTP_WRITE_DATA);
    SERVER_START({.head_error = ESP_ERR_HTTP_FETCH_HEADER});
    assert_int_equal(try_begin(), ESP_FAIL);
    SERVER_START({.head_error = ESP_ERR_HTTP_EAGAIN});
    assert_int_equal(try_begin(), ESP_ERR_HTTP_EAGAIN);
}

static void redirects_are_followed(void **state)
{
    (void)state;
    const int statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        SERVER_START({.status = statuses[i], .headers = "Location: https://other.example/b?c\n"},
                     ANSWER_IMAGE);
        assert_int_equal(try_begin(), ESP_OK);
        assert_int_equal(g_server.request_count, 2);
        assert_string_equal(g_server.requests[1].url, "https://other.example:443/b?c");
    }
}

static void relative_redirects_are_resolved(void **state)
{
    (void)state;
    SERVER_START({.status = 302, .headers = "Location: ../b.bin\n"}, ANSWER_IMAGE);
    assert_int_equal(try_begin(), ESP_OK);
    assert_string_equal(g_server.requests[1].url, "https://host.example:443/b.bin");
}

static void only_303_turns_a_post_into_a_get(void **state)
{
    (void)state;
    const int statuses[] = {303, 307};
    for (int i = 0; i < 2; i++) {
        SERVER_START({.status = statuses[i], .headers = "Location: /b\n"}, ANSWER_IMAGE);
        esp_http_client_config_t http = update_http_config();
        esp_https_ota_config_t config = {.http_config = &http,
                                         .http_client_init_cb = post_something};
        esp_https_ota_handle_t handle;
        assert_int_equal(esp_https_ota_begin(&config, &handle), ESP_OK);
        assert_int_equal(esp_https_ota_abort(handle), ESP_OK);
        assert_string_equal(g_server.requests[1].method, i == 0 ? "GET" : "POST");
        assert_string_equal(g_server.requests[1].body, i == 0 ? "" : "device=7");
    }
}

#define HOP                                                                                        \
    {                                                                                              \
        .status = 302, .headers = "Location: /next\n"                                              \
    }

static void the_number_of_redirects_is_limited(void **state)
{
    (void)state;
    esp_http_client_config_t http = update_http_config();
    http.max_redirection_count = 2;
    SERVER_START(HOP, HOP, ANSWER_IMAGE);
    assert_int_equal(begin_and_abort(&http), ESP_OK);
    SERVER_START(HOP, HOP, HOP, ANSWER_IMAGE);
    assert_int_equal(begin_and_abort(&http), ESP_ERR_HTTP_MAX_REDIRECT);
    assert_int_equal(g_server.request_count, 3);
}

static void ten_redirects_are_followed_by_default(void **state)
{
    (void)state;
    SERVER_START(HOP, HOP, HOP, HOP, HOP, HOP, HOP, HOP, HOP, HOP, ANSWER_IMAGE);
    assert_int_equal(try_begin(), ESP_OK);
    SERVER_START(HOP, HOP, HOP, HOP, HOP, HOP, HOP, HOP, HOP, HOP, HOP, ANSWER_IMAGE);
    assert_int_equal(try_begin(), ESP_ERR_HTTP_MAX_REDIRECT);
}

static void redirects_can_be_switched_off(void **state)
{
    (void)state;
    esp_http_client_config_t http = update_http_config();
    http.disable_auto_redirect = true;
    SERVER_START(HOP, ANSWER_IMAGE);
    assert_int_equal(begin_and_abort(&http), ESP_ERR_HTTP_MAX_REDIRECT);
    assert_int_equal(g_server.request_count, 1);
}

static void a_redirect_from_https_to_http_is_refused(void **state)
{
    (void)state;
    SERVER_START({.status = 301, .headers = "Location: http://host.example/app.bin\n"},
                 ANSWER_IMAGE);
    assert_int_equal(try_begin(), ESP_ERR_HTTP_REDIRECT_DOWNGRADE);
    esp_https_ota_allow_http(true);
    SERVER_START({.status = 301, .headers = "Location: http://host.example/app.bin\n"},
                 ANSWER_IMAGE);
    assert_int_equal(try_begin(), ESP_ERR_HTTP_REDIRECT_DOWNGRADE);
    assert_int_equal(g_server.request_count, 1);
}

static void a_redirect_to_nowhere_is_refused(void **state)
{
    (void)state;
    SERVER_START({.status = 302}, ANSWER_IMAGE);
    assert_int_equal(try_begin(), ESP_ERR_INVALID_ARG);
    SERVER_START({.status = 302, .headers = "Location: https://\n"}, ANSWER_IMAGE);
    assert_int_equal(try_begin(), ESP_ERR_INVALID_ARG);
}

#define CHALLENGE                                                                                  \
    {                                                                                              \
        .status = 401, .headers = "WWW-Authenticate: Basic realm=\"r\"\n"                          \
    }

static esp_http_client_config_t with_credentials(int retries)
{
    esp_http_client_config_t http = update_http_config();
    http.username = "user";
    http.password = "pass";
    http.max_authorization_retries = retries;
    return http;
}

static void a_challenge_is_answered(void **state)
{
    (void)state;
    SERVER_START(CHALLENGE, ANSWER_IMAGE);
    esp_http_client_config_t http = with_credentials(0);
    assert_int_equal(begin_and_abort(&http), ESP_OK);
    assert_null(strstr(g_server.requests[0].headers, "Authorization"));
    assert_non_null(strstr(g_server.requests[1].headers, "Authorization: Basic dXNlcjpwYXNz\n"));
}

static void challenges_are_answered_as_often_as_allowed(void **state)
{
    (void)state;
    static const struct {
        int retries;
        unsigned requests;
    } ROWS[] = {{-1, 1}, {1, 2}, {3, 4}, {0, 11}};
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        SERVER_START(CHALLENGE, CHALLENGE, CHALLENGE, CHALLENGE, CHALLENGE, CHALLENGE, CHALLENGE,
                     CHALLENGE, CHALLENGE, CHALLENGE, CHALLENGE, CHALLENGE, CHALLENGE);
        esp_http_client_config_t http = with_credentials(ROWS[i].retries);
        assert_int_equal(begin_and_abort(&http), ESP_FAIL);
        assert_int_equal(g_server.request_count, ROWS[i].requests);
    }
}

static void a_challenge_that_nobody_understands_is_not_supported(void **state)
{
    (void)state;
    SERVER_START({.status = 401});
    assert_int_equal(try_begin(), ESP_ERR_NOT_SUPPORTED);
    SERVER_START({.status = 401, .headers = "WWW-Authenticate: Negotiate\n"});
    assert_int_equal(try_begin(), ESP_ERR_NOT_SUPPORTED);
}

static void redirects_and_challenges_have_budgets_of_their_own(void **state)
{
    (void)state;
    SERVER_START(HOP, HOP, CHALLENGE, ANSWER_IMAGE);
    esp_http_client_config_t http = with_credentials(1);
    http.max_redirection_count = 2;
    assert_int_equal(begin_and_abort(&http), ESP_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, update_start, update_stop)
        FACT(begin_needs_a_configuration_and_room_for_the_handle),
        FACT(a_server_that_cannot_be_verified_is_not_asked),
        FACT(each_way_to_verify_the_server_is_enough),
        FACT(asynchronous_clients_are_refused),
        FACT(a_url_that_is_none_is_refused),
        FACT(without_a_slot_to_update_the_server_is_not_asked),
        FACT(the_init_callback_can_add_a_body_and_headers),
        FACT(an_error_of_the_init_callback_ends_begin),
        FACT(only_200_is_an_image),
        FACT(answers_to_the_first_part_that_are_none),
        FACT(failures_of_the_connection_are_reported_as_they_are),
        FACT(redirects_are_followed),
        FACT(relative_redirects_are_resolved),
        FACT(only_303_turns_a_post_into_a_get),
        FACT(the_number_of_redirects_is_limited),
        FACT(ten_redirects_are_followed_by_default),
        FACT(redirects_can_be_switched_off),
        FACT(a_redirect_from_https_to_http_is_refused),
        FACT(a_redirect_to_nowhere_is_refused),
        FACT(a_challenge_is_answered),
        FACT(challenges_are_answered_as_often_as_allowed),
        FACT(a_challenge_that_nobody_understands_is_not_supported),
        FACT(redirects_and_challenges_have_budgets_of_their_own),
    };
    esp_log_level_set("*", ESP_LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
