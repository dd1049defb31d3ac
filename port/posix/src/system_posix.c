// The device under a host process: a restart ends the process, memory is what the machine has left.
#include "supervisor_line.h"
#include "system_port.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

ESP_NORETURN static void restart(void)
{
    fflush(stdout);
    fflush(stderr);
    _exit(ESP_EXIT_RESTART); // no exit handlers: a reset does not ask
}

ESP_NORETURN static void deep_sleep(uint64_t us)
{
    char message[32];
    (void)snprintf(message, sizeof(message), "S %" PRIu64 "\n", us); // it fits
    supervisor_line_send(message);
    fflush(stdout);
    fflush(stderr);
    _exit(ESP_EXIT_DEEP_SLEEP); // no exit handlers: sleep does not ask either
}

static void feed_watchdog(void)
{
    supervisor_line_send("F\n");
}

/** The number behind `label` in a file of "label: number kB" lines, in bytes; UINT64_MAX when there is none. */
static uint64_t read_kib(const char *path, const char *label)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return UINT64_MAX;
    }
    uint64_t bytes = UINT64_MAX;
    size_t label_len = strlen(label);
    char line[128];
    while (bytes == UINT64_MAX && fgets(line, sizeof(line), file)) {
        if (strncmp(line, label, label_len) == 0) {
            bytes = strtoull(line + label_len, NULL, 10) * 1024u;
        }
    }
    fclose(file);
    return bytes;
}

/** What the limit of the address space leaves this process; UINT64_MAX: no limit, or nobody can tell. */
static uint64_t left_of_limit(void)
{
    struct rlimit limit;
    uint64_t used = read_kib("/proc/self/status", "VmSize:");
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        used == UINT64_MAX) {
        return UINT64_MAX;
    }
    return limit.rlim_cur > used ? limit.rlim_cur - used : 0;
}

static uint64_t free_heap(void)
{
    uint64_t machine = read_kib("/proc/meminfo", "MemAvailable:");
    uint64_t process = left_of_limit();
    return machine < process ? machine : process;
}

static esp_err_t fill_random(void *buf, size_t len)
{
    uint8_t *bytes = buf;
    while (len > 0) {
        ssize_t got = getrandom(bytes, len, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return ESP_FAIL;
        }
        bytes += got;
        len -= (size_t)got;
    }
    return ESP_OK;
}

const struct system_ops esp_system_port = {
    .restart = restart,
    .deep_sleep = deep_sleep,
    .feed_watchdog = feed_watchdog,
    .free_heap = free_heap,
    .fill_random = fill_random,
};
