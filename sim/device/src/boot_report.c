#include "boot_report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "esp_app_desc.h"

#define LINE_SIZE 160 // chosen: the longest line holds two 32-byte names

struct report {
    boot_report_line line;
    void *context;
};

static void say(const struct report *to, char level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(const struct report *to, char level, const char *format, ...)
{
    char text[LINE_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); // cut if names are very long
    va_end(args);
    for (char *at = text; *at; at++) { // names come from flash
        *at = *at < ' ' || *at == 0x7F ? '?' : *at;
    }
    to->line(to->context, level, text);
}

void boot_report_slots(const struct device *device, boot_report_line line, void *context)
{
    struct report to = {line, context};
    const struct boot_slots *slots = &device->slots;
    char name[8];
    for (int i = BOOT_INDEX_TEST; i < BOOT_SLOT_MAX; i++) {
        esp_partition_pos_t pos = i == BOOT_INDEX_FACTORY ? slots->factory
                                  : i == BOOT_INDEX_TEST  ? slots->test
                                                          : slots->ota[i];
        if (pos.size > 0) {
            say(&to, 'I', "slot %-8s 0x%08" PRIx32 " +0x%" PRIx32, boot_index_name(i, name),
                pos.offset, pos.size);
        }
    }
}

void boot_report_table(const struct device *device, boot_report_line line, void *context)
{
    struct report to = {line, context};
    say(&to, 'I', "partitions at 0x%" PRIx32 ":  label, type, subtype, address, size",
        device->table_offset);
    for (int i = 0; i < (int)device->table_check.count; i++) {
        esp_partition_info_t entry = device_entry(device, i);
        say(&to, 'I', "%2d  %-16.16s %02x %02x 0x%08" PRIx32 " 0x%08" PRIx32, i,
            (char *)entry.label, entry.type, entry.subtype, entry.pos.offset, entry.pos.size);
    }
}

static void report_records(const struct report *to, const struct boot_decision *decision)
{
    for (int i = 0; decision->has_otadata && i < OTADATA_RECORD_COUNT; i++) {
        const esp_ota_select_entry_t *before = &decision->before[i];
        const esp_ota_select_entry_t *after = &decision->after[i];
        if (before->ota_seq == OTADATA_SEQ_EMPTY && after->ota_seq == OTADATA_SEQ_EMPTY) {
            say(to, 'I', "otadata[%d] empty", i);
            continue;
        }
        bool is_good = before->crc == otadata_crc(before->ota_seq);
        bool is_changed = before->ota_state != after->ota_state;
        say(to, 'I', "otadata[%d] seq 0x%08" PRIx32 " %s, crc %s%s%s", i, before->ota_seq,
            otadata_state_name(before->ota_state), is_good ? "ok" : "bad", is_changed ? " -> " : "",
            is_changed ? otadata_state_name(after->ota_state) : "");
    }
}

static void report_tries(const struct report *to, const struct boot_decision *decision)
{
    char name[8];
    for (uint32_t i = 0; i < decision->try_count; i++) {
        if (decision->tries[i].fault != IMAGE_OK) {
            say(to, 'E', "%s does not load: %s", boot_index_name(decision->tries[i].index, name),
                image_fault_text(decision->tries[i].fault));
        }
    }
}

static void report_start(const struct report *to, const struct boot_decision *decision)
{
    char name[8];
    const esp_app_desc_t *app = image_app_desc(&decision->image);
    for (uint32_t i = 0; i < decision->image.segment_count; i++) {
        const struct image_segment *segment = &decision->image.segments[i];
        say(to, 'I', "segment %" PRIu32 ": vaddr %08" PRIx32 " size %05" PRIx32 "h (%6" PRIu32 ")",
            i, segment->load_addr, segment->data_len, segment->data_len);
    }
    say(to, 'I', "%s: %s", boot_index_name(decision->booted, name),
        boot_reason_text(decision->reason));
    if (app) {
        say(to, 'I', "starting %.32s %.32s at 0x%" PRIx32, app->project_name, app->version,
            decision->partition.offset);
    }
}

void boot_report_decision(const struct boot_decision *decision, boot_report_line line,
                          void *context)
{
    struct report to = {line, context};
    report_records(&to, decision);
    report_tries(&to, decision);
    if (decision->booted != BOOT_INDEX_NONE) {
        report_start(&to, decision);
    }
}
