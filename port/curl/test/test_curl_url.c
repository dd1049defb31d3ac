#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_transport.h"

struct row {
    const char *base;
    const char *reference;
    const char *scheme;
    const char *host;
    int port;
    const char *path;
    const char *query;
    const char *user;
    const char *password;
};

static void check_text(const char *actual, const char *expected)
{
    if (expected) {
        assert_non_null(actual);
        assert_string_equal(actual, expected);
    } else {
        assert_null(actual);
    }
}

static void takes_urls_apart_and_resolves_relative_ones(void **state)
{
    static const struct row rows[] = {
        {NULL, "https://h/p", "https", "h", 443, "/p", NULL, NULL, NULL},
        {NULL, "HTTP://H:8080", "http", "H", 8080, "/", NULL, NULL, NULL},
        {NULL, "https://u%40x:p%3Aw@h/p?q=1&r=%20#frag", "https", "h", 443, "/p", "q=1&r=%20",
         "u@x", "p:w"},
        {NULL, "https://[::1]:8443/x", "https", "[::1]", 8443, "/x", NULL, NULL, NULL},
        {NULL, "ftp://h/p", "ftp", "h", 21, "/p", NULL, NULL, NULL},
        {"https://h:8443/a/b?q", "c", "https", "h", 8443, "/a/c", NULL, NULL, NULL},
        {"https://h:8443/a/b?q", "/c?d", "https", "h", 8443, "/c", "d", NULL, NULL},
        {"https://h:8443/a/b", "../c", "https", "h", 8443, "/c", NULL, NULL, NULL},
        {"https://h:8443/a/b", "//other/c", "https", "other", 443, "/c", NULL, NULL, NULL},
        {"https://h:8443/a/b", "http://other/c", "http", "other", 80, "/c", NULL, NULL, NULL},
        {"https://h/a/b", "?x", "https", "h", 443, "/a/b", "x", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_url url = {0};
        print_message("%s\n", rows[i].reference);
        assert_int_equal(esp_http_transport.resolve_url(rows[i].base, rows[i].reference, &url),
                         ESP_OK);
        check_text(url.scheme, rows[i].scheme);
        check_text(url.host, rows[i].host);
        assert_int_equal(url.port, rows[i].port);
        check_text(url.path, rows[i].path);
        check_text(url.query, rows[i].query);
        check_text(url.user, rows[i].user);
        check_text(url.password, rows[i].password);
        http_url_free(&url);
    }
}

static void refuses_what_is_not_a_url(void **state)
{
    static const char *const bad[] = {"",
                                      "nohost",
                                      "https://",
                                      "https://h:99999/",
                                      "https://h\r\nX: y/",
                                      "https://h/a\nb",
                                      "https://[::1/",
                                      "/relative/without/base"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct http_url url;
        print_message("%s\n", bad[i]);
        assert_int_equal(esp_http_transport.resolve_url(NULL, bad[i], &url), ESP_ERR_INVALID_ARG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_urls_apart_and_resolves_relative_ones),
        cmocka_unit_test(refuses_what_is_not_a_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
