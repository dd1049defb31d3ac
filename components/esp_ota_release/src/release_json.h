/** Reads JSON (RFC 8259) front to back without a heap: as much of it as an index needs, and skips the rest. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELEASE_JSON_DEPTH_MAX 8 // chosen: an index has 3

/** Where reading is. After a failure every call fails. */
struct release_json {
    const char *text;
    size_t len;
    size_t at;
    bool has_failed;
};

/** Takes a character behind white space. @return false: another one is there; no failure yet */
bool release_json_take(struct release_json *reader, char wanted);

/** The same, and a failure if it is not there. */
bool release_json_expect(struct release_json *reader, char wanted);

/** Whether only white space is left. */
bool release_json_is_at_end(struct release_json *reader);

/** A string of at most size - 1 bytes without control characters; of escapes only \" \\ and \/ are taken. */
bool release_json_string(struct release_json *reader, char *out, size_t size);

/** A whole number from 0 to max, which is at least 9; without sign, fraction or exponent. */
bool release_json_number(struct release_json *reader, uint64_t max, uint64_t *out);

/** A string of exactly 2 * len lower-case hexadecimal digits. */
bool release_json_hex(struct release_json *reader, uint8_t *out, size_t len);

/** A string of hexadecimal digits, at most max bytes of them. @param[out] len bytes */
bool release_json_hex_up_to(struct release_json *reader, uint8_t *out, size_t max, size_t *len);

/** Steps over any value. */
bool release_json_skip(struct release_json *reader);

/**
 * The next member of an object that was begun: reads its name and the colon. Usage:
 *   release_json_expect(r, '{'); while (release_json_member(r, &count, name, sizeof(name))) { read or skip the value }
 * @param count  members so far, 0 at first
 * @return false: the object has ended, or a failure
 */
bool release_json_member(struct release_json *reader, unsigned *count, char *name, size_t size);

/** The next element of an array that was begun; its value is then to be read. @return false: the array has ended, or a failure */
bool release_json_element(struct release_json *reader, unsigned *count);
