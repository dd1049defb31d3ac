// Options of esp-ota update that bound a download or say where else it may come from.

#include "update.h"

#include <stdlib.h>
#include <string.h>

#include "commands.h"

#define RETRIES_MAX 1000
#define SECONDS_MAX 1000000

static int take_seconds(const char *name, uint32_t *out_ms)
{
    char *end;
    double seconds = strtod(optarg, &end);
    if (end == optarg || *end || !(seconds > 0) || seconds > SECONDS_MAX) {
        return cli_usage("--%s wants seconds above 0, not \"%s\"", name, optarg);
    }
    uint32_t whole = (uint32_t)(seconds * 1000);
    *out_ms = whole + (whole < seconds * 1000); // never 0
    return CLI_DONE;
}

static int take_size(const char *name, uint64_t max, uint64_t *out)
{
    if (!cli_parse_size(optarg, max, out) || *out == 0) {
        return cli_usage("--%s wants a number of bytes from 1 to %llu, such as 4096 or 64K, not "
                         "\"%s\"",
                         name, (unsigned long long)max, optarg);
    }
    return CLI_DONE;
}

static int take_retries(esp_https_ota_ext_t *limits)
{
    uint64_t retries;
    if (!cli_parse_number(optarg, RETRIES_MAX, &retries)) {
        return cli_usage("--retries wants a number from 0 to %d, not \"%s\"", RETRIES_MAX, optarg);
    }
    limits->max_retries = retries > 0 ? (int)retries : -1;
    return CLI_DONE;
}

static int take_mirror(struct update *u)
{
    if (u->mirror_count == UPDATE_MIRROR_MAX) {
        return cli_usage("more than %d --mirror", UPDATE_MIRROR_MAX);
    }
    u->mirrors[u->mirror_count++] = optarg;
    u->limits.mirrors = u->mirrors;
    return CLI_DONE;
}

int update_take_limit(int option, struct update *u)
{
    uint64_t number = 0;
    uint32_t ms = 0;
    int code;
    switch (option) {
    case UPDATE_OPT_RETRIES:
        return take_retries(&u->limits);
    case UPDATE_OPT_RETRY_DELAY:
        return take_seconds("retry-delay", &u->limits.retry_delay_ms);
    case UPDATE_OPT_DEADLINE:
        return take_seconds("deadline", &u->limits.deadline_ms);
    case UPDATE_OPT_TIMEOUT:
        code = take_seconds("timeout", &ms);
        u->timeout_ms = ms < INT32_MAX ? (int)ms : INT32_MAX;
        return code;
    case UPDATE_OPT_MIN_RATE:
        code = take_size("min-rate", UINT32_MAX, &number);
        u->limits.min_rate = (uint32_t)number;
        return code;
    case UPDATE_OPT_RATE_WINDOW:
        return take_seconds("rate-window", &u->limits.min_rate_window_ms);
    case UPDATE_OPT_MAX_BYTES:
        return take_size("max-bytes", INT64_MAX, &u->limits.max_bytes);
    case UPDATE_OPT_RANGE_SIZE:
        code = take_size("range-size", INT32_MAX, &number);
        u->range_size = (int)number;
        return code;
    case UPDATE_OPT_MIRROR:
        return take_mirror(u);
    default:
        return CLI_USAGE;
    }
}
