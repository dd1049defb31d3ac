/**
 * eFuses as the sweep cuts them: bits in a sector behind what the partition table knows, where a bit that falls is a fuse that is
 * burnt. So a cut in a burn leaves every tear that it leaves in a program operation, which is more than eFuses are known to do.
 */
#pragma once

#include "efuse_ops.h"
#include "flash_ops.h"

/** The eFuses of a chip with three key slots, in the sector at address; for efuse_default. */
struct efuse *sweep_efuse_open(esp_flash_t *chip, uint32_t address);

/** As the factory burns them, before any life. */
void sweep_efuse_put(uint8_t *sector, enum efuse_field field, const uint8_t *bits, uint32_t len);
