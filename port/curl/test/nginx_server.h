/**
 * A real nginx with HTTP/2 and HTTP/1.1 over TLS on a free port of 127.0.0.1.
 *
 *   /FILE        of the folder; with Range, ETag, Last-Modified; *.txt are compressed for those who accept gzip
 *   /connection  number of the connection, a blank, number of the request on it
 *   /moved/FILE  302 to /FILE, relative
 *   /version     protocol of the request
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "test_certificates.h"

struct nginx_server;

/** @return NULL when there is no nginx here */
struct nginx_server *nginx_server_start(const struct test_certificate *certificate);

/** Makes a file of `len` bytes of https_server's pattern. */
void nginx_server_put(struct nginx_server *server, const char *name, size_t len);

/** Ends it at once, in the middle of whatever it does. */
void nginx_server_kill(struct nginx_server *server);
void nginx_server_stop(struct nginx_server *server);
int nginx_server_port(const struct nginx_server *server);
