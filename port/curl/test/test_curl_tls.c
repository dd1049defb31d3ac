/* The client over TLS: who is trusted, for which name, and what a refusal says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "esp_crt_bundle.h"
#include "esp_http_client.h"
#include "esp_tls.h"
#include "https_server.h"

#define NAMES "DNS:localhost,IP:127.0.0.1"

static struct test_certificate s_ca;
static struct test_certificate s_other_ca;
static struct test_certificate s_good;
static struct test_certificate s_expired;
static struct test_certificate s_future;
static struct test_certificate s_misnamed;
static struct test_certificate s_client;
static struct https_server *s_server;

static int make_certificates(void **state)
{
    (void)state;
    test_certificate_make(&s_ca, "Test CA", NULL, NULL, -1, 2);
    test_certificate_make(&s_other_ca, "Other CA", NULL, NULL, -1, 2);
    test_certificate_make(&s_good, "server", NAMES, &s_ca, -1, 2);
    test_certificate_make(&s_expired, "server", NAMES, &s_ca, -3, -1);
    test_certificate_make(&s_future, "server", NAMES, &s_ca, 1, 3);
    test_certificate_make(&s_misnamed, "device", "DNS:device.example", &s_ca, -1, 2);
    test_certificate_make(&s_client, "client", "DNS:client.example", &s_ca, -1, 2);
    return 0;
}

static void serve(const struct https_server_options *options)
{
    s_server = https_server_start(options);
}

static void serve_with(const struct test_certificate *certificate)
{
    serve(&(struct https_server_options){.certificate = certificate});
}

static int stop_server(void **state)
{
    (void)state;
    if (s_server) {
        https_server_stop(s_server);
        s_server = NULL;
    }
    esp_tls_free_global_ca_store();
    return 0;
}

static esp_http_client_handle_t client_with(esp_http_client_config_t config)
{
    static char url[100];
    snprintf(url, sizeof(url), "https://localhost:%d/length/3000", https_server_port(s_server));
    config.url = config.url ? config.url : url;
    config.addr_type = HTTP_ADDR_TYPE_INET;
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_non_null(client);
    return client;
}

static void expect_download(esp_http_client_config_t config)
{
    esp_http_client_handle_t client = client_with(config);
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    assert_int_equal(esp_http_client_get_content_length(client), 3000);
    assert_string_equal(esp_http_client_get_error_text(client), "");
    esp_http_client_cleanup(client);
}

/* Expects the handshake to be refused with this code, these flags and this in the sentence. */
static void expect_refusal(esp_http_client_config_t config, esp_err_t code, int flags,
                           const char *words)
{
    int actual_flags = 0;
    esp_http_client_handle_t client = client_with(config);
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    assert_non_null(strstr(esp_http_client_get_error_text(client), words));
    assert_int_equal(esp_http_client_get_and_clear_last_tls_error(client, NULL, &actual_flags),
                     code);
    assert_int_equal(actual_flags, flags);
    esp_http_client_cleanup(client);
}

static void downloads_when_the_ca_is_right(void **state)
{
    (void)state;
    serve_with(&s_good);
    expect_download((esp_http_client_config_t){.cert_pem = s_ca.pem});
    expect_download(
        (esp_http_client_config_t){.cert_pem = s_ca.pem, .cert_len = strlen(s_ca.pem) + 1});
    expect_download(
        (esp_http_client_config_t){.cert_der = (const char *)s_ca.der, .cert_len = s_ca.der_len});
    assert_string_equal(https_server_sni(s_server), "localhost");
}

static void one_of_several_cas_is_enough(void **state)
{
    char both[sizeof(s_ca.pem) * 2];
    (void)state;
    serve_with(&s_good);
    snprintf(both, sizeof(both), "%s%s", s_other_ca.pem, s_ca.pem);
    expect_download((esp_http_client_config_t){.cert_pem = both});
}

static void the_servers_own_certificate_can_be_trusted(void **state)
{
    (void)state;
    serve_with(&s_good);
    expect_download((esp_http_client_config_t){.cert_pem = s_good.pem});
}

static void another_ca_is_refused(void **state)
{
    (void)state;
    serve_with(&s_good);
    expect_refusal((esp_http_client_config_t){.cert_pem = s_other_ca.pem},
                   ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED, ESP_TLS_FLAG_NOT_TRUSTED,
                   "not signed by a CA");
}

static void an_expired_certificate_is_refused(void **state)
{
    (void)state;
    serve_with(&s_expired);
    expect_refusal((esp_http_client_config_t){.cert_pem = s_ca.pem},
                   ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED, ESP_TLS_FLAG_EXPIRED, "expired");
}

static void a_certificate_of_the_future_is_refused(void **state)
{
    (void)state;
    serve_with(&s_future);
    expect_refusal((esp_http_client_config_t){.cert_pem = s_ca.pem},
                   ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED, ESP_TLS_FLAG_FUTURE, "not valid yet");
}

static void another_name_is_refused_unless_asked_for(void **state)
{
    (void)state;
    serve_with(&s_misnamed);
    expect_refusal((esp_http_client_config_t){.cert_pem = s_ca.pem},
                   ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED, ESP_TLS_FLAG_NAME_MISMATCH,
                   "another name");
    expect_download(
        (esp_http_client_config_t){.cert_pem = s_ca.pem, .skip_cert_common_name_check = true});
    expect_download(
        (esp_http_client_config_t){.cert_pem = s_ca.pem, .common_name = "device.example"});
    assert_string_equal(https_server_sni(s_server), "device.example");
    expect_refusal((esp_http_client_config_t){.cert_pem = s_ca.pem, .common_name = "other.example"},
                   ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED, ESP_TLS_FLAG_NAME_MISMATCH,
                   "another name");
}

static void skipping_the_name_check_still_needs_the_right_ca(void **state)
{
    (void)state;
    serve_with(&s_misnamed);
    expect_refusal(
        (esp_http_client_config_t){.cert_pem = s_other_ca.pem, .skip_cert_common_name_check = true},
        ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED, ESP_TLS_FLAG_NOT_TRUSTED, "not signed by a CA");
}

static void without_any_trust_there_is_no_handshake(void **state)
{
    (void)state;
    serve_with(&s_good);
    expect_refusal((esp_http_client_config_t){0}, ESP_ERR_MBEDTLS_SSL_SETUP_FAILED, 0,
                   "nobody is trusted");
    assert_int_equal(https_server_connections(s_server), 0);
}

static void a_ca_that_cannot_be_parsed_is_refused(void **state)
{
    (void)state;
    serve_with(&s_good);
    expect_refusal((esp_http_client_config_t){.cert_pem = "garbage"},
                   ESP_ERR_MBEDTLS_X509_CRT_PARSE_FAILED, 0, "cert_pem");
    assert_int_equal(https_server_connections(s_server), 0);
}

static void the_global_store_is_used_when_asked_for(void **state)
{
    (void)state;
    serve_with(&s_good);
    expect_refusal((esp_http_client_config_t){.use_global_ca_store = true, .cert_pem = s_ca.pem},
                   ESP_ERR_MBEDTLS_SSL_SETUP_FAILED, 0, "store is empty");
    assert_int_equal(esp_tls_set_global_ca_store((const unsigned char *)s_ca.pem,
                                                 (unsigned)strlen(s_ca.pem) + 1),
                     ESP_OK);
    expect_download(
        (esp_http_client_config_t){.use_global_ca_store = true, .cert_pem = s_other_ca.pem});
}

static void the_global_store_may_go_once_a_client_has_taken_it_over(void **state)
{
    struct https_server *plain = https_server_start(&(struct https_server_options){0});
    char http_url[64];
    char https_url[64];
    (void)state;
    serve_with(&s_good);
    snprintf(http_url, sizeof(http_url), "http://127.0.0.1:%d/once", https_server_port(plain));
    snprintf(https_url, sizeof(https_url), "https://127.0.0.1:%d/once",
             https_server_port(s_server));
    assert_int_equal(esp_tls_set_global_ca_store((const unsigned char *)s_ca.pem,
                                                 (unsigned)strlen(s_ca.pem) + 1),
                     ESP_OK);
    esp_http_client_handle_t client =
        client_with((esp_http_client_config_t){.url = http_url, .use_global_ca_store = true});
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    esp_tls_free_global_ca_store();
    assert_int_equal(esp_http_client_set_url(client, https_url), ESP_OK);
    assert_int_equal(esp_http_client_perform(client), ESP_OK);
    esp_http_client_cleanup(client);
    https_server_stop(plain);
}

static void the_bundle_is_the_systems_store(void **state)
{
    char name[] = "/tmp/bundle-XXXXXX";
    int file = mkstemp(name);
    (void)state;
    serve_with(&s_good);
    expect_refusal((esp_http_client_config_t){.crt_bundle_attach = esp_crt_bundle_attach,
                                              .cert_pem = s_ca.pem},
                   ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED, ESP_TLS_FLAG_NOT_TRUSTED,
                   "not signed by a CA");
    assert_true(write(file, s_ca.pem, strlen(s_ca.pem)) > 0);
    close(file);
    setenv("SSL_CERT_FILE", name, 1);
    expect_download((esp_http_client_config_t){.crt_bundle_attach = esp_crt_bundle_attach});
    unsetenv("SSL_CERT_FILE");
    unlink(name);
}

static esp_err_t attach_nothing(void *conf)
{
    (void)conf;
    return ESP_OK;
}

static void an_attach_function_that_attaches_nothing_is_refused(void **state)
{
    (void)state;
    serve_with(&s_good);
    expect_refusal((esp_http_client_config_t){.crt_bundle_attach = attach_nothing},
                   ESP_ERR_MBEDTLS_SSL_SETUP_FAILED, 0, "crt_bundle_attach");
}

static void a_client_certificate_is_shown(void **state)
{
    (void)state;
    serve(&(struct https_server_options){.certificate = &s_good, .client_ca = &s_ca});
    expect_download((esp_http_client_config_t){
        .cert_pem = s_ca.pem, .client_cert_pem = s_client.pem, .client_key_pem = s_client.key_pem});
    expect_download((esp_http_client_config_t){.cert_pem = s_ca.pem,
                                               .client_cert_pem = s_client.pem,
                                               .client_key_pem = s_client.encrypted_key_pem,
                                               .client_key_password = "secret, of which 6 count",
                                               .client_key_password_len = 6});
    expect_download((esp_http_client_config_t){.cert_pem = s_ca.pem,
                                               .client_cert_der = (const char *)s_client.der,
                                               .client_cert_len = s_client.der_len,
                                               .client_key_pem = (const char *)s_client.key_der,
                                               .client_key_len = s_client.key_der_len});
    const esp_key_config_t key = {.source = ESP_KEY_SOURCE_BUFFER,
                                  .buffer = {.data = s_client.key_pem}};
    expect_download((esp_http_client_config_t){
        .cert_pem = s_ca.pem, .client_cert_pem = s_client.pem, .client_key = &key});
}

static void client_certificates_that_do_not_work_are_refused(void **state)
{
    (void)state;
    serve(&(struct https_server_options){.certificate = &s_good, .client_ca = &s_ca});
    expect_refusal(
        (esp_http_client_config_t){.cert_pem = s_ca.pem, .client_cert_pem = s_client.pem},
        ESP_ERR_INVALID_STATE, 0, "private key");
    expect_refusal((esp_http_client_config_t){.cert_pem = s_ca.pem,
                                              .client_cert_pem = s_client.pem,
                                              .client_key_pem = s_client.encrypted_key_pem,
                                              .client_key_password = "wrong",
                                              .client_key_password_len = 5},
                   ESP_ERR_MBEDTLS_PK_PARSE_KEY_FAILED, 0, "password");
    expect_refusal((esp_http_client_config_t){.cert_pem = s_ca.pem,
                                              .client_cert_pem = s_client.pem,
                                              .client_key_pem = s_good.key_pem},
                   ESP_ERR_MBEDTLS_SSL_CONF_OWN_CERT_FAILED, 0, "does not belong");
    assert_int_equal(https_server_connections(s_server), 0);
}

static void a_server_that_misses_a_client_certificate_says_so(void **state)
{
    (void)state;
    serve(&(struct https_server_options){.certificate = &s_good, .client_ca = &s_ca});
    for (int version = ESP_HTTP_CLIENT_TLS_VER_TLS_1_2; version <= ESP_HTTP_CLIENT_TLS_VER_TLS_1_3;
         version++) {
        esp_http_client_handle_t client = client_with((esp_http_client_config_t){
            .cert_pem = s_ca.pem, .tls_version = (esp_http_client_proto_ver_t)version});
        assert_int_equal(esp_http_client_perform(client), ESP_ERR_HTTP_CONNECT);
        assert_int_equal(esp_http_client_get_and_clear_last_tls_error(client, NULL, NULL),
                         ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED);
        esp_http_client_cleanup(client);
    }
}

static void the_tls_version_is_exactly_the_one_asked_for(void **state)
{
    (void)state;
    serve_with(&s_good);
    expect_download((esp_http_client_config_t){.cert_pem = s_ca.pem,
                                               .tls_version = ESP_HTTP_CLIENT_TLS_VER_TLS_1_2});
    assert_string_equal(https_server_tls_version(s_server), "TLSv1.2");
    expect_download((esp_http_client_config_t){.cert_pem = s_ca.pem,
                                               .tls_version = ESP_HTTP_CLIENT_TLS_VER_TLS_1_3});
    assert_string_equal(https_server_tls_version(s_server), "TLSv1.3");
}

static void alpn_protocols_are_offered(void **state)
{
    const char *protocols[] = {"mqtt", "x-ota", NULL};
    (void)state;
    serve(&(struct https_server_options){.certificate = &s_good, .alpn = "x-ota"});
    expect_download((esp_http_client_config_t){.cert_pem = s_ca.pem, .alpn_protos = protocols});
    protocols[1] = NULL;
    expect_refusal((esp_http_client_config_t){.cert_pem = s_ca.pem, .alpn_protos = protocols},
                   ESP_ERR_MBEDTLS_SSL_HANDSHAKE_FAILED, 0, "handshake failed");
}

static void a_session_is_resumed_when_asked_for(void **state)
{
    (void)state;
    serve_with(&s_good);
    for (int save = 0; save <= 1; save++) {
        esp_http_client_handle_t client = client_with(
            (esp_http_client_config_t){.cert_pem = s_ca.pem, .save_client_session = save == 1});
        for (int i = 0; i < 2; i++) {
            assert_int_equal(esp_http_client_perform(client), ESP_OK);
            esp_http_client_close(client);
        }
        assert_int_equal(https_server_resumed(s_server), save);
        esp_http_client_cleanup(client);
    }
}

static void a_redirect_to_plain_http_is_refused(void **state)
{
    char url[200];
    char after[200];
    (void)state;
    serve_with(&s_good);
    snprintf(url, sizeof(url), "https://localhost:%d/to/http://localhost/x",
             https_server_port(s_server));
    esp_http_client_handle_t client =
        client_with((esp_http_client_config_t){.url = url, .cert_pem = s_ca.pem});
    assert_int_equal(esp_http_client_perform(client), ESP_ERR_HTTP_REDIRECT_DOWNGRADE);
    assert_int_equal(esp_http_client_get_url(client, after, sizeof(after)), ESP_OK);
    assert_string_equal(after, url);
    esp_http_client_cleanup(client);
}

/* Reads all there is. @return the last result of read */
static int drain(const char *path, size_t *total)
{
    char url[100];
    char buffer[4096];
    int got;
    snprintf(url, sizeof(url), "https://localhost:%d%s", https_server_port(s_server), path);
    esp_http_client_handle_t client =
        client_with((esp_http_client_config_t){.url = url, .cert_pem = s_ca.pem});
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_true(esp_http_client_fetch_headers(client) >= 0);
    *total = 0;
    while ((got = esp_http_client_read(client, buffer, sizeof(buffer))) > 0) {
        *total += (size_t)got;
    }
    assert_int_equal(esp_http_client_is_complete_data_received(client), got == 0);
    esp_http_client_cleanup(client);
    return got;
}

static void bodies_over_tls_end_where_they_should(void **state)
{
    size_t total;
    (void)state;
    serve_with(&s_good);
    assert_int_equal(drain("/length/100000", &total), 0);
    assert_int_equal(total, 100000);
    assert_int_equal(drain("/chunked/100000", &total), 0);
    assert_int_equal(total, 100000);
    assert_int_equal(drain("/close/100000", &total), 0);
    assert_int_equal(total, 100000);
    assert_int_equal(drain("/cut/100000", &total), -1);
    assert_int_equal(total, 50000);
}

static void a_body_without_length_that_tls_did_not_end_is_truncated(void **state)
{
    size_t total;
    (void)state;
    serve_with(&s_good);
    assert_int_equal(drain("/abrupt/100000", &total), -1);
}

static void a_handshake_that_never_ends_times_out(void **state)
{
    (void)state;
    serve(&(struct https_server_options){0}); // waits for the end of a plain request
    expect_refusal((esp_http_client_config_t){.cert_pem = s_ca.pem, .timeout_ms = 100},
                   ESP_ERR_ESP_TLS_SERVER_HANDSHAKE_TIMEOUT, 0, "100 ms");
}

#define SERVED(test) cmocka_unit_test_teardown(test, stop_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(downloads_when_the_ca_is_right),
        SERVED(one_of_several_cas_is_enough),
        SERVED(the_servers_own_certificate_can_be_trusted),
        SERVED(another_ca_is_refused),
        SERVED(an_expired_certificate_is_refused),
        SERVED(a_certificate_of_the_future_is_refused),
        SERVED(another_name_is_refused_unless_asked_for),
        SERVED(skipping_the_name_check_still_needs_the_right_ca),
        SERVED(without_any_trust_there_is_no_handshake),
        SERVED(a_ca_that_cannot_be_parsed_is_refused),
        SERVED(the_global_store_is_used_when_asked_for),
        SERVED(the_global_store_may_go_once_a_client_has_taken_it_over),
        SERVED(the_bundle_is_the_systems_store),
        SERVED(an_attach_function_that_attaches_nothing_is_refused),
        SERVED(a_client_certificate_is_shown),
        SERVED(client_certificates_that_do_not_work_are_refused),
        SERVED(a_server_that_misses_a_client_certificate_says_so),
        SERVED(the_tls_version_is_exactly_the_one_asked_for),
        SERVED(alpn_protocols_are_offered),
        SERVED(a_session_is_resumed_when_asked_for),
        SERVED(a_redirect_to_plain_http_is_refused),
        SERVED(bodies_over_tls_end_where_they_should),
        SERVED(a_body_without_length_that_tls_did_not_end_is_truncated),
        SERVED(a_handshake_that_never_ends_times_out),
    };
    return cmocka_run_group_tests(tests, make_certificates, NULL);
}
