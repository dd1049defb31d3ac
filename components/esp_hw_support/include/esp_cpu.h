/**
 * The processor.
 */
#pragma once

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Core that runs the caller: 0. */
static inline int esp_cpu_get_core_id(void)
{
    return 0;
}

#ifdef __cplusplus
}
#endif
