/**
 * Which stage unpacks which kind of file. A port registers what it can unpack; the update engine looks it up when the first
 * bytes of a download show the kind.
 */
#pragma once

#include "ota_stage.h"
#include "ota_stage_detect.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Makes a stage whose output never exceeds max_output bytes. NULL: it could not be made (logged). */
typedef struct ota_stage *(*ota_stage_maker)(void *context, uint32_t max_output);

/** Registers a maker, replacing an earlier one of the same kind; NULL removes it. Before any update begins; context is borrowed. */
void ota_stage_register(enum ota_stage_kind kind, ota_stage_maker maker, void *context);

/** Whether files of this kind can be unpacked. */
bool ota_stage_is_registered(enum ota_stage_kind kind);

/** A new stage for a kind; the caller destroys it. NULL: nobody is registered, or making it failed. */
struct ota_stage *ota_stage_make(enum ota_stage_kind kind, uint32_t max_output);

#ifdef __cplusplus
}
#endif
