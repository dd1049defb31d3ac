#define _DEFAULT_SOURCE // strcasecmp

#include "nor_part.h"

#include <strings.h>

#define MIB         (1024u * 1024)
#define QUAD_80MHZ  40u  // fact: four bits a clock
#define OCTAL_80MHZ 160u // fact: eight bits, both edges

// Program and erase times as the data sheets named give them in their tables of AC characteristics. None was at hand. "Quoted"
// figures were compared with what public drivers, models and feature lists quote from the sheet; the rest is from memory.
// Whoever has a sheet: put the figures right and say "checked", with the table, in the source.
#define FROM_MEMORY "; the rest from memory, not checked"

static const struct nor_part PARTS[] = {
    {"W25Q32JV",
     "Winbond W25Q32JV, revision F: longest erase of 4 and 64 KiB as quoted by a "
     "driver" FROM_MEMORY,
     4 * MIB,
     {400, 3000},
     {45000, 400000},
     {120000, 1600000},
     {150000, 2000000},
     QUAD_80MHZ},
    {"W25Q64JV",
     "Winbond W25Q64JV, revision J: all longest times as quoted by a "
     "driver" FROM_MEMORY,
     8 * MIB,
     {400, 3000},
     {45000, 400000},
     {120000, 1600000},
     {150000, 2000000},
     QUAD_80MHZ},
    {"W25Q128JV",
     "Winbond W25Q128JV, revision M of December 2024, table 9.6: page and 4 KiB, typical and "
     "longest, as quoted by a benchmark and a model" FROM_MEMORY,
     16 * MIB,
     {400, 3000}, // 700 in older revisions
     {45000, 400000},
     {120000, 1600000},
     {150000, 2000000},
     QUAD_80MHZ},
    {"GD25Q32",
     "GigaDevice GD25Q32C: all typical times as quoted from its feature list" FROM_MEMORY,
     4 * MIB,
     {600, 2400},
     {50000, 300000},
     {150000, 800000},
     {250000, 1200000},
     QUAD_80MHZ},
    {"MX25L6406E",
     "Macronix MX25L6406E, revision 1.9: typical erase times as quoted from the feature list of "
     "its family" FROM_MEMORY,
     8 * MIB,
     {1400, 5000},
     {60000, 300000},
     {0, 0},
     {700000, 2000000},
     QUAD_80MHZ},
    {"MX25UM25645G",
     "Macronix MX25UM25645G (octal), revision 1.4: longest erase times as quoted by a "
     "driver" FROM_MEMORY,
     32 * MIB,
     {150, 750},
     {25000, 400000},
     {0, 0},
     {220000, 2000000},
     OCTAL_80MHZ},
};

#define PART_COUNT (sizeof(PARTS) / sizeof(PARTS[0]))

const struct nor_part *nor_part_at(size_t index)
{
    return index < PART_COUNT ? &PARTS[index] : NULL;
}

const struct nor_part *nor_part_find(const char *name)
{
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (strcasecmp(PARTS[i].name, name) == 0) {
            return &PARTS[i];
        }
    }
    return NULL;
}
