#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "esp_http_client_ext.h"
#include "http_content_range.h"
#include "scripted_transport.h"

static void a_proxy_is_taken_over_or_refused_as_it_is_written(void **state)
{
    static const struct {
        const char *url;
        esp_err_t err;
    } rows[] = {
        {NULL, ESP_OK},
        {"", ESP_OK},
        {"proxy.example:3128", ESP_OK},
        {"proxy.example", ESP_OK},
        {"http://user:p%40ss@proxy.example:3128", ESP_OK},
        {"http://proxy.example:3128/", ESP_OK},
        {"http://[::1]:3128", ESP_OK},
        {"socks5://proxy.example:1080", ESP_OK},
        {"SOCKS5H://user:pass@proxy.example", ESP_OK},
        {"https://proxy.example", ESP_ERR_NOT_SUPPORTED},
        {"socks4://proxy.example", ESP_ERR_NOT_SUPPORTED},
        {"ftp://proxy.example", ESP_ERR_NOT_SUPPORTED},
        {"http://proxy.example:3128/path", ESP_ERR_INVALID_ARG},
        {"http://proxy.example:3128/?q", ESP_ERR_INVALID_ARG},
        {"http://", ESP_ERR_INVALID_ARG},
        {"http:///x", ESP_ERR_INVALID_ARG},
        {"http://proxy.example:99999", ESP_ERR_INVALID_ARG},
        {"http://proxy.example\r\nX: y", ESP_ERR_INVALID_ARG},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        SCRIPT({.status = 200, .headers = "Content-Length: 0\n"});
        esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
        print_message("%s\n", rows[i].url ? rows[i].url : "(environment)");
        assert_int_equal(esp_http_client_set_proxy(client, "http://before:1"), ESP_OK);
        assert_int_equal(esp_http_client_set_proxy(client, rows[i].url), rows[i].err);
        assert_int_equal(esp_http_client_perform(client), ESP_OK);
        const char *expected = rows[i].err == ESP_OK ? rows[i].url : "http://before:1";
        assert_int_equal(g_script.requests[0].has_proxy, expected != NULL);
        assert_string_equal(g_script.requests[0].proxy, expected ? expected : "");
        esp_http_client_cleanup(client);
    }
    assert_int_equal(esp_http_client_set_proxy(NULL, NULL), ESP_ERR_INVALID_ARG);
}

static void the_refusal_of_a_proxy_does_not_repeat_its_password(void **state)
{
    (void)state;
    SCRIPT({.status = 200});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_set_proxy(client, "http://user:geheim@p:99999"),
                     ESP_ERR_INVALID_ARG);
    assert_non_null(strstr(esp_http_client_get_error_text(client), "http://host:port"));
    assert_null(strstr(esp_http_client_get_error_text(client), "geheim"));
    esp_http_client_cleanup(client);
}

static void http_2_is_offered_only_when_asked_for(void **state)
{
    (void)state;
    static const struct {
        esp_http_client_http_version_t version;
        bool offered;
    } rows[] = {{ESP_HTTP_CLIENT_HTTP_AUTO, false},
                {ESP_HTTP_CLIENT_HTTP_1_1, false},
                {ESP_HTTP_CLIENT_HTTP_2, true}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        SCRIPT({.status = 200, .headers = "Content-Length: 0\n"});
        esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
        assert_int_equal(esp_http_client_get_response_http_version(client), -1);
        assert_int_equal(esp_http_client_set_http_version(client, rows[i].version), ESP_OK);
        assert_int_equal(esp_http_client_perform(client), ESP_OK);
        assert_int_equal(g_script.requests[0].offer_http2, rows[i].offered);
        assert_int_equal(esp_http_client_get_response_http_version(client), 11);
        esp_http_client_cleanup(client);
    }
}

static void http_2_and_alpn_protos_exclude_each_other(void **state)
{
    const char *protocols[] = {"x-ota", NULL};
    (void)state;
    SCRIPT({.status = 200});
    esp_http_client_handle_t client =
        script_client((esp_http_client_config_t){.alpn_protos = protocols});
    assert_int_equal(esp_http_client_set_http_version(client, ESP_HTTP_CLIENT_HTTP_2),
                     ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_http_client_set_http_version(client, ESP_HTTP_CLIENT_HTTP_1_1), ESP_OK);
    assert_int_equal(esp_http_client_set_http_version(client, (esp_http_client_http_version_t)3),
                     ESP_ERR_INVALID_ARG);
    esp_http_client_cleanup(client);
}

static void head_limits_have_defaults_and_can_be_set(void **state)
{
    (void)state;
    SCRIPT({.status = 200, .headers = "Content-Length: 0\n"},
           {.status = 200, .headers = "Content-Length: 0\n"},
           {.status = 200, .headers = "Content-Length: 0\n"});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(esp_http_client_set_head_limits(client, 1000, 10), ESP_OK);
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(esp_http_client_set_head_limits(client, 0, 0), ESP_OK);
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(g_script.requests[i].head_len_max, i == 1 ? 1000 : 65536);
        assert_int_equal(g_script.requests[i].head_count_max, i == 1 ? 10 : 200);
    }
    esp_http_client_cleanup(client);
    assert_int_equal(esp_http_client_set_head_limits(NULL, 1, 1), ESP_ERR_INVALID_ARG);
}

static void the_headers_a_resume_needs_are_there_after_the_head(void **state)
{
    static const char *const names[] = {"etag", "Last-Modified", "content-range", "Retry-After",
                                        "Accept-Ranges"};
    const char *value;
    char *text;
    struct http_content_range range;
    (void)state;
    SCRIPT({.status = 206,
            .headers = "ETag: \"v1\"\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\n"
                       "Content-Range: bytes 3-4/5000000000\nRetry-After: 7\nAccept-Ranges: bytes\n"
                       "Content-Length: 2\n",
            .body = "ab"});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_get_unique_response_header(client, "ETag", &value),
                     ESP_ERR_NOT_FOUND);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), 2);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(esp_http_client_get_response_header(client, names[i], &text), ESP_OK);
        assert_int_equal(esp_http_client_get_unique_response_header(client, names[i], &value),
                         ESP_OK);
        assert_ptr_equal(value, text);
    }
    assert_int_equal(esp_http_client_get_unique_response_header(client, "Content-Range", &value),
                     ESP_OK);
    assert_int_equal(http_content_range_parse(value, &range), ESP_OK);
    assert_true(range.first == 3 && range.last == 4 && range.total == 5000000000);
    esp_http_client_cleanup(client);
}

static void a_header_that_stands_there_twice_is_not_unique(void **state)
{
    const char *value = "unchanged";
    (void)state;
    SCRIPT({.status = 206,
            .headers = "Content-Range: bytes 0-1/9\nX: y\ncontent-range: bytes 0-1/9\n"
                       "Content-Length: 0\n"});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){0});
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), 0);
    assert_int_equal(esp_http_client_get_unique_response_header(client, "Content-Range", &value),
                     ESP_ERR_INVALID_RESPONSE);
    assert_string_equal(value, "unchanged");
    esp_http_client_cleanup(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proxy_is_taken_over_or_refused_as_it_is_written),
        cmocka_unit_test(the_refusal_of_a_proxy_does_not_repeat_its_password),
        cmocka_unit_test(http_2_is_offered_only_when_asked_for),
        cmocka_unit_test(http_2_and_alpn_protos_exclude_each_other),
        cmocka_unit_test(head_limits_have_defaults_and_can_be_set),
        cmocka_unit_test(the_headers_a_resume_needs_are_there_after_the_head),
        cmocka_unit_test(a_header_that_stands_there_twice_is_not_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
