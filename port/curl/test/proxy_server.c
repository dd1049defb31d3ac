#include "proxy_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>

#define CONNECTIONS_MAX 64
#define HEAD_MAX        8192

struct tunnel {
    struct proxy_server *proxy;
    pthread_t thread;
    int client;
    int server; // -1: none
};

struct proxy_server {
    struct proxy_server_options options;
    int socket;
    int port;
    pthread_t thread;
    struct tunnel *tunnels[CONNECTIONS_MAX];
    atomic_int connection_count;
    pthread_mutex_t lock;
    char heard[65536];
};

static void require(bool ok)
{
    if (!ok) {
        perror("proxy_server");
        abort();
    }
}

static void hear(struct proxy_server *proxy, const char *text)
{
    pthread_mutex_lock(&proxy->lock);
    strncat(proxy->heard, text, sizeof(proxy->heard) - strlen(proxy->heard) - 1);
    pthread_mutex_unlock(&proxy->lock);
}

static bool send_bytes(int socket, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = send(socket, at, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        at += n;
        len -= (size_t)n;
    }
    return true;
}

static bool receive_bytes(int socket, void *data, size_t len)
{
    return recv(socket, data, len, MSG_WAITALL) == (ssize_t)len;
}

static bool reach_server(struct tunnel *t)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)t->proxy->options.target_port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    t->server = socket(AF_INET, SOCK_STREAM, 0);
    return connect(t->server, (struct sockaddr *)&address, sizeof(address)) == 0;
}

/* Both directions until one side ends. */
static void relay(struct tunnel *t)
{
    struct pollfd sides[2] = {{.fd = t->client, .events = POLLIN},
                              {.fd = t->server, .events = POLLIN}};
    char buffer[16384];
    for (;;) {
        require(poll(sides, 2, -1) > 0);
        for (int i = 0; i < 2; i++) {
            if (sides[i].revents) {
                ssize_t n = recv(sides[i].fd, buffer, sizeof(buffer), 0);
                if (n <= 0 || !send_bytes(sides[1 - i].fd, buffer, (size_t)n)) {
                    return;
                }
            }
        }
    }
}

static void wait_for_end(struct tunnel *t)
{
    char byte;
    while (recv(t->client, &byte, 1, 0) > 0) {
    }
}

static bool is_refused(const struct proxy_server_options *options, const char *host)
{
    return options->refusal &&
           (!options->unknown_host || strstr(host, options->unknown_host) != NULL);
}

// ---------------------------------------------------------------------------------------------- HTTP

static bool has_credentials(const struct proxy_server_options *options, const char *head)
{
    char encoded[200];
    char line[256];
    if (!options->credentials) {
        return true;
    }
    EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)options->credentials,
                    (int)strlen(options->credentials));
    snprintf(line, sizeof(line), "\r\nProxy-Authorization: Basic %s\r\n", encoded);
    return strstr(head, line) != NULL;
}

/* The head of a request, terminated; exactly that, so that nothing of TLS is eaten. */
static bool read_head(struct tunnel *t, char head[HEAD_MAX])
{
    size_t len = 0;
    do {
        if (len == HEAD_MAX - 1 || recv(t->client, head + len, 1, 0) != 1) {
            return false;
        }
        head[++len] = '\0';
    } while (len < 4 || strcmp(head + len - 4, "\r\n\r\n") != 0);
    hear(t->proxy, head);
    return true;
}

static void refuse(struct tunnel *t, int status, const char *extra)
{
    char text[200];
    snprintf(text, sizeof(text), "HTTP/1.1 %d Refused\r\n%sContent-Length: 2\r\n\r\nno", status,
             extra);
    send_bytes(t->client, text, strlen(text));
    wait_for_end(t);
}

/* "GET http://host:port/path" becomes "GET /path", and what is for the proxy goes. One request per connection. */
static bool forward(struct tunnel *t, char *head)
{
    char *url = strstr(head, " http://");
    char *path = url ? strchr(url + 8, '/') : NULL;
    if (!path) {
        return false;
    }
    memmove(url + 1, path, strlen(path) + 1);
    char *secret = strstr(head, "\r\nProxy-Authorization:");
    if (secret) {
        char *end = strstr(secret + 2, "\r\n");
        memmove(secret, end, strlen(end) + 1);
    }
    return send_bytes(t->server, head, strlen(head));
}

static void serve_http(struct tunnel *t)
{
    char head[HEAD_MAX];
    if (!read_head(t, head)) {
        return;
    }
    const struct proxy_server_options *options = &t->proxy->options;
    if (!has_credentials(options, head)) {
        refuse(t, 407, "Proxy-Authenticate: Basic realm=\"proxy\"\r\n");
    } else if (is_refused(options, head)) {
        refuse(t, options->refusal, "");
    } else if (!reach_server(t)) {
        refuse(t, 502, "");
    } else if (strncmp(head, "CONNECT ", 8) == 0) {
        static const char yes[] =
            "HTTP/1.1 200 Connected\r\nX-Proxy: yes\r\nSet-Cookie: p=1\r\n\r\n";
        if (send_bytes(t->client, yes, sizeof(yes) - 1)) {
            relay(t);
        }
    } else if (forward(t, head)) {
        relay(t);
    }
}

// --------------------------------------------------------------------------------------------- SOCKS5

static bool negotiate(struct tunnel *t)
{
    unsigned char methods[257];
    unsigned char wanted = t->proxy->options.credentials ? 2 : 0; // fact: RFC 1928, 3
    if (!receive_bytes(t->client, methods, 2) || methods[0] != 5 ||
        !receive_bytes(t->client, methods + 2, methods[1])) {
        return false;
    }
    bool offered = memchr(methods + 2, wanted, methods[1]) != NULL;
    unsigned char choice[2] = {5, offered ? wanted : 0xff};
    return send_bytes(t->client, choice, 2) && offered;
}

/* fact: RFC 1929, 2 */
static bool check_password(struct tunnel *t)
{
    unsigned char len;
    unsigned char head[2];
    char given[520] = {0};
    if (!t->proxy->options.credentials) {
        return true;
    }
    if (!receive_bytes(t->client, head, 2) || !receive_bytes(t->client, given, head[1]) ||
        !receive_bytes(t->client, &len, 1)) {
        return false;
    }
    given[head[1]] = ':';
    if (!receive_bytes(t->client, given + head[1] + 1, len)) {
        return false;
    }
    bool right = strcmp(given, t->proxy->options.credentials) == 0;
    unsigned char answer[2] = {1, !right};
    return send_bytes(t->client, answer, 2) && right;
}

static bool read_destination(struct tunnel *t, char *text, size_t size)
{
    unsigned char head[4];
    unsigned char len = 4;
    char host[256] = {0};
    unsigned char port[2];
    if (!receive_bytes(t->client, head, 4) ||
        (head[3] == 3 && !receive_bytes(t->client, &len, 1))) {
        return false;
    }
    len = head[3] == 4 ? 16 : len;
    if (!receive_bytes(t->client, host, len) || !receive_bytes(t->client, port, 2)) {
        return false;
    }
    bool is_name = head[3] == 3;
    snprintf(text, size, "%s%s:%d\n", is_name ? "name " : "address ", is_name ? host : "-",
             port[0] << 8 | port[1]);
    hear(t->proxy, text);
    return true;
}

static void serve_socks(struct tunnel *t)
{
    char destination[300];
    if (!negotiate(t) || !check_password(t) ||
        !read_destination(t, destination, sizeof(destination))) {
        return;
    }
    const struct proxy_server_options *options = &t->proxy->options;
    int refusal = is_refused(options, destination) ? options->refusal : !reach_server(t) ? 5 : 0;
    unsigned char answer[10] = {5, (unsigned char)refusal, 0, 1};
    if (send_bytes(t->client, answer, sizeof(answer)) && refusal == 0) {
        relay(t);
    }
}

// ------------------------------------------------------------------------------------------ lifetime

static void *serve(void *arg)
{
    struct tunnel *t = arg;
    if (t->proxy->options.is_silent) {
        wait_for_end(t);
    } else if (t->proxy->options.is_socks) {
        serve_socks(t);
    } else {
        serve_http(t);
    }
    shutdown(t->client, SHUT_RDWR);
    if (t->server >= 0) {
        shutdown(t->server, SHUT_RDWR);
    }
    return NULL;
}

static void *accept_all(void *arg)
{
    struct proxy_server *proxy = arg;
    for (;;) {
        int client = accept(proxy->socket, NULL, NULL);
        if (client < 0 || proxy->connection_count == CONNECTIONS_MAX) {
            return NULL;
        }
        struct tunnel *t = calloc(1, sizeof(*t));
        require(t != NULL);
        *t = (struct tunnel){.proxy = proxy, .client = client, .server = -1};
        proxy->tunnels[proxy->connection_count++] = t;
        require(pthread_create(&t->thread, NULL, serve, t) == 0);
    }
}

struct proxy_server *proxy_server_start(const struct proxy_server_options *options)
{
    struct proxy_server *proxy = calloc(1, sizeof(*proxy));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    require(proxy != NULL);
    signal(SIGPIPE, SIG_IGN);
    proxy->options = *options;
    pthread_mutex_init(&proxy->lock, NULL);
    proxy->socket = socket(AF_INET, SOCK_STREAM, 0);
    require(bind(proxy->socket, (struct sockaddr *)&address, len) == 0);
    require(listen(proxy->socket, 16) == 0);
    require(getsockname(proxy->socket, (struct sockaddr *)&address, &len) == 0);
    proxy->port = ntohs(address.sin_port);
    require(pthread_create(&proxy->thread, NULL, accept_all, proxy) == 0);
    return proxy;
}

void proxy_server_stop(struct proxy_server *proxy)
{
    shutdown(proxy->socket, SHUT_RDWR);
    pthread_join(proxy->thread, NULL);
    close(proxy->socket);
    for (int i = 0; i < proxy->connection_count; i++) {
        struct tunnel *t = proxy->tunnels[i];
        shutdown(t->client, SHUT_RDWR);
        pthread_join(t->thread, NULL);
        close(t->client);
        if (t->server >= 0) {
            close(t->server);
        }
        free(t);
    }
    pthread_mutex_destroy(&proxy->lock);
    free(proxy);
}

int proxy_server_port(const struct proxy_server *proxy)
{
    return proxy->port;
}

int proxy_server_connections(const struct proxy_server *proxy)
{
    return proxy->connection_count;
}

const char *proxy_server_heard(const struct proxy_server *proxy)
{
    return proxy->heard;
}

void proxy_server_clear_environment(void)
{
    static const char *const names[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unsetenv(names[i]);
    }
}
