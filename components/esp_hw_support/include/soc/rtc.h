/**
 * Clocks of the chip: applications include it and use nothing of it here.
 */
#pragma once

#include "esp_err.h"
