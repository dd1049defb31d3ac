// One update: its state, and what the files around it share.
#pragma once

#include "esp_https_ota.h"
#include "ota_resume.h"

#define HEADER_LEN ESP_HTTPS_OTA_HEADER_LEN
#define LAST_WRITTEN_LEN                                                                           \
    16 // fact: a block of flash encryption, which is written only when it is full

enum ota_update_state {
    STATE_CONNECTED, // the body can be read; flash is untouched
    STATE_RESUMING,  // the rest of the body can be read; flash holds the beginning
    STATE_WRITING,   // bytes are written
    STATE_COMPLETE,  // the whole image is written
};

struct ota_update {
    enum ota_update_state state;
    struct ota_source source;
    struct ota_stream stream;
    struct ota_resume resume;
    bool erases_in_bulk;
    bool keeps_compression;
    const esp_partition_t *staging; // written to
    const esp_partition_t *final;   // meant for
    bool copies_to_final;
    decrypt_cb_t decrypt_cb;
    void *decrypt_user_ctx;
    uint16_t enc_header_size;
    esp_ota_handle_t ota; // 0: none is open; one is from STATE_WRITING on, until is_judged
    bool is_judged;       // esp_ota_end was called already
    esp_err_t verdict;    // of it
    char *buffer;
    size_t step_len; // bytes that one perform call moves at most
    size_t buffer_size;
    size_t buffered; // bytes in buffer that are not written yet
    bool has_header; // the stages are in place and the first bytes of the image are in the buffer
    bool has_ended;  // the stream is complete
    int64_t written;
    int64_t to_skip; // while resuming: bytes that the stages give once more, on flash already
    // The end of that; for encrypted slots not all of it is on flash yet.
    uint8_t last_written[LAST_WRITTEN_LEN];
    uint32_t restarts;
    int64_t resumed_from; // position in the server's file
};

// ----------------------------------------------------------------------- ota_update.c

// Whether an image is written; anything else is data or a table.
bool ota_update_has_image(const struct ota_update *update);

// The stages, buffer and connection are given back; the transaction is not.
void ota_update_free(struct ota_update *update);

// Nothing of what was written can be kept.
void ota_update_start_over(struct ota_update *update);

// The file is another one than it was, or flash is not as it was left. IN_PROGRESS: begun anew; else the error to end with.
esp_err_t ota_update_note_change(struct ota_update *update) ESP_MUST_CHECK;

// ----------------------------------------------------------------------- ota_open.c

// ESP_ERR_INVALID_ARG: no update can be made of this.
esp_err_t ota_open_check_config(const esp_https_ota_config_t *config) ESP_MUST_CHECK;

// Goes on until the body can be read. After an error the update is still to be freed.
esp_err_t ota_open(struct ota_update *update, const esp_https_ota_config_t *config) ESP_MUST_CHECK;

// ----------------------------------------------------------------------- ota_transaction.c

esp_err_t ota_transaction_open(struct ota_update *update) ESP_MUST_CHECK;

// Passes on what is known of the image by now.
void ota_transaction_tune(const struct ota_update *update);

// Does nothing where none is open.
void ota_transaction_abort(struct ota_update *update);

// ----------------------------------------------------------------------- ota_fill.c

// Reads until the buffer holds wanted bytes or the stream ends. IN_PROGRESS: call again.
esp_err_t ota_fill_buffer(struct ota_update *update, size_t wanted) ESP_MUST_CHECK;

// Puts stages on the stream until the first bytes of the image itself are in the buffer. IN_PROGRESS: call again.
esp_err_t ota_fill_header(struct ota_update *update) ESP_MUST_CHECK;

// The same, without IN_PROGRESS.
esp_err_t ota_fill_wait_for_header(struct ota_update *update) ESP_MUST_CHECK;

// How a stage reads back what it gave: on flash, on its way there, or still in the buffer.
struct ota_stage_output ota_fill_output(struct ota_update *update);

// Bytes of the image, if they can be told from what the server announced or a stage knows; -1: they cannot.
int64_t ota_fill_image_size(const struct ota_update *update);
