#include "sweep.h"
int g_sweep_plant = -1;
const struct sweep_plant SWEEP_PLANTS[] = {{"none", "", ""}};
const unsigned SWEEP_PLANT_COUNT = 0;
