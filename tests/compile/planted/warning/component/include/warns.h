/** A header that compiles with a warning: the check must notice. */
#pragma once

int warns(void);
;
