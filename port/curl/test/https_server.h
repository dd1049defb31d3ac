/**
 * A small HTTP or HTTPS server inside the test process, on a free port of 127.0.0.1 or ::1, one thread per connection.
 *
 * The path says how it answers:
 *   /length/N  /chunked/N  /close/N   N bytes of the pattern, with Content-Length, in chunks, until the connection ends
 *   /abrupt/N                         as /close, but over TLS without close_notify
 *   /cut/N  /chunked-cut              announces N bytes (a chunk), sends half, ends the connection
 *   /once                             answers and ends the connection without saying so
 *   /redirect  /to/URL                302 to the relative length/5000, to URL
 *   /basic  /digest                   401 unless the credentials are user and pass
 *   /silent  /stall                   never answers; stops after the head and five bytes
 *   /echo                             the body of the request
 *   /continue                         100 before 200
 *   /sees                             the request's own head as the body
 *   /garbage                          not HTTP
 *   /fields/N  /bytes/N               a head with N fields more, with a field of N bytes
 *   /interim                          100 again and again
 *   /trailers                         a body in chunks with fields behind it, again and again
 *   /cookie                           sets a cookie
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "test_certificates.h"

struct https_server;

struct https_server_options {
    bool is_ipv6;                               // on ::1 instead of 127.0.0.1
    const struct test_certificate *certificate; // NULL: plain HTTP
    const struct test_certificate *client_ca; // not NULL: a client certificate from it is demanded
    const char *alpn; // the protocol this server insists on, or NULL; h2: see below
    // With h2: any request gets 1000 bytes of a body that is not ended, then this; then the connection ends properly,
    // except with STAYS, which resets the stream only.
    enum {
        HTTPS_SERVER_NOTHING,
        HTTPS_SERVER_RESETS,
        HTTPS_SERVER_GOES_AWAY,
        HTTPS_SERVER_STAYS
    } http2_ending;
    bool http2_announces; // a Content-Length of 2000
};

struct https_server *https_server_start(const struct https_server_options *options);
void https_server_stop(struct https_server *server);
int https_server_port(const struct https_server *server);
int https_server_connections(const struct https_server *server);
const char *https_server_sni(const struct https_server *server);
const char *https_server_tls_version(const struct https_server *server);
int https_server_resumed(const struct https_server *server);

/** Byte i of the pattern. */
unsigned char https_server_pattern(size_t i);
