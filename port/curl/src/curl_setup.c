/* Every option curl gets: those of the connection once, those of the request each time. */
#include "curl_transport.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define RECEIVE_MIN                                                                                \
    (64 * 1024) // chosen: plain HTTP needs few calls then; TLS never gives more than 16 KiB
#define RECEIVE_MAX (512 * 1024) // fact: CURLOPT_BUFFERSIZE(3), upper limit

static size_t receive_size(const struct http_transport *transport)
{
    size_t size = transport->settings.buffer_size;
    return size < RECEIVE_MIN ? RECEIVE_MIN : size > RECEIVE_MAX ? RECEIVE_MAX : size;
}

static int set_up_socket(void *user, curl_socket_t socket, curlsocktype purpose)
{
    struct http_transport *transport = user;
    int count = transport->settings.keep_alive_count;
    (void)purpose;
    memmove(transport->candidates + 1, transport->candidates,
            sizeof(transport->candidates) - sizeof(transport->candidates[0]));
    transport->candidates[0] = (int)socket;
#ifdef TCP_KEEPCNT
    if (transport->settings.keep_alive &&
        setsockopt(socket, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count)) != 0) {
        return CURL_SOCKOPT_ERROR;
    }
#endif
    return CURL_SOCKOPT_OK;
}

static int local_port_of(int socket)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    if (getsockname(socket, (struct sockaddr *)&address, &len) != 0) {
        return -1;
    }
    // fact: the port is at the same place for IPv4 and IPv6.
    return ntohs(((const struct sockaddr_in *)(const void *)&address)->sin_port);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the signature is curl's.
static int note_connected(void *user, char *remote, char *local, int remote_port, int local_port)
{
    struct http_transport *transport = user;
    (void)remote, (void)local, (void)remote_port;
    transport->is_connected = true;
    for (int i = 0; i < CURL_CANDIDATES; i++) {
        if (transport->candidates[i] > 0 && local_port_of(transport->candidates[i]) == local_port) {
            transport->socket = transport->candidates[i];
            break;
        }
    }
    return CURL_PREREQFUNC_OK;
}

static CURLcode fill_tls_context(CURL *easy, void *ssl_context, void *user)
{
    struct http_transport *transport = user;
    (void)easy;
    transport->is_handshaking = true;
    transport->said_goodbye = false;
    return curl_tls_fill_context(transport->tls, ssl_context, &transport->said_goodbye);
}

static size_t take_header(char *line, size_t size, size_t count, void *user)
{
    struct http_transport *transport = user;
    size_t len = size * count;
    bool was_complete = transport->head.complete;
    if (!curl_head_take_line(&transport->head, line, len)) {
        return 0;
    }
    if (transport->head.complete && !was_complete && transport->head.status == 401) {
        transport->challenges++;
    }
    // curl answers every stale nonce without asking, so only an error stops it.
    return transport->challenges < CURL_CHALLENGES_MAX ? len : 0;
}

/* Body bytes: into the reader's buffer as far as they fit, the rest into the stash. */
static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
    struct http_transport *transport = user;
    size_t len = size * count;
    size_t direct = transport->target_capacity - transport->target_len;
    direct = !transport->target || transport->stash_len > 0 ? 0 : len < direct ? len : direct;
    size_t rest = len - direct;
    if (transport->stash_len == 0) {
        transport->stash_start = 0;
    }
    size_t stash_end = transport->stash_start + transport->stash_len;
    if (rest > transport->stash_capacity - stash_end) {
        transport->is_receive_paused = true;
        return CURL_WRITEFUNC_PAUSE; // curl offers all of len again
    }
    transport->had_body_bytes = true;
    if (direct > 0) {
        memcpy(transport->target + transport->target_len, bytes, direct);
        transport->target_len += direct;
    }
    if (rest > 0) {
        memcpy(transport->stash + stash_end, bytes + direct, rest);
        transport->stash_len += rest;
    }
    return len;
}

static size_t give_body(char *buffer, size_t size, size_t count, void *user)
{
    struct http_transport *transport = user;
    size_t room = size * count;
    size_t len = transport->upload_len < room ? transport->upload_len : room;
    if (len == 0) {
        transport->is_send_paused = !transport->upload_ended;
        return transport->upload_ended ? 0 : CURL_READFUNC_PAUSE;
    }
    memcpy(buffer, transport->upload, len);
    transport->upload += len;
    transport->upload_len -= len;
    transport->upload_taken += len;
    return len;
}

/* curl rewinds to send again on another connection; that works as long as nothing was taken. */
static int rewind_body(void *user, curl_off_t offset, int origin)
{
    const struct http_transport *transport = user;
    bool at_start = origin == SEEK_SET && offset == 0 && transport->upload_taken == 0;
    return at_start ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

static void set_callbacks(struct http_transport *transport)
{
    CURL *easy = transport->easy;
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transport->curl_text);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, note_connected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transport);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transport);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transport);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, transport);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, rewind_body);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, transport);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, set_up_socket);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, transport);
}

/* What curl would decide or add by itself is the client's business. */
static void set_plain_http(CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, ""); // curl_proxy.c has read the environment
    curl_easy_setopt(easy, CURLOPT_PROXYAUTH, (long)CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_SOCKS5_AUTH, (unsigned long)CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_HEADEROPT,
                     (long)CURLHEADER_SEPARATE); // ours are not the proxy's
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); // giving up does not wait for the name server
}

static void set_connection(struct http_transport *transport)
{
    static const long versions[] = {CURL_IPRESOLVE_WHATEVER, CURL_IPRESOLVE_V4, CURL_IPRESOLVE_V6};
    const struct http_transport_settings *settings = &transport->settings;
    CURL *easy = transport->easy;
    char interface[64];
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)receive_size(transport));
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, settings->keep_alive ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)settings->keep_alive_idle);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)settings->keep_alive_interval);
    curl_easy_setopt(easy, CURLOPT_IPRESOLVE,
                     versions[settings->ip_version == 4   ? 1
                              : settings->ip_version == 6 ? 2
                                                          : 0]);
    if (settings->interface) {
        snprintf(interface, sizeof(interface), "if!%s", settings->interface);
        curl_easy_setopt(easy, CURLOPT_INTERFACE, interface);
    }
}

static void set_tls(struct http_transport *transport)
{
    const struct http_transport_settings *settings = &transport->settings;
    CURL *easy = transport->easy;
    long version =
        settings->tls_version == 13 ? (long)CURL_SSLVERSION_TLSv1_3 : (long)CURL_SSLVERSION_TLSv1_2;
    version |= settings->tls_version == 12 ? (long)CURL_SSLVERSION_MAX_TLSv1_2 : 0L;
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, version);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, settings->skip_name_check ? 0L : 2L);
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL); // only curl_tls.c says who is trusted
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, settings->save_session ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, fill_tls_context);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, transport);
}

esp_err_t curl_setup_handle(struct http_transport *transport)
{
    transport->easy = curl_easy_init();
    transport->multi = curl_multi_init();
    transport->stash_capacity = receive_size(transport) + CURL_MAX_WRITE_SIZE;
    transport->stash = malloc(transport->stash_capacity);
    if (!transport->easy || !transport->multi || !transport->stash) {
        return ESP_ERR_NO_MEM;
    }
    curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS, 1L);
    set_callbacks(transport);
    set_plain_http(transport->easy);
    set_connection(transport);
    set_tls(transport);
    return ESP_OK;
}

void curl_setup_free_request(struct http_transport *transport)
{
    curl_slist_free_all(transport->header_lines);
    curl_slist_free_all(transport->connect_to);
    free(transport->url);
    transport->header_lines = NULL;
    transport->connect_to = NULL;
    transport->url = NULL;
}

static bool append_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (!longer) {
        return false;
    }
    *list = longer;
    return true;
}

static bool append_header(struct curl_slist **list, const struct http_header *header)
{
    size_t size = strlen(header->name) + strlen(header->value) + 3;
    char *line = malloc(size);
    if (!line) {
        return false;
    }
    // fact: CURLOPT_HTTPHEADER(3): "Name;" sends an empty value, "Name:" would remove the header.
    snprintf(line, size, header->value[0] ? "%s: %s" : "%s;%s", header->name, header->value);
    bool ok = append_line(list, line);
    free(line);
    return ok;
}

static bool has_header(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The request's headers, and the removal of those curl would add. */
static bool make_header_lines(struct http_transport *transport)
{
    const struct http_request *request = &transport->request;
    static const char *const unwanted[] = {"Accept", "Expect", "Content-Type", "User-Agent"};
    for (size_t i = 0; i < request->header_count; i++) {
        if (!append_header(&transport->header_lines, &request->headers[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++) {
        char line[24];
        snprintf(line, sizeof(line), "%s:", unwanted[i]);
        if (!has_header(request, unwanted[i]) && !append_line(&transport->header_lines, line)) {
            return false;
        }
    }
    if (request->has_body && request->body_len < 0) {
        return append_line(&transport->header_lines, "Transfer-Encoding: chunked");
    }
    return true;
}

/* The name in the URL is what curl sends as SNI and verifies; with common_name it is not the host we connect to. */
static bool make_url(struct http_transport *transport)
{
    const struct http_request *request = &transport->request;
    const char *name = transport->settings.common_name;
    const char *host = transport->is_https && name ? name : request->host;
    size_t size = strlen(request->scheme) + strlen(host) + strlen(request->target) + 16;
    transport->url = malloc(size);
    if (!transport->url) {
        return false;
    }
    snprintf(transport->url, size, "%s://%s:%d%s", request->scheme, host, request->port,
             request->target);
    if (host == request->host) {
        return true;
    }
    char to[300];
    snprintf(to, sizeof(to), "::%s:%d", request->host, request->port);
    return append_line(&transport->connect_to, to);
}

static void set_method(struct http_transport *transport)
{
    const struct http_request *request = &transport->request;
    CURL *easy = transport->easy;
    curl_easy_setopt(easy, CURLOPT_HTTPGET,
                     1L); // also undoes NOBODY and UPLOAD of the request before
    if (request->has_body) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_len);
    } else if (strcmp(request->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static bool set_proxy(struct http_transport *transport)
{
    const struct curl_proxy *proxy = &transport->proxy;
    CURL *easy = transport->easy;
    bool ok = curl_easy_setopt(easy, CURLOPT_PROXY, proxy->url ? proxy->url : "") == CURLE_OK;
    ok = curl_easy_setopt(easy, CURLOPT_PROXYUSERNAME, proxy->user) == CURLE_OK && ok;
    return curl_easy_setopt(easy, CURLOPT_PROXYPASSWORD, proxy->password) == CURLE_OK && ok;
}

/* Without HTTP/2 ALPN is left to curl_tls.c, which may have a list of the application's. */
static void set_http_version(struct http_transport *transport)
{
    bool offer_http2 = transport->request.offer_http2 && !transport->settings.alpn;
    curl_easy_setopt(transport->easy, CURLOPT_HTTP_VERSION,
                     offer_http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(transport->easy, CURLOPT_SSL_ENABLE_ALPN, offer_http2 ? 1L : 0L);
}

esp_err_t curl_setup_request(struct http_transport *transport)
{
    const struct http_request *request = &transport->request;
    CURL *easy = transport->easy;
    curl_setup_free_request(transport);
    if (!make_header_lines(transport) || !make_url(transport)) {
        return ESP_ERR_NO_MEM;
    }
    snprintf(transport->where, sizeof(transport->where), "%.140s:%d", request->host, request->port);
    set_method(transport);
    set_http_version(transport);
    bool ok = curl_easy_setopt(easy, CURLOPT_URL, transport->url) == CURLE_OK;
    ok = set_proxy(transport) && ok;
    ok = curl_easy_setopt(easy, CURLOPT_USERNAME, request->digest_user) == CURLE_OK && ok;
    ok = curl_easy_setopt(easy, CURLOPT_PASSWORD, request->digest_password) == CURLE_OK && ok;
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH,
                     request->digest_user ? (long)CURLAUTH_DIGEST : (long)CURLAUTH_NONE);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transport->header_lines);
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, transport->connect_to);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
    return ok ? ESP_OK : ESP_ERR_NO_MEM;
}
