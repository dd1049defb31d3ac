// How far an earlier run came, and how far this one is: the update's use of the resume journal.
#pragma once

#include "esp_ota_ext.h"
#include "ota_stream.h"

#define RESUME_CHECKPOINT_LEN                                                                      \
    (64 * 1024) // chosen: what is fetched again after a cut; a record costs 48 bytes of flash

struct ota_resume {
    bool is_wanted;   // the configuration asks for it
    bool has_journal; // it was begun or loaded
    bool is_over;     // the image leaves no room for it, or cannot be continued
    const esp_partition_t *slot;
    uint8_t url_digest[32];
    uint32_t stages; // tag of the stage on the stream; 0: none
    struct esp_ota_journal journal;
    struct esp_ota_journal_progress progress; // found by ota_resume_find
};

// url may be NULL: then only what the application knows itself can be continued.
void ota_resume_init(struct ota_resume *resume, const esp_partition_t *slot, const char *url,
                     bool is_wanted);

// Looks for a journal of this URL. true: progress is filled, and source and stream stand where it says.
// output: how a stage reads back what it gave.
bool ota_resume_find(struct ota_resume *resume, struct ota_source *source,
                     struct ota_stream *stream, const struct ota_stage_output *output);

// Records that all bytes up to here stand on flash. Never fails the update: without a record there is only more to fetch again.
void ota_resume_note(struct ota_resume *resume, esp_ota_handle_t ota,
                     const struct ota_stream *stream, int64_t image_size);

// The image is complete or refused: nothing is to be continued.
void ota_resume_clear(struct ota_resume *resume);

// What was found is not to be used: it is another file, or flash holds something else.
void ota_resume_forget(struct ota_resume *resume);
