/**
 * The bytes of an NVS page and of its entries.
 *
 * fact: layout and values as in ESP-IDF, nvs_flash: nvs_page.hpp and nvs_types.hpp; described in SPEC.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NVS_PAGE_SIZE   4096u
#define NVS_STATES_AT   32u // two bits for each entry
#define NVS_STATES_LEN  32u
#define NVS_ENTRIES_AT  64u
#define NVS_ENTRY_SIZE  32u
#define NVS_ENTRY_COUNT 126u
#define NVS_DATA_MAX    ((NVS_ENTRY_COUNT - 1) * NVS_ENTRY_SIZE) // of one string or chunk

#define NVS_VERSION_2 0xFEu // multi-page blobs; smaller numbers are newer

// Page states. Each step only clears bits.
#define NVS_PAGE_EMPTY   UINT32_MAX
#define NVS_PAGE_ACTIVE  0xFFFFFFFEu
#define NVS_PAGE_FULL    0xFFFFFFFCu
#define NVS_PAGE_FREEING 0xFFFFFFF8u // its live entries are being copied to the newest page
#define NVS_PAGE_VOID    0u // ours, and what a page that cannot be read counts as: erase before use

enum nvs_entry_state {
    NVS_ENTRY_ERASED = 0,
    NVS_ENTRY_TORN = 1, // never written on purpose; counts as erased
    NVS_ENTRY_WRITTEN = 2,
    NVS_ENTRY_EMPTY = 3,
};

#define NVS_ITEM_STR        0x21u
#define NVS_ITEM_BLOB_1     0x41u // format 1: the whole blob in one page
#define NVS_ITEM_BLOB_DATA  0x42u
#define NVS_ITEM_BLOB_INDEX 0x48u

#define NVS_NAMESPACE_LIST 0u // namespace number of the list of namespaces
#define NVS_NAMESPACE_MAX  254u
#define NVS_CHUNK_NONE     0xFFu // chunk number of everything that is no chunk of a blob
#define NVS_CHUNK_SIDE     0x80u // the two versions of a blob number their chunks from 0 and from here
#define NVS_CHUNK_MAX      127u

struct nvs_page_header {
    uint32_t state;
    uint32_t seq; // pages in the order of their use
    uint8_t version;
    uint8_t unused[19]; // 0xFF
    uint32_t crc;       // of the 24 bytes from seq on
};

struct nvs_entry {
    uint8_t ns;
    uint8_t type;
    uint8_t span;  // entries with the data behind, this one included
    uint8_t chunk; // NVS_CHUNK_NONE unless NVS_ITEM_BLOB_DATA
    uint32_t crc;  // of all other bytes
    char key[16];  // terminated, padded with zeros
    union {
        uint8_t value[8]; // of an integer, padded with 0xFF
        struct {
            uint16_t size; // bytes, of a string with its terminator
            uint16_t unused;
            uint32_t crc;
        } data;
        struct {
            uint32_t size; // of the whole blob
            uint8_t count; // chunks
            uint8_t start; // number of the first: 0 or NVS_CHUNK_SIDE
            uint16_t unused;
        } index;
    } u;
};

_Static_assert(sizeof(struct nvs_page_header) == 32, "header as on flash");
_Static_assert(sizeof(struct nvs_entry) == NVS_ENTRY_SIZE, "entry as on flash");

/** CRC-32 as in otadata: reflected, register starts at 0, inverted at the end. */
uint32_t nvs_format_crc(const void *bytes, size_t len);

uint32_t nvs_format_header_crc(const struct nvs_page_header *header);
uint32_t nvs_format_entry_crc(const struct nvs_entry *entry);

/** Whether data follow the entry: strings, blobs of format 1, chunks. */
bool nvs_format_has_data(uint8_t type);

/** Size of an integer of this type in bytes; 0: it is none. */
uint32_t nvs_format_integer_size(uint8_t type);

/** The type that nvs.h shows: a blob is a blob, in whatever way it is stored. */
uint8_t nvs_format_public_type(uint8_t type);

/** Entries of a value with this many bytes behind its entry. */
uint32_t nvs_format_span(uint32_t data_len);

/** Whether an entry says nothing impossible: CRC, key, span within a page and as its type wants it. */
bool nvs_format_is_sound(const struct nvs_entry *entry);

/** Whether all bytes are 0xFF. */
bool nvs_format_is_blank(const void *bytes, size_t len);
