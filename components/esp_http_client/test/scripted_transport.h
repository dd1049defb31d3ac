/**
 * A transport that answers from a script and writes down what it was asked: one exchange per begin, in order.
 * A missing entry refuses the connection. State is reset with script_start().
 */
#pragma once

#include "esp_http_client.h"
#include "http_transport.h"

#define SCRIPT_MAX 16

struct script_exchange {
    int status;
    const char *headers; // "Name: value\n..."
    const char *body;
    size_t chunk; // bytes per read at most; 0: all
    int not_yet;  // EAGAIN answers before each step
    esp_err_t connect_error;
    esp_err_t write_error;
    esp_err_t head_error;
    esp_err_t body_error;      // after the body
    int minor_version_minus_1; // so that 0 means HTTP/1.1
    bool new_connection;
};

/** What the client asked for in one exchange. */
struct script_request {
    char method[16];
    char scheme[8];
    char host[64];
    int port;
    char target[128];
    char headers[1024]; // "Name: value\n..."
    bool has_body;
    int64_t body_len;
    char body[256];
    bool body_ended;
    char digest_user[32];
    char digest_password[32];
    bool has_proxy;
    char proxy[64];
    bool offer_http2;
    size_t head_len_max;
    size_t head_count_max;
};

struct script {
    const struct script_exchange *exchanges;
    size_t exchange_count;
    struct script_request requests[SCRIPT_MAX];
    size_t request_count;
    int close_count;
    int destroy_count;
    struct http_transport_settings settings;
    struct http_failure failure;
};

extern struct script g_script;

/** A client that uses the script; config's url defaults to https://host.example/dir/file?q. */
esp_http_client_handle_t script_client(esp_http_client_config_t config);

/** Sets the exchanges to come. */
void script_start(const struct script_exchange *exchanges, size_t count);

#define SCRIPT(...)                                                                                \
    script_start((const struct script_exchange[]){__VA_ARGS__},                                    \
                 sizeof((const struct script_exchange[]){__VA_ARGS__}) /                           \
                     sizeof(struct script_exchange))

/** Handler that appends each event's letter to g_events: E C S h H s D F X R (see the source). */
esp_err_t script_note_event(esp_http_client_event_t *event);
extern char g_events[512];
