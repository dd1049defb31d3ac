// Our patches: matches, learns the address map from the matches, plans the copies, and lets the decoder's own code ask its
// questions with the answers at hand.

#include "delta_encoder.h"

#include <stdlib.h>
#include <string.h>

#include "address_votes.h"
#include "copy_plan.h"
#include "crypto_ops.h"
#include "delta_deflate.h"
#include "range_writer.h"

#define MATCH_SHORTEST 9 // chosen: shorter copies say nothing about where addresses went
#define MATCH_ROUNDS   3 // measured: a fourth gains nothing
#define PLAN_ROUNDS    1 // measured: a second gains 0.1 %
#define PLAIN_SHARE    3 // chosen: patches above a third of the image are also tried without addresses
#define POOL_UNIT      16
#define MAP_SHARE      2 // of what is left of the memory the map gets at most two thirds ...
#define MAP_SHARE_DIV  3 // ... measured: new compilers, 16K: 1.5 % better than half, 3 % than all
#define POOL_MAX       (0xFFFFu * POOL_UNIT)

// What is tried; the smallest patch is kept.
struct setting {
    struct address_prices prices;
    bool ignores_addresses;
    bool allows_new; // copies from the new image
};

static const struct setting SETTINGS[] = {
    {{24 * PRICE_BIT, 16 * PRICE_BIT}, false, true},
    {{0, 0}, true, true},
};

struct class_limits {
    uint8_t inputs;
    uint32_t pool_max; // slots; measured: more bring little, and cost the cache on a device
};

static struct class_limits limits_of(enum esp_delta_class ram_class)
{
    switch (ram_class) {
    case ESP_DELTA_4K:
        return (struct class_limits){1, 512};
    case ESP_DELTA_16K:
        return (struct class_limits){3, 4096};
    default:
        return (struct class_limits){8, 24576};
    }
}

// Everything that one attempt needs.
struct attempt {
    struct delta_file old_file;
    struct delta_file new_file;
    uint32_t coded_len; // bytes of the new file that are coded: all but the tail
    struct image_sweep old_sweep;
    struct image_sweep new_sweep;
    uint8_t *old_normal;
    uint8_t *new_normal;
    uint16_t *literal_price;
    struct match_list matches;
    struct address_map map;
    struct operation_list operations;
    const struct deflate_plan *streams;
};

// ----------------------------------------------------------------------- matching and planning

static esp_err_t normalise_and_match(struct attempt *a, const struct setting *setting)
{
    esp_err_t err = ESP_OK;
    for (int round = 0; round < MATCH_ROUNDS && err == ESP_OK; round++) {
        const struct address_map *map = round > 0 ? &a->map : NULL;
        image_sweep_normalise(&a->old_sweep, map, round > 0, a->old_normal);
        image_sweep_normalise(&a->new_sweep, NULL, round > 0, a->new_normal);
        err = suffix_match(a->old_normal, a->old_file.len, a->new_normal, a->coded_len,
                           MATCH_SHORTEST, &a->matches);
        if (err == ESP_OK) {
            address_map_free(&a->map);
            err = address_votes_count(&a->old_sweep, &a->new_sweep, &a->matches, &setting->prices,
                                      &a->map);
        }
    }
    return err;
}

// The copies from the old image as matches, to vote with.
static esp_err_t matches_of_plan(struct attempt *a)
{
    struct match_list *list = &a->matches;
    if (list->capacity < a->operations.count) {
        struct match_copy *items = realloc(list->items, a->operations.count * sizeof(*items));
        if (!items) {
            return ESP_ERR_NO_MEM;
        }
        list->items = items;
        list->capacity = a->operations.count;
    }
    uint32_t at = 0;
    list->count = 0;
    for (size_t i = 0; i < a->operations.count; i++) {
        const struct delta_operation *op = &a->operations.items[i];
        at += op->literals;
        if (!op->is_from_new && op->len > 0) {
            list->items[list->count++] = (struct match_copy){at, op->source, op->len};
        }
        at += op->len;
    }
    return ESP_OK;
}

static esp_err_t plan(struct attempt *a, const struct setting *setting)
{
    esp_err_t err = ESP_OK;
    for (int round = 0; round < PLAN_ROUNDS && err == ESP_OK; round++) {
        image_sweep_normalise(&a->old_sweep, &a->map, true, a->old_normal);
        image_sweep_normalise(&a->new_sweep, NULL, true, a->new_normal);
        struct plan_input input = {.old_sweep = &a->old_sweep,
                                   .new_sweep = &a->new_sweep,
                                   .old_file = {a->old_normal, a->old_file.len},
                                   .new_file = {a->new_normal, a->coded_len},
                                   .new_bytes = a->new_file.bytes,
                                   .literal_price = a->literal_price,
                                   .allows_new = setting->allows_new};
        operation_list_free(&a->operations);
        err = copy_plan_make(&input, &a->operations);
        if (err == ESP_OK) {
            err = matches_of_plan(a);
        }
        if (err == ESP_OK) {
            address_map_free(&a->map);
            err = address_votes_count(&a->old_sweep, &a->new_sweep, &a->matches, &setting->prices,
                                      &a->map);
        }
    }
    return err;
}

static void free_attempt(struct attempt *a)
{
    image_sweep_free(&a->old_sweep);
    image_sweep_free(&a->new_sweep);
    address_map_free(&a->map);
    operation_list_free(&a->operations);
    free(a->matches.items);
    free(a->old_normal);
    free(a->new_normal);
    free(a->literal_price);
}

static esp_err_t prepare(struct attempt *a, const struct setting *setting)
{
    a->old_normal = malloc(a->old_file.len + 1);
    a->new_normal = malloc(a->new_file.len + 1);
    a->literal_price = malloc((a->new_file.len + 1) * sizeof(*a->literal_price));
    if (!a->old_normal || !a->new_normal || !a->literal_price) {
        return ESP_ERR_NO_MEM;
    }
    for (size_t i = 0; i < a->new_file.len; i++) {
        a->literal_price[i] = PRICE_LITERAL;
    }
    for (size_t i = 0; i < a->streams->count; i++) { // what makes these bytes is settled
        const struct deflate_copy *stream = &a->streams->copies[i];
        memset(a->literal_price + stream->new_at, 0, stream->new_len * sizeof(*a->literal_price));
    }
    esp_err_t err = image_sweep_init(&a->old_sweep, &a->old_file, setting->ignores_addresses);
    if (err == ESP_OK) {
        err = image_sweep_init(&a->new_sweep, &a->new_file, setting->ignores_addresses);
    }
    return err;
}

// ----------------------------------------------------------------------- coding

// What a device needs for the map comes first; the model gets what is left, up to what is of use.
static esp_err_t choose_sizes(struct esp_delta_patch *patch, struct attempt *a)
{
    struct class_limits limits = limits_of(patch->ram_class);
    size_t most = esp_delta_class_memory(patch->ram_class);
    patch->inputs = limits.inputs;
    patch->map_entries = 0;
    patch->pool_len = POOL_UNIT * 16;
    size_t fixed = esp_delta_patch_memory(patch);
    uint32_t map_max =
        (uint32_t)((most - fixed) / MAP_SHARE_DIV * MAP_SHARE / sizeof(struct delta_map_entry));
    map_max = map_max < UINT16_MAX ? map_max : UINT16_MAX;
    if (a->map.count > map_max) {
        return ESP_ERR_INVALID_SIZE;
    }
    patch->map_entries = a->map.count;
    patch->pool_len = 0;
    uint32_t pool = (uint32_t)((most - esp_delta_patch_memory(patch)) / sizeof(delta_compact));
    pool = pool < limits.pool_max ? pool : limits.pool_max;
    pool = pool < POOL_MAX ? pool : POOL_MAX;
    patch->pool_len = pool / POOL_UNIT * POOL_UNIT;
    return ESP_OK;
}

static esp_err_t read_new(void *context, uint32_t offset, uint8_t *out, uint32_t len)
{
    return image_sweep_read(context, offset, out, len);
}

// To four digits, from 1 on. chosen: libm would be mapped into every process of the program, for this alone
static double log2_of(double value)
{
    double whole = 0;
    for (; value >= 2; value /= 2) {
        whole++;
    }
    double t = (value - 1) / (value + 1);
    return whole + 2.885390082 * t * (1 + t * t * (1 / 3.0 + t * t * (1 / 5.0 + t * t / 7)));
}

static double bits_of(uint32_t probability, int bit)
{
    return log2_of(RANGE_ONE) - log2_of(bit ? probability : RANGE_ONE - probability);
}

// The writer, and beside it where the bytes go.
struct accountant {
    struct range_writer writer;
    const struct delta_decoder *decoder;
    struct delta_account account;
};

static void account_decision(void *context, uint32_t probability, int bit)
{
    struct accountant *self = context;
    double bytes = bits_of(probability, bit) / 8;
    switch (self->decoder->phase) {
    case DELTA_LITERALS:
        self->account.literals += bytes;
        break;
    case DELTA_COPY_DEFLATE:
        self->account.streams += bytes;
        break;
    case DELTA_COPY_OLD:
        self->account.corrections += bytes;
        break;
    case DELTA_OPERATION:
    case DELTA_COPY:
        self->account.operations += bytes;
        break;
    default:
        self->account.map += bytes;
    }
    range_writer_decide(&self->writer, probability, bit);
}

// Runs the decoder with the answers; what it asks becomes the body.
static esp_err_t write_body(const struct esp_delta_patch *patch, struct attempt *a,
                            struct accountant *accountant)
{
    struct delta_answers answers = {.new_bytes = a->new_file.bytes,
                                    .regions = a->old_sweep.regions,
                                    .region_count = a->old_sweep.region_count,
                                    .map = a->map.entries,
                                    .operation = a->operations.items};
    struct delta_decoder_config config = {
        .size = {patch->map_entries, patch->pool_len, patch->inputs, patch->has_deflate},
        .old_len = patch->old_size,
        .new_len = a->coded_len,
        .ignores_addresses = patch->ignores_addresses,
        .read_old = image_sweep_read,
        .old_context = &a->old_file,
        .read_new = read_new,
        .new_context = &a->new_file,
        .answers = &answers,
        .write = account_decision,
        .writer = accountant,
    };
    struct delta_decoder *decoder = malloc(esp_delta_patch_memory(patch));
    uint8_t *out = malloc((size_t)a->coded_len + 1);
    esp_err_t err = decoder && out ? delta_decoder_init(decoder, &config) : ESP_ERR_NO_MEM;
    if (err == ESP_OK) {
        static const uint8_t nothing[1];
        size_t in_len = 0;
        size_t out_len = (size_t)a->coded_len + 1;
        accountant->decoder = decoder;
        range_writer_begin(&accountant->writer);
        err = delta_decoder_step(decoder, nothing, &in_len, out, &out_len);
        range_writer_end(&accountant->writer);
    }
    free(decoder);
    free(out);
    return err == ESP_OK && accountant->writer.out.has_failed ? ESP_ERR_NO_MEM : err;
}

static void count_operations(const struct operation_list *list, struct delta_account *account)
{
    account->operation_count = (uint32_t)list->count;
    for (size_t i = 0; i < list->count; i++) {
        account->literal_count += list->items[i].literals;
    }
}

// ----------------------------------------------------------------------- attempts

static uint32_t tail_len(const struct esp_delta_patch *patch)
{
    return (patch->makes_checksum ? 1 : 0) + (patch->makes_digest ? CRYPTO_SHA256_LEN : 0);
}

// One attempt with one setting. ESP_ERR_INVALID_SIZE: its map is too large for the class.
static esp_err_t try_setting(const struct setting *setting, struct esp_delta_patch *patch,
                             const struct delta_file *old_file, const struct delta_file *new_file,
                             const struct deflate_plan *streams, struct accountant *accountant)
{
    struct attempt a = {.old_file = *old_file,
                        .new_file = *new_file,
                        .coded_len = patch->new_size - tail_len(patch),
                        .streams = streams};
    patch->has_deflate = streams->count > 0;
    patch->ignores_addresses = setting->ignores_addresses;
    esp_err_t err = prepare(&a, setting);
    if (err == ESP_OK && !setting->ignores_addresses) {
        err = normalise_and_match(&a, setting);
    }
    if (err == ESP_OK) {
        err = plan(&a, setting);
    }
    struct address_prices prices = setting->prices;
    while (err == ESP_OK &&
           choose_sizes(patch, &a) != ESP_OK) { // too many entries: make them dearer
        prices.entry = prices.entry * 5 / 4;
        address_map_free(&a.map);
        err = address_votes_count(&a.old_sweep, &a.new_sweep, &a.matches, &prices, &a.map);
    }
    if (err == ESP_OK && patch->has_deflate) {
        err = operation_list_insert(&a.operations, a.streams);
    }
    if (err == ESP_OK) {
        err = write_body(patch, &a, accountant);
    }
    if (err == ESP_OK) {
        count_operations(&a.operations, &accountant->account);
    }
    free_attempt(&a);
    return err;
}

static void write_patch(struct esp_delta_patch *patch, const struct byte_buffer *body,
                        struct byte_buffer *out)
{
    uint8_t header[ESP_DELTA_PATCH_HEADER_LEN];
    patch->body_size = (uint32_t)body->len;
    esp_delta_patch_encode(patch, header);
    byte_buffer_add(out, header, sizeof(header));
    byte_buffer_add(out, body->bytes, body->len);
}

static void hash_file(const struct delta_file *file, uint8_t digest[ESP_DELTA_PATCH_DIGEST_LEN])
{
    uint8_t whole[CRYPTO_SHA256_LEN];
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, file->bytes, file->len);
    esp_crypto.sha256_end(&hash, whole);
    memcpy(digest, whole, ESP_DELTA_PATCH_DIGEST_LEN);
}

// Whether the file ends with a checksum and perhaps a digest that can be computed from what is before them.
static void find_tail(const struct delta_file *file, struct esp_delta_patch *patch)
{
    struct delta_layout layout;
    struct delta_file whole = *file;
    if (delta_layout_load(&layout, image_sweep_read, &whole, (uint32_t)file->len) != ESP_OK ||
        layout.arch == ARCH_NONE || layout.count == 0) {
        return;
    }
    patch->chip_id = (uint16_t)delta_load(file->bytes + 12, 2);
    const struct delta_segment *last = &layout.segments[layout.count - 1];
    size_t end =
        (last->offset + last->len + 16) & ~(size_t)15; // fact: the checksum ends a block of 16
    bool has_digest = file->bytes[23] == 1;
    uint8_t checksum = 0xEF; // fact: ESP_ROM_CHECKSUM_INITIAL
    for (uint32_t i = 0; i < layout.count; i++) {
        for (uint32_t k = 0; k < layout.segments[i].len; k++) {
            checksum ^= file->bytes[layout.segments[i].offset + k];
        }
    }
    if (file->len != end + (has_digest ? CRYPTO_SHA256_LEN : 0) ||
        file->bytes[end - 1] != checksum) {
        return;
    }
    patch->makes_checksum = true;
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct crypto_hash hash;
    esp_crypto.sha256_begin(&hash);
    esp_crypto.sha256_write(&hash, file->bytes, end);
    esp_crypto.sha256_end(&hash, digest);
    patch->makes_digest = has_digest && memcmp(file->bytes + end, digest, CRYPTO_SHA256_LEN) == 0;
    patch->makes_checksum = patch->makes_digest || !has_digest;
}

static esp_err_t try_all(struct esp_delta_patch *patch, const struct delta_file *old_file,
                         const struct delta_file *new_file, const struct deflate_plan *streams,
                         struct byte_buffer *best, struct delta_account *account)
{
    struct delta_layout layout;
    struct delta_file old_copy = *old_file;
    esp_err_t err =
        delta_layout_load(&layout, image_sweep_read, &old_copy, (uint32_t)old_file->len);
    for (size_t i = 0; i < sizeof(SETTINGS) / sizeof(SETTINGS[0]) && err == ESP_OK; i++) {
        bool has_good_one = best->len > 0 && best->len < new_file->len / PLAIN_SHARE;
        if (SETTINGS[i].ignores_addresses ? has_good_one : layout.arch == ARCH_NONE) {
            continue;
        }
        struct accountant accountant = {0};
        err = try_setting(&SETTINGS[i], patch, old_file, new_file, streams, &accountant);
        if (err == ESP_OK && (best->len == 0 ||
                              accountant.writer.out.len + ESP_DELTA_PATCH_HEADER_LEN < best->len)) {
            byte_buffer_free(best);
            write_patch(patch, &accountant.writer.out, best);
            *account = accountant.account;
        }
        byte_buffer_free(&accountant.writer.out);
    }
    return err == ESP_OK && best->has_failed ? ESP_ERR_NO_MEM : err;
}

// The new file as it is, when nothing makes it smaller.
static void store_plainly(struct esp_delta_patch *patch, const struct delta_file *new_file,
                          struct byte_buffer *best)
{
    struct byte_buffer body = {.bytes = (uint8_t *)(uintptr_t)new_file->bytes,
                               .len = new_file->len};
    patch->inputs = 0;
    patch->pool_len = 0;
    patch->map_entries = 0;
    patch->makes_checksum = false;
    patch->makes_digest = false;
    patch->has_deflate = false;
    byte_buffer_free(best);
    *best = (struct byte_buffer){0};
    write_patch(patch, &body, best);
}

// What nobody checks is wrong some day: the patch is applied as a device would.
static esp_err_t check_patch(const struct delta_file *old_file, const struct delta_file *new_file,
                             const struct byte_buffer *patch)
{
    uint8_t *made = NULL;
    size_t made_len = 0;
    esp_err_t err = delta_apply(old_file, NULL, patch->bytes, patch->len, &made, &made_len);
    bool is_same = err == ESP_OK && made_len == new_file->len &&
                   (made_len == 0 || memcmp(made, new_file->bytes, made_len) == 0);
    if (err == ESP_OK) {
        free(made);
    }
    return is_same ? ESP_OK : err == ESP_ERR_NO_MEM ? err : ESP_FAIL;
}

esp_err_t delta_encode(const struct delta_file *old_file, const struct delta_file *new_file,
                       enum esp_delta_class ram_class, bool allows_streams, uint8_t **patch,
                       size_t *patch_len, struct delta_account *account)
{
    struct byte_buffer best = {0};
    struct delta_account best_account = {0};
    if (old_file->len > DELTA_FILE_MAX || new_file->len > DELTA_FILE_MAX) {
        return ESP_ERR_INVALID_SIZE;
    }
    struct esp_delta_patch fields = {.ram_class = ram_class,
                                     .chip_id = ESP_DELTA_PATCH_NO_CHIP,
                                     .old_size = (uint32_t)old_file->len,
                                     .new_size = (uint32_t)new_file->len};
    hash_file(old_file, fields.old_digest);
    hash_file(new_file, fields.new_digest);
    find_tail(new_file, &fields);
    struct deflate_plan streams = {0};
    esp_err_t err = ESP_OK;
    // class 4K has no room for the codes; a decoder built without that part has none either
    if (allows_streams && ram_class != ESP_DELTA_4K && delta_deflate_memory() > 0) {
        err = deflate_plan_make(old_file, new_file, &streams);
    }
    if (err == ESP_OK) {
        err = try_all(&fields, old_file, new_file, &streams, &best, &best_account);
    }
    deflate_plan_free(&streams);
    if (err == ESP_OK && best.len > ESP_DELTA_PATCH_HEADER_LEN + new_file->len) {
        store_plainly(&fields, new_file, &best);
        best_account = (struct delta_account){.literals = (double)new_file->len,
                                              .literal_count = (uint32_t)new_file->len};
        err = best.has_failed ? ESP_ERR_NO_MEM : ESP_OK;
    }
    if (err == ESP_OK) {
        err = check_patch(old_file, new_file, &best);
    }
    if (err != ESP_OK) {
        byte_buffer_free(&best);
        return err;
    }
    *patch = best.bytes;
    *patch_len = best.len;
    if (account) {
        *account = best_account;
    }
    return ESP_OK;
}
