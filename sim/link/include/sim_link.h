/**
 * A network link in virtual time, with one server behind it that has one file.
 *
 * The model: the server sends segments as fast as the link carries them, never more than the receive window beyond what the
 * reader took and the congestion window beyond what arrived. What is freed reaches the server, and what it then
 * sends the reader, one round trip later.
 */
#pragma once

#include "esp_http_client.h"
#include "virtual_clock.h"

#ifdef __cplusplus
extern "C" {
#endif

struct sim_link_config {
    uint64_t bytes_per_s; // above 0
    uint64_t round_trip_ns;
    uint32_t
        window; // bytes the receiver takes in without the reader: lwIP's TCP_WND; at least one segment counts
    uint32_t loss_ppm; // segments lost in a million: lowers the rate as TCP does
    uint64_t
        handshake_ns; // from the first packet to a connection that can be used: DNS, TCP, TLS with its arithmetic
};

struct sim_link;

/**
 * Makes a link to a file. len bytes at body are borrowed.
 * @return NULL: no memory
 */
struct sim_link *sim_link_create(const struct sim_link_config *config, struct virtual_clock *clock,
                                 const uint8_t *body, uint32_t len);

/** Frees; NULL is harmless. */
void sim_link_destroy(struct sim_link *link);

/** For esp_http_client_config_t.transport: every URL is that file, every request gets all of it. */
struct esp_transport_item_t *sim_link_transport(struct sim_link *link);

/** Connects and asks for the file; the clock goes on until its first byte is there. */
void sim_link_connect(struct sim_link *link);

/** Takes the next bytes, as many as fit, waiting for all of them. @return 0: the file is over */
uint32_t sim_link_read(struct sim_link *link, uint8_t *buf, uint32_t len);

enum sim_link_activity {
    SIM_LINK_CARRYING, // a handshake or a segment is under way, whatever the device does meanwhile
    SIM_LINK_WAITING,  // the device has nothing to do but wait for the network
    SIM_LINK_ACTIVITY_COUNT,
};

/** Told about everything that happens on a link; a segment is told when its arrival is decided, which may be ahead of the clock. */
typedef void (*sim_link_observer)(void *context, enum sim_link_activity activity, uint64_t start_ns,
                                  uint64_t end_ns);

/** Time spent on an activity so far. */
uint64_t sim_link_spent_ns(const struct sim_link *link, enum sim_link_activity activity);

/** Whether the reader has taken all of the file. */
bool sim_link_is_drained(const struct sim_link *link);

/** Names who is told; NULL: nobody. */
void sim_link_observe(struct sim_link *link, sim_link_observer observer, void *context);

#ifdef __cplusplus
}
#endif
