// The application of tests that bring none: linked only when nothing else defines app_main().
#include "unity.h"

void app_main(void);

void app_main(void)
{
    unity_run_menu();
}
