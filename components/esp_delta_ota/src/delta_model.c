#include "delta_model.h"

#include <stddef.h>

#define LEARNING_SHIFT  14   // chosen: learning rate 1/64; measured: flat around it
#define OPINION_MAX     2815 // log-odds times 256; e^11
#define PROBABILITY_MIN 2    // of a mixed one; chosen: a surprise costs 15 bits at most
#define PRECISE_LIMIT   255  // experience counts up to here
#define COMPACT_LIMIT   12 // the same; measured: 11 to 13 best, new code differs from place to place
#define WEIGHT_ONE      65536
#define WEIGHT_MAX      (16 * WEIGHT_ONE)

// ----------------------------------------------------------------------- log-odds

// 256 * ln(1 + i / 64)
static const uint8_t LN_FRACTION[64] = {
    0,   4,   8,   12,  16,  19,  23,  27,  30,  34,  37,  41,  44,  47,  51,  54,
    57,  60,  63,  67,  70,  73,  76,  79,  82,  84,  87,  90,  93,  96,  98,  101,
    104, 106, 109, 112, 114, 117, 119, 122, 124, 127, 129, 132, 134, 136, 139, 141,
    143, 146, 148, 150, 152, 154, 157, 159, 161, 163, 165, 167, 169, 171, 173, 175,
};

// 65536 / (1 + exp(-i / 4)), at most 65535
static const uint16_t SQUASH[] = {
    32768, 36843, 40793, 44511, 47911, 50941, 53581, 55834, 57724, 59287, 60565, 61598,
    62428, 63090, 63615, 64030, 64357, 64614, 64816, 64974, 65097, 65194, 65269, 65328,
    65374, 65410, 65438, 65459, 65476, 65489, 65500, 65508, 65514, 65519, 65523, 65526,
    65528, 65530, 65531, 65532, 65533, 65534, 65534, 65535, 65535, 65535,
};

static unsigned log2_of(uint32_t value)
{
#ifdef __GNUC__
    return 31u - (unsigned)__builtin_clz(value);
#else
    unsigned log2 = 0;
    while (value >>= 1) {
        log2++;
    }
    return log2;
#endif
}

// 256 * ln(probability) plus a constant, for probability 1 to 65535
static int32_t ln256(uint32_t probability)
{
    unsigned log2 = log2_of(probability);
    uint32_t fraction = log2 >= 6 ? probability >> (log2 - 6) : probability << (6 - log2);
    return (int32_t)(log2 * 11357u >> 6) + LN_FRACTION[fraction & 63]; // 11357 / 64 = 256 * ln 2
}

static int32_t opinion_of(uint32_t probability)
{
    return ln256(probability) - ln256(RANGE_ONE - probability);
}

static uint32_t probability_of(int32_t opinion)
{
    uint32_t size = (uint32_t)(opinion < 0 ? -opinion : opinion);
    size = size < OPINION_MAX ? size : OPINION_MAX;
    uint32_t low = SQUASH[size >> 6];
    uint32_t high = SQUASH[(size >> 6) + 1];
    uint32_t probability = low + ((high - low) * (size & 63) >> 6);
    probability = opinion < 0 ? RANGE_ONE - probability : probability;
    if (probability < PROBABILITY_MIN) {
        return PROBABILITY_MIN;
    }
    return probability > RANGE_ONE - PROBABILITY_MIN ? RANGE_ONE - PROBABILITY_MIN : probability;
}

// ----------------------------------------------------------------------- slots

static uint32_t precise_probability(delta_precise slot)
{
    uint32_t probability = slot >> 16;
    return probability > 0 ? probability : 1;
}

static void precise_learn(delta_precise *slot, int bit)
{
    uint32_t count = *slot & 0x3FF;
    uint32_t probability = *slot >> 10;
    uint32_t divisor = 2 * count + 3; // rate 1 / (count + 1.5)
    if (bit) {
        probability += ((1u << 22) - 1 - probability) * 2 / divisor;
    } else {
        probability -= probability * 2 / divisor;
    }
    count += count < PRECISE_LIMIT;
    *slot = probability << 10 | count;
}

// 32768 / (experience + 1.5)
static const uint16_t COMPACT_RATE[COMPACT_LIMIT + 1] = {
    21845, 13107, 9362, 7282, 5958, 5041, 4369, 3855, 3449, 3121, 2849, 2621, 2427,
};

static uint32_t compact_probability(delta_compact slot)
{
    return (slot & 0xFFF0u) | 8;
}

static void compact_learn(delta_compact *slot, int bit)
{
    uint32_t count = *slot & 15; // never above COMPACT_LIMIT
    int32_t probability = *slot & 0xFFF0;
    int32_t error = (bit ? 0xFFFF : 0) - probability;
    probability += error * COMPACT_RATE[count] / 32768;
    probability = probability < 0 ? 0 : probability;
    count += count < COMPACT_LIMIT;
    *slot = (delta_compact)((probability & 0xFFF0) | (int32_t)count);
}

// ----------------------------------------------------------------------- decisions

uint32_t delta_hash(uint32_t a, uint32_t b)
{
    uint32_t hash = a * 0x9E3779B1u + b * 0x85EBCA6Bu + 0x1234567u;
    hash = (hash ^ hash >> 15) * 0x2C1B3C6Du;
    return hash ^ hash >> 13;
}

void delta_model_init(struct delta_model *model, unsigned inputs_max, delta_compact *pool,
                      uint32_t pool_len, int32_t *weights, unsigned weight_sets)
{
    model->inputs_max = inputs_max;
    model->pool = pool;
    model->pool_len = pool_len;
    model->weights = weights;
    for (uint32_t i = 0; i < pool_len; i++) {
        pool[i] = COMPACT_INITIAL;
    }
    for (uint32_t i = 0; i < weight_sets * inputs_max; i++) {
        weights[i] = 0;
    }
}

static delta_compact *pool_slot(const struct delta_model *model, uint32_t hash, bool is_content)
{
    hash = is_content ? hash / 4 : (1u << 30) + (hash - hash / 4);
    return &model->pool[(uint64_t)hash * model->pool_len >> 32];
}

static void adjust_weights(int32_t *weights, const int32_t *opinions, unsigned count,
                           uint32_t probability, int bit)
{
    int32_t error = (bit ? (int32_t)RANGE_ONE : 0) - (int32_t)probability;
    for (unsigned i = 0; i < count; i++) {
        int32_t weight = weights[i] + error * opinions[i] / (1 << LEARNING_SHIFT);
        weight = weight < WEIGHT_MAX ? weight : WEIGHT_MAX;
        weights[i] = weight > -WEIGHT_MAX ? weight : -WEIGHT_MAX;
    }
}

int delta_model_decide(struct delta_model *model, const struct delta_decision *decision, int answer)
{
    delta_compact *slots[MODEL_INPUTS_MAX];
    int32_t opinions[MODEL_INPUTS_MAX];
    unsigned direct = decision->direct != NULL;
    unsigned count = direct + decision->hash_count;
    count = count < model->inputs_max ? count : model->inputs_max;
    int32_t *weights = model->weights + (size_t)decision->weight_set * model->inputs_max;
    uint32_t probability = direct ? precise_probability(*decision->direct) : 0;
    int64_t sum = 0;
    int32_t base = (int32_t)(WEIGHT_ONE * 4 / 3 / count);
    for (unsigned i = 0; i < count; i++) {
        if (i >= direct) {
            slots[i] = pool_slot(model, decision->hashes[i - direct], direct && i == direct);
            probability = compact_probability(*slots[i]);
        }
        opinions[i] = opinion_of(probability);
        sum += (int64_t)(base + weights[i]) * opinions[i];
    }
    if (count > 1) {
        probability = probability_of((int32_t)(sum / WEIGHT_ONE));
    }
    int bit = delta_range_decide(&model->range, probability, answer);
    if (count > 1) {
        adjust_weights(weights, opinions, count, probability, bit);
    }
    if (direct) {
        precise_learn(decision->direct, bit);
    }
    for (unsigned i = direct; i < count; i++) {
        compact_learn(slots[i], bit);
    }
    return bit;
}

int delta_model_decide_one(struct delta_model *model, delta_compact *slot, int answer)
{
    int bit = delta_range_decide(&model->range, compact_probability(*slot), answer);
    compact_learn(slot, bit);
    return bit;
}

uint8_t delta_model_byte(struct delta_model *model, const struct delta_decision *contexts,
                         uint8_t answer)
{
    struct delta_decision decision = *contexts;
    uint32_t known = 1; // a leading 1, then the bits so far
    for (int i = 7; i >= 0; i--) {
        for (unsigned k = 0; k < contexts->hash_count; k++) {
            uint32_t hash = (contexts->hashes[k] + known) * 0x9E3779B1u;
            decision.hashes[k] = hash ^ hash >> 15;
        }
        known = known << 1 | (uint32_t)delta_model_decide(model, &decision, answer >> i & 1);
    }
    return (uint8_t)known;
}

// ----------------------------------------------------------------------- numbers

void delta_number_init(struct delta_number *number)
{
    delta_compact *slots = number->is_longer;
    for (unsigned i = 0; i < sizeof(*number) / sizeof(*slots); i++) {
        slots[i] = COMPACT_INITIAL;
    }
}

static unsigned length_of(uint64_t value)
{
    unsigned length = 0;
    while (value >> (length + 1)) {
        length++;
    }
    return length;
}

uint32_t delta_model_number(struct delta_model *model, struct delta_number *number, uint32_t answer)
{
    uint64_t wanted = (uint64_t)answer + 1; // its leading 1 is not coded
    unsigned wanted_length = length_of(wanted);
    unsigned length = 0;
    while (length < NUMBER_LENGTHS - 1 &&
           delta_model_decide_one(model, &number->is_longer[length], length < wanted_length)) {
        length++;
    }
    uint64_t value = 1;
    for (unsigned i = length; i-- > 0;) {
        int bit = wanted >> i & 1;
        if (length - i <= 2) {
            unsigned row = length < NUMBER_MANTISSA ? length : NUMBER_MANTISSA - 1;
            unsigned column = length - i == 1 ? 0 : 1 + (value & 1);
            bit = delta_model_decide_one(model, &number->top_bits[row][column], bit);
        } else if (i < NUMBER_LOW) {
            bit = delta_model_decide_one(model, &number->low_bits[i][value & 1], bit);
        } else {
            bit = delta_range_decide(&model->range, RANGE_ONE / 2, bit);
        }
        value = value << 1 | (unsigned)bit;
    }
    return (uint32_t)(value - 1);
}

uint32_t delta_model_signed(struct delta_model *model, struct delta_number *number, uint32_t answer)
{
    uint32_t folded = answer << 1 ^ (answer >> 31 ? UINT32_MAX : 0);
    folded = delta_model_number(model, number, folded);
    return folded >> 1 ^ (0u - (folded & 1));
}
