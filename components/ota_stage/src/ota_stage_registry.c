#include "ota_stage_registry.h"

#define KIND_MAX 8 // chosen: more kinds than there are

struct registration {
    ota_stage_maker maker;
    void *context;
};

static struct registration
    s_registrations[KIND_MAX]; // what the program can unpack, so one a process

void ota_stage_register(enum ota_stage_kind kind, ota_stage_maker maker, void *context)
{
    if ((unsigned)kind < KIND_MAX) {
        s_registrations[kind] = (struct registration){.maker = maker, .context = context};
    }
}

bool ota_stage_is_registered(enum ota_stage_kind kind)
{
    return (unsigned)kind < KIND_MAX && s_registrations[kind].maker;
}

struct ota_stage *ota_stage_make(enum ota_stage_kind kind, uint32_t max_output)
{
    if (!ota_stage_is_registered(kind)) {
        return NULL;
    }
    return s_registrations[kind].maker(s_registrations[kind].context, max_output);
}
