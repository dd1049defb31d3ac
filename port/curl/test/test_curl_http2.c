/* HTTP/2 behaves like HTTP/1.1: pulled, kept, closed, redirected, in ranges, never cut in silence. Needs nginx. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "esp_http_client_ext.h"
#include "http_content_range.h"
#include "https_server.h"
#include "nginx_server.h"
#include "proxy_server.h"

static struct test_certificate s_ca;
static struct test_certificate s_certificate;
static struct nginx_server *s_nginx;

static int make_certificates(void **state)
{
    (void)state;
    test_certificate_make(&s_ca, "Test CA", NULL, NULL, -1, 2);
    test_certificate_make(&s_certificate, "server", "DNS:localhost,IP:127.0.0.1", &s_ca, -1, 2);
    return 0;
}

static int start_nginx(void **state)
{
    (void)state;
    s_nginx = nginx_server_start(&s_certificate);
    return 0;
}

static int stop_nginx(void **state)
{
    (void)state;
    if (s_nginx) {
        nginx_server_stop(s_nginx);
        s_nginx = NULL;
    }
    return 0;
}

#define NEEDS_NGINX()                                                                              \
    if (!s_nginx) {                                                                                \
        print_message("skipped: nginx is not installed\n");                                        \
        skip();                                                                                    \
    }

static char *url_of(const char *path)
{
    static char url[200];
    snprintf(url, sizeof(url), "https://127.0.0.1:%d%s", nginx_server_port(s_nginx), path);
    return url;
}

static esp_http_client_handle_t client_of(const char *url, esp_http_client_http_version_t version)
{
    esp_http_client_config_t config = {.url = url, .cert_pem = s_ca.pem};
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_non_null(client);
    assert_int_equal(esp_http_client_set_http_version(client, version), ESP_OK);
    return client;
}

static esp_http_client_handle_t http2_of(const char *path)
{
    return client_of(url_of(path), ESP_HTTP_CLIENT_HTTP_2);
}

static void open_and_fetch(esp_http_client_handle_t client)
{
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_true(esp_http_client_fetch_headers(client) >= 0);
}

/* Reads the rest and compares it with the pattern. @return bytes read, `start` not counted */
static size_t read_rest(esp_http_client_handle_t client, size_t start, int piece, int *last)
{
    unsigned char *buffer = malloc((size_t)piece);
    size_t total = 0;
    bool same = true;
    assert_non_null(buffer);
    while ((*last = esp_http_client_read(client, (char *)buffer, piece)) > 0) {
        for (int i = 0; i < *last; i++) {
            same = same && buffer[i] == https_server_pattern(start + total + (size_t)i);
        }
        total += (size_t)*last;
    }
    assert_true(same);
    free(buffer);
    return total;
}

/* Asks for a small text. */
static const char *text_of(esp_http_client_handle_t client, const char *path)
{
    static char text[200];
    assert_int_equal(esp_http_client_set_url(client, url_of(path)), ESP_OK);
    open_and_fetch(client);
    int len = esp_http_client_read_response(client, text, sizeof(text) - 1);
    assert_true(len >= 0);
    text[len] = '\0';
    return text;
}

/* The server's number of the connection in use. */
static long connection_of(esp_http_client_handle_t client)
{
    return strtol(text_of(client, "/connection"), NULL, 10);
}

static void the_version_is_the_one_asked_for(void **state)
{
    static const struct {
        esp_http_client_http_version_t version;
        int number;
        const char *text;
    } rows[] = {
        {ESP_HTTP_CLIENT_HTTP_AUTO, 11, "HTTP/1.1"},
        {ESP_HTTP_CLIENT_HTTP_1_1, 11, "HTTP/1.1"},
        {ESP_HTTP_CLIENT_HTTP_2, 20, "HTTP/2.0"},
    };
    (void)state;
    NEEDS_NGINX();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        esp_http_client_handle_t client = client_of(url_of("/version"), rows[i].version);
        assert_string_equal(text_of(client, "/version"), rows[i].text);
        assert_int_equal(esp_http_client_get_response_http_version(client), rows[i].number);
        esp_http_client_cleanup(client);
    }
}

static void a_server_without_http_2_is_spoken_to_in_1_1(void **state)
{
    char url[100];
    (void)state;
    struct https_server *server =
        https_server_start(&(struct https_server_options){.certificate = &s_certificate});
    snprintf(url, sizeof(url), "https://127.0.0.1:%d/length/10", https_server_port(server));
    esp_http_client_handle_t client = client_of(url, ESP_HTTP_CLIENT_HTTP_2);
    open_and_fetch(client);
    assert_int_equal(esp_http_client_get_response_http_version(client), 11);
    esp_http_client_cleanup(client);
    https_server_stop(server);
}

static void a_body_is_pulled_in_pieces_of_any_size(void **state)
{
    static const int pieces[] = {7, 1000, 16384, 65536, 300000};
    (void)state;
    NEEDS_NGINX();
    nginx_server_put(s_nginx, "file", 300000);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        int last;
        esp_http_client_handle_t client = http2_of("/file");
        open_and_fetch(client);
        assert_int_equal(read_rest(client, 0, pieces[i], &last), 300000);
        assert_int_equal(last, 0);
        assert_int_equal(esp_http_client_get_content_length(client), 300000);
        assert_true(esp_http_client_is_complete_data_received(client));
        assert_true(esp_http_client_is_persistent_connection(client));
        assert_false(esp_http_client_is_chunked_response(client));
        assert_true(esp_http_client_get_socket(client) >= 0);
        esp_http_client_cleanup(client);
    }
}

static void a_body_larger_than_every_window_does_not_stall_a_reader_who_pauses(void **state)
{
    char buffer[100];
    const size_t len = 40U << 20; // chosen: above curl's window of 32 MiB
    int last;
    (void)state;
    NEEDS_NGINX();
    nginx_server_put(s_nginx, "file", len);
    esp_http_client_handle_t client = http2_of("/file");
    open_and_fetch(client);
    // Other requests pass while this reader stands still with all buffers full.
    assert_int_equal(esp_http_client_read(client, buffer, sizeof(buffer)), 100);
    for (int i = 0; i < 20; i++) {
        esp_http_client_handle_t other = http2_of("/version");
        assert_string_equal(text_of(other, "/version"), "HTTP/2.0");
        esp_http_client_cleanup(other);
    }
    assert_int_equal(read_rest(client, 100, 1 << 20, &last), len - 100);
    assert_int_equal(last, 0);
    esp_http_client_cleanup(client);
}

static void ranges_share_one_connection(void **state)
{
    char range[40];
    const char *value;
    char *etag;
    (void)state;
    NEEDS_NGINX();
    nginx_server_put(s_nginx, "file", 100000);
    esp_http_client_handle_t client = http2_of("/connection");
    long first = connection_of(client);
    assert_int_equal(esp_http_client_set_url(client, url_of("/file")), ESP_OK);
    for (size_t at = 0; at < 100000; at += 20000) {
        struct http_content_range got;
        int last;
        snprintf(range, sizeof(range), "bytes=%zu-%zu", at, at + 19999);
        assert_int_equal(esp_http_client_set_header(client, "Range", range), ESP_OK);
        open_and_fetch(client);
        assert_int_equal(esp_http_client_get_status_code(client), 206);
        assert_int_equal(
            esp_http_client_get_unique_response_header(client, "Content-Range", &value), ESP_OK);
        assert_int_equal(http_content_range_parse(value, &got), ESP_OK);
        assert_true(got.first == (int64_t)at && got.last == (int64_t)at + 19999);
        assert_int_equal(got.total, 100000);
        assert_int_equal(esp_http_client_get_response_header(client, "ETag", &etag), ESP_OK);
        assert_int_equal(read_rest(client, at, 4096, &last), 20000);
    }
    esp_http_client_delete_header(client, "Range");
    assert_int_equal(connection_of(client), first);
    esp_http_client_close(client);
    assert_int_not_equal(connection_of(client), first);
    esp_http_client_cleanup(client);
}

static void a_body_given_up_halfway_does_not_disturb_the_next_request(void **state)
{
    char buffer[1000];
    int last;
    (void)state;
    NEEDS_NGINX();
    nginx_server_put(s_nginx, "file", 5000000);
    esp_http_client_handle_t client = http2_of("/file");
    for (int i = 0; i < 3; i++) {
        open_and_fetch(client);
        assert_int_equal(esp_http_client_read(client, buffer, sizeof(buffer)), sizeof(buffer));
    }
    open_and_fetch(client);
    assert_int_equal(read_rest(client, 0, 65536, &last), 5000000);
    assert_int_equal(last, 0);
    esp_http_client_cleanup(client);
}

static void a_relative_redirect_is_followed(void **state)
{
    char url[200];
    (void)state;
    NEEDS_NGINX();
    nginx_server_put(s_nginx, "file", 1000);
    esp_http_client_handle_t client = http2_of("/moved/file");
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(esp_http_client_get_content_length(client), 1000);
    assert_int_equal(esp_http_client_get_url(client, url, sizeof(url)), ESP_OK);
    assert_string_equal(url, url_of("/file"));
    esp_http_client_cleanup(client);
}

static void a_head_has_no_body(void **state)
{
    (void)state;
    NEEDS_NGINX();
    nginx_server_put(s_nginx, "file", 1000);
    esp_http_client_handle_t client = http2_of("/file");
    esp_http_client_set_method(client, HTTP_METHOD_HEAD);
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(esp_http_client_get_content_length(client), 1000);
    assert_int_equal(esp_http_client_get_response_http_version(client), 20);
    esp_http_client_cleanup(client);
}

static void a_body_without_length_has_an_end_of_its_own(void **state)
{
    static char buffer[400000];
    (void)state;
    NEEDS_NGINX();
    nginx_server_put(s_nginx, "file.txt", 300000);
    esp_http_client_handle_t client = http2_of("/file.txt");
    esp_http_client_set_header(client, "Accept-Encoding", "gzip");
    open_and_fetch(client);
    assert_int_equal(esp_http_client_get_content_length(client), -1);
    assert_true(esp_http_client_is_chunked_response(client));
    assert_true(esp_http_client_read_response(client, buffer, sizeof(buffer)) > 0);
    assert_true(esp_http_client_is_complete_data_received(client));
    assert_true(esp_http_client_is_persistent_connection(client));
    esp_http_client_cleanup(client);
}

/* A server that dies in the middle: with a length and without one. */
static void a_truncated_body_is_an_error_not_an_end(void **state)
{
    char byte;
    int last;
    (void)state;
    for (int with_length = 0; with_length <= 1; with_length++) {
        NEEDS_NGINX();
        nginx_server_put(s_nginx, "file.txt", 64U << 20);
        esp_http_client_handle_t client = http2_of("/file.txt");
        if (!with_length) {
            esp_http_client_set_header(client, "Accept-Encoding", "gzip");
        }
        open_and_fetch(client);
        assert_int_equal(esp_http_client_read(client, &byte, 1), 1);
        nginx_server_kill(s_nginx);
        char *buffer = malloc(65536);
        while ((last = esp_http_client_read(client, buffer, 65536)) > 0) {
        }
        free(buffer);
        assert_int_equal(last, -1);
        assert_false(esp_http_client_is_complete_data_received(client));
        esp_http_client_cleanup(client);
        stop_nginx(NULL);
        start_nginx(NULL);
    }
}

/* The connection ends as it should, the body does not. */
static void a_body_without_its_end_is_an_error_however_the_connection_ends(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) {
        char url[100];
        int last;
        struct https_server_options options = {.certificate = &s_certificate,
                                               .alpn = "h2",
                                               .http2_ending = i / 2,
                                               .http2_announces = i % 2 == 1};
        struct https_server *server = https_server_start(&options);
        snprintf(url, sizeof(url), "https://127.0.0.1:%d/", https_server_port(server));
        esp_http_client_handle_t client = client_of(url, ESP_HTTP_CLIENT_HTTP_2);
        open_and_fetch(client);
        assert_int_equal(esp_http_client_get_response_http_version(client), 20);
        assert_true(read_rest(client, 0, 100, &last) <= 1000);
        assert_int_equal(last, -1);
        assert_false(esp_http_client_is_complete_data_received(client));
        print_message("%s\n", esp_http_client_get_error_text(client));
        esp_http_client_cleanup(client);
        https_server_stop(server);
    }
}

static void http_2_goes_through_a_tunnel(void **state)
{
    char url[100];
    (void)state;
    NEEDS_NGINX();
    struct proxy_server *proxy = proxy_server_start(
        &(struct proxy_server_options){.target_port = nginx_server_port(s_nginx)});
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", proxy_server_port(proxy));
    esp_http_client_handle_t client = http2_of("/version");
    assert_int_equal(esp_http_client_set_proxy(client, url), ESP_OK);
    assert_string_equal(text_of(client, "/version"), "HTTP/2.0");
    assert_int_equal(proxy_server_connections(proxy), 1);
    esp_http_client_cleanup(client);
    proxy_server_stop(proxy);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, start_nginx, stop_nginx)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(the_version_is_the_one_asked_for),
        cmocka_unit_test(a_server_without_http_2_is_spoken_to_in_1_1),
        SERVED(a_body_is_pulled_in_pieces_of_any_size),
        SERVED(a_body_larger_than_every_window_does_not_stall_a_reader_who_pauses),
        SERVED(ranges_share_one_connection),
        SERVED(a_body_given_up_halfway_does_not_disturb_the_next_request),
        SERVED(a_relative_redirect_is_followed),
        SERVED(a_head_has_no_body),
        SERVED(a_body_without_length_has_an_end_of_its_own),
        SERVED(a_truncated_body_is_an_error_not_an_end),
        cmocka_unit_test(a_body_without_its_end_is_an_error_however_the_connection_ends),
        SERVED(http_2_goes_through_a_tunnel),
    };
    return cmocka_run_group_tests(tests, make_certificates, NULL);
}
