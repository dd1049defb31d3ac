// Units: the pieces in which a copy looks at the old image. One instruction, one word of data, or a few bytes that are neither.
//
// What matters about a unit is whether it refers to an address: a call to its function, a pointer to its object. When code moves,
// such a unit changes although nobody edited it. delta_unit_aim() computes what it looks like at its new place with its new target,
// so that the patch need not say it. A unit that was misread costs some bytes of patch, nothing else: both sides misread alike.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum delta_unit_kind {
    UNIT_BYTES,    // padding, a started word, what no instruction begins with
    UNIT_DATA,     // a word of data
    UNIT_POINTER,  // a word that looks like an address
    UNIT_RELATIVE, // a word of a table of distances: from a base to an address
    UNIT_BACKWARD, // the same counted backwards
    UNIT_CALL,     // Xtensa call0, call4, call8, call12
    UNIT_L32R,     // Xtensa: loads a constant by its address
    UNIT_JUMP,     // Xtensa j
    UNIT_BRANCH,   // conditional, both architectures
    UNIT_LUI,      // RISC-V: upper part of an address
    UNIT_AUIPC,    // RISC-V: the same, relative to pc
    UNIT_LOW_I,    // RISC-V: lower part in addi, loads, jalr
    UNIT_LOW_S,    // RISC-V: lower part in stores
    UNIT_JAL,      // RISC-V
    UNIT_C_JUMP,   // RISC-V c.j, c.jal
    UNIT_C_BRANCH, // RISC-V c.beqz, c.bnez
    UNIT_OFFSET, // an instruction with a constant: an offset in a structure or stack frame, a small number
    UNIT_SHORT, // another instruction of 2 bytes
    UNIT_LONG,  // another instruction of 3 or 4 bytes
    UNIT_KINDS
};

// ESP32-S3 has instructions of 4 bytes as well, ESP32-P4 flash where others have their ROM.
enum delta_arch { ARCH_NONE, ARCH_XTENSA, ARCH_XTENSA_S3, ARCH_RISCV, ARCH_RISCV_P4 };

static inline bool delta_arch_is_xtensa(enum delta_arch arch)
{
    return arch == ARCH_XTENSA || arch == ARCH_XTENSA_S3;
}

#define UNIT_LEN_MAX 4

// Bytes that unit decoding may look at from the unit's first byte on: a misaligned unit and an `entry` behind it.
#define UNIT_PEEK_LEN 8

struct delta_unit {
    enum delta_unit_kind kind;
    uint8_t len;       // 1 to UNIT_LEN_MAX
    uint8_t written;   // RISC-V: register it writes, 0: none
    uint8_t read;      // RISC-V: base register of UNIT_LOW_*
    bool is_reference; // target is an address that may have moved
    bool
        is_pc_based; // UNIT_LOW_*: its upper part is an auipc. UNIT_RELATIVE: its base is its own place
    uint32_t target; // of references; of UNIT_OFFSET the constant, in bytes
    uint32_t base;   // with is_pc_based: address of the auipc or its own; of UNIT_RELATIVE the base
};

// Reads the unit at bytes, of which len are there (at least 1); pc is its address. References are not resolved: target
// is what this one instruction says, is_reference stays false.
struct delta_unit delta_unit_xtensa(enum delta_arch arch, const uint8_t *bytes, uint32_t len,
                                    uint32_t pc);
struct delta_unit delta_unit_riscv(const uint8_t *bytes, uint32_t len, uint32_t pc);

// Makes the unit, now at pc, refer to target. unit.base must have been moved as well.
// @return false: it cannot reach target; bytes are as before
bool delta_unit_aim(enum delta_arch arch, const struct delta_unit *unit, uint8_t *bytes,
                    uint32_t pc, uint32_t target);
bool delta_unit_aim_xtensa(const struct delta_unit *unit, uint8_t *bytes, uint32_t pc,
                           uint32_t target);
bool delta_unit_aim_riscv(const struct delta_unit *unit, uint8_t *bytes, uint32_t pc,
                          uint32_t target);

// What of a unit says which instruction it is, its constant included but not its registers.
uint32_t delta_unit_content(enum delta_arch arch, const struct delta_unit *unit, uint32_t word);

// Whether a word looks like the address of something in flash or RAM.
bool delta_unit_is_address(enum delta_arch arch, uint32_t word);

// ----------------------------------------------------------------------- small helpers

static inline uint32_t delta_load(const uint8_t *bytes, uint32_t len)
{
    uint32_t value = 0;
    for (uint32_t i = len; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static inline void delta_store(uint8_t *bytes, uint32_t len, uint32_t value)
{
    for (uint32_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline uint32_t delta_bits(uint32_t value, unsigned low, unsigned count)
{
    return value >> low & ((1u << count) - 1);
}

// The lowest count bits as a signed number, in two's complement.
static inline uint32_t delta_extend(uint32_t value, unsigned count)
{
    uint32_t sign = 1u << (count - 1);
    return ((value & (2 * sign - 1)) ^ sign) - sign;
}

static inline bool delta_fits(uint32_t value, unsigned count)
{
    return delta_extend(value, count) == value;
}
