// The bytes of the image: the source, seen through zero or more stages.
//
// Each stage pulls from the level below it, so a new one can be put on top when the first bytes show that it is needed. What an
// earlier run kept of the file comes before the source; what the source gives can be kept.
#pragma once

#include "ota_keep.h"
#include "ota_source.h"
#include "ota_stage.h"

#define STREAM_STAGE_MAX 3    // chosen: decrypt, decompress, and one to spare
#define STREAM_INPUT_LEN 4096 // chosen: one flash sector; what a stage has not taken yet waits here

struct ota_level {
    struct ota_stage *stage; // owned
    uint8_t *input;          // owned, STREAM_INPUT_LEN bytes
    size_t input_at;
    size_t input_len;
    bool has_input_ended;
    bool is_done;
};

struct ota_stream {
    struct ota_source *source; // borrowed
    struct ota_keep keep;
    struct ota_level levels[STREAM_STAGE_MAX];
    unsigned level_count;
};

void ota_stream_init(struct ota_stream *stream, struct ota_source *source);

// Puts stage on top; takes it over, also on failure. first: bytes that came out of the level below already.
// Errors: ESP_ERR_NO_MEM; ESP_ERR_INVALID_SIZE: too many stages, or more first bytes than fit.
esp_err_t ota_stream_push(struct ota_stream *stream, struct ota_stage *stage, const void *first,
                          size_t first_len) ESP_MUST_CHECK;

// Reads up to len bytes. *got 0 with ESP_OK: the end. Errors: as ota_source_read, but a stage's refusal of its input is
// ESP_ERR_OTA_VALIDATE_FAILED, its limit ESP_ERR_INVALID_SIZE and an early end ESP_FAIL.
esp_err_t ota_stream_read(struct ota_stream *stream, void *buf, size_t len,
                          size_t *got) ESP_MUST_CHECK;

// Where the source would have to go on, and the state of the stage, to continue behind the last byte read.
// ESP_ERR_NOT_SUPPORTED: this stream cannot be continued.
esp_err_t ota_stream_save(const struct ota_stream *stream, int64_t *source_position, uint8_t *state,
                          size_t *state_len) ESP_MUST_CHECK;

// Bytes of the image that the stages will give in all; -1: not known.
int64_t ota_stream_output_len(const struct ota_stream *stream);

// Drops all stages and what was kept; the source stays.
void ota_stream_clear(struct ota_stream *stream);
