/* The client through proxies: which one, what it is told, what the server sees, what a failure says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "curl_proxy.h"
#include "esp_http_client_ext.h"
#include "esp_log.h"
#include "esp_tls.h"
#include "https_server.h"
#include "proxy_server.h"

// chosen: a name nobody can resolve, so whoever reaches it went through a proxy.
#define ORIGIN "origin.invalid"
#define OTHER  "other.invalid"

static struct test_certificate s_ca;
static struct test_certificate s_other_ca;
static struct test_certificate s_certificate;
static struct https_server *s_server;
static struct proxy_server *s_proxy;
static char s_log[20000];

__attribute__((format(printf, 1, 0))) static int keep_log(const char *format, va_list args)
{
    size_t len = strlen(s_log);
    return vsnprintf(s_log + len, sizeof(s_log) - len, format, args);
}

static int make_certificates(void **state)
{
    (void)state;
    test_certificate_make(&s_ca, "Test CA", NULL, NULL, -1, 2);
    test_certificate_make(&s_other_ca, "Other CA", NULL, NULL, -1, 2);
    test_certificate_make(&s_certificate, "server",
                          "DNS:localhost,IP:127.0.0.1,DNS:" ORIGIN ",DNS:" OTHER, &s_ca, -1, 2);
    esp_log_set_vprintf(keep_log);
    return 0;
}

static int start_https(void **state)
{
    (void)state;
    proxy_server_clear_environment();
    s_log[0] = '\0';
    s_server = https_server_start(&(struct https_server_options){.certificate = &s_certificate});
    return 0;
}

static int start_http(void **state)
{
    (void)state;
    proxy_server_clear_environment();
    s_log[0] = '\0';
    s_server = https_server_start(&(struct https_server_options){0});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    proxy_server_clear_environment();
    if (s_proxy) {
        proxy_server_stop(s_proxy);
        s_proxy = NULL;
    }
    https_server_stop(s_server);
    return 0;
}

static void start_proxy(struct proxy_server_options options)
{
    options.target_port = https_server_port(s_server);
    s_proxy = proxy_server_start(&options);
}

/* "scheme://credentials127.0.0.1:port" of the proxy. */
static const char *proxy_url(const char *scheme, const char *credentials)
{
    static char url[200];
    snprintf(url, sizeof(url), "%s://%s127.0.0.1:%d", scheme, credentials,
             proxy_server_port(s_proxy));
    return url;
}

static esp_http_client_handle_t client_of(const char *url)
{
    esp_http_client_config_t config = {.url = url, .cert_pem = s_ca.pem};
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_non_null(client);
    return client;
}

/* Reads the whole answer of one request. @return the status */
static int ask(esp_http_client_handle_t client, char *body, int size)
{
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_true(esp_http_client_fetch_headers(client) >= 0);
    int len = esp_http_client_read_response(client, body, size - 1);
    assert_true(len >= 0);
    body[len] = '\0';
    return esp_http_client_get_status_code(client);
}

/* Expects open to fail because of the proxy, with these words and no secret in sight. */
static void expect_failure(esp_http_client_handle_t client, esp_err_t tls_code, const char *words)
{
    char place[40];
    snprintf(place, sizeof(place), "proxy 127.0.0.1:%d: ", proxy_server_port(s_proxy));
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    const char *text = esp_http_client_get_error_text(client);
    print_message("%s\n", text);
    assert_non_null(strstr(text, words));
    assert_ptr_equal(strstr(text, place), text);
    assert_non_null(strstr(s_log, words));
    assert_null(strstr(s_log, "geheim"));
    assert_int_equal(esp_http_client_get_and_clear_last_tls_error(client, NULL, NULL), tls_code);
    esp_http_client_cleanup(client);
}

// ------------------------------------------------------------------------------------------- ways through

static void https_goes_through_an_http_proxys_tunnel(void **state)
{
    char body[2000];
    (void)state;
    start_proxy((struct proxy_server_options){.credentials = "user:geheim"});
    esp_http_client_handle_t client = client_of("https://" ORIGIN "/sees");
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("http", "user:%67eheim@")),
                     ESP_OK);
    esp_http_client_set_header(client, "X-Api-Key", "1234");
    assert_int_equal(ask(client, body, sizeof(body)), 200);
    assert_non_null(strstr(body, "\r\nX-Api-Key: 1234\r\n"));
    assert_non_null(strstr(body, "\r\nHost: " ORIGIN "\r\n"));
    assert_null(strstr(body, "Proxy-"));
    const char *heard = proxy_server_heard(s_proxy);
    assert_ptr_equal(strstr(heard, "CONNECT " ORIGIN ":443 HTTP/1.1\r\n"), heard);
    assert_null(strstr(heard, "X-Api-Key"));
    assert_null(strstr(heard, "GET "));
    assert_string_equal(https_server_sni(s_server), ORIGIN);
    assert_null(strstr(s_log, "geheim"));
    esp_http_client_cleanup(client);
}

static void a_kept_tunnel_serves_the_next_request(void **state)
{
    char body[6000];
    char *value;
    (void)state;
    start_proxy((struct proxy_server_options){0});
    esp_http_client_handle_t client = client_of("https://" ORIGIN "/length/5000");
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("http", "")), ESP_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(client, body, sizeof(body)), 200);
        assert_true(esp_http_client_is_complete_data_received(client));
        assert_true(esp_http_client_is_persistent_connection(client));
        // The proxy's own answer is not the server's.
        assert_int_equal(esp_http_client_get_response_header(client, "X-Proxy", &value),
                         ESP_ERR_NOT_FOUND);
    }
    assert_int_equal(proxy_server_connections(s_proxy), 1);
    assert_true(esp_http_client_get_socket(client) >= 0);
    assert_int_equal(esp_http_client_close(client), ESP_OK);
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("http", "x:y@")), ESP_OK);
    assert_int_equal(ask(client, body, sizeof(body)), 200);
    assert_int_equal(proxy_server_connections(s_proxy), 2);
    esp_http_client_cleanup(client);
}

static void socks5h_lets_the_proxy_resolve_the_name(void **state)
{
    char body[2000];
    (void)state;
    start_proxy((struct proxy_server_options){.is_socks = true, .credentials = "user:geheim"});
    esp_http_client_handle_t client = client_of("https://" ORIGIN "/sees");
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("socks5h", "user:geheim@")),
                     ESP_OK);
    assert_int_equal(ask(client, body, sizeof(body)), 200);
    assert_string_equal(proxy_server_heard(s_proxy), "name " ORIGIN ":443\n");
    assert_null(strstr(body, "geheim"));
    esp_http_client_cleanup(client);
}

static void socks5_gives_the_proxy_an_address(void **state)
{
    char body[2000];
    (void)state;
    start_proxy((struct proxy_server_options){.is_socks = true});
    esp_http_client_handle_t client = client_of("https://localhost/length/10");
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("socks5", "")), ESP_OK);
    assert_int_equal(ask(client, body, sizeof(body)), 200);
    assert_string_equal(proxy_server_heard(s_proxy), "address -:443\n");
    esp_http_client_cleanup(client);
}

static void plain_http_is_forwarded_and_the_server_never_sees_the_credentials(void **state)
{
    char body[2000];
    (void)state;
    start_proxy((struct proxy_server_options){.credentials = "user:geheim"});
    esp_http_client_handle_t client = client_of("http://" ORIGIN "/sees");
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("http", "user:geheim@")), ESP_OK);
    assert_int_equal(ask(client, body, sizeof(body)), 200);
    const char *heard = proxy_server_heard(s_proxy);
    assert_ptr_equal(strstr(heard, "GET http://" ORIGIN "/sees HTTP/1.1\r\n"), heard);
    assert_null(strstr(body, "Proxy-Authorization"));
    assert_null(strstr(body, "\r\nAuthorization"));
    esp_http_client_cleanup(client);
}

static void plain_http_goes_through_socks5_as_it_is(void **state)
{
    char body[2000];
    (void)state;
    start_proxy((struct proxy_server_options){.is_socks = true});
    esp_http_client_handle_t client = client_of("http://" ORIGIN ":8080/sees");
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("socks5h", "")), ESP_OK);
    assert_int_equal(ask(client, body, sizeof(body)), 200);
    assert_ptr_equal(strstr(body, "GET /sees HTTP/1.1\r\n"), body);
    assert_string_equal(proxy_server_heard(s_proxy), "name " ORIGIN ":8080\n");
    esp_http_client_cleanup(client);
}

static void the_servers_certificate_is_checked_through_the_tunnel(void **state)
{
    int flags = 0;
    (void)state;
    start_proxy((struct proxy_server_options){0});
    esp_http_client_config_t config = {.url = "https://" ORIGIN "/sees",
                                       .cert_pem = s_other_ca.pem};
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("http", "")), ESP_OK);
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    assert_non_null(strstr(esp_http_client_get_error_text(client), "not signed by a CA"));
    esp_http_client_get_and_clear_last_tls_error(client, NULL, &flags);
    assert_int_equal(flags, ESP_TLS_FLAG_NOT_TRUSTED);
    esp_http_client_cleanup(client);
    client = client_of("https://unnamed.invalid/sees");
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("http", "")), ESP_OK);
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    assert_non_null(strstr(esp_http_client_get_error_text(client), "another name"));
    esp_http_client_cleanup(client);
}

static void common_name_is_verified_but_the_tunnel_leads_to_the_host(void **state)
{
    char body[2000];
    (void)state;
    start_proxy((struct proxy_server_options){0});
    esp_http_client_config_t config = {
        .url = "https://unnamed.invalid/sees", .cert_pem = s_ca.pem, .common_name = ORIGIN};
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("http", "")), ESP_OK);
    assert_int_equal(ask(client, body, sizeof(body)), 200);
    const char *heard = proxy_server_heard(s_proxy);
    assert_ptr_equal(strstr(heard, "CONNECT unnamed.invalid:443 "), heard);
    esp_http_client_cleanup(client);
}

// --------------------------------------------------------------------------------- redirects and secrets

/* A redirect from one host to another through the same proxy, with everything secret there is. */
static void expect_no_secret_elsewhere(const char *scheme)
{
    char url[200];
    char body[2000] = "";
    start_proxy((struct proxy_server_options){.credentials = "user:geheim"});
    snprintf(url, sizeof(url), "%s://" ORIGIN "/to/%s://" OTHER "/sees", scheme, scheme);
    esp_http_client_config_t config = {.url = url,
                                       .cert_pem = s_ca.pem,
                                       .username = "me",
                                       .password = "mine",
                                       .auth_type = HTTP_AUTH_TYPE_BASIC};
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("http", "user:geheim@")), ESP_OK);
    esp_http_client_set_header(client, "X-Api-Key", "1234");
    assert_int_equal(ask(client, body, sizeof(body)), 302);
    assert_int_equal(esp_http_client_set_redirection(client), ESP_OK);
    assert_int_equal(ask(client, body, sizeof(body)), 200);
    assert_non_null(strstr(body, "\r\nHost: " OTHER "\r\n"));
    assert_null(strstr(body, "X-Api-Key"));
    assert_null(strstr(body, "Authorization"));
    assert_null(strstr(s_log, "geheim"));
    esp_http_client_cleanup(client);
}

static void secrets_do_not_follow_a_redirect_through_a_tunnel(void **state)
{
    (void)state;
    expect_no_secret_elsewhere("https");
    assert_null(strstr(proxy_server_heard(s_proxy), "\r\nAuthorization"));
    assert_null(strstr(proxy_server_heard(s_proxy), "X-Api-Key"));
    assert_int_equal(proxy_server_connections(s_proxy), 2);
}

static void secrets_do_not_follow_a_forwarded_redirect(void **state)
{
    (void)state;
    expect_no_secret_elsewhere("http");
    const char *second = strstr(proxy_server_heard(s_proxy), "GET http://" OTHER "/sees");
    assert_non_null(second);
    assert_null(strstr(second, "\r\nAuthorization"));
    assert_null(strstr(second, "X-Api-Key"));
}

static void a_redirect_to_an_exempt_host_leaves_the_proxy_and_its_credentials_behind(void **state)
{
    char url[200];
    char body[2000];
    (void)state;
    start_proxy((struct proxy_server_options){.credentials = "user:geheim"});
    setenv("http_proxy", proxy_url("http", "user:geheim@"), 1);
    snprintf(url, sizeof(url), "http://" ORIGIN "/to/http://127.0.0.1:%d/sees",
             https_server_port(s_server));
    esp_http_client_handle_t client = client_of(url);
    assert_int_equal(ask(client, body, sizeof(body)), 302);
    assert_int_equal(esp_http_client_set_redirection(client), ESP_OK);
    assert_int_equal(ask(client, body, sizeof(body)), 200);
    assert_null(strstr(body, "Proxy-"));
    assert_int_equal(proxy_server_connections(s_proxy), 1);
    esp_http_client_cleanup(client);
}

// ----------------------------------------------------------------------------------------- environment

static bool goes_through_the_proxy(const char *url)
{
    char body[2000];
    int before = proxy_server_connections(s_proxy);
    esp_http_client_handle_t client = client_of(url);
    if (esp_http_client_open(client, 0) == ESP_OK) {
        assert_true(esp_http_client_fetch_headers(client) >= 0);
        assert_true(esp_http_client_read_response(client, body, sizeof(body)) > 0);
    }
    esp_http_client_cleanup(client);
    return proxy_server_connections(s_proxy) > before;
}

static void the_environment_names_the_proxy_for_https(void **state)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    (void)state;
    start_proxy((struct proxy_server_options){0});
    assert_false(goes_through_the_proxy("https://" ORIGIN "/sees"));
    setenv("http_proxy", proxy_url("http", ""), 1);
    assert_false(goes_through_the_proxy("https://" ORIGIN "/sees"));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        proxy_server_clear_environment();
        setenv(names[i], proxy_url("http", ""), 1);
        assert_true(goes_through_the_proxy("https://" ORIGIN "/sees"));
        setenv("no_proxy", "a.example, .invalid", 1);
        assert_false(goes_through_the_proxy("https://" ORIGIN "/sees"));
        setenv("no_proxy", "", 1);
        setenv("NO_PROXY", "*", 1);
        assert_false(goes_through_the_proxy("https://" ORIGIN "/sees"));
    }
}

static void http_proxy_counts_in_lower_case_only(void **state)
{
    (void)state;
    start_proxy((struct proxy_server_options){0});
    setenv("HTTP_PROXY", proxy_url("http", ""), 1);
    assert_false(goes_through_the_proxy("http://" ORIGIN "/sees"));
    setenv("http_proxy", proxy_url("http", ""), 1);
    assert_true(goes_through_the_proxy("http://" ORIGIN "/sees"));
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", proxy_url("http", ""), 1);
    assert_false(goes_through_the_proxy("http://" ORIGIN "/sees"));
}

static void this_machine_is_reached_without_the_environments_proxy(void **state)
{
    char url[100];
    char body[2000];
    (void)state;
    start_proxy((struct proxy_server_options){0});
    setenv("http_proxy", proxy_url("http", ""), 1);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/sees", https_server_port(s_server));
    assert_false(goes_through_the_proxy(url));
    esp_http_client_handle_t client = client_of(url);
    assert_int_equal(esp_http_client_set_proxy(client, getenv("http_proxy")), ESP_OK);
    assert_int_equal(ask(client, body, sizeof(body)), 200);
    assert_int_equal(proxy_server_connections(s_proxy), 1);
    esp_http_client_cleanup(client);
}

static void what_the_application_sets_outweighs_the_environment(void **state)
{
    char body[2000];
    (void)state;
    start_proxy((struct proxy_server_options){0});
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    setenv("no_proxy", "*", 1);
    esp_http_client_handle_t client = client_of("https://" ORIGIN "/sees");
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("http", "")), ESP_OK);
    assert_int_equal(ask(client, body, sizeof(body)), 200);
    esp_http_client_close(client);
    unsetenv("no_proxy");
    setenv("https_proxy", proxy_url("http", ""), 1);
    assert_int_equal(esp_http_client_set_proxy(client, ""), ESP_OK);
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    assert_non_null(strstr(esp_http_client_get_error_text(client), "cannot be resolved"));
    assert_int_equal(esp_http_client_set_proxy(client, NULL), ESP_OK);
    assert_int_equal(ask(client, body, sizeof(body)), 200);
    esp_http_client_cleanup(client);
}

static void no_proxy_lists_names_addresses_and_networks(void **state)
{
    static const struct {
        const char *list;
        const char *host;
        bool exempt;
    } rows[] = {
        {"example.com", "example.com", true},
        {"example.com", "EXAMPLE.com.", true},
        {"example.com.", "www.example.com", true},
        {".example.com", "www.example.com", true},
        {".example.com", "example.com", true},
        {"example.com", "badexample.com", false},
        {"www.example.com", "example.com", false},
        {"a.example,\tb.example c.example", "c.example", true},
        {"*", "anything", true},
        {"*,x", "anything", false},
        {"*.example.com", "www.example.com", false}, // as curl
        {"", "example.com", false},
        {",, .", "example.com", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "110.1.2.3", false},
        {"2.3", "10.1.2.3", false},
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"192.168.128.0/17", "192.168.129.1", true},
        {"192.168.128.0/17", "192.168.127.1", false},
        {"10.0.0.0/33", "10.0.0.0", false},
        {"10.0.0.0/-1", "10.0.0.0", false},
        {"10.0.0.0/", "10.0.0.0", false},
        {"10.0.0.0/8x", "10.0.0.0", false},
        {"0.0.0.0/0", "1.2.3.4", true},
        {"0.0.0.0/0", "[::1]", false},
        {"/8", "10.0.0.1", false},
        {"::1", "[::1]", true},
        {"[::1]", "[::1]", true},
        {"[::1]", "[0:0::1]", true},
        {"fe80::/10", "[febf::1]", true},
        {"fe80::/10", "[fec0::1]", false},
        {"example.com", "", false},
        {"[", "[::1]", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("\"%s\" %s\n", rows[i].list, rows[i].host);
        assert_int_equal(curl_proxy_is_exempt(rows[i].list, rows[i].host), rows[i].exempt);
    }
}

static void a_proxy_in_the_environment_that_cannot_be_used_is_not_gone_around(void **state)
{
    static const struct {
        const char *value;
        const char *words;
    } rows[] = {
        {"http://user:geheim@host:99999", "the proxy in https_proxy is not a URL"},
        {"http://user:geheim@", "the proxy in https_proxy is not a URL"},
        {"https://user:geheim@host", "the kind of proxy in https_proxy is not supported"},
        {"socks4://user:geheim@host", "the kind of proxy in https_proxy is not supported"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        setenv("https_proxy", rows[i].value, 1);
        esp_http_client_handle_t client = client_of("https://" ORIGIN "/sees");
        assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
        print_message("%s\n", esp_http_client_get_error_text(client));
        assert_non_null(strstr(esp_http_client_get_error_text(client), rows[i].words));
        assert_null(strstr(s_log, "geheim"));
        esp_http_client_cleanup(client);
    }
    assert_int_equal(https_server_connections(s_server), 0);
}

// -------------------------------------------------------------------------------------------- failures

static void a_proxy_that_refuses_says_why_and_where(void **state)
{
    static const struct {
        const char *scheme;
        const char *user;
        struct proxy_server_options options;
        const char *words;
    } rows[] = {
        {"http", "", {.credentials = "a:b"}, "wants a user name and password (status 407)"},
        {"http", "u:geheim@", {.credentials = "a:b"}, "refuses the user name and password"},
        {"http",
         "u:geheim@",
         {.refusal = 403},
         "does not allow CONNECT to " ORIGIN ":443 (status 403)"},
        {"http",
         "u:geheim@",
         {.refusal = 503},
         "cannot reach " ORIGIN ":443 (CONNECT: status 503)"},
        {"http", "", {.is_socks = true}, "is it an HTTP proxy?"},
        {"socks5h", "", {.is_socks = true, .credentials = "a:b"}, "wants a user name and password"},
        {"socks5h", "u:geheim@", {.is_socks = true, .credentials = "a:b"}, "refuses the user name"},
        {"socks5h", "u:geheim@", {.is_socks = true, .refusal = 1}, "cannot reach " ORIGIN ":443"},
        {"socks5h", "u:geheim@", {.is_socks = true, .refusal = 2}, "does not allow " ORIGIN ":443"},
        {"socks5h", "u:geheim@", {.is_socks = true, .refusal = 4}, "cannot reach " ORIGIN ":443"},
        {"socks5h", "u:geheim@", {.is_socks = true, .refusal = 5}, ORIGIN ":443 refused its"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start_proxy(rows[i].options);
        esp_http_client_handle_t client = client_of("https://" ORIGIN "/sees");
        esp_http_client_set_timeout_ms(client, 500);
        assert_int_equal(esp_http_client_set_proxy(client, proxy_url(rows[i].scheme, rows[i].user)),
                         ESP_OK);
        expect_failure(client, ESP_ERR_ESP_TLS_FAILED_CONNECT_TO_HOST, rows[i].words);
        proxy_server_stop(s_proxy);
        s_proxy = NULL;
        s_log[0] = '\0';
    }
}

static void a_name_that_cannot_be_resolved_here_points_to_socks5h(void **state)
{
    (void)state;
    start_proxy((struct proxy_server_options){.is_socks = true});
    esp_http_client_handle_t client = client_of("https://" ORIGIN "/sees");
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("socks5", "")), ESP_OK);
    expect_failure(client, ESP_ERR_ESP_TLS_CANNOT_RESOLVE_HOSTNAME, "with socks5h");
}

static void a_silent_proxy_times_out(void **state)
{
    static const char *const schemes[] = {"http", "socks5h"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        start_proxy((struct proxy_server_options){.is_silent = true});
        esp_http_client_handle_t client = client_of("https://" ORIGIN "/sees");
        esp_http_client_set_timeout_ms(client, 100);
        assert_int_equal(esp_http_client_set_proxy(client, proxy_url(schemes[i], "")), ESP_OK);
        expect_failure(client, ESP_ERR_ESP_TLS_CONNECTION_TIMEOUT, "within 100 ms");
        proxy_server_stop(s_proxy);
        s_proxy = NULL;
    }
}

static void a_proxy_that_is_not_there_is_named_with_its_source(void **state)
{
    char url[200];
    (void)state;
    start_proxy((struct proxy_server_options){0});
    snprintf(url, sizeof(url), "%s", proxy_url("http", "u:geheim@"));
    int port = proxy_server_port(s_proxy);
    proxy_server_stop(s_proxy);
    s_proxy = NULL;
    setenv("https_proxy", url, 1);
    esp_http_client_handle_t client = client_of("https://" ORIGIN "/sees");
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    const char *text = esp_http_client_get_error_text(client);
    snprintf(url, sizeof(url), "proxy 127.0.0.1:%d: no connection: Connection refused", port);
    assert_ptr_equal(strstr(text, url), text);
    assert_non_null(strstr(text, "https_proxy"));
    assert_null(strstr(s_log, "geheim"));
    esp_http_client_cleanup(client);
    setenv("https_proxy", "http://u:geheim@nowhere.invalid:1", 1);
    client = client_of("https://" ORIGIN "/sees");
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    assert_non_null(strstr(esp_http_client_get_error_text(client),
                           "proxy nowhere.invalid:1: its name cannot be resolved"));
    esp_http_client_cleanup(client);
}

static void a_forwarding_proxys_407_is_a_failure_of_the_proxy(void **state)
{
    (void)state;
    start_proxy((struct proxy_server_options){.credentials = "a:b"});
    esp_http_client_handle_t client = client_of("http://" ORIGIN "/sees");
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("http", "")), ESP_OK);
    assert_int_equal(esp_http_client_perform(client), ESP_ERR_HTTP_CONNECT);
    assert_non_null(strstr(esp_http_client_get_error_text(client), "status 407"));
    assert_ptr_equal(strstr(esp_http_client_get_error_text(client), "proxy "),
                     esp_http_client_get_error_text(client));
    esp_http_client_cleanup(client);
}

static void an_asynchronous_client_never_waits_for_the_proxy(void **state)
{
    (void)state;
    start_proxy((struct proxy_server_options){.is_silent = true});
    esp_http_client_config_t config = {.url = "https://" ORIGIN "/sees",
                                       .cert_pem = s_ca.pem,
                                       .is_async = true,
                                       .timeout_ms = 100};
    esp_http_client_handle_t client = esp_http_client_init(&config);
    esp_err_t err;
    int rounds = 0;
    assert_int_equal(esp_http_client_set_proxy(client, proxy_url("http", "")), ESP_OK);
    while ((err = esp_http_client_open(client, 0)) == ESP_ERR_HTTP_EAGAIN) {
        rounds++;
    }
    assert_int_equal(err, ESP_ERR_HTTP_CONNECT);
    assert_true(rounds > 1);
    esp_http_client_cleanup(client);
}

#define HTTPS(test) cmocka_unit_test_setup_teardown(test, start_https, stop)
#define HTTP(test)  cmocka_unit_test_setup_teardown(test, start_http, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTPS(https_goes_through_an_http_proxys_tunnel),
        HTTPS(a_kept_tunnel_serves_the_next_request),
        HTTPS(socks5h_lets_the_proxy_resolve_the_name),
        HTTPS(socks5_gives_the_proxy_an_address),
        HTTP(plain_http_is_forwarded_and_the_server_never_sees_the_credentials),
        HTTP(plain_http_goes_through_socks5_as_it_is),
        HTTPS(the_servers_certificate_is_checked_through_the_tunnel),
        HTTPS(common_name_is_verified_but_the_tunnel_leads_to_the_host),
        HTTPS(secrets_do_not_follow_a_redirect_through_a_tunnel),
        HTTP(secrets_do_not_follow_a_forwarded_redirect),
        HTTP(a_redirect_to_an_exempt_host_leaves_the_proxy_and_its_credentials_behind),
        HTTPS(the_environment_names_the_proxy_for_https),
        HTTP(http_proxy_counts_in_lower_case_only),
        HTTP(this_machine_is_reached_without_the_environments_proxy),
        HTTPS(what_the_application_sets_outweighs_the_environment),
        cmocka_unit_test(no_proxy_lists_names_addresses_and_networks),
        HTTPS(a_proxy_in_the_environment_that_cannot_be_used_is_not_gone_around),
        HTTPS(a_proxy_that_refuses_says_why_and_where),
        HTTPS(a_name_that_cannot_be_resolved_here_points_to_socks5h),
        HTTPS(a_silent_proxy_times_out),
        HTTPS(a_proxy_that_is_not_there_is_named_with_its_source),
        HTTP(a_forwarding_proxys_407_is_a_failure_of_the_proxy),
        HTTPS(an_asynchronous_client_never_waits_for_the_proxy),
    };
    return cmocka_run_group_tests(tests, make_certificates, NULL);
}
