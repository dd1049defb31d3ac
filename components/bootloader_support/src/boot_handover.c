#include "boot_handover.h"

// One process is one boot of one device.
static struct boot_handover s_handover = BOOT_HANDOVER_DEFAULT();

void boot_handover_set(const struct boot_handover *handover)
{
    s_handover = *handover;
    s_handover.rollback = handover->rollback || handover->anti_rollback;
}

const struct boot_handover *boot_handover_get(void)
{
    return &s_handover;
}
