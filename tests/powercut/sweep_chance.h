/** Keys and signatures that are the same in every run, so that a case can be run again. */
#pragma once

/** From here on OpenSSL's random numbers come from a fixed seed. */
void sweep_begin_fixed_chance(void);

/** And from here on no more. */
void sweep_end_fixed_chance(void);
