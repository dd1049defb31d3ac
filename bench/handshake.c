// What a TLS handshake costs a client, full and resumed: CPU and wall time of one, over many.
//
//     bench_handshake HOST PORT CA.pem COUNT     one line of JSON

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

static SSL_SESSION *s_session; // the newest ticket

static void fail(const char *what)
{
    fprintf(stderr, "bench_handshake: %s failed\n", what);
    exit(1);
}

static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        fail("getaddrinfo");
    }
    int fd = -1;
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) == 0) {
            break;
        }
        (void)close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    if (fd < 0) {
        fail("connect");
    }
    return fd;
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(s_session);
    s_session = session;
    return 1; // it is ours now
}

// One request, so that the ticket that TLS 1.3 sends behind the handshake is read, too. Returns whether it was resumed.
static int shake_hands(SSL_CTX *context, const char *host, const char *port, int resumes)
{
    static const char REQUEST[] = "HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char answer[4096];
    int fd = connect_to(host, port);
    SSL *ssl = SSL_new(context);
    if (!ssl || SSL_set1_host(ssl, host) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1 ||
        SSL_set_fd(ssl, fd) != 1 || (resumes && SSL_set_session(ssl, s_session) != 1) ||
        SSL_connect(ssl) != 1) {
        fail("the TLS handshake");
    }
    if (SSL_write(ssl, REQUEST, sizeof(REQUEST) - 1) <= 0) {
        fail("the request");
    }
    while (SSL_read(ssl, answer, sizeof(answer)) > 0) {
    }
    int is_resumed = SSL_session_reused(ssl);
    (void)SSL_shutdown(ssl); // else the session would count as broken
    SSL_free(ssl);
    (void)close(fd);
    return is_resumed;
}

static double cpu_ms(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage); // exists on every Linux
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static double wall_ms(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at); // exists on every Linux
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench_handshake HOST PORT CA.pem COUNT\n");
        return 2;
    }
    int count = (int)strtol(argv[4], NULL, 10);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (count < 1 || !context || SSL_CTX_load_verify_locations(context, argv[3], NULL) != 1) {
        fail("the set-up");
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    (void)shake_hands(context, argv[1], argv[2], 0); // does not count
    for (int resumes = 0; resumes <= 1; resumes++) {
        int resumed = 0;
        double cpu = cpu_ms();
        double wall = wall_ms();
        for (int i = 0; i < count; i++) {
            resumed += shake_hands(context, argv[1], argv[2], resumes);
        }
        printf("%s\"%s\": {\"cpu_ms\": %.4f, \"wall_ms\": %.4f, \"resumed\": %d}",
               resumes ? ", " : "{", resumes ? "resumed" : "full", (cpu_ms() - cpu) / count,
               (wall_ms() - wall) / count, resumed);
    }
    printf("}\n");
    SSL_SESSION_free(s_session);
    SSL_CTX_free(context);
    return 0;
}
