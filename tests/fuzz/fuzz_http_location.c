/*
 * A server sends any Location to a client that holds secrets. Input: one byte that chooses the first URL, then the Location.
 * Whatever it says: no way from https to http, no secret to another host, no control characters in the next request.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "esp_log.h"
#include "scripted_transport.h"
#include "fuzz_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const s_origins[] = {"https://host.example/dir/file?q",
                                        "http://host.example/dir/", "https://host.example:8443/",
                                        "http://[::1]:8080/x"};

static bool has_control_characters(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

static void check_next_request(esp_http_client_handle_t client, const char *origin,
                               bool brings_user)
{
    const struct script_request *first = &g_script.requests[0];
    const struct script_request *next = &g_script.requests[1];
    if (esp_http_client_open(client, 0) != ESP_OK) {
        return; // too long for the transmit buffer, or a scheme we do not speak
    }
    FUZZ_CHECK(strncmp(origin, "https:", 6) != 0 || strcmp(next->scheme, "https") == 0);
    FUZZ_CHECK(next->host[0] && next->target[0] == '/');
    FUZZ_CHECK(!has_control_characters(next->target) && !has_control_characters(next->host));
    if (strcasecmp(first->host, next->host) != 0) {
        FUZZ_CHECK(!strstr(next->headers, "\nX-Api-Key: "));
        // A Location may bring credentials of its own, never ours.
        FUZZ_CHECK(brings_user || !strstr(next->headers, "\nAuthorization: "));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char headers[900];
    if (size < 1 || size > 800) {
        return 0;
    }
    esp_log_level_set("*", ESP_LOG_NONE);
    const char *origin = s_origins[data[0] % (sizeof(s_origins) / sizeof(s_origins[0]))];
    int len = snprintf(headers, sizeof(headers), "Location: ");
    for (size_t i = 1; i < size; i++) {
        headers[len++] = data[i] && data[i] != '\n' ? (char)data[i] : ' '; // line ends are framing
    }
    snprintf(headers + len, sizeof(headers) - (size_t)len, "\nContent-Length: 0\n");

    SCRIPT({.status = 302, .headers = headers}, {.status = 200, .headers = "Content-Length: 0\n"});
    esp_http_client_handle_t client = script_client((esp_http_client_config_t){
        .url = origin, .username = "user", .password = "pass", .auth_type = HTTP_AUTH_TYPE_BASIC});
    FUZZ_CHECK(client != NULL);
    FUZZ_CHECK(esp_http_client_set_header(client, "X-Api-Key", "1234") == ESP_OK);
    FUZZ_CHECK(esp_http_client_open(client, 0) == ESP_OK);
    FUZZ_CHECK(esp_http_client_fetch_headers(client) == 0);
    if (esp_http_client_set_redirection(client) == ESP_OK) {
        check_next_request(client, origin, memchr(data, '@', size) != NULL);
    }
    esp_http_client_cleanup(client);
    return 0;
}
