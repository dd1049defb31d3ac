#include "sweep.h"
unsigned sweep_failures(bool is_long)
{
    (void)is_long;
    return 0;
}
