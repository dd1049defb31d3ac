#define OPENSSL_SUPPRESS_DEPRECATED // of OpenSSL 3.0's ways to replace random numbers the one without a provider
#include "sweep_chance.h"

#include <stdint.h>

#include <openssl/rand.h>

static uint32_t s_state = 2463534242u; // chosen: any but 0

static int take_bytes(unsigned char *bytes, int len)
{
    for (int i = 0; i < len; i++) {
        s_state ^= s_state << 13; // xorshift32
        s_state ^= s_state >> 17;
        s_state ^= s_state << 5;
        bytes[i] = (unsigned char)(s_state >> 11);
    }
    return 1;
}

static int is_ready(void)
{
    return 1;
}

void sweep_begin_fixed_chance(void)
{
    static const RAND_METHOD FIXED = {
        .bytes = take_bytes, .pseudorand = take_bytes, .status = is_ready};
    (void)RAND_set_rand_method(&FIXED); // keys would only differ from run to run
}

void sweep_end_fixed_chance(void)
{
    (void)RAND_set_rand_method(NULL); // as before
}
