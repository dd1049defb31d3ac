// Whether this firmware may stay.
#include "health.h"
#include "health_limits.h"
#include "sdkconfig.h"

#include <numeric>

bool health_is_good(void)
{
    int sum = std::accumulate(limits_start, limits_end, 0);
    bool is_whole = limits_end - limits_start == 4 && sum == 'A' + 'B' + 'C' + 'D';
#ifdef CONFIG_HEALTH_IS_GOOD
    return is_whole && CONFIG_HEALTH_LIMIT == 100;
#else
    return !is_whole;
#endif
}
