// RV32IMC as ESP32-C and ESP32-H chips have it: instructions of 2 and 4 bytes; far addresses are made by two of them, lui or auipc
// for the upper 20 bits and a later one that brings the lower 12. fact: formats and opcodes, RISC-V unprivileged ISA.

#include "delta_unit.h"

#define OP_LOAD    0x03
#define OP_LOAD_FP 0x07
#define OP_IMM     0x13
#define OP_AUIPC   0x17
#define OP_STORE   0x23
#define OP_STOREFP 0x27
#define OP_LUI     0x37
#define OP_BRANCH  0x63
#define OP_JALR    0x67
#define OP_JAL     0x6F

// Where each bit of an immediate stands in the instruction, lowest bit of the immediate first; 0: bit is always zero.
struct immediate {
    uint8_t bits; // width, sign included
    uint8_t at[21];
};

static const struct immediate JAL_OFFSET = {
    21, {0, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 20, 12, 13, 14, 15, 16, 17, 18, 19, 31}};
static const struct immediate BRANCH_OFFSET = {13,
                                               {0, 8, 9, 10, 11, 25, 26, 27, 28, 29, 30, 7, 31}};
static const struct immediate C_JUMP_OFFSET = {12, {0, 3, 4, 5, 11, 2, 7, 6, 9, 10, 8, 12}};
static const struct immediate C_BRANCH_OFFSET = {9, {0, 3, 4, 10, 11, 2, 5, 6, 12}};

// Offsets of compressed loads and stores. The tables name no bit 1, as they are multiples of 4.
static const struct immediate C_LW_OFFSET = {8, {0, 0, 6, 10, 11, 12, 5, 0}};
static const struct immediate C_LWSP_OFFSET = {9, {0, 0, 4, 5, 6, 12, 2, 3, 0}};
static const struct immediate C_SWSP_OFFSET = {9, {0, 0, 9, 10, 11, 12, 7, 8, 0}};

static const struct immediate *c_offset_of(uint32_t half)
{
    switch ((half & 3) | (half >> 13) << 2) {
    case 2 << 2: // c.lw
    case 6 << 2: // c.sw
        return &C_LW_OFFSET;
    case 2 << 2 | 2:
        return &C_LWSP_OFFSET;
    case 6 << 2 | 2:
        return &C_SWSP_OFFSET;
    default:
        return 0;
    }
}

static uint32_t read_immediate(const struct immediate *format, uint32_t word)
{
    uint32_t value = 0;
    for (unsigned i = 1; i < format->bits; i++) {
        value |= format->at[i] > 0 ? (word >> format->at[i] & 1) << i : 0;
    }
    return delta_extend(value, format->bits);
}

static bool write_immediate(const struct immediate *format, uint8_t *bytes, uint32_t len,
                            uint32_t value)
{
    uint32_t word = delta_load(bytes, len);
    if ((value & 1) || !delta_fits(value, format->bits)) {
        return false;
    }
    for (unsigned i = 1; i < format->bits; i++) {
        if (format->at[i] == 0) {
            if (value >> i & 1) {
                return false;
            }
            continue;
        }
        word = (word & ~(1u << format->at[i])) | (value >> i & 1) << format->at[i];
    }
    delta_store(bytes, len, word);
    return true;
}

// The register that a compressed instruction writes, as far as it matters for lui and auipc.
static uint8_t written_by_short(uint32_t half)
{
    uint32_t quadrant = half & 3;
    uint32_t function = half >> 13;
    if (quadrant == 0) { // loads: x8 to x15
        return (uint8_t)(function < 4 ? 8 + delta_bits(half, 2, 3) : 0);
    }
    bool writes = quadrant == 2 || function <= 2 || (function == 3 && delta_bits(half, 7, 5) != 2);
    return (uint8_t)(writes ? delta_bits(half, 7, 5) : 0);
}

static struct delta_unit read_short(uint32_t half, uint32_t pc)
{
    struct delta_unit unit = {.kind = UNIT_SHORT, .len = 2};
    uint32_t function = half >> 13;
    if ((half & 3) == 1 && (function == 1 || function == 5)) {
        unit.kind = UNIT_C_JUMP;
        unit.target = pc + read_immediate(&C_JUMP_OFFSET, half);
    } else if ((half & 3) == 1 && function >= 6) {
        unit.kind = UNIT_C_BRANCH;
        unit.target = pc + read_immediate(&C_BRANCH_OFFSET, half);
    } else {
        unit.written = written_by_short(half);
    }
    if (c_offset_of(half)) {
        unit.kind = UNIT_OFFSET;
        unit.target = read_immediate(c_offset_of(half), half);
    }
    return unit;
}

struct delta_unit delta_unit_riscv(const uint8_t *bytes, uint32_t len, uint32_t pc)
{
    struct delta_unit unit = {.kind = UNIT_BYTES, .len = 1};
    uint32_t wanted = (bytes[0] & 3) == 3 ? 4 : 2;
    if (len < 2 || len < wanted) {
        unit.len = (uint8_t)len;
        return unit;
    }
    uint32_t word = delta_load(bytes, wanted);
    if (wanted == 2) {
        return read_short(word, pc);
    }
    uint32_t op = word & 0x7F;
    unit = (struct delta_unit){.kind = UNIT_LONG, .len = 4};
    unit.written = (uint8_t)delta_bits(word, 7, 5);
    unit.read = (uint8_t)delta_bits(word, 15, 5);
    if (op == OP_JAL) {
        unit.kind = UNIT_JAL;
        unit.target = pc + read_immediate(&JAL_OFFSET, word);
    } else if (op == OP_LUI || op == OP_AUIPC) {
        unit.kind = op == OP_LUI ? UNIT_LUI : UNIT_AUIPC;
        unit.target = (word & 0xFFFFF000u) + (op == OP_AUIPC ? pc : 0);
    } else if (op == OP_BRANCH) {
        unit.kind = UNIT_BRANCH;
        unit.written = 0;
        unit.target = pc + read_immediate(&BRANCH_OFFSET, word);
    } else if ((op == OP_IMM && delta_bits(word, 12, 3) == 0) || op == OP_LOAD || op == OP_JALR ||
               op == OP_LOAD_FP) {
        unit.kind = UNIT_LOW_I;
        unit.target = delta_extend(word >> 20, 12);
    } else if (op == OP_STORE || op == OP_STOREFP) {
        unit.kind = UNIT_LOW_S;
        unit.written = 0;
        unit.target = delta_extend(word >> 25 << 5 | delta_bits(word, 7, 5), 12);
    }
    return unit;
}

bool delta_unit_aim_riscv(const struct delta_unit *unit, uint8_t *bytes, uint32_t pc,
                          uint32_t target)
{
    uint32_t word = delta_load(bytes, unit->len);
    uint32_t low = unit->is_pc_based ? target - unit->base : target;
    switch (unit->kind) {
    case UNIT_JAL:
        return write_immediate(&JAL_OFFSET, bytes, 4, target - pc);
    case UNIT_BRANCH:
        return write_immediate(&BRANCH_OFFSET, bytes, 4, target - pc);
    case UNIT_C_JUMP:
        return write_immediate(&C_JUMP_OFFSET, bytes, 2, target - pc);
    case UNIT_C_BRANCH:
        return write_immediate(&C_BRANCH_OFFSET, bytes, 2, target - pc);
    case UNIT_LUI: // rounded, as the lower part is signed
        word = (word & 0xFFF) | ((target + 0x800) & 0xFFFFF000u);
        break;
    case UNIT_AUIPC:
        word = (word & 0xFFF) | ((target - pc + 0x800) & 0xFFFFF000u);
        break;
    case UNIT_LOW_I:
        word = (word & 0xFFFFF) | low << 20;
        break;
    case UNIT_LOW_S:
        word = (word & 0x01FFF07F) | delta_bits(low, 5, 7) << 25 | delta_bits(low, 0, 5) << 7;
        break;
    case UNIT_OFFSET:
        if (unit->len == 2) {
            return write_immediate(c_offset_of(word), bytes, 2, target);
        }
        if (!delta_fits(target, 12)) {
            return false;
        }
        word = (word & 0x7F) == OP_STORE || (word & 0x7F) == OP_STOREFP
                   ? (word & 0x01FFF07F) | delta_bits(target, 5, 7) << 25 |
                         delta_bits(target, 0, 5) << 7
                   : (word & 0xFFFFF) | target << 20;
        break;
    default:
        return false;
    }
    delta_store(bytes, 4, word);
    return true;
}
