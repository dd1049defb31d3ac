#define _DEFAULT_SOURCE // strcasecmp

#include "nor_part.h"

#include <strings.h>

#define MIB         (1024u * 1024)
#define QUAD_80MHZ  40u  // fact: four bits a clock
#define OCTAL_80MHZ 160u // fact: eight bits, both edges

// Program and erase times as the tables of AC characteristics of the data sheets named give them: written down from memory and
// not checked against the sheets. Whoever has one at hand: put the figures right and say "checked" in the source.
#define FROM_MEMORY "; figures from memory, not checked"

static const struct nor_part PARTS[] = {
    {"W25Q32JV",
     "Winbond W25Q32JV, revision F" FROM_MEMORY,
     4 * MIB,
     {400, 3000},
     {45000, 400000},
     {120000, 1600000},
     {150000, 2000000},
     QUAD_80MHZ},
    {"W25Q64JV",
     "Winbond W25Q64JV, revision J" FROM_MEMORY,
     8 * MIB,
     {400, 3000},
     {45000, 400000},
     {120000, 1600000},
     {150000, 2000000},
     QUAD_80MHZ},
    {"W25Q128JV",
     "Winbond W25Q128JV, revision F" FROM_MEMORY,
     16 * MIB,
     {700, 3000},
     {45000, 400000},
     {120000, 1600000},
     {150000, 2000000},
     QUAD_80MHZ},
    {"GD25Q32",
     "GigaDevice GD25Q32C, revision 3.2" FROM_MEMORY,
     4 * MIB,
     {600, 2400},
     {50000, 300000},
     {150000, 800000},
     {200000, 1200000},
     QUAD_80MHZ},
    {"MX25L6406E",
     "Macronix MX25L6406E, revision 1.9" FROM_MEMORY,
     8 * MIB,
     {1400, 5000},
     {60000, 300000},
     {0, 0},
     {700000, 2000000},
     QUAD_80MHZ},
    {"MX25UM25645G",
     "Macronix MX25UM25645G (octal), revision 1.4" FROM_MEMORY,
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
