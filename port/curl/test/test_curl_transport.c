/* The client over real sockets, plain HTTP: framing, timeouts, reuse, authentication. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "esp_http_client.h"
#include "esp_http_client_ext.h"
#include "https_server.h"
#include "proxy_server.h"

static struct https_server *s_server;

static char *url_of(const char *path)
{
    static char url[600];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", https_server_port(s_server), path);
    return url;
}

static esp_http_client_handle_t client_of(const char *path)
{
    esp_http_client_config_t config = {.url = url_of(path), .timeout_ms = 5000};
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_non_null(client);
    return client;
}

/* Opens, fetches the head, and reads everything in pieces of `piece` bytes. @return bytes read */
static size_t download(esp_http_client_handle_t client, int piece, int *last)
{
    char *buffer = malloc((size_t)piece);
    size_t total = 0;
    int got;
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_true(esp_http_client_fetch_headers(client) >= 0);
    while ((got = esp_http_client_read(client, buffer, piece)) > 0) {
        for (int i = 0; i < got; i++) {
            assert_int_equal((unsigned char)buffer[i], https_server_pattern(total + (size_t)i));
        }
        total += (size_t)got;
    }
    *last = got;
    free(buffer);
    return total;
}

static void reads_a_body_of_known_length_in_pieces_of_any_size(void **state)
{
    static const int pieces[] = {1, 7, 1000, 16384, 65536, 300000};
    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        int last;
        size_t len = pieces[i] == 1 ? 5000 : 300000;
        char path[32];
        snprintf(path, sizeof(path), "/length/%zu", len);
        esp_http_client_handle_t client = client_of(path);
        assert_int_equal(download(client, pieces[i], &last), len);
        assert_int_equal(last, 0);
        assert_int_equal(esp_http_client_get_content_length(client), len);
        assert_true(esp_http_client_is_complete_data_received(client));
        assert_int_equal(esp_http_client_get_status_code(client), 200);
        esp_http_client_cleanup(client);
    }
}

static void a_read_fills_the_whole_buffer(void **state)
{
    static char buffer[65536];
    (void)state;
    esp_http_client_handle_t client = client_of("/length/200000");
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), 200000);
    assert_int_equal(esp_http_client_read(client, buffer, sizeof(buffer)), sizeof(buffer));
    assert_false(esp_http_client_is_complete_data_received(client));
    assert_true(esp_http_client_get_socket(client) >= 0);
    esp_http_client_cleanup(client);
}

static void reads_chunks_and_ignores_the_trailer(void **state)
{
    int last;
    char *value;
    (void)state;
    esp_http_client_handle_t client = client_of("/chunked/50000");
    assert_int_equal(download(client, 4096, &last), 50000);
    assert_int_equal(last, 0);
    assert_true(esp_http_client_is_chunked_response(client));
    assert_true(esp_http_client_is_complete_data_received(client));
    assert_int_equal(esp_http_client_get_content_length(client), -1);
    assert_int_equal(esp_http_client_get_response_header(client, "X-Trailer", &value),
                     ESP_ERR_NOT_FOUND);
    esp_http_client_cleanup(client);
}

static void the_end_of_the_connection_ends_a_body_without_length(void **state)
{
    int last;
    (void)state;
    esp_http_client_handle_t client = client_of("/close/20000");
    assert_int_equal(download(client, 4096, &last), 20000);
    assert_int_equal(last, 0);
    assert_true(esp_http_client_is_complete_data_received(client));
    assert_false(esp_http_client_is_persistent_connection(client));
    esp_http_client_cleanup(client);
}

static void a_truncated_body_is_an_error_not_an_end(void **state)
{
    int last;
    (void)state;
    esp_http_client_handle_t client = client_of("/cut/10000");
    assert_int_equal(download(client, 4096, &last), 5000);
    assert_int_equal(last, -1);
    assert_false(esp_http_client_is_complete_data_received(client));
    assert_non_null(strstr(esp_http_client_get_error_text(client), "5000 of 10000"));
    esp_http_client_cleanup(client);
}

static void chunks_without_an_end_are_an_error(void **state)
{
    int last;
    (void)state;
    esp_http_client_handle_t client = client_of("/chunked-cut");
    assert_int_equal(download(client, 4096, &last), 50);
    assert_int_equal(last, -1);
    assert_false(esp_http_client_is_complete_data_received(client));
    esp_http_client_cleanup(client);
}

static void perform_reports_a_truncated_body(void **state)
{
    (void)state;
    esp_http_client_handle_t client = client_of("/cut/10000");
    assert_int_equal(esp_http_client_perform(client), ESP_ERR_HTTP_INCOMPLETE_DATA);
    esp_http_client_cleanup(client);
}

static void head_has_a_length_but_no_body(void **state)
{
    char byte;
    (void)state;
    esp_http_client_handle_t client = client_of("/length/1234");
    assert_int_equal(esp_http_client_set_method(client, HTTP_METHOD_HEAD), ESP_OK);
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(esp_http_client_get_content_length(client), 1234);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), 1234);
    assert_int_equal(esp_http_client_read(client, &byte, 1), 0);
    assert_int_equal(https_server_connections(s_server), 1);
    esp_http_client_cleanup(client);
}

static void a_get_after_a_head_brings_the_body(void **state)
{
    int last;
    (void)state;
    esp_http_client_handle_t client = client_of("/length/1234");
    esp_http_client_set_method(client, HTTP_METHOD_HEAD);
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    esp_http_client_set_method(client, HTTP_METHOD_GET);
    assert_int_equal(download(client, 4096, &last), 1234);
    assert_int_equal(https_server_connections(s_server), 1);
    esp_http_client_cleanup(client);
}

static void a_challenge_is_answered_between_two_opens(void **state)
{
    static const char *const paths[] = {"/basic", "/digest"};
    char buffer[16];
    (void)state;
    for (int i = 0; i < 2; i++) {
        esp_http_client_handle_t client = client_of(paths[i]);
        esp_http_client_set_username(client, "user");
        esp_http_client_set_password(client, "pass");
        assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
        assert_int_equal(esp_http_client_fetch_headers(client), 2);
        assert_int_equal(esp_http_client_get_status_code(client), 401);
        assert_int_equal(esp_http_client_add_auth(client), ESP_OK);
        assert_int_equal(esp_http_client_read(client, buffer, sizeof(buffer)), 2);
        assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
        assert_int_equal(esp_http_client_fetch_headers(client), 7);
        assert_int_equal(esp_http_client_get_status_code(client), 200);
        assert_int_equal(https_server_connections(s_server), i + 1);
        esp_http_client_cleanup(client);
    }
}

static void a_post_carries_its_body_and_no_surprises(void **state)
{
    char answer[1000] = {0};
    (void)state;
    esp_http_client_handle_t client = client_of("/sees");
    esp_http_client_set_method(client, HTTP_METHOD_POST);
    esp_http_client_set_header(client, "X-Empty", "");
    assert_int_equal(esp_http_client_open(client, 5), ESP_OK);
    assert_int_equal(esp_http_client_write(client, "he", 2), 2);
    assert_int_equal(esp_http_client_write(client, "llo", 3), 3);
    assert_int_equal(esp_http_client_write(client, "x", 1), -1);
    assert_true(esp_http_client_fetch_headers(client) > 0);
    assert_true(esp_http_client_read_response(client, answer, sizeof(answer) - 1) > 0);
    assert_non_null(strstr(answer, "POST /sees HTTP/1.1\r\n"));
    assert_non_null(strstr(answer, "\r\nContent-Length: 5\r\n"));
    assert_non_null(strstr(answer, "\r\nUser-Agent: ESP32 HTTP Client/1.0\r\n"));
    assert_non_null(strstr(answer, "\r\nX-Empty:"));
    assert_non_null(strstr(answer, "\r\nHost: 127.0.0.1:"));
    assert_null(strstr(answer, "\r\nAccept"));
    assert_null(strstr(answer, "\r\nExpect"));
    assert_null(strstr(answer, "\r\nContent-Type"));
    esp_http_client_cleanup(client);
}

static void a_method_that_may_have_a_body_says_that_there_is_none(void **state)
{
    char answer[1000] = {0};
    (void)state;
    esp_http_client_handle_t client = client_of("/sees");
    esp_http_client_set_method(client, HTTP_METHOD_PUT);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_true(esp_http_client_fetch_headers(client) > 0);
    assert_true(esp_http_client_read_response(client, answer, sizeof(answer) - 1) > 0);
    assert_non_null(strstr(answer, "\r\nContent-Length: 0\r\n"));
    esp_http_client_cleanup(client);
}

static void a_body_in_chunks_arrives_as_chunks(void **state)
{
    char answer[100] = {0};
    (void)state;
    esp_http_client_handle_t client = client_of("/echo");
    esp_http_client_set_method(client, HTTP_METHOD_POST);
    assert_int_equal(esp_http_client_open(client, -1), ESP_OK);
    assert_int_equal(esp_http_client_chunk_write_begin(client, 5), 0);
    assert_int_equal(esp_http_client_write(client, "hello", 5), 5);
    assert_int_equal(esp_http_client_chunk_write_end(client, false), 0);
    assert_int_equal(esp_http_client_write(client, "3\r\nabc\r\n0\r\n\r\n", 13), 13);
    assert_true(esp_http_client_fetch_headers(client) > 0);
    assert_true(esp_http_client_read_response(client, answer, sizeof(answer) - 1) > 0);
    assert_string_equal(answer, "5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n");
    esp_http_client_cleanup(client);
}

static void a_large_post_field_is_sent_by_perform(void **state)
{
    static char body[50000];
    memset(body, 'x', sizeof(body));
    (void)state;
    esp_http_client_handle_t client = client_of("/echo");
    esp_http_client_set_method(client, HTTP_METHOD_POST);
    esp_http_client_set_post_field(client, body, sizeof(body));
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(esp_http_client_get_content_length(client), sizeof(body));
    esp_http_client_cleanup(client);
}

static void an_interim_answer_is_skipped(void **state)
{
    char *value;
    (void)state;
    esp_http_client_handle_t client = client_of("/continue");
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(esp_http_client_get_status_code(client), 200);
    assert_int_equal(esp_http_client_get_response_header(client, "x-final", &value), ESP_OK);
    assert_int_equal(esp_http_client_get_response_header(client, "X-Interim", &value),
                     ESP_ERR_NOT_FOUND);
    esp_http_client_cleanup(client);
}

static void a_relative_redirect_uses_the_same_connection(void **state)
{
    (void)state;
    esp_http_client_handle_t client = client_of("/redirect");
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(esp_http_client_get_status_code(client), 200);
    assert_int_equal(esp_http_client_get_content_length(client), 5000);
    assert_int_equal(https_server_connections(s_server), 1);
    esp_http_client_cleanup(client);
}

static void requests_share_a_connection_until_it_is_closed(void **state)
{
    int last;
    (void)state;
    esp_http_client_handle_t client = client_of("/length/1000");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(download(client, 512, &last), 1000);
    }
    assert_int_equal(https_server_connections(s_server), 1);
    assert_int_equal(esp_http_client_close(client), ESP_OK);
    assert_int_equal(esp_http_client_get_socket(client), -1);
    assert_int_equal(download(client, 512, &last), 1000);
    assert_int_equal(https_server_connections(s_server), 2);
    esp_http_client_cleanup(client);
}

/* Waits until the end of the connection has arrived here. */
static void wait_for_close(esp_http_client_handle_t client)
{
    struct pollfd kept = {.fd = esp_http_client_get_socket(client), .events = POLLIN};
    if (kept.fd >= 0) {
        assert_int_equal(poll(&kept, 1, 5000), 1);
    }
}

static void a_connection_the_server_closed_is_made_again(void **state)
{
    (void)state;
    esp_http_client_handle_t client = client_of("/once");
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(esp_http_client_perform(client), ESP_OK);
        assert_int_equal(https_server_connections(s_server), i);
    }
    wait_for_close(client); // a body cannot be sent twice, so this must not be a race
    esp_http_client_set_method(client, HTTP_METHOD_POST);
    esp_http_client_set_post_field(client, "data", 4);
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(https_server_connections(s_server), 4);
    esp_http_client_cleanup(client);
}

static void basic_credentials_are_sent_with_the_first_request(void **state)
{
    esp_http_client_config_t config = {.url = url_of("/basic"),
                                       .username = "user",
                                       .password = "pass",
                                       .auth_type = HTTP_AUTH_TYPE_BASIC};
    (void)state;
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), 7);
    assert_int_equal(esp_http_client_get_status_code(client), 200);
    esp_http_client_cleanup(client);
}

static void digest_challenge_is_answered(void **state)
{
    esp_http_client_config_t config = {
        .url = url_of("/digest"), .username = "user", .password = "pass"};
    (void)state;
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(esp_http_client_get_status_code(client), 200);
    assert_int_equal(esp_http_client_get_content_length(client), 7);
    // and a second request with a body needs no further challenge
    esp_http_client_set_method(client, HTTP_METHOD_POST);
    esp_http_client_set_post_field(client, "data", 4);
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(esp_http_client_get_status_code(client), 200);
    assert_int_equal(https_server_connections(s_server), 1);
    esp_http_client_cleanup(client);
}

static void wrong_digest_credentials_end_after_the_allowed_rounds(void **state)
{
    esp_http_client_config_t config = {.url = url_of("/digest"),
                                       .username = "user",
                                       .password = "wrong",
                                       .max_authorization_retries = 2};
    (void)state;
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_int_equal(esp_http_client_perform(client), ESP_FAIL);
    assert_int_equal(esp_http_client_get_status_code(client), 401);
    esp_http_client_cleanup(client);
}

static void waiting_for_an_answer_ends_with_the_timeout(void **state)
{
    (void)state;
    esp_http_client_handle_t client = client_of("/silent");
    esp_http_client_set_timeout_ms(client, 50);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), -ESP_ERR_HTTP_EAGAIN);
    assert_int_equal(esp_http_client_perform(client), ESP_ERR_HTTP_EAGAIN);
    assert_non_null(strstr(esp_http_client_get_error_text(client), "50 ms"));
    esp_http_client_cleanup(client);
}

static bool is_third_question(void *context)
{
    return ++*(int *)context >= 3;
}

static void waiting_for_an_answer_can_be_cancelled(void **state)
{
    int questions = 0;
    (void)state;
    esp_http_client_handle_t client = client_of("/silent");
    esp_http_client_set_timeout_ms(client, 60000);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    esp_http_client_close(client);
    assert_int_equal(esp_http_client_set_cancel(client, is_third_question, &questions), ESP_OK);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), -ESP_ERR_HTTP_EAGAIN);
    assert_true(questions >= 3);
    esp_http_client_cleanup(client);
}

static void a_stalled_body_times_out_and_may_go_on(void **state)
{
    char buffer[100];
    (void)state;
    esp_http_client_handle_t client = client_of("/stall");
    esp_http_client_set_timeout_ms(client, 50);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), 100);
    assert_int_equal(esp_http_client_read(client, buffer, sizeof(buffer)), 5);
    assert_int_equal(esp_http_client_read(client, buffer, sizeof(buffer)), -ESP_ERR_HTTP_EAGAIN);
    assert_int_equal(esp_http_client_read(client, buffer, sizeof(buffer)), -ESP_ERR_HTTP_EAGAIN);
    assert_int_equal(esp_http_client_perform(client), ESP_ERR_HTTP_READ_TIMEOUT);
    esp_http_client_cleanup(client);
}

static void bytes_that_are_not_http_are_refused(void **state)
{
    (void)state;
    esp_http_client_handle_t client = client_of("/garbage");
    assert_int_equal(esp_http_client_perform(client), ESP_ERR_HTTP_FETCH_HEADER);
    esp_http_client_cleanup(client);
}

static void a_refused_connection_says_so(void **state)
{
    int code = 0;
    int flags = 0;
    (void)state;
    esp_http_client_handle_t client = client_of("/");
    https_server_stop(s_server);
    s_server = NULL;
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    assert_non_null(strstr(esp_http_client_get_error_text(client), "refused"));
    assert_int_equal(esp_http_client_get_and_clear_last_tls_error(client, &code, &flags),
                     ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST);
    assert_int_equal(esp_http_client_get_and_clear_last_tls_error(client, NULL, NULL), ESP_OK);
    assert_int_not_equal(esp_http_client_get_errno(client), 0);
    esp_http_client_cleanup(client);
}

static void a_host_that_cannot_be_resolved_says_so(void **state)
{
    esp_http_client_config_t config = {.url = "http://host.invalid/"};
    (void)state;
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_int_equal(esp_http_client_perform(client), ESP_ERR_HTTP_CONNECT);
    assert_non_null(
        strstr(esp_http_client_get_error_text(client), "host.invalid:80: the host name"));
    assert_int_equal(esp_http_client_get_and_clear_last_tls_error(client, NULL, NULL),
                     ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME);
    esp_http_client_cleanup(client);
}

static void an_unknown_scheme_is_refused_when_opened(void **state)
{
    esp_http_client_config_t config = {.url = "ftp://127.0.0.1/"};
    (void)state;
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_non_null(client);
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_INVALID_TRANSPORT);
    esp_http_client_cleanup(client);
}

static void an_asynchronous_client_never_waits(void **state)
{
    esp_http_client_config_t config = {.url = url_of("/redirect"), .is_async = true};
    esp_err_t err;
    (void)state;
    esp_http_client_handle_t client = esp_http_client_init(&config);
    do {
        err = esp_http_client_perform(client);
    } while (err == ESP_ERR_HTTP_EAGAIN);
    assert_int_equal(err, ESP_OK);
    assert_int_equal(esp_http_client_get_content_length(client), 5000);
    assert_true(esp_http_client_is_complete_data_received(client));
    esp_http_client_cleanup(client);
}

static int option_of(int socket, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);
    assert_int_equal(getsockopt(socket, level, name, &value, &len), 0);
    return value;
}

static void the_socket_has_the_options_asked_for(void **state)
{
    esp_http_client_config_t config = {.url = url_of("/stall"),
                                       .keep_alive_enable = true,
                                       .keep_alive_idle = 11,
                                       .keep_alive_interval = 12,
                                       .keep_alive_count = 13};
    (void)state;
    for (int keep_alive = 1; keep_alive >= 0; keep_alive--) {
        config.keep_alive_enable = keep_alive == 1;
        esp_http_client_handle_t client = esp_http_client_init(&config);
        assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
        int socket = esp_http_client_get_socket(client);
        assert_int_equal(option_of(socket, IPPROTO_TCP, TCP_NODELAY), 1);
        assert_int_equal(option_of(socket, SOL_SOCKET, SO_KEEPALIVE), keep_alive);
        if (keep_alive) {
            assert_int_equal(option_of(socket, IPPROTO_TCP, TCP_KEEPIDLE), 11);
            assert_int_equal(option_of(socket, IPPROTO_TCP, TCP_KEEPINTVL), 12);
            assert_int_equal(option_of(socket, IPPROTO_TCP, TCP_KEEPCNT), 13);
        }
        esp_http_client_cleanup(client);
    }
}

static void an_interface_that_does_not_exist_is_refused(void **state)
{
    struct ifreq interface = {0};
    esp_http_client_config_t config = {.url = url_of("/length/1"), .if_name = &interface};
    (void)state;
    strcpy(interface.ifr_name, "nosuch0");
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    assert_non_null(strstr(esp_http_client_get_error_text(client), "nosuch0"));
    esp_http_client_cleanup(client);
    strcpy(interface.ifr_name, "lo");
    client = esp_http_client_init(&config);
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    esp_http_client_cleanup(client);
}

static int start_server(void **state)
{
    (void)state;
    s_server = https_server_start(&(struct https_server_options){0});
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    if (s_server) {
        https_server_stop(s_server);
        s_server = NULL;
    }
    return 0;
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, start_server, stop_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(reads_a_body_of_known_length_in_pieces_of_any_size),
        SERVED(a_read_fills_the_whole_buffer),
        SERVED(reads_chunks_and_ignores_the_trailer),
        SERVED(the_end_of_the_connection_ends_a_body_without_length),
        SERVED(a_truncated_body_is_an_error_not_an_end),
        SERVED(chunks_without_an_end_are_an_error),
        SERVED(perform_reports_a_truncated_body),
        SERVED(head_has_a_length_but_no_body),
        SERVED(a_get_after_a_head_brings_the_body),
        SERVED(a_challenge_is_answered_between_two_opens),
        SERVED(a_post_carries_its_body_and_no_surprises),
        SERVED(a_method_that_may_have_a_body_says_that_there_is_none),
        SERVED(a_body_in_chunks_arrives_as_chunks),
        SERVED(a_large_post_field_is_sent_by_perform),
        SERVED(an_interim_answer_is_skipped),
        SERVED(a_relative_redirect_uses_the_same_connection),
        SERVED(requests_share_a_connection_until_it_is_closed),
        SERVED(a_connection_the_server_closed_is_made_again),
        SERVED(basic_credentials_are_sent_with_the_first_request),
        SERVED(digest_challenge_is_answered),
        SERVED(wrong_digest_credentials_end_after_the_allowed_rounds),
        SERVED(waiting_for_an_answer_ends_with_the_timeout),
        SERVED(waiting_for_an_answer_can_be_cancelled),
        SERVED(a_stalled_body_times_out_and_may_go_on),
        SERVED(bytes_that_are_not_http_are_refused),
        SERVED(a_refused_connection_says_so),
        cmocka_unit_test(a_host_that_cannot_be_resolved_says_so),
        cmocka_unit_test(an_unknown_scheme_is_refused_when_opened),
        SERVED(an_asynchronous_client_never_waits),
        SERVED(the_socket_has_the_options_asked_for),
        SERVED(an_interface_that_does_not_exist_is_refused),
    };
    proxy_server_clear_environment();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
