#include "https_server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#define CONNECTIONS_MAX 64
#define REQUEST_MAX     65536

struct connection {
    struct https_server *server;
    pthread_t thread;
    int socket;
    SSL *ssl;
    char request[REQUEST_MAX];
    size_t request_len;
    bool ends;
    bool is_abrupt; // ends without TLS's own goodbye
};

struct https_server {
    struct https_server_options options;
    SSL_CTX *context;
    int socket;
    int port;
    pthread_t thread;
    struct connection *connections[CONNECTIONS_MAX];
    atomic_int connection_count;
    atomic_int resumed_count;
    char sni[64];
    char tls_version[16];
};

unsigned char https_server_pattern(size_t i)
{
    return (unsigned char)(i * 31 + (i >> 8) * 7 + (i >> 16));
}

static void require(bool ok)
{
    if (!ok) {
        perror("https_server");
        abort();
    }
}

// --------------------------------------------------------------------------------------------- bytes

static int receive(struct connection *c, void *buf, int len)
{
    return c->ssl ? SSL_read(c->ssl, buf, len) : (int)recv(c->socket, buf, (size_t)len, 0);
}

static bool send_bytes(struct connection *c, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        int part = len > 1 << 20 ? 1 << 20 : (int)len;
        int n = c->ssl ? SSL_write(c->ssl, at, part)
                       : (int)send(c->socket, at, (size_t)part, MSG_NOSIGNAL);
        if (n <= 0) {
            c->ends = true;
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static void send_text(struct connection *c, const char *text)
{
    send_bytes(c, text, strlen(text));
}

static char *pattern(size_t len)
{
    char *bytes = malloc(len + 1);
    require(bytes != NULL);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)https_server_pattern(i);
    }
    bytes[len] = '\0';
    return bytes;
}

static void wait_for_client_to_leave(struct connection *c)
{
    char byte;
    while (receive(c, &byte, 1) > 0) {
    }
    c->ends = true;
}

// ------------------------------------------------------------------------------------------- answers

static void answer(struct connection *c, const char *status, const char *extra, const void *body,
                   size_t len)
{
    char head[1024];
    int head_len = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n",
                            status, extra, len);
    bool is_head = strncmp(c->request, "HEAD ", 5) == 0;
    size_t total = (size_t)head_len + (is_head ? 0 : len);
    char *all = malloc(total + 1);
    require(all != NULL);
    memcpy(all, head, (size_t)head_len);
    memcpy(all + head_len, body, total - (size_t)head_len);
    send_bytes(c, all, total); // head and body at once, as small answers often come
    free(all);
}

static void answer_chunked(struct connection *c, size_t len)
{
    char *bytes = pattern(len);
    send_text(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < len;) {
        char line[32];
        size_t part = len - at < 3000 ? len - at : 3000;
        snprintf(line, sizeof(line), "%zx\r\n", part);
        send_text(c, line);
        send_bytes(c, bytes + at, part);
        send_text(c, "\r\n");
        at += part;
    }
    send_text(c, "0\r\nX-Trailer: yes\r\n\r\n");
    free(bytes);
}

static void answer_part(struct connection *c, const char *head, size_t len)
{
    char *bytes = pattern(len);
    send_text(c, head);
    send_bytes(c, bytes, len);
    free(bytes);
    c->ends = true;
}

static void md5_hex(const char *text, char hex[33])
{
    unsigned char digest[16];
    require(EVP_Digest(text, strlen(text), digest, NULL, EVP_md5(), NULL));
    for (int i = 0; i < 16; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
}

/* Value of name="value" or name=value in an Authorization header. */
static void parameter(const char *header, const char *name, char *value, size_t size)
{
    char pattern_text[32];
    snprintf(pattern_text, sizeof(pattern_text), "%s=", name);
    const char *at = header;
    value[0] = '\0';
    while ((at = strstr(at, pattern_text)) != NULL && at[-1] != ' ' && at[-1] != ',') {
        at++;
    }
    if (at) {
        at += strlen(pattern_text);
        bool quoted = *at == '"';
        at += quoted;
        size_t len = strcspn(at, quoted ? "\"" : ",\r");
        snprintf(value, size, "%.*s", (int)len, at);
    }
}

static bool is_digest_right(const char *header, const char *method)
{
    char uri[128], nc[16], cnonce[128], response[64], text[512], ha1[33], ha2[33], expected[33];
    parameter(header, "uri", uri, sizeof(uri));
    parameter(header, "nc", nc, sizeof(nc));
    parameter(header, "cnonce", cnonce, sizeof(cnonce));
    parameter(header, "response", response, sizeof(response));
    md5_hex("user:here:pass", ha1);
    snprintf(text, sizeof(text), "%s:%s", method, uri);
    md5_hex(text, ha2);
    snprintf(text, sizeof(text), "%s:n0nce:%s:%s:auth:%s", ha1, nc, cnonce, ha2);
    md5_hex(text, expected);
    return strcmp(expected, response) == 0;
}

static void answer_basic(struct connection *c)
{
    if (strstr(c->request, "\r\nAuthorization: Basic dXNlcjpwYXNz\r\n")) {
        answer(c, "200 OK", "", "welcome", 7);
    } else {
        answer(c, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"here\"\r\n", "no", 2);
    }
}

static void answer_digest(struct connection *c)
{
    const char *header = strstr(c->request, "\r\nAuthorization: Digest ");
    char method[16];
    sscanf(c->request, "%15s", method);
    if (header && is_digest_right(header, method)) {
        answer(c, "200 OK", "", "welcome", 7);
    } else {
        answer(c, "401 Unauthorized",
               "WWW-Authenticate: Basic realm=\"here\"\r\n"
               "WWW-Authenticate: Digest realm=\"here\", qop=\"auth,auth-int\", nonce=\"n0nce\", "
               "opaque=\"x\", algorithm=MD5\r\n",
               "no", 2);
    }
}

static void answer_pattern(struct connection *c, size_t len)
{
    char *bytes = pattern(len);
    answer(c, "200 OK", "ETag: \"v1\"\r\n", bytes, len);
    free(bytes);
}

static void send_fields(struct connection *c, size_t count)
{
    send_text(c, "HTTP/1.1 200 OK\r\n");
    for (size_t i = 0; i < count; i++) {
        send_text(c, "X-Field: x\r\n");
    }
    send_text(c, "Content-Length: 2\r\n\r\nok");
}

static void send_long_field(struct connection *c, size_t len)
{
    char *bytes = malloc(len);
    require(bytes != NULL);
    memset(bytes, 'x', len);
    send_text(c, "HTTP/1.1 200 OK\r\nX-Long: ");
    send_bytes(c, bytes, len);
    send_text(c, "\r\nContent-Length: 2\r\n\r\nok");
    free(bytes);
}

/* Heads that are too large, or never end. @return whether the path asks for one */
static bool answer_too_much(struct connection *c, const char *path)
{
    size_t n = 0;
    if (sscanf(path, "/fields/%zu", &n) == 1) {
        send_fields(c, n);
    } else if (sscanf(path, "/bytes/%zu", &n) == 1) {
        send_long_field(c, n);
    } else if (strcmp(path, "/interim") == 0) {
        while (!c->ends) {
            send_text(c, "HTTP/1.1 100 Continue\r\nX-Interim: yes\r\n\r\n");
        }
    } else if (strcmp(path, "/trailers") == 0) {
        send_text(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
        while (!c->ends) {
            send_text(c, "X-Trailer: yes\r\n");
        }
    } else {
        return false;
    }
    return true;
}

static void answer_path(struct connection *c, const char *path, const char *body, size_t body_len)
{
    char text[600];
    size_t n = 0;
    if (sscanf(path, "/length/%zu", &n) == 1) {
        answer_pattern(c, n);
    } else if (sscanf(path, "/chunked/%zu", &n) == 1) {
        answer_chunked(c, n);
    } else if (sscanf(path, "/close/%zu", &n) == 1) {
        answer_part(c, "HTTP/1.1 200 OK\r\n\r\n", n);
    } else if (sscanf(path, "/abrupt/%zu", &n) == 1) {
        c->is_abrupt = true;
        answer_part(c, "HTTP/1.1 200 OK\r\n\r\n", n);
    } else if (sscanf(path, "/cut/%zu", &n) == 1) {
        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
        answer_part(c, text, n / 2);
    } else if (strcmp(path, "/chunked-cut") == 0) {
        answer_part(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n", 50);
    } else if (strcmp(path, "/once") == 0) {
        answer(c, "200 OK", "", "once", 4);
        c->ends = true;
    } else if (strcmp(path, "/redirect") == 0) {
        answer(c, "302 Found", "Location: length/5000\r\n", "moved", 5);
    } else if (strncmp(path, "/to/", 4) == 0) {
        snprintf(text, sizeof(text), "Location: %s\r\n", path + 4);
        answer(c, "302 Found", text, "moved", 5);
    } else if (strcmp(path, "/basic") == 0) {
        answer_basic(c);
    } else if (strcmp(path, "/digest") == 0) {
        answer_digest(c);
    } else if (strcmp(path, "/silent") == 0) {
        wait_for_client_to_leave(c);
    } else if (strcmp(path, "/stall") == 0) {
        send_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstall");
        wait_for_client_to_leave(c);
    } else if (strcmp(path, "/echo") == 0) {
        answer(c, "200 OK", "", body, body_len);
    } else if (strcmp(path, "/continue") == 0) {
        send_text(c, "HTTP/1.1 100 Continue\r\nX-Interim: yes\r\n\r\n");
        answer(c, "200 OK", "X-Final: yes\r\n", "final", 5);
    } else if (strcmp(path, "/sees") == 0) {
        answer(c, "200 OK", "", c->request, (size_t)(body - c->request));
    } else if (answer_too_much(c, path)) {
        return;
    } else if (strcmp(path, "/cookie") == 0) {
        answer(c, "200 OK", "Set-Cookie: id=42; Path=/\r\n", "cookie", 6);
    } else if (strcmp(path, "/garbage") == 0) {
        answer_part(c, "this is not HTTP\r\n\r\n", 0);
    } else {
        answer(c, "404 Not Found", "", "nothing here", 12);
    }
}

// ------------------------------------------------------------------------------------------- HTTP/2

enum frame {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_RESET = 3,
    FRAME_SETTINGS = 4,
    FRAME_GOAWAY = 7
};

/* fact: RFC 9113, 4.1 */
static void send_frame(struct connection *c, enum frame type, int flags, unsigned stream,
                       const void *payload, size_t len)
{
    unsigned char head[9] = {
        (unsigned char)(len >> 16),    (unsigned char)(len >> 8),    (unsigned char)len,
        (unsigned char)type,           (unsigned char)flags,         (unsigned char)(stream >> 24),
        (unsigned char)(stream >> 16), (unsigned char)(stream >> 8), (unsigned char)stream};
    send_bytes(c, head, sizeof(head));
    send_bytes(c, payload, len);
}

static bool receive_all(struct connection *c, void *buf, size_t len)
{
    char *at = buf;
    while (len > 0) {
        int n = receive(c, at, (int)len);
        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

/* Half an answer to the stream. */
static void answer_http2(struct connection *c, unsigned stream)
{
    // fact: RFC 7541, appendix A: 8 is ":status 200", 28 is "content-length".
    static const unsigned char head[] = {0x88, 0x0f, 0x0d, 4, '2', '0', '0', '0'};
    static const unsigned char code[8] = {0, 0, 0, 0,
                                          0, 0, 0, 2}; // GOAWAY: last stream 0, then the error
    char *bytes = pattern(1000);
    send_frame(c, FRAME_HEADERS, 4, stream, head, c->server->options.http2_announces ? 8 : 1);
    send_frame(c, FRAME_DATA, 0, stream, bytes, 1000);
    free(bytes);
    if (c->server->options.http2_ending == HTTPS_SERVER_RESETS ||
        c->server->options.http2_ending == HTTPS_SERVER_STAYS) {
        send_frame(c, FRAME_RESET, 0, stream, code + 4, 4);
    } else if (c->server->options.http2_ending == HTTPS_SERVER_GOES_AWAY) {
        send_frame(c, FRAME_GOAWAY, 0, 0, code, 8);
    }
    c->ends = c->server->options.http2_ending != HTTPS_SERVER_STAYS;
}

static void serve_http2(struct connection *c)
{
    char preface[24]; // fact: RFC 9113, 3.4
    unsigned char head[9];
    send_frame(c, FRAME_SETTINGS, 0, 0, "", 0);
    if (!receive_all(c, preface, sizeof(preface))) {
        return;
    }
    while (!c->ends && receive_all(c, head, sizeof(head))) {
        size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (len > REQUEST_MAX || !receive_all(c, c->request, len)) {
            return;
        }
        if (head[3] == FRAME_SETTINGS && head[4] == 0) {
            send_frame(c, FRAME_SETTINGS, 1, 0, "", 0);
        } else if (head[3] == FRAME_HEADERS) {
            answer_http2(c, (unsigned)head[7] << 8 | head[8]);
        }
    }
}

// ------------------------------------------------------------------------------------------ requests

static char *find_body(struct connection *c)
{
    c->request[c->request_len] = '\0';
    char *end = strstr(c->request, "\r\n\r\n");
    return end ? end + 4 : NULL;
}

static bool is_complete(struct connection *c, char **body)
{
    *body = find_body(c);
    if (!*body) {
        return false;
    }
    size_t have = c->request_len - (size_t)(*body - c->request);
    const char *length = strstr(c->request, "\r\nContent-Length: ");
    if (length && length < *body) {
        return have >= (size_t)atol(length + 18);
    }
    const char *coding = strstr(c->request, "\r\nTransfer-Encoding: chunked");
    return !(coding && coding < *body) || strstr(*body, "0\r\n\r\n") != NULL;
}

static bool read_request(struct connection *c, char **body)
{
    c->request_len = 0;
    while (!is_complete(c, body)) {
        int n = receive(c, c->request + c->request_len, (int)(REQUEST_MAX - 1 - c->request_len));
        if (n <= 0) {
            return false;
        }
        c->request_len += (size_t)n;
    }
    return true;
}

static void *serve(void *arg)
{
    struct connection *c = arg;
    char *body;
    if (c->ssl) {
        if (SSL_accept(c->ssl) != 1) {
            c->ends = true;
        } else {
            const char *name = SSL_get_servername(c->ssl, TLSEXT_NAMETYPE_host_name);
            snprintf(c->server->sni, sizeof(c->server->sni), "%s", name ? name : "");
            snprintf(c->server->tls_version, sizeof(c->server->tls_version), "%s",
                     SSL_get_version(c->ssl));
            c->server->resumed_count += SSL_session_reused(c->ssl);
        }
    }
    if (c->server->options.alpn && strcmp(c->server->options.alpn, "h2") == 0 && !c->ends) {
        serve_http2(c);
        c->ends = true;
    }
    while (!c->ends && read_request(c, &body)) {
        char path[512];
        if (sscanf(c->request, "%*s %511s", path) == 1) {
            answer_path(c, path, body, c->request_len - (size_t)(body - c->request));
        }
    }
    if (c->ssl && !c->is_abrupt) {
        SSL_shutdown(c->ssl);
    }
    shutdown(c->socket, SHUT_RDWR);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct https_server *server = arg;
    for (;;) {
        int socket = accept(server->socket, NULL, NULL);
        if (socket < 0 || server->connection_count == CONNECTIONS_MAX) {
            return NULL;
        }
        struct connection *c = calloc(1, sizeof(*c));
        require(c != NULL);
        c->server = server;
        c->socket = socket;
        if (server->context) {
            c->ssl = SSL_new(server->context);
            SSL_set_fd(c->ssl, socket);
        }
        server->connections[server->connection_count++] = c;
        require(pthread_create(&c->thread, NULL, serve, c) == 0);
    }
}

// ------------------------------------------------------------------------------------------ lifetime

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg)
{
    const char *wanted = arg;
    (void)ssl;
    for (unsigned at = 0; at < in_len; at += in[at] + 1U) {
        if (in[at] == strlen(wanted) && memcmp(in + at + 1, wanted, in[at]) == 0) {
            *out = in + at + 1;
            *out_len = in[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static X509 *parse_certificate(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    require(x509 != NULL);
    return x509;
}

static SSL_CTX *make_context(const struct https_server_options *options)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    X509 *x509 = parse_certificate(options->certificate->pem);
    BIO *bio = BIO_new_mem_buf(options->certificate->key_pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    require(SSL_CTX_use_certificate(context, x509) == 1);
    require(SSL_CTX_use_PrivateKey(context, key) == 1);
    if (options->client_ca) {
        X509 *ca = parse_certificate(options->client_ca->pem);
        require(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca) == 1);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        X509_free(ca);
    }
    if (options->alpn) {
        SSL_CTX_set_alpn_select_cb(context, choose_alpn, (void *)options->alpn);
    }
    X509_free(x509);
    EVP_PKEY_free(key);
    BIO_free(bio);
    return context;
}

/* @return the port */
static int bind_to_loopback(int socket, bool is_ipv6)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr *address = is_ipv6 ? (void *)&v6 : (void *)&v4;
    socklen_t len = is_ipv6 ? sizeof(v6) : sizeof(v4);
    require(bind(socket, address, len) == 0);
    require(getsockname(socket, address, &len) == 0);
    return ntohs(is_ipv6 ? v6.sin6_port : v4.sin_port);
}

struct https_server *https_server_start(const struct https_server_options *options)
{
    struct https_server *server = calloc(1, sizeof(*server));
    require(server != NULL);
    signal(SIGPIPE, SIG_IGN);
    server->options = *options;
    server->context = options->certificate ? make_context(options) : NULL;
    server->socket = socket(options->is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
    server->port = bind_to_loopback(server->socket, options->is_ipv6);
    require(listen(server->socket, 16) == 0);
    require(pthread_create(&server->thread, NULL, accept_all, server) == 0);
    return server;
}

void https_server_stop(struct https_server *server)
{
    shutdown(server->socket, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->socket);
    for (int i = 0; i < server->connection_count; i++) {
        struct connection *c = server->connections[i];
        shutdown(c->socket, SHUT_RDWR);
        pthread_join(c->thread, NULL);
        SSL_free(c->ssl);
        close(c->socket);
        free(c);
    }
    SSL_CTX_free(server->context);
    free(server);
}

int https_server_port(const struct https_server *server)
{
    return server->port;
}

int https_server_connections(const struct https_server *server)
{
    return server->connection_count;
}

const char *https_server_sni(const struct https_server *server)
{
    return server->sni;
}

const char *https_server_tls_version(const struct https_server *server)
{
    return server->tls_version;
}

int https_server_resumed(const struct https_server *server)
{
    return server->resumed_count;
}
