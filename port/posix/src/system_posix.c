// The device under a host process: a restart ends the process, memory is what the machine has left.
#include "system_port.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

ESP_NORETURN static void restart(void)
{
    fflush(stdout);
    fflush(stderr);
    _exit(ESP_EXIT_RESTART); // no exit handlers: a reset does not ask
}

/** Bytes of address space the process uses now; 0 when unknown. */
static uint64_t address_space_in_use(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) {
        return 0;
    }
    unsigned long pages;
    int found = fscanf(file, "%lu", &pages);
    fclose(file);
    return found == 1 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/** "MemAvailable" of /proc/meminfo in bytes; UINT64_MAX when unknown. */
static uint64_t memory_available(void)
{
    FILE *file = fopen("/proc/meminfo", "re");
    if (!file) {
        return UINT64_MAX;
    }
    uint64_t bytes = UINT64_MAX;
    char line[128];
    while (fgets(line, sizeof(line), file)) {
        unsigned long long kib;
        if (sscanf(line, "MemAvailable: %llu", &kib) == 1) {
            bytes = kib * 1024u;
            break;
        }
    }
    fclose(file);
    return bytes;
}

static uint64_t free_heap(void)
{
    uint64_t available = memory_available();
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        uint64_t used = address_space_in_use();
        uint64_t left = limit.rlim_cur > used ? limit.rlim_cur - used : 0;
        available = left < available ? left : available;
    }
    return available;
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
    .restart = restart, .free_heap = free_heap, .fill_random = fill_random};
