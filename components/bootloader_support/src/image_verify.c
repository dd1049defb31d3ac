// An image is read once, front to back. Each phase waits for the bytes it needs, checks them and names the next phase,
// so the same code verifies a download in flight and an image at rest.

#include "image_verify.h"

#include <string.h>

#include "chip_traits.h"
#include "flash_ops.h"

enum phase {
    PHASE_HEADER,
    PHASE_SEGMENT_HEADER,
    PHASE_DESCRIPTOR, // the first bytes of segment 0, which decide about the rest of its checks
    PHASE_SEGMENT_DATA,
    PHASE_TAIL, // padding and the checksum byte
    PHASE_DIGEST,
    PHASE_SIGNATURE_PADDING, // to the start of a v2 sector
    PHASE_SIGNATURE_V1,
    PHASE_SIGNATURE_BLOCK, // once for each of the three
    PHASE_SIGNATURE_REST,  // behind the last block
    PHASE_COMPLETE,
};

#define HEADER_LEN         24u
#define SEGMENT_HEADER_LEN 8u
#define DESCRIPTOR_LEN     256u
#define CHECKSUM_SEED      0xEFu      // fact: SPEC.md "Image", checksum
#define SIZE_LIMIT_24BIT   0x1000000u // fact: chips without 32-bit flash addressing map 16 MiB
#define NO_REVISION_LIMIT  0xFFFFu
#define SECTOR_REST        (SIGNATURE_SECTOR_LEN - SIGNATURE_BLOCK_MAX * SIGNATURE_BLOCK_LEN)
#define READ_CHUNK         4096u        // chosen: one sector on the stack
#define MAPPED_CHUNK       (64u * 1024) // chosen: keeps hash and checksum of a chunk in the cache

static bool is_limit(uint16_t revision)
{
    return revision != 0 && revision != NO_REVISION_LIMIT;
}

static bool has_32bit_flash(const struct image_rules *rules)
{
    const struct chip_traits *traits = chip_traits_by_id(rules->chip.chip_id);
    return traits && traits->has_32bit_flash;
}

// ------------------------------------------------------------- checks by phase

enum image_fault image_check_chip(const esp_image_header_t *header, const struct image_rules *rules)
{
    const struct chip_identity *chip = &rules->chip;
    if (header->chip_id != chip->chip_id) {
        return IMAGE_BAD_CHIP_ID;
    }
    if (chip->chip_rev < header->min_chip_rev_full) {
        return IMAGE_BAD_MIN_CHIP_REV;
    }
    if (!rules->is_bootloader && is_limit(header->max_chip_rev_full) &&
        chip->chip_rev > header->max_chip_rev_full && !chip->ignore_max_chip_rev) {
        return IMAGE_BAD_MAX_CHIP_REV;
    }
    return IMAGE_OK;
}

static enum image_fault check_header(const struct image_rules *rules,
                                     const esp_image_header_t *header)
{
    if (header->magic != ESP_IMAGE_HEADER_MAGIC) {
        return IMAGE_BAD_MAGIC;
    }
    enum image_fault fault = image_check_chip(header, rules);
    if (fault == IMAGE_OK && header->segment_count > ESP_IMAGE_MAX_SEGMENTS) {
        fault = IMAGE_BAD_SEGMENT_COUNT;
    }
    return fault;
}

static enum image_fault check_segment_length(const struct image_verifier *v, uint32_t data_len)
{
    if (data_len % 4 != 0 || (!has_32bit_flash(&v->rules) && data_len >= SIZE_LIMIT_24BIT)) {
        return IMAGE_BAD_SEGMENT_LENGTH;
    }
    // Room for the segment, the tail and a digest without a wrap around 32 bits.
    if (data_len > UINT32_MAX - v->position - 16 - CRYPTO_SHA256_LEN) {
        return IMAGE_BAD_SEGMENT_LENGTH;
    }
    bool is_first = v->info.segment_count == 1;
    if (is_first && !v->rules.is_bootloader && data_len < DESCRIPTOR_LEN) {
        return IMAGE_SEGMENT0_TOO_SHORT;
    }
    return IMAGE_OK;
}

static uint32_t mmu_page_size(const struct image_verifier *v, const struct chip_traits *traits)
{
    const esp_app_desc_t *desc = image_app_desc(&v->info);
    if (!traits->has_configurable_page || v->rules.is_bootloader || !desc) {
        return CHIP_MMU_PAGE_DEFAULT; // fact: a bootloader has no application descriptor to ask
    }
    if (desc->mmu_page_size < 13 || desc->mmu_page_size > 18) {
        return CHIP_MMU_PAGE_DEFAULT; // fact: 8 KiB to 256 KiB; anything else is an older image
    }
    return 1u << desc->mmu_page_size;
}

static bool is_mapped(const struct chip_traits *traits, uint32_t load_addr)
{
    for (size_t i = 0; i < sizeof(traits->windows) / sizeof(traits->windows[0]); i++) {
        if (load_addr >= traits->windows[i].start && load_addr < traits->windows[i].end) {
            return true;
        }
    }
    return false;
}

static enum image_fault check_mapping(const struct image_verifier *v)
{
    const struct chip_traits *traits = chip_traits_by_id(v->rules.chip.chip_id);
    const struct image_segment *segment = &v->info.segments[v->info.segment_count - 1];
    if (!traits || !is_mapped(traits, segment->load_addr)) {
        return IMAGE_OK;
    }
    uint32_t page = mmu_page_size(v, traits);
    uint32_t address = v->rules.flash_offset + segment->data_offset;
    return address % page == segment->load_addr % page ? IMAGE_OK : IMAGE_BAD_MAP_ALIGNMENT;
}

static enum image_fault check_block_revision(const struct image_verifier *v)
{
    const struct chip_identity *chip = &v->rules.chip;
    if (chip->chip_id == ESP_CHIP_ID_ESP32) { // fact: this chip has no block revision
        return IMAGE_OK;
    }
    const esp_app_desc_t *desc = &v->info.desc.app; // fact: its magic is not looked at here
    if (is_limit(desc->min_efuse_blk_rev_full) && chip->blk_rev < desc->min_efuse_blk_rev_full) {
        return IMAGE_BAD_MIN_BLK_REV;
    }
    if (is_limit(desc->max_efuse_blk_rev_full) && chip->blk_rev > desc->max_efuse_blk_rev_full &&
        !chip->ignore_max_blk_rev) {
        return IMAGE_BAD_MAX_BLK_REV;
    }
    return IMAGE_OK;
}

static enum image_fault check_first_segment(const struct image_verifier *v)
{
    if (v->rules.is_bootloader) {
        return check_mapping(v);
    }
    const struct chip_traits *traits = chip_traits_by_id(v->rules.chip.chip_id);
    if (traits && traits->has_configurable_page && !image_app_desc(&v->info)) {
        return IMAGE_BAD_APP_DESC_MAGIC;
    }
    enum image_fault fault = check_mapping(v);
    if (fault == IMAGE_OK) {
        fault = check_block_revision(v);
    }
    return fault != IMAGE_OK ? fault
                             : image_policy_check_app(v->rules.policy, image_app_desc(&v->info));
}

// ------------------------------------------------------------- phase transitions

static void enter(struct image_verifier *v, enum phase phase, uint32_t need)
{
    v->phase = (uint8_t)phase;
    v->need = need;
    v->pending_len = 0;
}

static void enter_next_segment(struct image_verifier *v)
{
    if (v->info.segment_count < v->info.header.segment_count) {
        enter(v, PHASE_SEGMENT_HEADER, SEGMENT_HEADER_LEN);
        return;
    }
    v->body_end = (v->position + 16) & ~15u; // the first multiple of 16 above the data's end
    enter(v, PHASE_TAIL, v->body_end - v->position);
}

static enum image_fault finish_header(struct image_verifier *v)
{
    memcpy(&v->info.header, v->pending, HEADER_LEN);
    enum image_fault fault = check_header(&v->rules, &v->info.header);
    if (fault == IMAGE_OK) {
        enter_next_segment(v);
    }
    return fault;
}

static enum image_fault finish_segment_header(struct image_verifier *v)
{
    struct image_segment *segment = &v->info.segments[v->info.segment_count++];
    memcpy(&segment->load_addr, v->pending, 4);
    memcpy(&segment->data_len, v->pending + 4, 4);
    segment->data_offset = v->position;
    enum image_fault fault = check_segment_length(v, segment->data_len);
    if (fault != IMAGE_OK) {
        return fault;
    }
    if (v->info.segment_count == 1 && segment->data_len > 0) {
        enter(v, PHASE_DESCRIPTOR,
              segment->data_len < DESCRIPTOR_LEN ? segment->data_len : DESCRIPTOR_LEN);
        return IMAGE_OK;
    }
    fault = check_mapping(v);
    if (segment->data_len == 0) {
        enter_next_segment(v);
    } else {
        enter(v, PHASE_SEGMENT_DATA, segment->data_len);
    }
    return fault;
}

static enum image_fault finish_descriptor(struct image_verifier *v)
{
    enum image_fault fault = check_first_segment(v);
    uint32_t rest = v->info.segments[0].data_len - v->info.desc_len;
    if (rest > 0) {
        enter(v, PHASE_SEGMENT_DATA, rest);
    } else {
        enter_next_segment(v);
    }
    return fault;
}

static uint8_t fold(uint32_t word)
{
    word ^= word >> 16;
    return (uint8_t)(word ^ word >> 8);
}

// ------------------------------------------------------------- signature

static bool needs_signature(const struct image_rules *rules)
{
    const struct signature_policy *policy = rules->signature;
    return policy && policy->scheme != SIGNATURE_NONE &&
           (!rules->is_bootloader || policy->covers_bootloader);
}

// Where the image ends with the signature that it needs, or UINT32_MAX.
static uint32_t signed_len(const struct image_rules *rules, uint32_t content_len)
{
    uint32_t room = UINT32_MAX - content_len;
    if (!needs_signature(rules) || room < 2 * SIGNATURE_SECTOR_LEN) {
        return room < 2 * SIGNATURE_SECTOR_LEN ? UINT32_MAX : content_len;
    }
    return rules->signature->scheme == SIGNATURE_V1
               ? content_len + SIGNATURE_V1_LEN
               : signature_sector_offset(content_len) + SIGNATURE_SECTOR_LEN;
}

static void enter_signed_part(struct image_verifier *v)
{
    if (v->rules.signature->scheme == SIGNATURE_V1) {
        enter(v, PHASE_SIGNATURE_V1, SIGNATURE_V1_LEN);
    } else {
        enter(v, PHASE_SIGNATURE_PADDING, signature_sector_offset(v->position) - v->position);
    }
}

static void end_signed_hash(struct image_verifier *v)
{
    uint8_t digest[SIGNATURE_DIGEST_MAX];
    if (v->rules.signature->scheme == SIGNATURE_P384) {
        esp_crypto_verify.sha384_end(&v->hash384, digest);
    } else {
        esp_crypto.sha256_end(&v->hash, digest);
    }
    signature_check_begin(&v->check, v->rules.signature, digest);
}

static enum image_fault finish_padding(struct image_verifier *v)
{
    end_signed_hash(v);
    enter(v, PHASE_SIGNATURE_BLOCK, SIGNATURE_BLOCK_LEN);
    return IMAGE_OK;
}

static enum image_fault finish_block(struct image_verifier *v)
{
    signature_check_block(&v->check, v->pending);
    if (v->check.block_count < SIGNATURE_BLOCK_MAX) {
        enter(v, PHASE_SIGNATURE_BLOCK, SIGNATURE_BLOCK_LEN);
    } else {
        enter(v, PHASE_SIGNATURE_REST, SECTOR_REST);
    }
    return IMAGE_OK;
}

static enum image_fault finish_signature(struct image_verifier *v)
{
    v->info.image_len = v->position;
    enter(v, PHASE_COMPLETE, 0);
    return signature_check_end(&v->check, &v->info.signature);
}

static enum image_fault finish_v1(struct image_verifier *v)
{
    end_signed_hash(v);
    signature_check_v1(&v->check, v->pending);
    return finish_signature(v);
}

// ------------------------------------------------------------- end of the content

static enum image_fault check_len(const struct image_verifier *v)
{
    if (signed_len(&v->rules, v->info.content_len) > v->rules.partition_size) {
        return IMAGE_EXCEEDS_PARTITION;
    }
    if (v->info.segment_count == 0 && !v->rules.is_bootloader &&
        image_policy_check_app(v->rules.policy, NULL) != IMAGE_OK) {
        return IMAGE_POLICY_NO_DESCRIPTOR;
    }
    return image_policy_check_len(v->rules.policy, signed_len(&v->rules, v->info.content_len));
}

static void enter_behind_content(struct image_verifier *v)
{
    if (needs_signature(&v->rules)) {
        enter_signed_part(v);
    } else {
        enter(v, PHASE_COMPLETE, 0);
    }
}

static enum image_fault finish_tail(struct image_verifier *v)
{
    if (v->info.checksum != (uint8_t)(fold(v->xor_word) ^ CHECKSUM_SEED)) {
        return IMAGE_BAD_CHECKSUM;
    }
    struct crypto_hash hash = v->hash; // the original goes on to the signature
    v->info.has_digest = v->info.header.hash_appended != 0;
    v->info.content_len = v->body_end + (v->info.has_digest ? CRYPTO_SHA256_LEN : 0);
    v->info.image_len = v->info.content_len;
    esp_crypto.sha256_end(&hash, v->info.digest);
    enum image_fault fault = check_len(v);
    if (fault != IMAGE_OK) {
        return fault;
    }
    if (v->info.has_digest) {
        enter(v, PHASE_DIGEST, CRYPTO_SHA256_LEN);
    } else {
        enter_behind_content(v);
    }
    return IMAGE_OK;
}

static enum image_fault finish_digest(struct image_verifier *v)
{
    bool is_equal = memcmp(v->pending, v->info.digest, CRYPTO_SHA256_LEN) == 0;
    bool is_signed = needs_signature(&v->rules); // fact: the signature is over the digest too
    enter_behind_content(v);
    // fact: a flash tool may rewrite a bootloader's header, so its digest is not held against it
    return is_equal || is_signed || v->rules.is_bootloader ? IMAGE_OK : IMAGE_BAD_SHA256;
}

static enum image_fault finish_signature_phase(struct image_verifier *v)
{
    switch (v->phase) {
    case PHASE_SIGNATURE_PADDING:
        return finish_padding(v);
    case PHASE_SIGNATURE_V1:
        return finish_v1(v);
    case PHASE_SIGNATURE_BLOCK:
        return finish_block(v);
    default: // PHASE_SIGNATURE_REST
        return finish_signature(v);
    }
}

static enum image_fault finish_phase(struct image_verifier *v)
{
    switch (v->phase) {
    case PHASE_HEADER:
        return finish_header(v);
    case PHASE_SEGMENT_HEADER:
        return finish_segment_header(v);
    case PHASE_DESCRIPTOR:
        return finish_descriptor(v);
    case PHASE_SEGMENT_DATA:
        enter_next_segment(v);
        return IMAGE_OK;
    case PHASE_TAIL:
        return finish_tail(v);
    case PHASE_DIGEST:
        return finish_digest(v);
    default:
        return finish_signature_phase(v);
    }
}

// ------------------------------------------------------------- consuming bytes

// XOR of all bytes, folded later: the order of bytes within a word does not matter.
static uint32_t xor_bytes(const uint8_t *data, size_t len)
{
    uint64_t a = 0; // not an array: gcc -O2 would keep that in memory
    uint64_t b = 0;
    size_t at = 0;
    for (; at + 16 <= len; at += 16) {
        uint64_t words[2];
        memcpy(words, data + at, sizeof(words));
        a ^= words[0];
        b ^= words[1];
    }
    uint64_t sum = a ^ b;
    for (; at < len; at++) {
        sum ^= data[at];
    }
    return (uint32_t)(sum ^ sum >> 32);
}

// Each byte goes once through the hash that is needed: up to the checksum, or up to the signature.
static void hash_bytes(struct image_verifier *v, const uint8_t *data, uint32_t len)
{
    bool is_signed = needs_signature(&v->rules);
    bool is_content = v->phase < PHASE_DIGEST;
    bool is_before_signature = v->phase <= PHASE_SIGNATURE_PADDING;
    bool is_384 = is_signed && v->rules.signature->scheme == SIGNATURE_P384;
    if (is_content || (is_signed && is_before_signature && !is_384)) {
        esp_crypto.sha256_write(&v->hash, data, len);
    }
    if (is_384 && is_before_signature) {
        esp_crypto_verify.sha384_write(&v->hash384, data, len);
    }
}

static void consume(struct image_verifier *v, const uint8_t *data, uint32_t len)
{
    switch (v->phase) {
    case PHASE_HEADER:
    case PHASE_SEGMENT_HEADER:
    case PHASE_DIGEST:
    case PHASE_SIGNATURE_V1:
    case PHASE_SIGNATURE_BLOCK:
        memcpy(v->pending + v->pending_len, data, len);
        v->pending_len += len;
        break;
    case PHASE_DESCRIPTOR:
        memcpy(v->info.desc.bytes + v->info.desc_len, data, len);
        v->info.desc_len += len;
        v->xor_word ^= xor_bytes(data, len);
        break;
    case PHASE_SEGMENT_DATA:
        v->xor_word ^= xor_bytes(data, len);
        break;
    case PHASE_TAIL: // the last byte is the checksum
        v->info.checksum = data[len - 1];
        break;
    default: // around the signature: nothing to keep
        break;
    }
    hash_bytes(v, data, len);
    v->position += len;
    v->need -= len;
}

void image_verifier_begin(struct image_verifier *v, const struct image_rules *rules)
{
    memset(v, 0, sizeof(*v));
    v->rules = *rules;
    esp_crypto.sha256_begin(&v->hash);
    if (needs_signature(rules) && rules->signature->scheme == SIGNATURE_P384) {
        esp_crypto_verify.sha384_begin(&v->hash384);
    }
    enter(v, PHASE_HEADER, HEADER_LEN);
    if (rules->partition_size > SIZE_LIMIT_24BIT && !has_32bit_flash(rules)) {
        v->fault = IMAGE_PARTITION_TOO_LARGE;
    }
}

enum image_fault image_verifier_write(struct image_verifier *v, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    while (len > 0 && v->fault == IMAGE_OK && v->phase != PHASE_COMPLETE) {
        uint32_t part = len < v->need ? (uint32_t)len : v->need;
        consume(v, bytes, part);
        bytes += part;
        len -= part;
        while (v->need == 0 && v->fault == IMAGE_OK && v->phase != PHASE_COMPLETE) {
            v->fault = finish_phase(v); // the next phase may need nothing
        }
    }
    return v->fault;
}

bool image_verifier_is_complete(const struct image_verifier *v)
{
    return v->phase == PHASE_COMPLETE && v->fault == IMAGE_OK;
}

bool image_verifier_wants_signature(const struct image_verifier *v)
{
    return v->fault == IMAGE_OK && v->phase > PHASE_DIGEST && v->phase < PHASE_COMPLETE;
}

enum image_fault image_verifier_end(struct image_verifier *v)
{
    if (v->fault == IMAGE_OK && v->phase != PHASE_COMPLETE) {
        v->fault =
            v->position >= v->rules.partition_size ? IMAGE_EXCEEDS_PARTITION : IMAGE_TRUNCATED;
    }
    return v->fault;
}

// ------------------------------------------------------------- whole images

enum image_fault image_verify(const struct image_source *source, const struct image_rules *rules,
                              struct image_info *info)
{
    struct image_verifier v;
    uint8_t chunk[READ_CHUNK];
    image_verifier_begin(&v, rules);
    while (v.fault == IMAGE_OK && v.phase != PHASE_COMPLETE && v.position < source->size) {
        uint32_t left = source->size - v.position;
        uint32_t len = left < READ_CHUNK ? left : READ_CHUNK;
        if (source->read(source->context, v.position, chunk, len) != ESP_OK) {
            v.fault = IMAGE_READ_ERROR;
        } else {
            (void)image_verifier_write(&v, chunk, len); // the fault is kept in v
        }
    }
    enum image_fault fault = image_verifier_end(&v);
    *info = v.info;
    return fault;
}

struct flash_area {
    esp_flash_t *chip;
    uint32_t address;
};

static esp_err_t read_flash_area(void *context, uint32_t offset, void *buffer, uint32_t len)
{
    const struct flash_area *area = context;
    return flash_plain_read(area->chip, buffer, area->address + offset, len);
}

// Through the mapping, a window at a time: a driver may count what is used.
static enum image_fault verify_mapped(esp_flash_t *chip, const struct image_rules *rules,
                                      struct image_info *info)
{
    struct image_verifier v;
    image_verifier_begin(&v, rules);
    for (uint32_t at = 0; at < rules->partition_size && v.phase != PHASE_COMPLETE;) {
        uint32_t left = rules->partition_size - at;
        uint32_t len = left < MAPPED_CHUNK ? left : MAPPED_CHUNK;
        const uint8_t *bytes = flash_plain_map(chip, rules->flash_offset + at, len);
        if (!bytes || image_verifier_write(&v, bytes, len) != IMAGE_OK) {
            break;
        }
        at += len;
    }
    enum image_fault fault = image_verifier_end(&v);
    *info = v.info;
    return fault;
}

enum image_fault image_verify_flash(esp_flash_t *chip, const struct image_rules *rules,
                                    struct image_info *info)
{
    if (flash_plain_map(chip, rules->flash_offset, 1)) {
        return verify_mapped(chip, rules, info);
    }
    struct flash_area area = {.chip = chip, .address = rules->flash_offset};
    struct image_source source = {
        .read = read_flash_area, .context = &area, .size = rules->partition_size};
    return image_verify(&source, rules, info);
}

enum image_fault image_check_header(const void *bytes, size_t len, uint64_t total,
                                    const struct image_rules *rules)
{
    struct image_verifier v;
    image_verifier_begin(&v, rules);
    enum image_fault fault = image_verifier_write(&v, bytes, len);
    if (fault != IMAGE_OK) {
        return fault;
    }
    if (total > rules->partition_size) {
        return IMAGE_EXCEEDS_PARTITION;
    }
    return total > 0 ? image_policy_check_len(rules->policy, total) : IMAGE_OK;
}

const esp_app_desc_t *image_app_desc(const struct image_info *info)
{
    bool is_there =
        info->desc_len == DESCRIPTOR_LEN && info->desc.app.magic_word == ESP_APP_DESC_MAGIC_WORD;
    return is_there ? &info->desc.app : NULL;
}
