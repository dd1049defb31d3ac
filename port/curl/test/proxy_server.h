/**
 * A proxy inside the test process, on a free port of 127.0.0.1, one thread per connection: HTTP (CONNECT and forwarding)
 * or SOCKS5. Every name ends at the one server given, so names need not exist.
 */
#pragma once

#include <stdbool.h>

struct proxy_server;

struct proxy_server_options {
    bool is_socks;
    int target_port;          // of the server on 127.0.0.1 everything goes to
    const char *credentials;  // "user:password" that is demanded; NULL: none
    int refusal;              // HTTP status, or SOCKS5 answer, instead of a connection; 0: none
    bool is_silent;           // never answers
    const char *unknown_host; // the host that is refused with `refusal`; NULL: any
};

struct proxy_server *proxy_server_start(const struct proxy_server_options *options);
void proxy_server_stop(struct proxy_server *proxy);
int proxy_server_port(const struct proxy_server *proxy);
int proxy_server_connections(const struct proxy_server *proxy);

/** Everything the proxy itself was told: heads of HTTP requests, or "host:port\n" of SOCKS5, names marked "name ". */
const char *proxy_server_heard(const struct proxy_server *proxy);

/** Forgets the proxies this machine may be set up for. */
void proxy_server_clear_environment(void);
