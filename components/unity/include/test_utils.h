/** Helpers of ESP-IDF's tests: what those of OTA use is in unity.h. */
#pragma once

#include "unity.h"
