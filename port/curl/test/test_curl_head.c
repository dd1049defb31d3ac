/* Limits of the answer's head: bombs of bytes, of fields, of interim answers, of trailers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "esp_http_client_ext.h"
#include "https_server.h"

static struct https_server *s_server;

static int start_server(void **state)
{
    (void)state;
    s_server = https_server_start(&(struct https_server_options){0});
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    https_server_stop(s_server);
    return 0;
}

static esp_http_client_handle_t client_of(const char *path)
{
    char url[200];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", https_server_port(s_server), path);
    esp_http_client_config_t config = {.url = url};
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_non_null(client);
    return client;
}

static void expect(esp_http_client_handle_t client, esp_err_t err, const char *words)
{
    assert_int_equal(esp_http_client_perform(client), err);
    print_message("%s\n", esp_http_client_get_error_text(client));
    assert_non_null(strstr(esp_http_client_get_error_text(client), words));
    esp_http_client_cleanup(client);
}

static void a_head_within_the_default_limits_is_read(void **state)
{
    (void)state;
    expect(client_of("/fields/199"), ESP_OK, "");
    expect(client_of("/bytes/65000"), ESP_OK, "");
}

static void too_many_fields_end_the_request(void **state)
{
    (void)state;
    expect(client_of("/fields/200"), ESP_ERR_HTTP_FETCH_HEADER, "more than 200 fields");
    expect(client_of("/fields/100000"), ESP_ERR_HTTP_FETCH_HEADER, "more than 200 fields");
}

static void too_many_bytes_end_the_request(void **state)
{
    (void)state;
    expect(client_of("/bytes/65536"), ESP_ERR_HTTP_FETCH_HEADER, "more than 65536 bytes");
}

static void a_line_without_end_ends_the_request(void **state)
{
    (void)state;
    expect(client_of("/bytes/50000000"), ESP_ERR_HTTP_FETCH_HEADER, "100 KiB");
}

static void interim_answers_without_end_end_the_request(void **state)
{
    (void)state;
    expect(client_of("/interim"), ESP_ERR_HTTP_FETCH_HEADER, "more than 200 fields");
}

static void trailers_without_end_end_the_request(void **state)
{
    (void)state;
    expect(client_of("/trailers"), ESP_ERR_HTTP_INCOMPLETE_DATA, "behind the body");
}

static void the_limits_can_be_raised_and_lowered(void **state)
{
    (void)state;
    esp_http_client_handle_t client = client_of("/fields/300");
    assert_int_equal(esp_http_client_set_head_limits(client, 0, 301), ESP_OK);
    expect(client, ESP_OK, "");
    client = client_of("/bytes/80000");
    assert_int_equal(esp_http_client_set_head_limits(client, 81000, 0), ESP_OK);
    expect(client, ESP_OK, "");
    client = client_of("/fields/10");
    assert_int_equal(esp_http_client_set_head_limits(client, 0, 10), ESP_OK);
    expect(client, ESP_ERR_HTTP_FETCH_HEADER, "more than 10 fields");
    client = client_of("/length/10");
    assert_int_equal(esp_http_client_set_head_limits(client, 50, 0), ESP_OK);
    expect(client, ESP_ERR_HTTP_FETCH_HEADER, "more than 50 bytes");
}

static void each_request_counts_anew(void **state)
{
    (void)state;
    esp_http_client_handle_t client = client_of("/fields/150");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(esp_http_client_perform(client), ESP_OK);
    }
    assert_int_equal(https_server_connections(s_server), 1);
    esp_http_client_cleanup(client);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, start_server, stop_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(a_head_within_the_default_limits_is_read),
        SERVED(too_many_fields_end_the_request),
        SERVED(too_many_bytes_end_the_request),
        SERVED(a_line_without_end_ends_the_request),
        SERVED(interim_answers_without_end_end_the_request),
        SERVED(trailers_without_end_end_the_request),
        SERVED(the_limits_can_be_raised_and_lowered),
        SERVED(each_request_counts_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
