/**
 * Time that passes only when pretend hardware says how long something took. Shared by the parts of one rehearsal.
 */
#pragma once

#include <stdint.h>

#define VIRTUAL_NS_PER_US UINT64_C(1000)
#define VIRTUAL_NS_PER_S  UINT64_C(1000000000)

struct virtual_clock {
    uint64_t now_ns; // since the rehearsal began
};
