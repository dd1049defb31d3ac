/**
 * A server that answers from a script, behind the transport seam: one answer for each request, in order.
 * Requests beyond the script are refused a connection. What was asked is written down.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "esp_http_client.h"

/** One answer. Zero: status 200, the whole body with its Content-Length, as much a read as fits. */
struct server_answer {
    int status;          // 0: 200
    const char *headers; // more of them: "Name: value\n..."
    const uint8_t *body;
    uint32_t len;       // of body
    bool is_chunked;    // no Content-Length but Transfer-Encoding: chunked
    bool is_unmeasured; // no Content-Length, ends with the connection
    uint32_t announced; // Content-Length instead of len; 0: len
    uint32_t piece;     // bytes a read brings at most; 0: no limit
    uint32_t stall_at;  // before this byte of the body reads time out
    unsigned stalls;    // as often
    uint32_t break_at;  // at this byte the connection fails; 0: never
    esp_err_t connect_error;
    esp_err_t head_error;
};

#define SERVER_REQUESTS 24

struct server_request {
    char method[8];
    char url[96]; // scheme://host:port/target
    char headers[512];
    char body[64];
};

struct server {
    struct server_request requests[SERVER_REQUESTS];
    unsigned request_count;
    unsigned open_count; // transports alive
    unsigned reads;      // of bodies
    unsigned fail_read;  // this one fails, once; 0: none
};

extern struct server g_server;

/** Sets the answers to come, which stay the caller's, and forgets everything else. */
void server_start(const struct server_answer *answers, unsigned count);
#define SERVER_START(...)                                                                          \
    server_start((const struct server_answer[]){__VA_ARGS__},                                      \
                 sizeof((const struct server_answer[]){__VA_ARGS__}) /                             \
                     sizeof(struct server_answer))

/** For esp_http_client_config_t.transport. */
struct esp_transport_item_t *server_transport(void);
