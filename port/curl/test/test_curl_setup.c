/* What curl could do by itself and must not, and the addresses it may choose from. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "esp_http_client.h"
#include "https_server.h"
#include "proxy_server.h"

static struct test_certificate s_ca;
static struct test_certificate s_certificate;
static struct https_server *s_server;

// ------------------------------------------------------------------------------- names with two addresses

/* One result of getaddrinfo, addresses included. */
struct result {
    struct addrinfo info;
    union {
        struct sockaddr plain;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
};

static struct addrinfo *make_result(const char *text, int port, struct addrinfo *next)
{
    struct result *result = calloc(1, sizeof(*result));
    if (!result) {
        abort();
    }
    bool is_ipv6 = inet_pton(AF_INET6, text, &result->address.v6.sin6_addr) == 1;
    if (is_ipv6) {
        result->address.v6.sin6_family = AF_INET6;
        result->address.v6.sin6_port = htons((uint16_t)port);
    } else {
        result->address.v4.sin_family = AF_INET;
        result->address.v4.sin_port = htons((uint16_t)port);
        inet_pton(AF_INET, text, &result->address.v4.sin_addr);
    }
    result->info = (struct addrinfo){
        .ai_family = is_ipv6 ? AF_INET6 : AF_INET,
        .ai_socktype = SOCK_STREAM,
        .ai_protocol = IPPROTO_TCP,
        .ai_addr = &result->address.plain,
        .ai_addrlen = is_ipv6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in),
        .ai_next = next,
    };
    return &result->info;
}

/* The program's own name service, which curl finds before that of the C library. */
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the header's names are reserved.
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **results)
{
    int port = service ? (int)strtol(service, NULL, 10) : 0;
    int family = hints ? hints->ai_family : AF_UNSPEC;
    struct addrinfo *list = NULL;
    if (strcmp(name, "two.test") == 0) { // 127.0.0.2 refuses
        list = make_result("127.0.0.2", port, make_result("127.0.0.1", port, NULL));
    } else if (strcmp(name, "both.test") == 0) {
        list = family == AF_INET6 ? NULL : make_result("127.0.0.1", port, NULL);
        list = family == AF_INET ? list : make_result("::1", port, list);
    } else {
        return EAI_NONAME;
    }
    *results = list;
    return list ? 0 : EAI_NONAME;
}

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list); // the first member of its result
        list = next;
    }
}

// --------------------------------------------------------------------------------------------- helpers

static int make_certificates(void **state)
{
    (void)state;
    proxy_server_clear_environment();
    test_certificate_make(&s_ca, "Test CA", NULL, NULL, -1, 2);
    test_certificate_make(&s_certificate, "server",
                          "DNS:two.test,DNS:both.test,IP:127.0.0.1,IP:::1", &s_ca, -1, 2);
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

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    bool works = probe >= 0 && bind(probe, (void *)&address, sizeof(address)) == 0;
    if (probe >= 0) {
        close(probe);
    }
    return works;
}

#define NEEDS_IPV6()                                                                               \
    if (!has_ipv6()) {                                                                             \
        print_message("skipped: this machine has no ::1\n");                                       \
        skip();                                                                                    \
    }

static void serve(struct https_server_options options)
{
    s_server = https_server_start(&options);
}

static esp_http_client_handle_t client_of(const char *scheme, const char *host, const char *path,
                                          esp_http_client_addr_type_t addr_type)
{
    char url[200];
    snprintf(url, sizeof(url), "%s://%s:%d%s", scheme, host, https_server_port(s_server), path);
    esp_http_client_config_t config = {.url = url, .cert_pem = s_ca.pem, .addr_type = addr_type};
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_non_null(client);
    return client;
}

static void ask(esp_http_client_handle_t client, char *body, int size)
{
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_true(esp_http_client_fetch_headers(client) >= 0);
    int len = esp_http_client_read_response(client, body, size - 1);
    assert_true(len > 0);
    body[len] = '\0';
}

// ------------------------------------------------------------------------------------------- addresses

static void an_ipv6_address_is_a_host_like_any_other(void **state)
{
    static const esp_http_client_addr_type_t types[] = {HTTP_ADDR_TYPE_UNSPEC,
                                                        HTTP_ADDR_TYPE_INET6};
    char body[2000];
    char expected[60];
    (void)state;
    NEEDS_IPV6();
    serve((struct https_server_options){.certificate = &s_certificate, .is_ipv6 = true});
    for (int i = 0; i < 2; i++) {
        esp_http_client_handle_t client = client_of("https", "[::1]", "/sees", types[i]);
        ask(client, body, sizeof(body));
        snprintf(expected, sizeof(expected), "\r\nHost: [::1]:%d\r\n", https_server_port(s_server));
        assert_non_null(strstr(body, expected));
        assert_string_equal(https_server_sni(s_server), ""); // fact: RFC 6066, 3: never an address
        esp_http_client_cleanup(client);
    }
}

static void an_address_of_the_other_family_is_refused(void **state)
{
    (void)state;
    serve((struct https_server_options){0});
    esp_http_client_handle_t client = client_of("http", "[::1]", "/sees", HTTP_ADDR_TYPE_INET);
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    esp_http_client_cleanup(client);
    client = client_of("http", "127.0.0.1", "/sees", HTTP_ADDR_TYPE_INET6);
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    esp_http_client_cleanup(client);
}

static void another_ipv6_address_in_the_certificate_is_refused(void **state)
{
    struct test_certificate other;
    (void)state;
    NEEDS_IPV6();
    test_certificate_make(&other, "server", "IP:::2", &s_ca, -1, 2);
    serve((struct https_server_options){.certificate = &other, .is_ipv6 = true});
    esp_http_client_handle_t client = client_of("https", "[::1]", "/sees", HTTP_ADDR_TYPE_UNSPEC);
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    assert_non_null(strstr(esp_http_client_get_error_text(client), "another name"));
    esp_http_client_cleanup(client);
}

static void the_second_address_is_used_when_the_first_one_refuses(void **state)
{
    char body[2000];
    (void)state;
    serve((struct https_server_options){.certificate = &s_certificate});
    esp_http_client_handle_t client =
        client_of("https", "two.test", "/sees", HTTP_ADDR_TYPE_UNSPEC);
    ask(client, body, sizeof(body));
    assert_string_equal(https_server_sni(s_server), "two.test");
    esp_http_client_cleanup(client);
}

static void ipv4_is_used_when_ipv6_refuses(void **state)
{
    char body[2000];
    (void)state;
    serve((struct https_server_options){.certificate = &s_certificate});
    esp_http_client_handle_t client =
        client_of("https", "both.test", "/sees", HTTP_ADDR_TYPE_UNSPEC);
    ask(client, body, sizeof(body));
    esp_http_client_cleanup(client);
    client = client_of("https", "both.test", "/sees", HTTP_ADDR_TYPE_INET6);
    assert_int_equal(esp_http_client_open(client, 0), ESP_ERR_HTTP_CONNECT);
    esp_http_client_cleanup(client);
    client = client_of("https", "both.test", "/sees", HTTP_ADDR_TYPE_INET);
    ask(client, body, sizeof(body));
    esp_http_client_cleanup(client);
}

// ---------------------------------------------------------------------------------- what curl must not do

static void a_cookie_that_was_set_is_not_sent_back(void **state)
{
    char body[2000];
    char *value;
    char url[100];
    (void)state;
    serve((struct https_server_options){0});
    esp_http_client_handle_t client = client_of("http", "127.0.0.1", "/cookie", 0);
    ask(client, body, sizeof(body));
    assert_int_equal(esp_http_client_get_response_header(client, "Set-Cookie", &value), ESP_OK);
    assert_string_equal(value, "id=42; Path=/");
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/sees", https_server_port(s_server));
    assert_int_equal(esp_http_client_set_url(client, url), ESP_OK);
    ask(client, body, sizeof(body));
    assert_null(strstr(body, "ookie"));
    assert_int_equal(https_server_connections(s_server), 1);
    esp_http_client_cleanup(client);
}

static void credentials_in_netrc_are_not_read(void **state)
{
    char dir[] = "/tmp/netrc-XXXXXX";
    char name[64];
    char body[2000];
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(name, sizeof(name), "%s/.netrc", dir);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs("machine 127.0.0.1 login user password pass\ndefault login user password pass\n", file);
    fclose(file);
    chmod(name, S_IRUSR | S_IWUSR);
    setenv("HOME", dir, 1);
    setenv("NETRC", name, 1);
    serve((struct https_server_options){0});
    esp_http_client_handle_t client = client_of("http", "127.0.0.1", "/sees", 0);
    ask(client, body, sizeof(body));
    assert_null(strstr(body, "uthorization"));
    esp_http_client_cleanup(client);
    unlink(name);
    rmdir(dir);
}

#define TEST(test) cmocka_unit_test_teardown(test, stop_server)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_ipv6_address_is_a_host_like_any_other),
        TEST(an_address_of_the_other_family_is_refused),
        TEST(another_ipv6_address_in_the_certificate_is_refused),
        TEST(the_second_address_is_used_when_the_first_one_refuses),
        TEST(ipv4_is_used_when_ipv6_refuses),
        TEST(a_cookie_that_was_set_is_not_sent_back),
        TEST(credentials_in_netrc_are_not_read),
    };
    return cmocka_run_group_tests(tests, make_certificates, NULL);
}
