// The baseline: the least a verified download to a file can cost. One TLS connection, one GET, and a loop that
// reads, hashes and writes. No flash, no checks of the image, no durability.
//
//     bench_minimal HOST PORT PATH CA.pem OUT

#include <fcntl.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>

#define BUFFER_LEN 16384 // fact: the largest TLS record, so one read never waits for a second one

static char s_buffer[BUFFER_LEN];

static void fail(const char *what)
{
    fprintf(stderr, "bench_minimal: %s failed\n", what);
    exit(1);
}

static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        fail("getaddrinfo");
    }
    for (const struct addrinfo *at = found; at; at = at->ai_next) {
        int fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) == 0) {
            freeaddrinfo(found);
            return fd;
        }
        (void)close(fd);
    }
    fail("connect");
    return -1;
}

static SSL *start_tls(int fd, const char *host, const char *ca)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context || SSL_CTX_load_verify_locations(context, ca, NULL) != 1) {
        fail("loading the CA");
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL *ssl = SSL_new(context);
    if (!ssl || SSL_set1_host(ssl, host) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1 ||
        SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1) {
        fail("the TLS handshake");
    }
    return ssl;
}

// Reads the response head; leaves the first body bytes at the start of the buffer. @return how many
static int skip_head(SSL *ssl)
{
    int have = 0;
    for (;;) {
        int len = SSL_read(ssl, s_buffer + have, BUFFER_LEN - 1 - have);
        if (len <= 0) {
            fail("reading the head");
        }
        have += len;
        s_buffer[have] = '\0';
        const char *end = strstr(s_buffer, "\r\n\r\n");
        if (end) {
            int head = (int)(end - s_buffer) + 4;
            if (!strstr(s_buffer, " 200 ")) {
                fail("the request");
            }
            memmove(s_buffer, s_buffer + head, (size_t)(have - head));
            return have - head;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: bench_minimal HOST PORT PATH CA.pem OUT\n");
        return 2;
    }
    SSL *ssl = start_tls(connect_to(argv[1], argv[2]), argv[1], argv[4]);
    char request[1024];
    int len =
        snprintf(request, sizeof(request),
                 "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", argv[3], argv[1]);
    int out = open(argv[5], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (SSL_write(ssl, request, len) != len || out < 0 || !hash ||
        EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1) {
        fail("the set-up");
    }
    long long total = 0;
    for (len = skip_head(ssl); len > 0 || total == 0; len = SSL_read(ssl, s_buffer, BUFFER_LEN)) {
        if (len <= 0) {
            break;
        }
        if (EVP_DigestUpdate(hash, s_buffer, (size_t)len) != 1 ||
            write(out, s_buffer, (size_t)len) != len) {
            fail("hashing or writing");
        }
        total += len;
    }
    unsigned char digest[32];
    if (EVP_DigestFinal_ex(hash, digest, NULL) != 1 || close(out) != 0) {
        fail("the end");
    }
    printf("%lld bytes\n", total);
    return 0;
}
