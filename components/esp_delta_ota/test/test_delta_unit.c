// Instructions of both architectures: what they refer to, and that re-aiming gives what an assembler would.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "delta_unit.h"

struct instruction {
    enum delta_arch arch;
    const char *text; // with pc 0x42001000 (RISC-V) or 0x400D1000 (Xtensa)
    uint8_t bytes[4];
    enum delta_unit_kind kind;
    uint8_t len;
    uint32_t target;
    uint32_t other;         // another target ...
    uint8_t other_bytes[4]; // ... and what the instruction is then
};

// fact: encodings by the manuals of both instruction sets
static const struct instruction INSTRUCTIONS[] = {
    {ARCH_RISCV,
     "jal ra, +8",
     {0xEF, 0x00, 0x80, 0x00},
     UNIT_JAL,
     4,
     0x42001008,
     0x42000FFC,
     {0xEF, 0xF0, 0xDF, 0xFF}},
    {ARCH_RISCV,
     "beq a0, a1, +16",
     {0x63, 0x08, 0xB5, 0x00},
     UNIT_BRANCH,
     4,
     0x42001010,
     0x42000FF0,
     {0xE3, 0x08, 0xB5, 0xFE}},
    {ARCH_RISCV, "c.j +4", {0x11, 0xA0}, UNIT_C_JUMP, 2, 0x42001004, 0x42000FFE, {0xFD, 0xBF}},
    {ARCH_RISCV,
     "c.beqz a0, +6",
     {0x19, 0xC1},
     UNIT_C_BRANCH,
     2,
     0x42001006,
     0x42000FFC,
     {0x75, 0xDD}},
    {ARCH_RISCV,
     "lw a5, 8(a4)",
     {0x83, 0x27, 0x87, 0x00},
     UNIT_LOW_I,
     4,
     8,
     0xFFFFFFFC,
     {0x83, 0x27, 0xC7, 0xFF}},
    {ARCH_RISCV,
     "sw a5, 8(a4)",
     {0x23, 0x24, 0xF7, 0x00},
     UNIT_LOW_S,
     4,
     8,
     0xFFFFFFFC,
     {0x23, 0x2E, 0xF7, 0xFE}},
    {ARCH_RISCV,
     "lui a0, 0x3fc90",
     {0x37, 0x05, 0xC9, 0x3F},
     UNIT_LUI,
     4,
     0x3FC90000,
     0x3FC90800,
     {0x37, 0x15, 0xC9, 0x3F}},
    {ARCH_RISCV, "c.lw a5, 12(a4)", {0x5C, 0x47}, UNIT_OFFSET, 2, 12, 64, {0x3C, 0x43}},
    {ARCH_RISCV, "c.lwsp ra, 28(sp)", {0xF2, 0x40}, UNIT_OFFSET, 2, 28, 44, {0xB2, 0x50}},
    {ARCH_RISCV, "c.swsp ra, 28(sp)", {0x06, 0xCE}, UNIT_OFFSET, 2, 28, 44, {0x06, 0xD6}},
    {ARCH_XTENSA,
     "call8 +8",
     {0x65, 0x00, 0x00},
     UNIT_CALL,
     3,
     0x400D1008,
     0x400D0FFC,
     {0xA5, 0xFF, 0xFF}},
    {ARCH_XTENSA,
     "l32r a2, -8",
     {0x21, 0xFE, 0xFF},
     UNIT_L32R,
     3,
     0x400D0FF8,
     0x400D0FFC,
     {0x21, 0xFF, 0xFF}},
    {ARCH_XTENSA,
     "j +8",
     {0x06, 0x01, 0x00},
     UNIT_JUMP,
     3,
     0x400D1008,
     0x400D1000,
     {0x06, 0xFF, 0xFF}},
    {ARCH_XTENSA,
     "beqz a2, +8",
     {0x16, 0x42, 0x00},
     UNIT_BRANCH,
     3,
     0x400D1008,
     0x400D1000,
     {0x16, 0xC2, 0xFF}},
    {ARCH_XTENSA,
     "beq a2, a3, +8",
     {0x37, 0x12, 0x04},
     UNIT_BRANCH,
     3,
     0x400D1008,
     0x400D1000,
     {0x37, 0x12, 0xFC}},
    {ARCH_XTENSA,
     "beqz.n a2, +8",
     {0x8C, 0x42},
     UNIT_BRANCH,
     2,
     0x400D1008,
     0x400D1027,
     {0xAC, 0x32}},
    {ARCH_XTENSA, "l32i a2, a3, 8", {0x22, 0x23, 0x02}, UNIT_OFFSET, 3, 8, 12, {0x22, 0x23, 0x03}},
    {ARCH_XTENSA,
     "l8ui a2, a3, 176",
     {0x22, 0x03, 0xB0},
     UNIT_OFFSET,
     3,
     176,
     128,
     {0x22, 0x03, 0x80}},
    {ARCH_XTENSA,
     "addi a2, a3, -4",
     {0x22, 0xC3, 0xFC},
     UNIT_OFFSET,
     3,
     0xFFFFFFFC,
     16,
     {0x22, 0xC3, 0x10}},
    {ARCH_XTENSA, "s32i.n a2, a3, 4", {0x29, 0x13}, UNIT_OFFSET, 2, 4, 60, {0x29, 0xF3}},
};
#define COUNT (sizeof(INSTRUCTIONS) / sizeof(INSTRUCTIONS[0]))

static uint32_t pc_of(const struct instruction *instruction)
{
    return instruction->arch == ARCH_RISCV ? 0x42001000 : 0x400D1000;
}

static struct delta_unit read_unit(const struct instruction *instruction)
{
    return instruction->arch == ARCH_RISCV
               ? delta_unit_riscv(instruction->bytes, instruction->len, pc_of(instruction))
               : delta_unit_xtensa(instruction->arch, instruction->bytes, instruction->len,
                                   pc_of(instruction));
}

static void knows_what_an_instruction_refers_to(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        struct delta_unit unit = read_unit(&INSTRUCTIONS[i]);
        if (unit.kind != INSTRUCTIONS[i].kind || unit.len != INSTRUCTIONS[i].len ||
            unit.target != INSTRUCTIONS[i].target) {
            fail_msg("%s: kind %d, %u bytes, target 0x%x", INSTRUCTIONS[i].text, (int)unit.kind,
                     unit.len, (unsigned)unit.target);
        }
    }
}

static void re_aims_as_an_assembler_would(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        const struct instruction *instruction = &INSTRUCTIONS[i];
        struct delta_unit unit = read_unit(instruction);
        uint8_t bytes[4];
        memcpy(bytes, instruction->bytes, 4);
        if (!delta_unit_aim(instruction->arch, &unit, bytes, pc_of(instruction),
                            instruction->other) ||
            memcmp(bytes, instruction->other_bytes, instruction->len) != 0) {
            fail_msg("%s: became %02x %02x %02x %02x", instruction->text, bytes[0], bytes[1],
                     bytes[2], bytes[3]);
        }
    }
}

static void leaves_an_instruction_alone_that_cannot_reach(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        const struct instruction *instruction = &INSTRUCTIONS[i];
        struct delta_unit unit = read_unit(instruction);
        uint8_t bytes[4];
        memcpy(bytes, instruction->bytes, 4);
        bool is_half_an_address =
            unit.kind == UNIT_LOW_I || unit.kind == UNIT_LOW_S || unit.kind == UNIT_LUI;
        bool can = delta_unit_aim(instruction->arch, &unit, bytes, pc_of(instruction), 0x10000001);
        if (can != is_half_an_address || (!can && memcmp(bytes, instruction->bytes, 4) != 0)) {
            fail_msg("%s", instruction->text);
        }
    }
}

// All words: what was read can be written back, and whatever re-aiming changes is read as that target.
static void reading_and_aiming_are_each_other_s_inverse(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int i = 0; i < 300000; i++) {
        seed = seed * 1664525u + 1013904223u;
        uint8_t bytes[8] = {0};
        delta_store(bytes, 4, seed ^ seed >> 15);
        static const enum delta_arch ARCHS[] = {ARCH_RISCV, ARCH_XTENSA, ARCH_XTENSA_S3};
        enum delta_arch arch = ARCHS[i % 3];
        uint32_t pc = 0x400D1000 + (i % 7 & ~1u);
        struct delta_unit unit = delta_arch_is_xtensa(arch) ? delta_unit_xtensa(arch, bytes, 8, pc)
                                                            : delta_unit_riscv(bytes, 8, pc);
        uint8_t before[8];
        memcpy(before, bytes, 8);
        assert_in_range(unit.len, 1, 4);
        if (unit.kind < UNIT_CALL || unit.kind >= UNIT_SHORT || unit.kind == UNIT_LUI ||
            unit.kind == UNIT_AUIPC) {
            continue; // the upper parts are rounded by their lower ones
        }
        assert_true(delta_unit_aim(arch, &unit, bytes, pc, unit.target));
        assert_memory_equal(bytes, before, 8);
    }
}

// As an assembler for ESP32-S3 encodes them; on the others these first bytes begin nothing that compilers make.
static void vector_instructions_have_their_length(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t bytes[4];
        uint8_t len;
    } VECTORS[] = {
        {"ee.vmulas.s16.accx q0, q7", {0x84, 0x58, 0x1A}, 3},
        {"ee.vmin.s8 q7, q6, q0", {0x74, 0xA6, 0xBE}, 3},
        {"ee.vmin.s8.ld.incp q2, a13, q7, q7, q3", {0xDF, 0xDF, 0xA7, 0xE1}, 4},
        {"ee.vmulas.s16.accx.ld.ip q7, a7, -16, q2, q0", {0x7E, 0x8F, 0x08, 0xFF}, 4},
        {"ee.vmulas.s16.accx.ld.ip.qup q5, a14, 32, q0, q2, q0, q2", {0xEE, 0x12, 0x0A, 0x02}, 4},
    };
    for (size_t i = 0; i < sizeof(VECTORS) / sizeof(VECTORS[0]); i++) {
        uint8_t bytes[8] = {0};
        memcpy(bytes, VECTORS[i].bytes, 4);
        struct delta_unit unit = delta_unit_xtensa(ARCH_XTENSA_S3, bytes, 8, 0x42001002);
        if (unit.kind != UNIT_LONG || unit.len != VECTORS[i].len) {
            fail_msg("%s: kind %d, %u bytes", VECTORS[i].text, (int)unit.kind, unit.len);
        }
        assert_int_equal(delta_unit_xtensa(ARCH_XTENSA, bytes, 8, 0x400D1002).len, 1);
        unit = delta_unit_xtensa(ARCH_XTENSA_S3, bytes, 2, 0x42001002); // cut off
        assert_int_equal(unit.kind, UNIT_BYTES);
    }
}

// Whatever an extension adds, the lowest bits of a RISC-V instruction tell its length. fact: ESP32-P4's loops and vectors stand among the
// custom opcodes, which have 4 bytes
static void extensions_of_riscv_have_four_bytes(void **state)
{
    (void)state;
    static const uint8_t OPCODES[] = {0x0B, 0x2B, 0x5B, 0x7B, 0x1B, 0x3B, 0x5F};
    for (size_t i = 0; i < sizeof(OPCODES); i++) {
        uint8_t bytes[4] = {OPCODES[i], 0x40, 0x05, 0x12};
        struct delta_unit unit = delta_unit_riscv(bytes, 4, 0x40001000);
        assert_int_equal(unit.kind, UNIT_LONG);
        assert_int_equal(unit.len, 4);
    }
}

static void addresses_of_flash_depend_on_the_chip(void **state)
{
    (void)state;
    assert_true(delta_unit_is_address(ARCH_RISCV_P4, 0x40012344));
    assert_false(delta_unit_is_address(ARCH_RISCV, 0x40012344)); // ROM there
    assert_true(delta_unit_is_address(ARCH_RISCV_P4, 0x4FF01234));
    assert_true(delta_unit_is_address(ARCH_RISCV, 0x42012344));
    assert_true(delta_unit_is_address(ARCH_XTENSA_S3, 0x3C012344));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_an_instruction_refers_to),
        cmocka_unit_test(re_aims_as_an_assembler_would),
        cmocka_unit_test(leaves_an_instruction_alone_that_cannot_reach),
        cmocka_unit_test(vector_instructions_have_their_length),
        cmocka_unit_test(extensions_of_riscv_have_four_bytes),
        cmocka_unit_test(addresses_of_flash_depend_on_the_chip),
        cmocka_unit_test(reading_and_aiming_are_each_other_s_inverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
