// Any bytes as an eFuse file: what is read from them, and where fields stand.
//
// Input: the file. The first byte of what follows its 128, if anything does: bit 0 repairs the CRC of the identity.

#include <string.h>

#include "byte_order.h"
#include "chip_traits.h"
#include "esp_rom_crc.h"
#include "fuzz_check.h"
#include "sim_efuse_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define IDENTITY_LEN 20u // what never changes, CRC included
#define CRC_OFFSET   16u

static void repair_crc(uint8_t bytes[SIM_EFUSE_SIZE])
{
    store_le32(bytes + CRC_OFFSET, esp_rom_crc32_le(0, bytes, CRC_OFFSET));
}

// Every field lies behind the identity and inside the file, and shares no bit with another.
static void check_places(esp_chip_id_t chip_id)
{
    uint8_t owner[SIM_EFUSE_SIZE * 8] = {0};
    for (int i = 0; i < EFUSE_FIELD_COUNT; i++) {
        struct efuse_place place = sim_efuse_place((enum efuse_field)i, chip_id);
        FUZZ_CHECK(place.bit_count <= EFUSE_FIELD_BYTES_MAX * 8);
        FUZZ_CHECK(place.bit_shift == 0 || place.bit_count == 1);
        for (uint32_t bit = 0; bit < place.bit_count; bit++) {
            uint32_t at = place.offset * 8 + place.bit_shift + bit;
            FUZZ_CHECK(at >= IDENTITY_LEN * 8 && at < sizeof(owner) && !owner[at]);
            owner[at] = 1;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[SIM_EFUSE_SIZE] = {0};
    uint8_t again[SIM_EFUSE_SIZE];
    memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
    if (size > sizeof(bytes) && data[sizeof(bytes)] & 1) {
        repair_crc(bytes);
    }
    struct chip_identity chip = {.chip_id = ESP_CHIP_ID_INVALID};
    if (sim_efuse_parse(bytes, &chip) != ESP_OK) {
        FUZZ_CHECK(chip.chip_id == ESP_CHIP_ID_INVALID); // nothing is written on failure
        return 0;
    }
    FUZZ_CHECK(chip_traits_by_id(chip.chip_id));
    FUZZ_CHECK(sim_efuse_encode(&chip, again) == ESP_OK);
    FUZZ_CHECK(memcmp(bytes, again, IDENTITY_LEN) == 0);
    check_places(chip.chip_id);
    return 0;
}
