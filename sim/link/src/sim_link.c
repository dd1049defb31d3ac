#include "sim_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_transport.h"

#define SEGMENT        1440u // fact: lwIP's TCP_MSS as ESP-IDF sets it
#define INITIAL_WINDOW 10u   // fact: RFC 6928: segments a server sends at once
#define UNREAD         UINT64_MAX

struct sim_link {
    struct sim_link_config config;
    struct virtual_clock *clock;
    const uint8_t *body;
    uint32_t len;
    uint32_t position;    // bytes the reader took
    uint32_t segments;    // of the file
    uint32_t scheduled;   // segments whose arrival is known
    uint64_t segment_ns;  // between two segments
    uint64_t answered_ns; // when the first byte can be there
    uint64_t *arrived_ns; // [segments]
    uint64_t *read_ns;    // [segments], UNREAD
    uint64_t spent_ns[SIM_LINK_ACTIVITY_COUNT];
    sim_link_observer observer;
    void *observer_context;
    bool (*idle_work)(void *context);
    void *idle_context;
    struct esp_transport_item_t item;
};

// The square root, rounded down.
static uint64_t root_of(uint64_t square)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit; bit >>= 1) {
        if ((root + bit) * (root + bit) <= square) {
            root += bit;
        }
    }
    return root;
}

// fact: Mathis and others, "The macroscopic behavior of the TCP congestion avoidance algorithm": rate = MSS / RTT * 1.22 / sqrt(p)
static uint64_t rate_with_loss(const struct sim_link_config *config)
{
    if (config->loss_ppm == 0 || config->round_trip_ns == 0) {
        return config->bytes_per_s;
    }
    uint64_t per_mille_of_segment = 1220 * 1000 / (root_of(config->loss_ppm) + 1);
    uint64_t rate =
        SEGMENT * per_mille_of_segment * (VIRTUAL_NS_PER_S / 1000) / config->round_trip_ns;
    return rate < config->bytes_per_s ? rate + 1 : config->bytes_per_s;
}

struct sim_link *sim_link_create(const struct sim_link_config *config, struct virtual_clock *clock,
                                 const uint8_t *body, uint32_t len)
{
    struct sim_link *link = calloc(1, sizeof(*link));
    if (!link) {
        return NULL;
    }
    link->config = *config;
    link->clock = clock;
    link->body = body;
    link->len = len;
    link->segments = (len + SEGMENT - 1) / SEGMENT;
    link->segment_ns = SEGMENT * VIRTUAL_NS_PER_S / rate_with_loss(config);
    link->arrived_ns = calloc(link->segments + 1, sizeof(uint64_t));
    link->read_ns = calloc(link->segments + 1, sizeof(uint64_t));
    if (!link->arrived_ns || !link->read_ns) {
        sim_link_destroy(link);
        return NULL;
    }
    return link;
}

void sim_link_destroy(struct sim_link *link)
{
    if (link) {
        free(link->arrived_ns);
        free(link->read_ns);
        free(link);
    }
}

void sim_link_observe(struct sim_link *link, sim_link_observer observer, void *context)
{
    link->observer = observer;
    link->observer_context = context;
}

uint64_t sim_link_spent_ns(const struct sim_link *link, enum sim_link_activity activity)
{
    return link->spent_ns[activity];
}

bool sim_link_is_drained(const struct sim_link *link)
{
    return link->position == link->len;
}

// ----------------------------------------------------------------------- time

static void spend(struct sim_link *link, enum sim_link_activity activity, uint64_t start_ns,
                  uint64_t end_ns)
{
    link->spent_ns[activity] += end_ns - start_ns;
    if (link->observer) {
        link->observer(link->observer_context, activity, start_ns, end_ns);
    }
}

// Until then the one who waits may do other work; what is left over is waiting.
static void wait_until(struct sim_link *link, uint64_t then_ns)
{
    while (link->clock->now_ns < then_ns) {
        if (link->idle_work && link->idle_work(link->idle_context)) {
            continue;
        }
        uint64_t start = link->clock->now_ns;
        link->clock->now_ns = then_ns;
        spend(link, SIM_LINK_WAITING, start, then_ns);
    }
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

// Works out when segments arrive, as far as it is decided: a segment beyond the window waits for the reader.
static void schedule(struct sim_link *link)
{
    uint32_t window = link->config.window / SEGMENT;
    window = window > 0 ? window : 1;
    for (; link->scheduled < link->segments; link->scheduled++) {
        uint32_t i = link->scheduled;
        uint64_t at = i == 0 ? link->answered_ns : link->arrived_ns[i - 1] + link->segment_ns;
        if (i >= window) {
            if (link->read_ns[i - window] == UNREAD) {
                return;
            }
            at = later(at, link->read_ns[i - window] + link->config.round_trip_ns);
        }
        if (i >= INITIAL_WINDOW) { // slow start: each segment that arrived lets two more go
            at = later(at, link->arrived_ns[(i - INITIAL_WINDOW) / 2] + link->config.round_trip_ns);
        }
        link->arrived_ns[i] = at;
        spend(link, SIM_LINK_CARRYING, at - link->segment_ns, at);
    }
}

void sim_link_connect(struct sim_link *link)
{
    uint64_t connected_ns = link->clock->now_ns + link->config.handshake_ns;
    spend(link, SIM_LINK_CARRYING, link->clock->now_ns, connected_ns);
    wait_until(link, connected_ns);
    link->position = 0;
    link->scheduled = 0;
    for (uint32_t i = 0; i < link->segments; i++) {
        link->read_ns[i] = UNREAD;
    }
    link->answered_ns = link->clock->now_ns + link->config.round_trip_ns + link->segment_ns;
}

uint32_t sim_link_read(struct sim_link *link, uint8_t *buf, uint32_t len)
{
    uint32_t got = 0;
    while (got < len && link->position < link->len) {
        uint32_t segment = link->position / SEGMENT;
        uint32_t end = (segment + 1) * SEGMENT < link->len ? (segment + 1) * SEGMENT : link->len;
        schedule(link);
        wait_until(link, link->arrived_ns[segment]);
        uint32_t part = end - link->position < len - got ? end - link->position : len - got;
        memcpy(buf + got, link->body + link->position, part);
        got += part;
        link->position += part;
        if (link->position == end) {
            link->read_ns[segment] = link->clock->now_ns;
        }
    }
    return got;
}

// ----------------------------------------------------------------------- the transport seam

struct http_transport {
    struct sim_link *link;
    struct http_header header;
    char length[16];
    struct http_response response;
};

static const struct http_failure NO_FAILURE = {.text = "the modelled link does not fail"};

static esp_err_t resolve_url(const char *base, const char *reference, struct http_url *url)
{
    return esp_http_transport.resolve_url(base, reference, url);
}

static esp_err_t create(void *context, const struct http_transport_settings *settings,
                        struct http_transport **out)
{
    (void)settings;
    struct http_transport *transport = calloc(1, sizeof(*transport));
    if (!transport) {
        return ESP_ERR_NO_MEM;
    }
    transport->link = context;
    *out = transport;
    return ESP_OK;
}

static void destroy(struct http_transport *transport)
{
    free(transport);
}

static esp_err_t begin(struct http_transport *transport, const struct http_request *request)
{
    transport->link->idle_work = request->idle_work;
    transport->link->idle_context = request->idle_context;
    return ESP_OK;
}

static esp_err_t connect_to_server(struct http_transport *transport, int wait_ms, bool *is_new)
{
    (void)wait_ms;
    sim_link_connect(transport->link);
    *is_new = true;
    return ESP_OK;
}

static esp_err_t write_body(struct http_transport *transport, const void *data, size_t len,
                            int wait_ms, size_t *written)
{
    (void)transport;
    (void)data;
    (void)wait_ms;
    *written = len;
    return ESP_OK;
}

static esp_err_t end_body(struct http_transport *transport, int wait_ms)
{
    (void)transport;
    (void)wait_ms;
    return ESP_OK;
}

static esp_err_t fetch_headers(struct http_transport *transport, int wait_ms,
                               const struct http_response **response)
{
    static char name[] = "Content-Length";
    (void)wait_ms;
    wait_until(transport->link, transport->link->answered_ns);
    (void)snprintf(transport->length, sizeof(transport->length), "%u",
                   (unsigned)transport->link->len);
    transport->header = (struct http_header){name, transport->length};
    transport->response = (struct http_response){
        .status = 200, .minor_version = 1, .headers = &transport->header, .header_count = 1};
    *response = &transport->response;
    return ESP_OK;
}

static esp_err_t read_body(struct http_transport *transport, void *buf, size_t len, int wait_ms,
                           size_t *got)
{
    (void)wait_ms;
    *got = sim_link_read(transport->link, buf, len < UINT32_MAX ? (uint32_t)len : UINT32_MAX);
    return ESP_OK;
}

static size_t buffered(const struct http_transport *transport)
{
    (void)transport;
    return 0;
}

static void do_nothing(struct http_transport *transport)
{
    (void)transport;
}

static int get_socket(const struct http_transport *transport)
{
    (void)transport;
    return -1;
}

static const struct http_failure *get_failure(const struct http_transport *transport)
{
    (void)transport;
    return &NO_FAILURE;
}

static const struct http_transport_ops LINK_OPS = {
    .resolve_url = resolve_url,
    .create = create,
    .destroy = destroy,
    .begin = begin,
    .connect = connect_to_server,
    .write = write_body,
    .end_body = end_body,
    .fetch_headers = fetch_headers,
    .read = read_body,
    .buffered = buffered,
    .discard = do_nothing,
    .close = do_nothing,
    .get_socket = get_socket,
    .get_failure = get_failure,
};

struct esp_transport_item_t *sim_link_transport(struct sim_link *link)
{
    link->item = (struct esp_transport_item_t){.ops = &LINK_OPS, .context = link};
    return &link->item;
}
