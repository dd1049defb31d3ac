#pragma once
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif
bool health_is_good(void);
#ifdef __cplusplus
}
#endif
