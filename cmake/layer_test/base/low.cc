#include "base/low.h"
#ifdef LAYER_TEST_LOOK_UP
#include "http/high.h"
#endif

int low() { return 1; }
