#include "delta_unit.h"

#include <stddef.h>

struct address_range {
    uint16_t start; // upper halves of addresses
    uint16_t end;
};

// Flash as data and as code, internal RAM; ROM is left out, nothing there moves. fact: memory maps of the chips' manuals
static const struct address_range XTENSA_RANGES[] = {
    {0x3C00, 0x3E00}, {0x3F00, 0x3F80}, {0x3FC8, 0x3FD0},
    {0x3FF8, 0x4000}, {0x4002, 0x404C}, {0x4200, 0x4400},
};
static const struct address_range RISCV_RANGES[] = {
    {0x3C00, 0x3E00}, {0x3FC8, 0x3FD0}, {0x4037, 0x403F}, {0x4080, 0x4090},
    {0x4200, 0x4400}, {0x4800, 0x4900}, {0x4FF0, 0x5000},
};
static const struct address_range P4_FLASH = {0x4000, 0x4400};

bool delta_unit_is_address(enum delta_arch arch, uint32_t word)
{
    bool is_xtensa = delta_arch_is_xtensa(arch);
    const struct address_range *ranges = is_xtensa ? XTENSA_RANGES : RISCV_RANGES;
    size_t count = is_xtensa ? sizeof(XTENSA_RANGES) / sizeof(XTENSA_RANGES[0])
                             : sizeof(RISCV_RANGES) / sizeof(RISCV_RANGES[0]);
    if (arch == ARCH_RISCV_P4 && word >> 16 >= P4_FLASH.start && word >> 16 < P4_FLASH.end) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (word >> 16 >= ranges[i].start && word >> 16 < ranges[i].end) {
            return true;
        }
    }
    return false;
}

bool delta_unit_aim(enum delta_arch arch, const struct delta_unit *unit, uint8_t *bytes,
                    uint32_t pc, uint32_t target)
{
    if (unit->kind == UNIT_POINTER) {
        delta_store(bytes, 4, target);
        return true;
    }
    if (unit->kind == UNIT_RELATIVE || unit->kind == UNIT_BACKWARD) {
        bool is_forward = unit->kind == UNIT_RELATIVE;
        delta_store(bytes, 4, is_forward ? target - unit->base : unit->base - target);
        return true;
    }
    return delta_arch_is_xtensa(arch) ? delta_unit_aim_xtensa(unit, bytes, pc, target)
                                      : delta_unit_aim_riscv(unit, bytes, pc, target);
}

uint32_t delta_unit_content(enum delta_arch arch, const struct delta_unit *unit, uint32_t word)
{
    if (unit->is_reference) {
        return unit->target >> 2;
    }
    if (unit->kind == UNIT_OFFSET) {
        uint32_t op = delta_arch_is_xtensa(arch) ? word & 0xF00F
                      : unit->len == 4           ? word & 0x707F
                                                 : word & 0xE003;
        return op << 12 ^ unit->target;
    }
    return word;
}
