/** The place from which tests of ESP-IDF include it, with a path relative to a public include folder. */
#pragma once

#include <bootloader_flash_priv.h>
