// The link's arithmetic: what a rate, a round trip, a window and losses make of the time a file takes.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "esp_http_client.h"
#include "esp_http_client_ext.h"
#include "sim_link.h"

#define SEGMENT  1440u // fact: lwIP's TCP_MSS as ESP-IDF sets it
#define MS       (1000 * VIRTUAL_NS_PER_US)
#define ANY_SIZE (64u * 1024 * 1024) // a window that never closes
#define BODY_LEN (1000 * SEGMENT)

static uint8_t s_body[BODY_LEN];

struct fixture {
    struct virtual_clock clock;
    struct sim_link_config config;
    struct sim_link *link;
    int pieces_left;   // of idle work
    uint64_t piece_ns; // each takes
    int pieces_done;
    uint64_t observed_ns[SIM_LINK_ACTIVITY_COUNT];
};

static int setup(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof(fixture));
    for (uint32_t i = 0; i < BODY_LEN; i++) {
        s_body[i] = (uint8_t)(i * 7 + i / 251);
    }
    fixture.config = (struct sim_link_config){
        .bytes_per_s = SEGMENT * 1000, .round_trip_ns = 20 * MS, .window = ANY_SIZE};
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    sim_link_destroy(fixture->link);
    return 0;
}

static void note_activity(void *context, enum sim_link_activity activity, uint64_t start_ns,
                          uint64_t end_ns)
{
    struct fixture *fixture = context;
    fixture->observed_ns[activity] += end_ns - start_ns;
}

static void make_link(struct fixture *fixture, uint32_t len)
{
    sim_link_destroy(fixture->link);
    fixture->clock.now_ns = 0;
    memset(fixture->observed_ns, 0, sizeof(fixture->observed_ns));
    fixture->link = sim_link_create(&fixture->config, &fixture->clock, s_body, len);
    assert_non_null(fixture->link);
    sim_link_observe(fixture->link, note_activity, fixture);
}

// Time from the first packet to the last byte, for a reader that takes piece bytes at once and needs no time itself.
static uint64_t fetch_ns(struct fixture *fixture, uint32_t len, uint32_t piece)
{
    static uint8_t got[BODY_LEN];
    uint32_t position = 0;
    uint32_t part;
    make_link(fixture, len);
    sim_link_connect(fixture->link);
    while ((part = sim_link_read(fixture->link, got + position,
                                 piece < BODY_LEN - position ? piece : BODY_LEN - position)) > 0) {
        position += part;
    }
    assert_int_equal(position, len);
    assert_memory_equal(got, s_body, len);
    return fixture->clock.now_ns;
}

static void assert_about(uint64_t found, uint64_t wanted, unsigned per_mille)
{
    uint64_t difference = found > wanted ? found - wanted : wanted - found;
    if (difference > wanted * per_mille / 1000) {
        fail_msg("%.3f ms instead of about %.3f ms", (double)found / 1e6, (double)wanted / 1e6);
    }
}

// ----------------------------------------------------------------------- bytes

static void bytes_arrive_whole_whatever_the_reader_takes_at_once(void **state)
{
    static const uint32_t PIECES[] = {1, 7, 1439, 1440, 1441, 4096, 100000};
    struct fixture *fixture = *state;
    fixture->config.window = 4 * SEGMENT;
    for (size_t i = 0; i < sizeof(PIECES) / sizeof(PIECES[0]); i++) {
        (void)fetch_ns(fixture, 20 * SEGMENT + 3, PIECES[i]);
    }
    (void)fetch_ns(fixture, 1, 16);
    (void)fetch_ns(fixture, SEGMENT, 16);
}

static void an_empty_file_is_over_at_once(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(fetch_ns(fixture, 0, 16), 0);
}

// ----------------------------------------------------------------------- time

static void without_round_trip_the_rate_decides(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.round_trip_ns = 0;
    assert_int_equal(fetch_ns(fixture, BODY_LEN, 4096), 1000 * MS); // a segment a millisecond
    fixture->config.bytes_per_s *= 2;
    assert_int_equal(fetch_ns(fixture, BODY_LEN, 4096), 500 * MS);
}

static void a_long_transfer_runs_at_the_rate_when_the_window_is_wide(void **state)
{
    struct fixture *fixture = *state;
    assert_about(fetch_ns(fixture, BODY_LEN, 4096), 1000 * MS, 60);
}

static void a_narrow_window_brings_its_bytes_once_a_round_trip(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.window = 4 * SEGMENT; // 4 segments in 20 ms instead of 20
    assert_about(fetch_ns(fixture, BODY_LEN, 1440), BODY_LEN / (4 * SEGMENT) * 20 * MS, 20);
    fixture->config.round_trip_ns = 40 * MS;
    assert_about(fetch_ns(fixture, BODY_LEN, 1440), BODY_LEN / (4 * SEGMENT) * 40 * MS, 20);
}

static void a_window_below_a_segment_lets_one_segment_through(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.window = 1;
    assert_about(fetch_ns(fixture, 100 * SEGMENT, 1440), 100 * 20 * MS, 60);
}

static void the_server_stops_while_the_reader_is_busy_and_the_window_full(void **state)
{
    struct fixture *fixture = *state;
    uint8_t chunk[4 * SEGMENT];
    fixture->config.window = sizeof(chunk);
    make_link(fixture, BODY_LEN);
    sim_link_connect(fixture->link);
    assert_int_equal(sim_link_read(fixture->link, chunk, SEGMENT), SEGMENT);
    fixture->clock.now_ns += 1000 * MS; // an erase, say
    uint64_t before = fixture->clock.now_ns;
    assert_int_equal(sim_link_read(fixture->link, chunk, 3 * SEGMENT), 3 * SEGMENT);
    assert_int_equal(fixture->clock.now_ns, before); // these had come meanwhile
    assert_int_equal(sim_link_read(fixture->link, chunk, SEGMENT), SEGMENT);
    // the next one was let go by the first, read long ago: it is there, too
    assert_int_equal(fixture->clock.now_ns, before);
    assert_int_equal(sim_link_read(fixture->link, chunk, SEGMENT), SEGMENT);
    assert_int_equal(fixture->clock.now_ns, before + 20 * MS); // this one waited for the reader
}

static void the_first_round_trips_bring_ten_segments_then_twice_as_many(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.bytes_per_s = SEGMENT * UINT64_C(1000000); // as good as no time for a segment
    fixture->config.round_trip_ns = 100 * MS;
    assert_about(fetch_ns(fixture, 10 * SEGMENT, 1440), 100 * MS, 10);
    assert_about(fetch_ns(fixture, 11 * SEGMENT, 1440), 200 * MS, 10);
    assert_about(fetch_ns(fixture, 30 * SEGMENT, 1440), 200 * MS, 10);
    assert_about(fetch_ns(fixture, 31 * SEGMENT, 1440), 300 * MS, 10);
}

static void a_handshake_comes_before_everything(void **state)
{
    struct fixture *fixture = *state;
    uint64_t without = fetch_ns(fixture, 20 * SEGMENT, 1440);
    fixture->config.handshake_ns = 1234 * MS;
    assert_int_equal(fetch_ns(fixture, 20 * SEGMENT, 1440), without + 1234 * MS);
}

static void losses_lower_the_rate_and_no_loss_does_not(void **state)
{
    struct fixture *fixture = *state;
    uint64_t without = fetch_ns(fixture, BODY_LEN, 1440);
    fixture->config.loss_ppm = 10000; // 1 %: 12.2 segments a round trip of 20 ms, instead of 20
    uint64_t with = fetch_ns(fixture, BODY_LEN, 1440);
    assert_about(with, 1000 * 20 * MS * 10 / 122, 50);
    assert_true(with > without);
    fixture->config.loss_ppm = 1; // so few that the line is the limit
    assert_int_equal(fetch_ns(fixture, BODY_LEN, 1440), without);
}

static void more_losses_never_make_it_faster(void **state)
{
    struct fixture *fixture = *state;
    uint64_t last = 0;
    for (uint32_t ppm = 0; ppm <= 500000; ppm = ppm ? ppm * 10 : 50) {
        fixture->config.loss_ppm = ppm;
        uint64_t now = fetch_ns(fixture, 100 * SEGMENT, 1440);
        assert_true(now >= last);
        last = now;
    }
}

// ----------------------------------------------------------------------- waiting

static void all_time_of_a_reader_that_needs_none_is_waiting(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.handshake_ns = 50 * MS;
    uint64_t total = fetch_ns(fixture, 100 * SEGMENT, 4096);
    assert_int_equal(sim_link_spent_ns(fixture->link, SIM_LINK_WAITING), total);
    assert_int_equal(fixture->observed_ns[SIM_LINK_WAITING], total);
}

static void the_link_carries_the_handshake_and_each_segment_once(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.handshake_ns = 50 * MS;
    make_link(fixture, 100 * SEGMENT);
    sim_link_connect(fixture->link);
    assert_false(sim_link_is_drained(fixture->link));
    (void)fetch_ns(fixture, 100 * SEGMENT, 4096);
    assert_true(sim_link_is_drained(fixture->link));
    assert_int_equal(sim_link_spent_ns(fixture->link, SIM_LINK_CARRYING), 150 * MS);
    assert_int_equal(fixture->observed_ns[SIM_LINK_CARRYING], 150 * MS);
}

static bool do_a_piece(void *context)
{
    struct fixture *fixture = context;
    if (fixture->pieces_left == 0) {
        return false;
    }
    fixture->pieces_left--;
    fixture->pieces_done++;
    fixture->clock.now_ns += fixture->piece_ns;
    return true;
}

// Fetches through the HTTP client, as an update does.
static uint64_t fetch_with_client(struct fixture *fixture, uint32_t len)
{
    uint8_t chunk[4096];
    uint32_t position = 0;
    make_link(fixture, len);
    esp_http_client_config_t config = {.url = "https://host.example/new.bin",
                                       .cert_pem = "not looked at",
                                       .transport = sim_link_transport(fixture->link)};
    esp_http_client_handle_t client = esp_http_client_init(&config);
    assert_non_null(client);
    assert_int_equal(esp_http_client_set_idle_work(client, do_a_piece, fixture), ESP_OK);
    assert_int_equal(esp_http_client_open(client, 0), ESP_OK);
    assert_int_equal(esp_http_client_fetch_headers(client), len);
    assert_int_equal(esp_http_client_get_status_code(client), 200);
    for (int got = 1; got > 0; position += (uint32_t)got) {
        got = esp_http_client_read(client, (char *)chunk, sizeof(chunk));
        assert_true(got >= 0);
        assert_memory_equal(chunk, s_body + position, (size_t)got);
    }
    assert_int_equal(position, len);
    assert_true(esp_http_client_is_complete_data_received(client));
    assert_int_equal(esp_http_client_cleanup(client), ESP_OK);
    return fixture->clock.now_ns;
}

static void a_client_reads_the_file_in_the_time_of_the_link(void **state)
{
    struct fixture *fixture = *state;
    uint64_t alone = fetch_ns(fixture, 100 * SEGMENT, 4096);
    assert_int_equal(fetch_with_client(fixture, 100 * SEGMENT), alone);
}

static void work_that_fits_into_waiting_costs_no_time(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.handshake_ns = 500 * MS;
    uint64_t without = fetch_with_client(fixture, 100 * SEGMENT);
    uint64_t waited = sim_link_spent_ns(fixture->link, SIM_LINK_WAITING);
    fixture->pieces_left = 10;
    fixture->piece_ns = 10 * MS;
    assert_int_equal(fetch_with_client(fixture, 100 * SEGMENT), without);
    assert_int_equal(fixture->pieces_done, 10);
    assert_int_equal(sim_link_spent_ns(fixture->link, SIM_LINK_WAITING), waited - 100 * MS);
    assert_int_equal(fixture->observed_ns[SIM_LINK_WAITING], waited - 100 * MS);
}

static void work_that_lasts_longer_than_the_wait_delays_the_bytes(void **state)
{
    struct fixture *fixture = *state;
    uint64_t without = fetch_with_client(fixture, 1);
    fixture->pieces_left = 1;
    fixture->piece_ns = 1000 * MS;
    uint64_t with = fetch_with_client(fixture, 1);
    assert_true(without < 1000 * MS);
    assert_int_equal(with, 1000 * MS);
    assert_int_equal(sim_link_spent_ns(fixture->link, SIM_LINK_WAITING), 0);
}

#define WITH_LINK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LINK(the_link_carries_the_handshake_and_each_segment_once),
        WITH_LINK(bytes_arrive_whole_whatever_the_reader_takes_at_once),
        WITH_LINK(an_empty_file_is_over_at_once),
        WITH_LINK(without_round_trip_the_rate_decides),
        WITH_LINK(a_long_transfer_runs_at_the_rate_when_the_window_is_wide),
        WITH_LINK(a_narrow_window_brings_its_bytes_once_a_round_trip),
        WITH_LINK(a_window_below_a_segment_lets_one_segment_through),
        WITH_LINK(the_server_stops_while_the_reader_is_busy_and_the_window_full),
        WITH_LINK(the_first_round_trips_bring_ten_segments_then_twice_as_many),
        WITH_LINK(a_handshake_comes_before_everything),
        WITH_LINK(losses_lower_the_rate_and_no_loss_does_not),
        WITH_LINK(more_losses_never_make_it_faster),
        WITH_LINK(all_time_of_a_reader_that_needs_none_is_waiting),
        WITH_LINK(a_client_reads_the_file_in_the_time_of_the_link),
        WITH_LINK(work_that_fits_into_waiting_costs_no_time),
        WITH_LINK(work_that_lasts_longer_than_the_wait_delays_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
