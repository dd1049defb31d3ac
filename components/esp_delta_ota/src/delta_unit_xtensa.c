// Xtensa as ESP32, ESP32-S2 and ESP32-S3 have it: instructions of 2 and 3 bytes (ESP32-S3: vectors of 3 and 4), windowed calls, constants in pools that l32r
// reads. fact: formats and opcodes, Xtensa ISA reference manual.

#include "delta_unit.h"

#define OP_L32R 1
#define OP_CALL 5
#define OP_SI   6 // j, and branches with a register or a constant
#define OP_B    7 // branches that compare two registers

// The common ones of op0 = 6: what the two bits n and m select, and where the offset stands.
static struct delta_unit read_si(struct delta_unit unit, uint32_t word, uint32_t pc)
{
    uint32_t n = delta_bits(word, 4, 2);
    uint32_t m = delta_bits(word, 6, 2);
    uint32_t r = delta_bits(word, 12, 4);
    uint32_t offset = 0;
    if (n == 0) {
        unit.kind = UNIT_JUMP;
        offset = delta_extend(word >> 6, 18);
    } else if (n == 1) { // beqz, bnez, bltz, bgez
        unit.kind = UNIT_BRANCH;
        offset = delta_extend(word >> 12, 12);
    } else if (n == 2 || m >= 2 || (m == 1 && r <= 1)) { // beqi and its family, bf, bt
        unit.kind = UNIT_BRANCH;
        offset = delta_extend(word >> 16, 8);
    } else if (m == 1 && r >= 8 && r <= 10) { // loop, loopnez, loopgtz: forward only
        unit.kind = UNIT_BRANCH;
        offset = word >> 16;
    }
    unit.target = pc + 4 + offset;
    return unit;
}

// Constants of loads, stores and additions: unsigned bytes, scaled by the size of what is loaded; addi's is signed.
static const uint8_t SCALE_SHIFT[16] = {
    [1] = 1, [2] = 2, [5] = 1, [6] = 2, [9] = 1, [12] = 0, [13] = 8};
#define HAS_CONSTANT 0x3277u // bit r: l8ui l16ui l32i, s8i s16i s32i, l16si, addi, addmi
#define OP_RRI8      2
#define OP_L32I_N    8
#define OP_S32I_N    9

static void read_constant(struct delta_unit *unit, uint32_t word)
{
    uint32_t op = word & 15;
    uint32_t r = delta_bits(word, 12, 4);
    if (op == OP_RRI8 && (HAS_CONSTANT >> r & 1)) {
        unit->kind = UNIT_OFFSET;
        unit->target = (r >= 12 ? delta_extend(word >> 16, 8) : word >> 16) << SCALE_SHIFT[r];
    } else if (op == OP_L32I_N || op == OP_S32I_N) {
        unit->kind = UNIT_OFFSET;
        unit->target = r << 2;
    }
}

// Which op2 exist for each op1 of op0 = 0, a bit each.
static const uint16_t QRST_EXISTS[16] = {0xFF7F, 0xBF5F, 0xFD1F, 0xFFFF, 0xFFFF, 0xFFFF, 0, 0,
                                         0x0033, 0x0011, 0xFF37, 0x3FFE, 0,      0,      0, 0};

// Whether there is such an instruction. What compilers do not make counts as missing too: most of it is met when reading is out of step.
static bool exists(enum delta_arch arch, uint32_t word)
{
    uint32_t r = delta_bits(word, 12, 4);
    switch (word & 15) {
    case 0:
        return QRST_EXISTS[delta_bits(word, 16, 4)] >> (word >> 20) & 1;
    case OP_RRI8:
        return r != 3 && r != 8;
    case 3: // floating point loads and stores
        return (r & 3) == 0;
    case OP_SI:
        return delta_bits(word, 4, 4) != 7 || r <= 1 || (r >= 8 && r <= 10);
    case 4: // multiply and add, which compilers do not make; vectors of ESP32-S3
        return arch == ARCH_XTENSA_S3;
    case 13:
        return r == 0 || r == 15;
    default:
        return true;
    }
}

// Zero bytes pad functions; a function begins with `entry` at a multiple of 4. When a unit would run over such a beginning,
// reading was out of step.
static bool runs_over_entry(const uint8_t *bytes, uint32_t len, uint32_t pc, uint32_t unit_len,
                            uint32_t *to_entry)
{
    *to_entry = (0u - pc) & 3;
    if (*to_entry == 0 || *to_entry >= unit_len || len < *to_entry + 3) {
        return false;
    }
    const uint8_t *at = bytes + *to_entry; // entry a1, n: 36 x1 nn, with a small frame
    return at[0] == 0x36 && (at[1] & 15) == 1 && at[2] < 8;
}

struct delta_unit delta_unit_xtensa(enum delta_arch arch, const uint8_t *bytes, uint32_t len,
                                    uint32_t pc)
{
    struct delta_unit unit = {.kind = UNIT_BYTES, .len = 1};
    uint32_t op = bytes[0] & 15;
    bool is_vector = op >= 14 && arch == ARCH_XTENSA_S3; // fact: its PIE has a format of 4 bytes
    uint32_t wanted = is_vector ? 4 : op >= 8 && op < 14 ? 2 : 3;
    uint32_t to_entry = 0;
    if ((pc & 3) == 0 && len >= 4 && delta_unit_is_address(ARCH_XTENSA, delta_load(bytes, 4))) {
        unit = (struct delta_unit){.kind = UNIT_POINTER, .len = 4, .target = delta_load(bytes, 4)};
        return unit;
    }
    if (bytes[0] == 0 || (op >= 14 && !is_vector)) {
        return unit;
    }
    if (runs_over_entry(bytes, len, pc, wanted, &to_entry) || len < wanted) {
        unit.len = (uint8_t)(to_entry > 0 && to_entry < len ? to_entry : len);
        return unit;
    }
    if (!exists(arch, delta_load(bytes, wanted))) {
        return unit;
    }
    unit.len = (uint8_t)wanted;
    unit.kind = wanted == 2 ? UNIT_SHORT : UNIT_LONG;
    uint32_t word = delta_load(bytes, wanted);
    if (wanted == 2) {
        if (op == 12 && (word & 0x80)) { // beqz.n, bnez.n
            unit.kind = UNIT_BRANCH;
            unit.target = pc + 4 + (delta_bits(word, 4, 2) << 4 | delta_bits(word, 12, 4));
        } else {
            read_constant(&unit, word);
        }
        return unit;
    }
    switch (op) {
    case OP_L32R: // always backward
        unit.kind = UNIT_L32R;
        unit.target = ((pc + 3) & ~3u) + ((0xFFFF0000u | word >> 8) << 2);
        return unit;
    case OP_CALL:
        unit.kind = UNIT_CALL;
        unit.target = (pc & ~3u) + 4 + (delta_extend(word >> 6, 18) << 2);
        return unit;
    case OP_SI:
        return read_si(unit, word, pc);
    case OP_B:
        unit.kind = UNIT_BRANCH;
        unit.target = pc + 4 + delta_extend(word >> 16, 8);
        return unit;
    default:
        read_constant(&unit, word);
        return unit;
    }
}

static bool put_field(uint8_t *bytes, uint32_t low, uint32_t count, uint32_t value)
{
    uint32_t mask = ((1u << count) - 1) << low;
    delta_store(bytes, 3, (delta_load(bytes, 3) & ~mask) | (value << low & mask));
    return true;
}

static bool aim_branch(const struct delta_unit *unit, uint8_t *bytes, uint32_t offset)
{
    if (unit->len == 2) {
        if (offset > 63) {
            return false;
        }
        bytes[0] = (uint8_t)((bytes[0] & 0xCF) | (offset >> 4 & 3) << 4);
        bytes[1] = (uint8_t)((bytes[1] & 0x0F) | (offset & 15) << 4);
        return true;
    }
    uint32_t word = delta_load(bytes, 3);
    bool is_si = (word & 15) == OP_SI;
    if (is_si && delta_bits(word, 4, 2) == 1) {
        return delta_fits(offset, 12) && put_field(bytes, 12, 12, offset);
    }
    if (is_si && delta_bits(word, 4, 4) == 7 && delta_bits(word, 12, 4) >= 8) { // loops
        return offset <= 255 && put_field(bytes, 16, 8, offset);
    }
    return delta_fits(offset, 8) && put_field(bytes, 16, 8, offset);
}

static bool put_constant(const struct delta_unit *unit, uint8_t *bytes, uint32_t value)
{
    if (unit->len == 2) {
        if ((value & 3) != 0 || value >= 64) {
            return false;
        }
        bytes[1] = (uint8_t)((bytes[1] & 15) | value >> 2 << 4);
        return true;
    }
    uint32_t r = bytes[1] >> 4;
    uint32_t mask = (1u << SCALE_SHIFT[r]) - 1;
    uint32_t scaled =
        r >= 12 ? (uint32_t)((int32_t)value >> SCALE_SHIFT[r]) : value >> SCALE_SHIFT[r];
    bool fits = r >= 12 ? delta_fits(scaled, 8) : scaled < 256;
    return (value & mask) == 0 && fits && put_field(bytes, 16, 8, scaled);
}

bool delta_unit_aim_xtensa(const struct delta_unit *unit, uint8_t *bytes, uint32_t pc,
                           uint32_t target)
{
    uint32_t offset = target - pc - 4;
    switch (unit->kind) {
    case UNIT_L32R:
        offset = target - ((pc + 3) & ~3u);
        return (target & 3) == 0 && offset >> 18 == 0x3FFF && put_field(bytes, 8, 16, offset >> 2);
    case UNIT_CALL:
        offset = target - 4 - (pc & ~3u);
        return (target & 3) == 0 && delta_fits(offset, 20) && put_field(bytes, 6, 18, offset >> 2);
    case UNIT_JUMP:
        return delta_fits(offset, 18) && put_field(bytes, 6, 18, offset);
    case UNIT_BRANCH:
        return aim_branch(unit, bytes, offset);
    case UNIT_OFFSET:
        return put_constant(unit, bytes, target);
    default:
        return false;
    }
}
