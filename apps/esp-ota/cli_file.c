#define _DEFAULT_SOURCE

#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP (256u * 1024) // chosen: few calls, little waste

static bool read_stream(FILE *file, const char *name, size_t max, struct cli_bytes *out)
{
    struct cli_bytes got = {NULL, 0};
    for (size_t room = 0;;) {
        if (got.len == room) {
            room = room ? room * 2 : READ_STEP;
            uint8_t *grown = realloc(got.bytes, room);
            if (!grown) {
                free(got.bytes);
                cli_report_failure("%s: not enough memory", name);
                return false;
            }
            got.bytes = grown;
        }
        size_t len = fread(got.bytes + got.len, 1, room - got.len, file);
        got.len += len;
        if (got.len > max) {
            free(got.bytes);
            cli_report_failure("%s: larger than the %zu bytes that make sense here", name, max);
            return false;
        }
        if (len == 0) {
            break;
        }
    }
    if (ferror(file)) {
        free(got.bytes);
        cli_report_failure("%s cannot be read: %s", name, strerror(errno));
        return false;
    }
    got.bytes[got.len] = 0; // there is room: the last read wanted at least one byte
    *out = got;
    return true;
}

bool cli_read_file(const char *path, size_t max, struct cli_bytes *out)
{
    if (strcmp(path, "-") == 0) {
        return read_stream(stdin, "standard input", max, out);
    }
    struct stat info;
    FILE *file = fopen(path, "rbe");
    if (!file || fstat(fileno(file), &info) != 0) {
        cli_report_failure("%s: %s", path, strerror(errno));
        return false;
    }
    bool is_read = false;
    if (S_ISDIR(info.st_mode)) {
        cli_report_failure("%s is a folder", path);
    } else {
        is_read = read_stream(file, path, max, out);
    }
    (void)fclose(file); // only read
    return is_read;
}

static bool write_stream(FILE *file, const void *bytes, size_t len)
{
    return fwrite(bytes, 1, len, file) == len && fflush(file) == 0;
}

static bool write_and_rename(FILE *file, const char *part, const char *path, const void *bytes,
                             size_t len)
{
    bool is_written = write_stream(file, bytes, len) && fsync(fileno(file)) == 0;
    int number = errno;
    if (fclose(file) != 0 && is_written) {
        is_written = false;
        number = errno;
    }
    if (is_written && rename(part, path) != 0) {
        is_written = false;
        number = errno;
    }
    if (!is_written) {
        cli_report_failure("%s cannot be written: %s", path, strerror(number));
        (void)unlink(part); // may be gone
    }
    return is_written;
}

bool cli_is_same_file(const char *a, const char *b)
{
    struct stat of_a;
    struct stat of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

bool cli_write_file(const char *path, const void *bytes, size_t len)
{
    if (strcmp(path, "-") == 0) {
        if (!write_stream(stdout, bytes, len)) {
            cli_report_lost_output();
            return false;
        }
        return true;
    }
    struct stat info;
    bool is_special = stat(path, &info) == 0 && !S_ISREG(info.st_mode);
    char part[PATH_MAX];
    int room = snprintf(part, sizeof(part), "%s.%ld.part", path, (long)getpid());
    if (room < 0 || (size_t)room >= sizeof(part)) {
        cli_report_failure("%s: %s", path, strerror(ENAMETOOLONG));
        return false;
    }
    FILE *file = fopen(is_special ? path : part, "wbe");
    if (!file) {
        cli_report_failure("%s cannot be created: %s", path, strerror(errno));
        return false;
    }
    if (is_special) { // a pipe or /dev/null: nothing to keep
        bool is_written = write_stream(file, bytes, len);
        is_written = fclose(file) == 0 && is_written;
        if (!is_written) {
            cli_report_failure("%s cannot be written: %s", path, strerror(errno));
        }
        return is_written;
    }
    return write_and_rename(file, part, path, bytes, len);
}
