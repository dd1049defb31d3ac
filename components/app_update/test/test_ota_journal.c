// The resume journal: what it keeps, what it refuses, and what any power cut leaves of it.

#include "cut_chip.h"

#include <stdio.h>
#include <string.h>

#include "esp_ota_ext.h"

#define SECTOR 4096u
#define TAIL   (0x40000u - 2 * SECTOR) // of ota_1

static struct esp_ota_journal_identity identity_of(uint32_t seed, uint32_t stages)
{
    struct esp_ota_journal_identity identity;
    memset(&identity, 0, sizeof(identity));
    identity.total_len = 0x100000000u + seed;
    memset(identity.url_digest, (int)(seed * 7 + 1), sizeof(identity.url_digest));
    memset(identity.first_block_digest, (int)(seed * 3 + 2), sizeof(identity.url_digest));
    char etag[24];
    (void)snprintf(etag, sizeof(etag), "\"tag-%u\"", seed);
    esp_ota_journal_set_texts(&identity, etag, seed % 2 ? "Sun, 22 Nov 2026 10:00:00 GMT" : NULL);
    identity.stages = stages;
    return identity;
}

static struct esp_ota_journal_progress progress_of(uint32_t seed, uint16_t state_len)
{
    struct esp_ota_journal_progress progress;
    memset(&progress, 0, sizeof(progress));
    progress.image_offset = seed % 12 * SECTOR;
    progress.entity_offset = seed * 1000u;
    memset(progress.digest, (int)(seed * 31 + 5), sizeof(progress.digest));
    progress.state_len = state_len;
    for (uint16_t i = 0; i < state_len; i++) {
        progress.state[i] = (uint8_t)(seed + i);
    }
    return progress;
}

static const esp_partition_t *slot(void)
{
    return device_partition("ota_1");
}

static void start(void)
{
    DEVICE_START(.running = "ota_0");
    cut_chip_install();
}

static bool is_same_progress(const struct esp_ota_journal_progress *a,
                             const struct esp_ota_journal_progress *b)
{
    return a->entity_offset == b->entity_offset && a->image_offset == b->image_offset &&
           memcmp(a->digest, b->digest, sizeof(a->digest)) == 0 && a->state_len == b->state_len &&
           memcmp(a->state, b->state, a->state_len) == 0;
}

static void assert_finds(const struct esp_ota_journal_identity *identity,
                         const struct esp_ota_journal_progress *progress)
{
    struct esp_ota_journal journal;
    struct esp_ota_journal_progress found;
    assert_int_equal(esp_ota_journal_load(slot(), &journal, &found), ESP_OK);
    assert_true(esp_ota_journal_is_same(&journal.identity, identity));
    assert_true(is_same_progress(&found, progress));
}

static void assert_finds_nothing(void)
{
    struct esp_ota_journal journal;
    struct esp_ota_journal_progress found;
    memset(&journal, 0x55, sizeof(journal));
    struct esp_ota_journal before = journal;
    assert_int_equal(esp_ota_journal_load(slot(), &journal, &found), ESP_ERR_NOT_FOUND);
    assert_memory_equal(&journal, &before, sizeof(journal));
}

// ----------------------------------------------------------------------- what it keeps

static void an_erased_slot_has_no_journal(void **state)
{
    (void)state;
    start();
    assert_finds_nothing();
    assert_int_equal(esp_ota_journal_clear(slot()), ESP_OK);
    assert_int_equal(g_cut.operations, 0);
}

static void the_newest_record_is_found_with_its_identity(void **state)
{
    (void)state;
    for (uint32_t stages = 0; stages < 2; stages++) {
        start();
        struct esp_ota_journal_identity identity = identity_of(1, stages);
        struct esp_ota_journal journal;
        assert_int_equal(esp_ota_journal_begin(slot(), 0, &identity, &journal), ESP_OK);
        assert_finds_nothing();
        for (uint32_t i = 1; i < 200; i++) { // through several sectors
            struct esp_ota_journal_progress progress = progress_of(i, stages ? 256 : 0);
            assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
            assert_finds(&identity, &progress);
        }
    }
}

static void a_record_is_one_program_operation(void **state)
{
    (void)state;
    start();
    struct esp_ota_journal_identity identity = identity_of(1, 0);
    struct esp_ota_journal_progress progress = progress_of(1, 0);
    struct esp_ota_journal journal;
    assert_int_equal(esp_ota_journal_begin(slot(), 0, &identity, &journal), ESP_OK);
    cut_chip_forget();
    for (unsigned i = 1; i <= 79; i++) {
        assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
        assert_int_equal(g_cut.operations, i);
    }
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
    assert_int_equal(g_cut.operations, 79 + 3); // erase, record, header
}

static void a_later_life_goes_on_in_a_sector_of_its_own(void **state)
{
    (void)state;
    start();
    struct esp_ota_journal_identity identity = identity_of(1, 0);
    struct esp_ota_journal journal;
    struct esp_ota_journal_progress progress = progress_of(1, 0);
    assert_int_equal(esp_ota_journal_begin(slot(), 0, &identity, &journal), ESP_OK);
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
    assert_int_equal(journal.sector, 0);
    assert_int_equal(esp_ota_journal_load(slot(), &journal, &progress), ESP_OK);
    progress = progress_of(2, 0);
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
    assert_int_equal(journal.sector, 1);
    assert_finds(&identity, &progress);
}

static void a_new_image_makes_the_old_one_forgotten(void **state)
{
    (void)state;
    start();
    struct esp_ota_journal_identity old = identity_of(1, 0);
    struct esp_ota_journal_identity new = identity_of(2, 0);
    struct esp_ota_journal_progress progress = progress_of(1, 0);
    struct esp_ota_journal journal;
    assert_int_equal(esp_ota_journal_begin(slot(), 0, &old, &journal), ESP_OK);
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
    assert_int_equal(esp_ota_journal_begin(slot(), 0, &new, &journal), ESP_OK);
    assert_finds_nothing();
    memset(device_bytes(TAIL + SECTOR), 0,
           SECTOR); // the new sector is lost: the old one stays forgotten
    assert_finds_nothing();
}

static void clearing_forgets(void **state)
{
    (void)state;
    start();
    struct esp_ota_journal_identity identity = identity_of(1, 0);
    struct esp_ota_journal_progress progress = progress_of(1, 0);
    struct esp_ota_journal journal;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(esp_ota_journal_begin(slot(), 0, &identity, &journal), ESP_OK);
        assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
        assert_finds(&identity, &progress);
        assert_int_equal(esp_ota_journal_clear(slot()), ESP_OK);
        assert_finds_nothing();
    }
}

static void only_the_last_two_sectors_are_touched(void **state)
{
    (void)state;
    start();
    struct esp_ota_journal_identity identity = identity_of(1, 1);
    struct esp_ota_journal_progress progress = progress_of(1, 10);
    struct esp_ota_journal journal;
    assert_int_equal(esp_ota_journal_begin(slot(), 0, &identity, &journal), ESP_OK);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
    }
    assert_int_equal(esp_ota_journal_clear(slot()), ESP_OK);
    assert_in_range(g_cut.touched_low, TAIL, TAIL);
    assert_true(g_cut.touched_high <= TAIL + 2 * SECTOR);
}

static void the_bytes_are_as_documented(void **state)
{
    (void)state;
    DEVICE_WITHOUT_ENCRYPTION()
    start();
    struct esp_ota_journal_identity identity = identity_of(1, 7);
    struct esp_ota_journal_progress progress = progress_of(3, 4);
    struct esp_ota_journal journal;
    assert_int_equal(esp_ota_journal_begin(slot(), 0, &identity, &journal), ESP_OK);
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
    const uint8_t *header = device_bytes(TAIL);
    assert_memory_equal(header, "OTAJ\x01\x00\x30\x01\x01\x00\x00\x00\xFF\xFF\xFF\xFF", 16);
    assert_memory_equal(header + 16, "\x01\x00\x00\x00\x01\x00\x00\x00", 8);
    assert_memory_equal(header + 24, identity.url_digest, 32);
    assert_memory_equal(header + 56, identity.first_block_digest, 32);
    assert_memory_equal(header + 88, identity.last_modified, 48);
    assert_memory_equal(header + 136, identity.etag, 128);
    assert_memory_equal(header + 264, "\x07\x00\x00\x00\xFF\xFF\xFF\xFF", 8);
    const uint8_t *record = header + 288;
    assert_memory_equal(record, "OTAP\x00\x30\x00\x00\xB8\x0B\x00\x00\x00\x00\x00\x00", 16);
    assert_memory_equal(record + 16, progress.digest, 16);
    assert_memory_equal(record + 32, "\x04\x00\xFF\xFF\x03\x04\x05\x06\xFF", 9);
    assert_memory_equal(header + 288 + 304, "\xFF\xFF\xFF\xFF", 4);
}

// ----------------------------------------------------------------------- what it refuses

static void texts_that_do_not_fit_are_dropped(void **state)
{
    (void)state;
    struct esp_ota_journal_identity identity;
    char text[200];
    memset(text, 'a', sizeof(text));
    text[127] = 0;
    esp_ota_journal_set_texts(&identity, text, text);
    assert_string_equal(identity.etag, text);
    assert_string_equal(identity.last_modified, "");
    text[127] = 'a';
    text[128] = 0;
    esp_ota_journal_set_texts(&identity, text, NULL);
    assert_string_equal(identity.etag, "");
}

static void begin_leaves_images_and_running_slots_alone(void **state)
{
    (void)state;
    start();
    struct esp_ota_journal_identity identity = identity_of(1, 0);
    struct esp_ota_journal journal;
    uint32_t room = DEVICE_SLOT_SIZE - ESP_OTA_JOURNAL_LEN;
    assert_int_equal(esp_ota_journal_begin(slot(), room + 1, &identity, &journal),
                     ESP_ERR_INVALID_SIZE);
    assert_int_equal(esp_ota_journal_begin(device_partition("locked"), 0, &identity, &journal),
                     ESP_ERR_INVALID_SIZE);
    assert_int_equal(esp_ota_journal_begin(device_partition("ota_0"), 0, &identity, &journal),
                     ESP_ERR_OTA_PARTITION_CONFLICT);
    assert_int_equal(esp_ota_journal_begin(NULL, 0, &identity, &journal), ESP_ERR_INVALID_ARG);
    memset(identity.etag, 'a', sizeof(identity.etag));
    assert_int_equal(esp_ota_journal_begin(slot(), 0, &identity, &journal), ESP_ERR_INVALID_ARG);
    assert_int_equal(g_cut.operations, 0);
    identity.etag[0] = 0;
    assert_int_equal(esp_ota_journal_begin(slot(), room, &identity, &journal), ESP_OK);
}

static void add_stops_where_the_image_needs_the_room(void **state)
{
    (void)state;
    start();
    struct esp_ota_journal_identity identity = identity_of(1, 0);
    struct esp_ota_journal_progress progress = progress_of(1, 0);
    struct esp_ota_journal journal = {0};
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_ERR_INVALID_ARG);
    journal.identity.total_len = ESP_OTA_JOURNAL_TOTAL_UNKNOWN;
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_ERR_INVALID_STATE);
    assert_int_equal(esp_ota_journal_begin(slot(), 0, &identity, &journal), ESP_OK);
    cut_chip_forget();
    progress.state_len = 1;
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_ERR_INVALID_ARG);
    progress.state_len = 0;
    progress.image_offset = DEVICE_SLOT_SIZE - ESP_OTA_JOURNAL_LEN + 1;
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_ERR_INVALID_SIZE);
    assert_int_equal(g_cut.operations, 0);
    progress.image_offset--;
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
}

static void every_damaged_bit_loses_the_record_or_the_journal(void **state)
{
    (void)state;
    start();
    struct esp_ota_journal_identity identity = identity_of(1, 0);
    struct esp_ota_journal_progress first = progress_of(1, 0);
    struct esp_ota_journal_progress second = progress_of(2, 0);
    struct esp_ota_journal journal;
    assert_int_equal(esp_ota_journal_begin(slot(), 0, &identity, &journal), ESP_OK);
    assert_int_equal(esp_ota_journal_add(&journal, &first), ESP_OK);
    assert_int_equal(esp_ota_journal_add(&journal, &second), ESP_OK);
    for (uint32_t bit = 0; bit < (288 + 48 + 48) * 8; bit++) {
        uint8_t *byte = device_bytes(TAIL) + bit / 8;
        *byte ^= (uint8_t)(1 << bit % 8);
        if (bit < 288 * 8) {
            assert_finds_nothing();
        } else {
            assert_finds(&identity, bit < (288 + 48) * 8 ? &second : &first);
        }
        *byte ^= (uint8_t)(1 << bit % 8);
    }
}

// ----------------------------------------------------------------------- power cuts

#define STEPS 60

/** What load may answer. */
struct answer {
    bool is_found;
    struct esp_ota_journal_identity identity;
    struct esp_ota_journal_progress progress;
};

static struct answer ask(void)
{
    struct answer answer;
    struct esp_ota_journal journal;
    memset(&answer, 0, sizeof(answer));
    esp_err_t err = esp_ota_journal_load(slot(), &journal, &answer.progress);
    assert_true(err == ESP_OK || err == ESP_ERR_NOT_FOUND);
    answer.is_found = err == ESP_OK;
    if (answer.is_found) {
        answer.identity = journal.identity;
    }
    return answer;
}

static bool is_equal(const struct answer *a, const struct answer *b)
{
    return a->is_found == b->is_found && esp_ota_journal_is_same(&a->identity, &b->identity) &&
           is_same_progress(&a->progress, &b->progress);
}

/** One random step; *after is what load answers when it is complete. */
static esp_err_t step(uint32_t *random, struct esp_ota_journal *journal, struct answer *after)
{
    uint32_t dice = cut_chip_random(random) % 32;
    uint32_t seed = cut_chip_random(random) % 1000;
    if (dice == 0 || !journal->slot) {
        memset(after, 0, sizeof(*after));
        struct esp_ota_journal_identity identity = identity_of(seed, seed % 2);
        return esp_ota_journal_begin(slot(), 0, &identity, journal);
    }
    if (dice == 1) {
        memset(after, 0, sizeof(*after));
        journal->slot = NULL;
        return esp_ota_journal_clear(slot());
    }
    if (dice == 2) { // a new life
        struct esp_ota_journal_progress progress;
        esp_err_t err = esp_ota_journal_load(slot(), journal, &progress);
        if (err == ESP_ERR_NOT_FOUND) {
            journal->slot = NULL;
        }
        return ESP_OK;
    }
    struct esp_ota_journal_progress progress =
        progress_of(seed, journal->identity.stages ? (uint16_t)(seed % 257) : 0);
    after->is_found = true;
    after->identity = journal->identity;
    after->progress = progress;
    return esp_ota_journal_add(journal, &progress);
}

/** Runs the sequence until the cut; checks what is left, and that the next life can go on. */
static bool sequence_survives(uint32_t seed, unsigned cut_at, enum cut_variant variant)
{
    memset(device_bytes(TAIL), 0xFF, 2 * SECTOR);
    cut_chip_power_on();
    g_cut.cut_at = cut_at;
    g_cut.variant = variant;
    g_cut.seed = seed;
    uint32_t random = seed * 2654435761u + 1;
    struct esp_ota_journal journal = {0};
    struct answer before;
    struct answer after;
    memset(&before, 0, sizeof(before));
    memset(&after, 0, sizeof(after));
    for (int i = 0; i < STEPS && !g_cut.is_off; i++) {
        before = after;
        esp_err_t err = step(&random, &journal, &after);
        assert_int_equal(err, g_cut.is_off ? ESP_ERR_FLASH_OP_FAIL : ESP_OK);
    }
    bool was_cut = g_cut.is_off;
    cut_chip_power_on();
    struct answer found = ask();
    if (!is_equal(&found, &after) && !(was_cut && is_equal(&found, &before))) {
        fail_msg("seed %u cut %u variant %d: neither the old record nor the new one", seed, cut_at,
                 (int)variant);
    }
    struct esp_ota_journal_progress progress = progress_of(seed, 0);
    struct esp_ota_journal_identity identity = identity_of(seed, 0);
    if (!found.is_found) {
        assert_int_equal(esp_ota_journal_begin(slot(), 0, &identity, &journal), ESP_OK);
    } else {
        struct esp_ota_journal_progress ignored;
        assert_int_equal(esp_ota_journal_load(slot(), &journal, &ignored), ESP_OK);
        identity = found.identity;
    }
    assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
    assert_finds(&identity, &progress);
    return was_cut;
}

static void a_cut_leaves_the_newest_record_or_the_one_before(void **state)
{
    (void)state;
    unsigned cuts = 0;
    start();
    for (uint32_t seed = 1; seed <= 6; seed++) {
        for (int variant = 0; variant < CUT_VARIANT_COUNT; variant++) {
            unsigned cut_at = 1;
            while (sequence_survives(seed, cut_at, (enum cut_variant)variant)) {
                cut_at++;
            }
            cuts += cut_at - 1;
        }
    }
    print_message("%u cuts\n", cuts);
    assert_true(cuts > 1000);
}

/** A slot that is erased while it holds a journal: any of its bits may be left. */
static void an_interrupted_erase_of_the_slot_leaves_a_whole_record_or_none(void **state)
{
    (void)state;
    start();
    struct esp_ota_journal_identity identity = identity_of(1, 0);
    struct esp_ota_journal journal;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        memset(device_bytes(TAIL), 0xFF, 2 * SECTOR);
        cut_chip_power_on();
        assert_int_equal(esp_ota_journal_begin(slot(), 0, &identity, &journal), ESP_OK);
        for (uint32_t i = 0; i < 90; i++) {
            struct esp_ota_journal_progress progress = progress_of(i, 0);
            assert_int_equal(esp_ota_journal_add(&journal, &progress), ESP_OK);
        }
        cut_chip_power_on();
        g_cut = (struct cut_chip){.cut_at = 1, .seed = seed};
        g_cut.variant = seed % 2 ? CUT_PREFIX : CUT_BITS;
        assert_int_equal(esp_partition_erase_range(slot(), 0, DEVICE_SLOT_SIZE),
                         ESP_ERR_FLASH_OP_FAIL);
        cut_chip_power_on();
        struct answer found = ask();
        if (found.is_found) {
            uint32_t i = (uint32_t)(found.progress.entity_offset / 1000);
            struct esp_ota_journal_progress progress = progress_of(i, 0);
            assert_true(is_same_progress(&found.progress, &progress));
            assert_true(esp_ota_journal_is_same(&found.identity, &identity));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_erased_slot_has_no_journal, device_stop),
        cmocka_unit_test_teardown(the_newest_record_is_found_with_its_identity, device_stop),
        cmocka_unit_test_teardown(a_record_is_one_program_operation, device_stop),
        cmocka_unit_test_teardown(a_later_life_goes_on_in_a_sector_of_its_own, device_stop),
        cmocka_unit_test_teardown(a_new_image_makes_the_old_one_forgotten, device_stop),
        cmocka_unit_test_teardown(clearing_forgets, device_stop),
        cmocka_unit_test_teardown(only_the_last_two_sectors_are_touched, device_stop),
        cmocka_unit_test_teardown(the_bytes_are_as_documented, device_stop),
        cmocka_unit_test_teardown(texts_that_do_not_fit_are_dropped, device_stop),
        cmocka_unit_test_teardown(begin_leaves_images_and_running_slots_alone, device_stop),
        cmocka_unit_test_teardown(add_stops_where_the_image_needs_the_room, device_stop),
        cmocka_unit_test_teardown(every_damaged_bit_loses_the_record_or_the_journal, device_stop),
        cmocka_unit_test_teardown(a_cut_leaves_the_newest_record_or_the_one_before, device_stop),
        cmocka_unit_test_teardown(an_interrupted_erase_of_the_slot_leaves_a_whole_record_or_none,
                                  device_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
