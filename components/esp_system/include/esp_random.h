/** Random numbers from the entropy source of the port, fit for keys. fact: names as in ESP-IDF, esp_hw_support: esp_random.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** 32 random bits. */
uint32_t esp_random(void);

/** Fills buf with len random bytes. Aborts if the entropy source fails: predictable bytes would be worse. */
void esp_fill_random(void *buf, size_t len);

#ifdef __cplusplus
}
#endif
